"""What a stream tells: messages of topics, typed by topic, and what happened to the stream itself."""

from datetime import datetime
from typing import Any

from truecast.client.shape import Shape
from truecast.client.shapes import ForecastBody, Interval, Price


class CandleNews(Shape, frozen=True, kw_only=True):
    """The newest candle. `final` is false while it forms.

    `rows` above 1: several arrived at once, from `since` on; read them with `get_candles`.
    """

    symbol: str
    interval: Interval
    start: datetime
    end: datetime
    open: float
    high: float
    low: float
    close: float
    volume: float | None
    final: bool
    source: str
    since: datetime
    rows: int


class ScoreNews(Shape, frozen=True, kw_only=True):
    """A step of a forecast whose outcome is known now."""

    forecast_id: str
    symbol: str
    interval: Interval
    model: str
    step: int
    target: datetime
    outcome: float
    crps: float
    crps_naive: float | None
    sealed: bool


class Message(Shape, frozen=True, kw_only=True):
    """Base of the messages of all topics. `offset` counts them from 1 within an `epoch`.

    `snapshot`: not news but what was known when the stream began.
    """

    topic: str
    epoch: str
    offset: int
    ts: datetime
    snapshot: bool = False


class QuoteMessage(Message, frozen=True, kw_only=True):
    """Of `quotes:<symbol>`."""

    data: Price


class CandleMessage(Message, frozen=True, kw_only=True):
    """Of `candles:<symbol>:<interval>`."""

    data: CandleNews


class ForecastMessage(Message, frozen=True, kw_only=True):
    """Of `forecasts:<symbol>`."""

    data: ForecastBody


class ScoreMessage(Message, frozen=True, kw_only=True):
    """Of `scores:<symbol>`."""

    data: ScoreNews


class OtherMessage(Message, frozen=True, kw_only=True):
    """Of `health`, and of topics that this release does not know."""

    data: dict[str, Any]


class Joined(Shape, frozen=True, kw_only=True):
    """A topic is followed, from behind `offset` on. `recovered`: after a lost connection, and nothing was missed."""

    topic: str
    epoch: str
    offset: int
    recovered: bool


class Missed(Shape, frozen=True, kw_only=True):
    """Messages of a topic are missing, and will not come. It goes on behind `offset`; a snapshot may follow.

    `reason`: `too_long_ago` (the connection was lost for longer than the server remembers), `reset` (the server itself
    missed something, or its counting began anew), `gap` (the numbers are not in a row; the server did not say why).
    """

    topic: str
    epoch: str
    offset: int
    reason: str


class Skipped(Shape, frozen=True, kw_only=True):
    """So many prices were overtaken by later ones before there was room for them; the latest follows."""

    topic: str
    skipped: int


class Lost(Shape, frozen=True, kw_only=True):
    """The connection is gone; the next one is tried in `retry_in_s`. Nothing needs to be done."""

    reason: str
    retry_in_s: float


News = QuoteMessage | CandleMessage | ForecastMessage | ScoreMessage | OtherMessage | Joined | Missed | Skipped | Lost

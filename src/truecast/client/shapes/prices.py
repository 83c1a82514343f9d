"""Shapes of the answers about prices.

Written by scripts/write_client.py from the OpenAPI document; run `make docs` after a change of the API.
"""

from datetime import datetime
from typing import Any

import msgspec

from truecast.client.shape import Shape
from truecast.client.shapes.shared import Provenance
from truecast.client.shapes.words import Adjust, AssetClass, GapState, Interval, QuarantineState, VolatilityUnit
from truecast.client.tabular import Tabular


class Candle(Shape, frozen=True, kw_only=True):
    """One bar. `volume` is null where the source has none; `final` is false while it is still forming."""

    start: datetime
    end: datetime
    open: float
    high: float
    low: float
    close: float
    volume: float | None
    final: bool


class CandleBlock(Shape, frozen=True, kw_only=True):
    """Consecutive candles of one source."""

    from_: datetime = msgspec.field(name="from")
    to: datetime
    rows: int
    provenance: Provenance


class GapSpan(Shape, frozen=True, kw_only=True):
    """Bars that should exist and do not."""

    from_: datetime = msgspec.field(name="from")
    to: datetime
    cause: str
    state: str


class Candles(Tabular, frozen=True, kw_only=True):
    """A price history with the source of every part of it."""

    symbol: str
    interval: Interval
    adjust: Adjust
    resampled_from: Interval | None
    candles: list[Candle]
    blocks: list[CandleBlock]
    gaps: list[GapSpan]


class ConsensusSource(Shape, frozen=True, kw_only=True):
    """What one source says."""

    source: str
    price: float
    as_of: datetime
    outlier: bool


class SilentSource(Shape, frozen=True, kw_only=True):
    """A source that said nothing, and why."""

    source: str
    code: str
    reason: str


class ConsensusShape(Shape, frozen=True, kw_only=True):
    """`median` of all; an outlier is never averaged away but shown; two that differ are a disagreement."""

    symbol: str
    median: float
    mad: float
    spread_bp: float
    disagreement: bool
    sources: list[ConsensusSource]
    silent: list[SilentSource]


class CorrelationSeries(Shape, frozen=True, kw_only=True):
    """What was read of one symbol."""

    symbol: str
    bars: int
    provenance: Provenance


class PairCorrelation(Shape, frozen=True, kw_only=True):
    """Two symbols over the `n` returns between the bars that both have; `reason` says why nothing can be said.

    `ends_apart_s`: the most that two bars of the same day (week, month) ended apart; 0 where they ended together.
    `lower` and `upper` are the 95 % interval of `pearson` by Fisher's z, for returns that do not depend on each
    other.
    """

    a: str
    b: str
    n: int | None
    pearson: float | None
    lower: float | None
    upper: float | None
    spearman: float | None
    first_at: datetime | None
    last_at: datetime | None
    ends_apart_s: float | None
    reason: str | None


class Correlations(Shape, frozen=True, kw_only=True):
    """Every pair of the symbols asked."""

    window: str
    interval: Interval
    as_of: datetime
    pairs: list[PairCorrelation]
    series: list[CorrelationSeries]


class DataAge(Shape, frozen=True, kw_only=True):
    """Of the newest and the oldest price of the class; null where there is none."""

    newest_as_of: datetime | None
    newest_age_s: float | None
    oldest_as_of: datetime | None
    oldest_age_s: float | None


class DrawdownShape(Shape, frozen=True, kw_only=True):
    """The deepest fall of a close below an earlier one, as a fraction of that."""

    depth: float
    peak_at: datetime
    trough_at: datetime


class Extreme(Shape, frozen=True, kw_only=True):
    """A price and the bar it was in."""

    price: float
    at: datetime


class GapCount(Shape, frozen=True, kw_only=True):
    """So many gaps are in this state, and stand for so many bars."""

    state: GapState
    gaps: int
    bars: int


class Price(Shape, frozen=True, kw_only=True):
    """The latest price. `change` is against the close of the session before; null where there is none.

    `bid` and `ask` are of the price's source, at `quoted_at`; null where they are not known.
    """

    symbol: str
    price: float
    bid: float | None
    ask: float | None
    quoted_at: datetime | None
    change: float | None
    change_pct: float | None
    provenance: Provenance


class Movers(Shape, frozen=True, kw_only=True):
    """The largest rises and falls against the session before, in percent, of prices that are not stale."""

    up: list[Price]
    down: list[Price]


class MarketSession(Shape, frozen=True, kw_only=True):
    """A market's hours. `until` is when it closes, or opens if it is closed; null where it never does."""

    calendar: str
    open: bool | None
    since: datetime | None
    until: datetime | None
    symbols: int


class MarketClass(Shape, frozen=True, kw_only=True):
    """One class. Every symbol counts once: risen, fallen, unchanged, nothing to compare with, stale, or no price."""

    asset_class: AssetClass
    symbols: int
    advancers: int
    decliners: int
    unchanged: int
    no_change: int
    stale: int
    no_price: int
    median_change_pct: float | None
    movers: Movers
    sessions: list[MarketSession]
    age: DataAge
    sources: dict[str, int]


class MarketSummary(Shape, frozen=True, kw_only=True):
    """The classes that have instruments, in one order always."""

    as_of: datetime
    classes: list[MarketClass]


class PriceError(Shape, frozen=True, kw_only=True):
    """Why one of the asked symbols has no price."""

    symbol: str
    code: str
    detail: str


class Prices(Tabular, frozen=True, kw_only=True):
    """Latest prices; a symbol that has none is in `errors`, never silently missing."""

    items: list[Price]
    errors: list[PriceError]


class QuarantineCount(Shape, frozen=True, kw_only=True):
    """So many rows were refused for this reason and are in this state."""

    reason: str
    state: str
    rows: int


class QuarantinedRow(Shape, frozen=True, kw_only=True):
    """A row that was refused. `held` ones wait for the next bar or another source; `row` is what came."""

    id: int
    symbol: str
    interval: Interval
    source: str
    start: str
    reason: str
    state: QuarantineState
    row: dict[str, Any]
    received_at: datetime
    ruled_by: str | None
    ruled_at: datetime | None
    note: str | None


class QuarantinedRows(Shape, frozen=True, kw_only=True):
    """One page of refused rows, latest first."""

    items: list[QuarantinedRow]
    next: str | None


class SeriesGap(Shape, frozen=True, kw_only=True):
    """Bars of one series that should exist and do not.

    `attempts` at getting them, at `empties` of which every source said that it has none; `reason` is what came of the
    last one. `filled_by` is another source that has these bars.
    """

    from_: datetime = msgspec.field(name="from")
    to: datetime
    cause: str
    state: str
    symbol: str
    interval: Interval
    source: str
    missing: int
    attempts: int
    empties: int
    reason: str | None
    opened_at: datetime
    tried_at: datetime | None
    retry_at: datetime | None
    closed_at: datetime | None
    filled_by: str | None


class SeriesGaps(Shape, frozen=True, kw_only=True):
    """One page of gaps, newest first; how all of them stand, and what was refused, by reason."""

    items: list[SeriesGap]
    next: str | None
    counts: list[GapCount]
    quarantine: list[QuarantineCount]


class VolatilityShape(Shape, frozen=True, kw_only=True):
    """Realised volatility: fractions of the price (0.2 is 20 %), or for a series that may be negative its own units.

    Null where no two bars follow each other. `method` says how it was computed and annualised.
    """

    per_bar: float | None
    annualised: float | None
    bars_per_year: int | None
    """Bars of the calendar in the 365 days up to the last one."""
    returns: int
    """How many returns it is computed from."""
    unit: VolatilityUnit
    method: str


class StatisticsShape(Shape, frozen=True, kw_only=True):
    """A stretch of prices. `begin_price` is the last close before it; `missing` bars are not filled in.

    `drawdown` is null where nothing fell; `volume` where the source has none.
    """

    symbol: str
    period: str
    interval: Interval
    adjust: Adjust
    first_at: datetime
    last_at: datetime
    n: int
    missing: int
    begin_price: float
    last_price: float
    change: float
    change_pct: float | None
    high: Extreme
    low: Extreme
    volatility: VolatilityShape
    drawdown: DrawdownShape | None
    volume: float | None
    provenance: Provenance

"""What the topics of a stream stand for, and what is known of them at the moment."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from truecast.api.announce import LEVELS_TOLD
from truecast.api.forecast_body import forecast_body
from truecast.api.health import examine
from truecast.api.provenance import anchor_provenance
from truecast.api.stream_protocol import (
    CANDLES,
    FORECASTS,
    HEALTH,
    KINDS,
    NOT_YET,
    QUOTES,
    SCORES,
    Filter,
    TopicNotAvailable,
    UnknownTopic,
)
from truecast.domain.instrument import Instrument, Universe
from truecast.domain.interval import Interval, parse_interval
from truecast.forecasts.serve import NAIVE
from truecast.kit.clock import from_us, iso
from truecast.kit.errors import TruecastError
from truecast.market.calendar import calendar
from truecast.market.history import IntervalNotAvailable
from truecast.market.quotes import NoPrice, as_item
from truecast.services import Services

_UNIVERSE_S = 2.0  # instruments may be added, but not so often that every client has to read them


@dataclass(frozen=True, slots=True)
class _Known:
    universe: Universe
    until_s: float


class Now:
    """The present state of every topic, out of the services. Computes no forecast."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._known: _Known | None = None

    async def resolve(self, topics: Sequence[str]) -> Mapping[str, str | TruecastError]:
        """The topic that each spelling means, or why there is none."""
        universe = await self._universe()
        kept: dict[str, set[Interval]] = {}
        found: dict[str, str | TruecastError] = {}
        for text in dict.fromkeys(topics):
            try:
                kind, instrument, interval = _parts(text, universe)
                if instrument is None:
                    found[text] = kind
                elif interval is None:
                    found[text] = f"{kind}:{instrument.symbol}"
                else:
                    if instrument.symbol not in kept:
                        kept[instrument.symbol] = await self._intervals(instrument)
                    found[text] = _candles(instrument, interval, kept[instrument.symbol])
            except TruecastError as error:
                found[text] = error
        return found

    async def of(self, topic: str, wanted: Filter) -> Any:
        """The data of the topic's latest message, as it would be said now; None where nothing is known."""
        kind, instrument, interval = _parts(topic, await self._universe())
        match kind:
            case "quotes":
                assert instrument is not None
                return await self._quote(instrument)
            case "candles":
                assert instrument is not None and interval is not None
                return await self._candle(instrument, interval)
            case "forecasts":
                assert instrument is not None
                return await self._forecast(instrument, wanted)
            case "health":
                return (await examine(self._services)).model_dump(mode="json")
            case _:
                return None  # scores are history: GET /forecasts/{symbol}/history

    async def _quote(self, instrument: Instrument) -> dict[str, Any] | None:
        try:
            return as_item(await self._services.quotes.latest(instrument))
        except NoPrice:
            return None

    async def _candle(self, instrument: Instrument, interval: Interval) -> dict[str, Any] | None:
        slice_ = await self._services.history.bars(instrument, interval, limit=1, partial=True)
        bars = slice_.bars
        if not len(bars):
            return None
        bar = bars.row(-1)
        end = from_us(calendar(slice_.calendar).ends(np.array([bars.start[-1]], np.int64), interval)[0])
        start = iso(bar.start)
        return {
            "symbol": instrument.symbol,
            "interval": interval.value,
            "start": start,
            "end": iso(end),
            "open": bar.open,
            "high": bar.high,
            "low": bar.low,
            "close": bar.close,
            "volume": bar.volume,
            "final": bar.final,
            "source": bars.source_of(-1),
            "since": start,
            "rows": 1,
        }

    async def _forecast(self, instrument: Instrument, wanted: Filter) -> dict[str, Any] | None:
        interval = None if wanted.interval is None else parse_interval(wanted.interval)
        found = await self._services.ledger.latest([instrument.symbol], wanted.model, interval)
        if not found:
            return None
        # Of those issued together the one that says more than the random walk beside it.
        forecast = max(found, key=lambda one: (one.issued_at, one.model != NAIVE))
        kept = await self._services.store.series(instrument.symbol)
        body = forecast_body(
            forecast,
            instrument=instrument,
            provenance=anchor_provenance(forecast, kept, self._services.clock.now()),
            levels=LEVELS_TOLD,
            requested_model=forecast.model,
        )
        return body.model_dump(mode="json")

    async def _universe(self) -> Universe:
        now_s = asyncio.get_running_loop().time()
        if self._known is None or self._known.until_s < now_s:
            self._known = _Known(await self._services.store.universe(), now_s + _UNIVERSE_S)
        return self._known.universe

    async def _intervals(self, instrument: Instrument) -> set[Interval]:
        return {one.interval for one in await self._services.store.series(instrument.symbol)}


def _parts(text: str, universe: Universe) -> tuple[str, Instrument | None, Interval | None]:
    """Kind, instrument and interval of a topic in any spelling. Raises what is wrong with it."""
    kind, _, rest = text.partition(":")
    if kind in NOT_YET:
        raise TopicNotAvailable(topic=text[:96])
    if kind not in KINDS or len(text) > 96 or (kind == HEALTH) != (not rest):
        raise UnknownTopic(topic=text[:96], known=_SHAPES)
    if kind == HEALTH:
        return HEALTH, None, None
    symbol, interval = rest, None
    if kind == CANDLES:
        symbol, found, spelled = rest.rpartition(":")
        if not found:
            raise UnknownTopic(topic=text, known=_SHAPES)
        interval = parse_interval(spelled)
    return kind, universe.get(symbol), interval


def _candles(instrument: Instrument, interval: Interval, kept: set[Interval]) -> str:
    """Only what arrives is told; what is resampled from it is read with `GET /prices/{symbol}/candles`."""
    if interval not in kept:
        available = sorted(kept, key=lambda one: one.seconds)
        raise IntervalNotAvailable(
            symbol=instrument.symbol, interval=interval.value, available=[one.value for one in available]
        )
    return f"{CANDLES}:{instrument.symbol}:{interval.value}"


_SHAPES = [
    f"{QUOTES}:<symbol>",
    f"{CANDLES}:<symbol>:<interval>",
    f"{FORECASTS}:<symbol>",
    f"{SCORES}:<symbol>",
    HEALTH,
]

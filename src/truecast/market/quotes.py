"""The latest price of each instrument, from the finest series that is fresh, with its age."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from truecast.domain.bar import Bars
from truecast.domain.instrument import Instrument
from truecast.domain.interval import Interval
from truecast.domain.quote import Quote
from truecast.kit.clock import Clock, from_us, to_us
from truecast.kit.errors import EXIT_NOT_FOUND, TruecastError
from truecast.market.adjust import adjust
from truecast.market.calendar import calendar
from truecast.market.registry import SeriesInfo
from truecast.market.store import BarStore


class NoPrice(TruecastError):
    """Known, but no bar of it has arrived."""

    code = "no_price"
    status = 404
    title = "No price yet"
    template = "No price of {symbol} has arrived yet"
    exit_code = EXIT_NOT_FOUND


@dataclass(frozen=True, slots=True)
class LatestPrice:
    """A quote with what a reader needs to judge it. The change is against the session before, in price units."""

    quote: Quote
    interval: Interval
    calendar: str
    derived: str | None
    origin: str
    bar_start: datetime
    age_s: float  # since the moment the price describes, not since it was received
    stale: bool  # a newer one should have been known
    change: float | None
    change_pct: float | None


@dataclass(frozen=True, slots=True)
class _Candidate:
    """The last bar of one interval. `at_us` is when its period ended: the moment the price describes."""

    info: SeriesInfo
    bars: Bars
    at_us: int
    fresh: bool


class Quotes:
    """Latest prices out of the store. Holds nothing."""

    def __init__(self, store: BarStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def latest(self, instrument: Instrument) -> LatestPrice:
        """The close of the last bar known now, from the finest series that is fresh, or else from the newest one.

        Raises NoPrice.
        """
        now = self._clock.now()
        infos = [i for i in await self._store.series(instrument.symbol) if i.bars]
        best: _Candidate | None = None
        for interval in sorted({i.interval for i in infos}, key=lambda i: i.seconds):
            found = await self._candidate(instrument.symbol, interval, infos, now)
            if found is not None and (best is None or found.fresh or found.at_us > best.at_us):
                best = found
            if best is not None and best.fresh:
                break
        if best is None:
            raise NoPrice(symbol=instrument.symbol)
        return _described(best, await self._close_before(best, now), now)

    async def _candidate(
        self, symbol: str, interval: Interval, infos: Sequence[SeriesInfo], now: datetime
    ) -> _Candidate | None:
        bars = await self._store.read(symbol, interval, limit=1, as_of=now)
        if not len(bars):
            return None
        info = next(i for i in infos if i.interval is interval and i.source == bars.source_of(-1))
        along = calendar(info.calendar)
        fresh = to_us(now) < along.overdue_at(int(bars.start[-1]), interval)
        # A bar still forming describes the moment it was received.
        at_us = int(along.ends(bars.start, interval)[-1]) if bars.final[-1] else int(bars.known_at[-1])
        return _Candidate(info, bars, at_us, fresh)

    async def _close_before(self, last: _Candidate, now: datetime) -> float | None:
        """The close of the session before, comparable with the last price if there was a split in between."""
        symbol, interval = last.info.symbol, last.info.interval
        rows = _DAY_S // interval.seconds + 1 if interval.is_intraday else 2
        bars = await self._store.read(symbol, interval, limit=rows, as_of=now, source=last.info.source)
        session = calendar(last.info.calendar).buckets(
            bars.start, interval, Interval.D1 if interval.is_intraday else interval
        )
        factors = await self._store.factors(symbol, now)
        bars = adjust(bars, factors, "split", as_of_us=to_us(now), session=session)
        before = bars.close[session < session[-1]] if len(bars) else bars.close
        return float(before[-1]) if len(before) else None


def _described(last: _Candidate, close_before: float | None, now: datetime) -> LatestPrice:
    bar, info = last.bars.row(-1), last.info
    quote = Quote(
        symbol=info.symbol,
        price=bar.close,
        source=info.source,
        as_of=from_us(last.at_us),
        received_at=info.received_at or bar.known_at,
        delay=info.delay,
    )
    change = None if close_before is None else bar.close - close_before
    return LatestPrice(
        quote=quote,
        interval=info.interval,
        calendar=info.calendar,
        derived=info.derived,
        origin=info.origin,
        bar_start=bar.start,
        age_s=(now - quote.as_of).total_seconds(),
        stale=not last.fresh,
        change=change,
        # Of a price at or below zero a percentage says nothing.
        change_pct=100 * change / close_before if change is not None and close_before and close_before > 0 else None,
    )


_DAY_S = 86_400

"""Statistics, volatility and correlation of instruments out of the history, each with the series it is from."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from truecast.domain.instrument import Instrument
from truecast.domain.interval import Interval
from truecast.kit.clock import Clock, from_us, iso, to_us, to_utc
from truecast.kit.errors import EXIT_DATA, TruecastError
from truecast.market.adjust import Adjust
from truecast.market.calendar import calendar
from truecast.market.history import History, IntervalNotAvailable, Slice, available
from truecast.market.statistics import Period, Statistics, Together, Volatility, describe, together
from truecast.market.store import BarStore

_MARGIN = timedelta(days=20)  # markets close for a new year: within lies the bar before the stretch
_SLOW = (Interval.W1, Interval.MO1, Interval.Q1, Interval.Y1)
_BARS_MIN = 2


class NothingInPeriod(TruecastError):
    """There are bars, but none or too few of them in the time asked about."""

    code = "nothing_in_period"
    status = 409
    title = "Nothing in this period"
    template = "{symbol} has no {interval} bars in the {period} before {as_of}; its last ended {last}"
    exit_code = EXIT_DATA


@dataclass(frozen=True, slots=True)
class Measured:
    """What was found, and the bars it was found in."""

    statistics: Statistics
    slice_: Slice


@dataclass(frozen=True, slots=True)
class Pair:
    """Two instruments; `reason` says why nothing can be said of them."""

    a: str
    b: str
    found: Together | None
    reason: str | None


class Measures:
    """Reads, then computes. Holds nothing."""

    def __init__(self, store: BarStore, history: History, clock: Clock) -> None:
        self._store = store
        self._history = history
        self._clock = clock

    async def statistics(
        self, instrument: Instrument, period: Period, *, interval: Interval | None = None, as_of: datetime | None = None
    ) -> Measured:
        """Of prices adjusted for splits. Without an interval, of those that suit the period and are there.

        Raises NothingInPeriod, IntervalNotAvailable, AsOfInFuture.
        """
        return await self._measured(instrument, period, interval, as_of, "split")

    async def volatility(
        self, instrument: Instrument, period: Period, *, interval: Interval | None = None, as_of: datetime | None = None
    ) -> tuple[Volatility, Measured]:
        """Of prices adjusted for splits and dividends. Raises as `statistics`."""
        found = await self._measured(instrument, period, interval, as_of, "all")
        return found.statistics.volatility, found

    async def correlation(
        self, instruments: Sequence[Instrument], period: Period, *, interval: Interval, as_of: datetime | None = None
    ) -> tuple[list[Pair], dict[str, Slice]]:
        """Every pair over the bars that both have, of fully adjusted prices; and what was read, by symbol."""
        known = self._known(as_of)
        read: dict[str, Slice] = {}
        reasons: dict[str, str] = {}
        for one in instruments:
            try:
                read[one.symbol] = await self._read(one, period, interval, known, "all")
            except IntervalNotAvailable as error:
                reasons[one.symbol] = error.detail
        columns = {
            symbol: (calendar(slice_.calendar).ends(slice_.bars.start, interval), slice_.bars.close)
            for symbol, slice_ in read.items()
        }
        since_us = to_us(known) - period.seconds * 1_000_000
        cut = {symbol: (ends[ends >= since_us], close[ends >= since_us]) for symbol, (ends, close) in columns.items()}
        pairs = []
        for a, b in itertools.combinations(instruments, 2):
            why = next((reasons[one.symbol] for one in (a, b) if one.symbol in reasons), None)
            found = why or together(cut[a.symbol], cut[b.symbol], signed=(a.signed, b.signed), interval=interval)
            pairs.append(
                Pair(a.symbol, b.symbol, found, None)
                if isinstance(found, Together)
                else Pair(a.symbol, b.symbol, None, found)
            )
        return pairs, read

    async def _measured(
        self, instrument: Instrument, period: Period, interval: Interval | None, as_of: datetime | None, how: Adjust
    ) -> Measured:
        known = self._known(as_of)
        since_us = to_us(known) - period.seconds * 1_000_000
        stale: Measured | None = None
        last: Slice | None = None
        for choice in await self._choices(instrument, period, interval):
            slice_ = await self._read(instrument, period, choice, known, how)
            along = calendar(slice_.calendar)
            found = describe(slice_.bars, since_us, along, signed=instrument.signed) if len(slice_.bars) else None
            last = slice_
            if found is None or (found.n < _BARS_MIN and interval is None and choice.is_intraday):
                continue
            measured = Measured(found, slice_)
            if not slice_.stale:
                return measured
            stale = stale or measured
        if stale is not None:
            return stale
        assert last is not None
        raise await self._nothing(instrument, period, last, known)

    async def _nothing(self, instrument: Instrument, period: Period, read: Slice, known: datetime) -> NothingInPeriod:
        interval = read.bars.interval
        newest = await self._history.bars(instrument, interval, limit=1, as_of=known)
        along = calendar(newest.calendar)
        ended = along.ends(newest.bars.start, interval) if len(newest.bars) else None
        return NothingInPeriod(
            symbol=instrument.symbol,
            interval=interval.value,
            period=period.text,
            as_of=iso(known),
            last="never" if ended is None else iso(from_us(ended[0])),
        )

    async def _choices(self, instrument: Instrument, period: Period, interval: Interval | None) -> list[Interval]:
        """The interval asked for; else the one that suits the period, then the coarser ones that are there."""
        if interval is not None:
            return [interval]
        kept = [info for info in await self._store.series(instrument.symbol) if info.bars]
        there = available(kept)
        if not there:
            raise IntervalNotAvailable(symbol=instrument.symbol, interval=period.interval.value, available=[])
        suits = [one for one in there if one.seconds >= period.interval.seconds]
        quick = [one for one in suits if one not in _SLOW]
        return quick or (suits or there)[:1]

    async def _read(
        self, instrument: Instrument, period: Period, interval: Interval, known: datetime, how: Adjust
    ) -> Slice:
        start = known - timedelta(seconds=period.seconds) - _MARGIN - timedelta(seconds=2 * interval.seconds)
        return await self._history.bars(instrument, interval, start=start, as_of=known, adjust=how)

    def _known(self, as_of: datetime | None) -> datetime:
        return self._clock.now() if as_of is None else to_utc(as_of)

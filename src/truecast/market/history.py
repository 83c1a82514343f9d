"""What features, forecasts and the API read: bars of one instrument at one interval as they were known at a moment."""

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from truecast.domain.bar import Bars, IntArray
from truecast.domain.instrument import Instrument
from truecast.domain.interval import Interval
from truecast.domain.quote import Delay
from truecast.kit.clock import Clock, from_us, iso, to_us, to_utc
from truecast.kit.errors import EXIT_NOT_FOUND, MalformedRequest, TruecastError
from truecast.kit.limits import MADE_SERIES_KEPT_MAX
from truecast.market.adjust import Adjust, adjust
from truecast.market.calendar import Calendar, calendar
from truecast.market.periods import period_start
from truecast.market.registry import SeriesInfo
from truecast.market.resample import nests, resample
from truecast.market.store import BarStore


class IntervalNotAvailable(TruecastError):
    """No series that has these bars, and none to make them from."""

    code = "interval_not_available"
    status = 409
    title = "Interval not available"
    template = "{symbol} has no {interval} bars; it has {available}"
    exit_code = EXIT_NOT_FOUND


class AsOfInFuture(MalformedRequest):
    """Nobody knows yet."""

    code = "as_of_in_future"
    title = "as_of is in the future"
    template = "as_of {as_of} is later than now, {now}"


@dataclass(frozen=True, slots=True)
class Slice:
    """Bars with where they are from. `bars` has final bars only, unless partial ones were asked for."""

    bars: Bars
    calendar: str
    delay: Delay
    derived: str | None
    origin: str
    resampled_from: Interval | None
    received_at: datetime | None  # when the source last delivered; None before the first time
    adjust: Adjust
    as_of: datetime
    overdue_at: datetime | None  # when the bar after the last should have been known; None without bars

    @property
    def stale(self) -> bool:
        """Whether a newer bar should have been known at `as_of`."""
        return self.overdue_at is not None and self.as_of >= self.overdue_at


class History:
    """Reads the store along the calendars. Keeps the latest made bars as long as what they are made of stays so."""

    def __init__(self, store: BarStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._made: OrderedDict[_MadeKey, tuple[_State, Bars]] = OrderedDict()

    def over(self, store: BarStore) -> "History":
        """The same, with the bars it keeps, reading from that store: this one as it was at a moment."""
        same = History(store, self._clock)
        same._made = self._made
        return same

    async def bars(
        self,
        instrument: Instrument,
        interval: Interval,
        *,
        start: datetime | None = None,
        end: datetime | None = None,
        limit: int | None = None,
        as_of: datetime | None = None,
        adjust: Adjust = "raw",
        source: str | None = None,
        partial: bool = False,
    ) -> Slice:
        """Bars with `start` <= bar start < `end`, the last `limit` of them, as known at `as_of` (now if not given).

        The stored series where there is one, otherwise made from the coarsest finer one. Adjusted prices are relative
        to the last bar known at `as_of`, wherever the cut ends. Raises IntervalNotAvailable, AsOfInFuture.
        """
        now = self._clock.now()
        known = now if as_of is None else to_utc(as_of)
        if known > now:
            raise AsOfInFuture(as_of=iso(known), now=iso(now))
        infos = [i for i in await self._store.series(instrument.symbol) if source in (None, i.source)]
        info = _series_for(instrument.symbol, interval, infos)
        read = _Read(self._store, info, calendar(info.calendar), interval, known, source, adjust, partial)
        if info.interval is interval:
            bars = await read.stored(start, end, limit)
        elif start is None and end is None and limit is not None and adjust == "raw":
            bars = await self._made_bars(read, limit, infos)
        else:
            bars = await read.made(start, end, limit)
        named = _named_by(bars, info, infos)
        return Slice(
            bars=bars,
            calendar=named.calendar,
            delay=named.delay,
            derived=named.derived,
            origin=named.origin,
            resampled_from=None if info.interval is interval else info.interval,
            received_at=named.received_at and min(named.received_at, known),
            adjust=adjust,
            as_of=known,
            overdue_at=overdue_at(bars, read.calendar),
        )

    async def _made_bars(self, read: "_Read", limit: int, infos: Sequence[SeriesInfo]) -> Bars:
        """The last `limit` made bars: made again only when a series below them changed.

        A day of hours takes 24 times as many rows to read. What is kept holds for any `as_of` from the moment on at
        which all that is stored was known: then nothing about these bars depends on it.
        """
        parts = [i for i in infos if i.interval is read.info.interval and i.bars]
        if any(i.known_until is None or i.known_until > read.as_of for i in parts):
            return await read.made(None, None, limit)
        state = tuple((i.id, i.bars, i.priority, i.known_until, i.received_at) for i in parts)
        key = (read.info.symbol, read.interval, read.source, read.partial, limit)
        kept = self._made.get(key)
        if kept is None or kept[0] != state:
            kept = (state, await read.made(None, None, limit))
            self._made[key] = kept
        self._made.move_to_end(key)
        while len(self._made) > MADE_SERIES_KEPT_MAX:
            self._made.popitem(last=False)
        return kept[1]


_MadeKey = tuple[str, Interval, str | None, bool, int]
_State = tuple[tuple[object, ...], ...]


@dataclass(frozen=True, slots=True)
class _Read:
    """One reading, with everything about it that stays the same."""

    store: BarStore
    info: SeriesInfo
    calendar: Calendar
    interval: Interval
    as_of: datetime
    source: str | None
    how: Adjust
    partial: bool

    async def stored(self, start: datetime | None, end: datetime | None, limit: int | None) -> Bars:
        """The series as it is."""
        bars = await self._rows(start, end, limit)
        if not self.partial and not bars.final.all():
            more = None if limit is None else limit + int((~bars.final).sum())
            bars = await self._rows(start, end, more)
            bars = _last(bars[bars.final], limit)
        if self.how == "raw" or not len(bars):
            return bars
        return await self._adjusted(bars, bars if end is None else await self._rows(None, None, 1))

    async def made(self, start: datetime | None, end: datetime | None, limit: int | None) -> Bars:
        """Resampled from the finer series."""
        # A limit counts parts as if every minute traded, and three bars more: the first may be cut, the last still
        # forming, and one begin after `end`. Where a source has more parts than that (weekends), it is read again.
        rows = None if limit is None else (limit + 3) * -(-self.interval.seconds // self.info.interval.seconds)
        parts, bars, whole = await self._made_of(start, end, rows)
        while rows is not None and not whole and len(bars) < (limit or 0):
            rows *= 2
            parts, bars, whole = await self._made_of(start, end, rows)
        bars = _last(bars, limit)
        if self.how == "raw" or not len(bars):
            return bars
        if end is None:  # the last part of the last bar that is given, final or not
            buckets = self.calendar.buckets(parts.start, parts.interval, self.interval)
            reference = parts[buckets <= bars.start[-1]]
        else:
            reference = await self._rows(None, None, 1)
        adjusted = self._resampled(await self._adjusted(parts, reference))
        return adjusted[(adjusted.start >= bars.start[0]) & (adjusted.start <= bars.start[-1])]

    async def _made_of(self, start: datetime | None, end: datetime | None, rows: int | None) -> tuple[Bars, Bars, bool]:
        """The last `rows` parts, the bars wholly made of them, and whether these are all that there are."""
        # A bar's parts may begin before its label: FX days begin the evening before, a first session holds what was
        # priced on the holidays before it.
        first = None if start is None else start - _MARGIN
        parts = await self._rows(first, None if end is None else self._period_end(end), rows)
        bars = self._resampled(parts)
        whole = rows is None or len(parts) < rows
        if not whole:
            bars = bars[bars.start > self._bucket(parts[:1])]
        if start is not None:
            bars = bars[bars.start >= to_us(start)]
        if end is not None:
            bars = bars[bars.start < to_us(end)]
        return parts, bars, whole

    def _period_end(self, end: datetime) -> datetime:
        """When the last bar that starts before `end` is over."""
        if self.interval.is_intraday:
            return end + timedelta(seconds=self.interval.seconds)
        label = period_start(np.array([to_us(end) - 1]), self.interval)
        return from_us(self.calendar.ends(label, self.interval)[0])

    def _resampled(self, parts: Bars) -> Bars:
        bars = resample(parts, self.interval, self.calendar, to_us(self.as_of))
        return bars if self.partial else bars[bars.final]

    def _bucket(self, part: Bars) -> int:
        return int(self.calendar.buckets(part.start, part.interval, self.interval)[0])

    async def _rows(self, start: datetime | None, end: datetime | None, limit: int | None) -> Bars:
        i = self.info
        return await self.store.read(
            i.symbol, i.interval, start=start, end=end, limit=limit, as_of=self.as_of, source=self.source
        )

    async def _adjusted(self, bars: Bars, reference: Bars) -> Bars:
        factors = await self.store.factors(self.info.symbol, self.as_of)
        if not factors or not len(reference):
            return bars
        last = int(self._sessions(reference[-1:])[0])
        known_us = to_us(self.as_of)
        return adjust(bars, factors, self.how, as_of_us=known_us, session=self._sessions(bars), reference_us=last)

    def _sessions(self, bars: Bars) -> IntArray:
        """The session label of each bar; of a week or longer its own."""
        return (
            self.calendar.buckets(bars.start, bars.interval, Interval.D1) if bars.interval.is_intraday else bars.start
        )


def overdue_at(bars: Bars, calendar: Calendar) -> datetime | None:
    """When the bar after the last should have been known."""
    return from_us(calendar.overdue_at(int(bars.start[-1]), bars.interval)) if len(bars) else None


def _last(bars: Bars, limit: int | None) -> Bars:
    return bars if limit is None else bars[max(len(bars) - limit, 0) :]


def _series_for(symbol: str, interval: Interval, infos: Sequence[SeriesInfo]) -> SeriesInfo:
    """The series at that interval, or the coarsest finer one it can be made from; one with bars if there is any."""
    same = [i for i in infos if i.interval is interval]
    finer = [i for i in infos if i.interval is not interval and nests(i.interval, interval)]
    finer.sort(key=lambda i: -i.interval.seconds)  # stable: among sources their order stays
    for info in (*same, *finer):
        if info.bars:
            return info
    if same or finer:
        return (*same, *finer)[0]
    raise IntervalNotAvailable(symbol=symbol, interval=interval.value, available=[i.value for i in available(infos)])


def available(infos: Iterable[SeriesInfo]) -> list[Interval]:
    """Every interval that can be had from these series, stored or made, short first."""
    stored = {i.interval for i in infos}
    return [to for to in Interval if any(nests(interval, to) for interval in stored)]


def _named_by(bars: Bars, info: SeriesInfo, infos: Iterable[SeriesInfo]) -> SeriesInfo:
    """The series whose source gave the last bar."""
    source = bars.source_of(-1) if len(bars) else info.source
    return next((i for i in infos if i.interval is info.interval and i.source == source), info)


_MARGIN = timedelta(days=16)  # longer than markets close for any new year

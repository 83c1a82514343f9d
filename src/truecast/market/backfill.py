"""Bars of the past that were missed: asked for in batches, the newest first, of the same source first, then of others.

A series stays that of its source: what another one gives becomes a series of its own, every bar labelled, and the gap
says who has its bars now. Nothing is made up. Bars that were missed live are known from the moment they came, so that
no forecast of the past is reproduced with something nobody had.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import numpy as np
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from truecast.domain.bar import Bars, IntArray
from truecast.domain.instrument import AssetClass, Instrument
from truecast.domain.interval import Interval
from truecast.kit.clock import Clock, from_us, to_us
from truecast.kit.errors import TruecastError
from truecast.kit.limits import (
    BACKFILL_BATCH_BARS,
    GAP_EMPTIES_MIN,
    GAP_FILLING_S_MAX,
    GAP_RETRY_S_FIRST,
    GAP_RETRY_S_MAX,
)
from truecast.market import registry
from truecast.market.bulk import Window, read_latest
from truecast.market.calendar import calendar
from truecast.market.chain import Chain, Tried
from truecast.market.gaps import Cause, Gap, cover, live_gaps, open_runs, overlapping, runs_of_missing
from truecast.market.ingest import Ingest, Ingested
from truecast.market.registry import SeriesInfo
from truecast.market.sessions import BeyondCalendar, NotOnCalendar
from truecast.market.store import BarStore
from truecast.market.tables import gaps
from truecast.providers.base import SeriesOffer

CONFIRMED_EMPTY = "confirmed_empty_at_source"
BEYOND_HISTORY = "beyond_history"
NO_SOURCE = "no_source"

_SPLIT = (AssetClass.EQUITY, AssetClass.ETF)
_NONE_LEFT = np.empty(0, np.int64)


@dataclass(frozen=True, slots=True)
class Filled:
    """What became of a stretch: `rows` written, `source` that gave most of them, `left` that nobody has given yet."""

    rows: int
    source: str | None
    left: int
    by_source: Mapping[str, int] = field(default_factory=dict)
    empty: tuple[str, ...] = ()  # sources that answered, and have nothing of what is left
    beyond: tuple[str, ...] = ()  # sources that say that they do not reach back so far
    tried: tuple[Tried, ...] = ()  # sources that failed


@dataclass(frozen=True, slots=True)
class _Task:
    """One stretch of one series."""

    instrument: Instrument
    interval: Interval
    own: str  # the source whose series has the gap
    calendar: str
    expected: IntArray  # starts that could be known by now
    cause: Cause
    keep_rule: bool  # known when they were published: history that nobody followed live


@dataclass(slots=True)
class _Result:
    by_source: dict[str, int] = field(default_factory=dict)
    empty: list[str] = field(default_factory=list)
    beyond: list[str] = field(default_factory=list)
    tried: list[Tried] = field(default_factory=list)


class Backfill:
    """The way back in time. One stretch of a series is filled by one caller at a time."""

    def __init__(self, store: BarStore, ingest: Ingest, chain: Chain, clock: Clock) -> None:
        self._store = store
        self._ingest = ingest
        self._chain = chain
        self._clock = clock
        self._busy: dict[tuple[str, Interval], asyncio.Lock] = {}

    async def fill(
        self,
        symbol: str,
        interval: Interval,
        frm: datetime,
        to: datetime,
        *,
        cause: Cause = "asked",
        prefer: str | None = None,
    ) -> Filled:
        """Get the bars with `frm` <= start < `to` that are missing, from `prefer` and then from the others.

        The gaps of the series of `prefer` (without it, of the first source) in that stretch are opened, if they are
        not known, with `cause`; afterwards they say what came of it. `cause` "history" is for a time before anything
        was followed: no gap is opened, and a bar is known when it was published. Sources that fail are told in the
        answer and do not raise. Raises UnknownSymbol.
        """
        instrument = (await self._store.universe()).get(symbol)
        async with self._busy.setdefault((instrument.symbol, interval), asyncio.Lock()):
            task = await self._task(instrument, interval, to_us(frm), to_us(to), cause=cause, prefer=prefer)
            return Filled(0, None, 0) if task is None else await self._fill(task)

    async def tell_changed(self, symbol: str) -> None:
        """Tell that gaps of a symbol were opened or ruled on."""
        await self._ingest.tell_changed(symbol)

    async def _fill(self, task: _Task) -> Filled:
        offers = self._in_order(task)
        await self._begin(task)
        await self.tell_changed(task.instrument.symbol)
        result = _Result()
        for key, offer in offers:
            missing = await self._missing(task, key if key == task.own else None)
            if len(missing):
                await self._from(task, key, offer, missing, result)
        left = await self._end(task, result, asked=[key for key, _ in offers])
        await self.tell_changed(task.instrument.symbol)
        best = max(result.by_source, key=lambda name: result.by_source[name], default=None)
        return Filled(
            sum(result.by_source.values()),
            best,
            left,
            result.by_source,
            tuple(result.empty),
            tuple(result.beyond),
            tuple(result.tried),
        )

    async def _task(
        self,
        instrument: Instrument,
        interval: Interval,
        first_us: int,
        end_us: int,
        *,
        cause: Cause,
        prefer: str | None,
    ) -> _Task | None:
        """What there is to do; None where there is no such series or nothing that should exist."""
        kept = [info for info in await self._store.series(instrument.symbol) if info.interval is interval]
        own = self._own(instrument, interval, kept, prefer)
        if own is None:
            return None
        source, along = own
        expected = await self._expected(along, interval, first_us, end_us)
        keep_rule = cause == "history"
        return _Task(instrument, interval, source, along, expected, cause, keep_rule) if len(expected) else None

    def _own(
        self, instrument: Instrument, interval: Interval, kept: Sequence[SeriesInfo], prefer: str | None
    ) -> tuple[str, str] | None:
        """Whose series is to be filled, and its calendar."""
        for key in self._chain.sources_of(instrument, "bars"):
            offer = self._chain.offer(key, instrument.symbol, interval)
            if offer is not None and prefer in (None, key):
                return key, offer.calendar
        for info in kept:
            if prefer in (None, info.source):
                return info.source, info.calendar
        return None

    async def _expected(self, along: str, interval: Interval, first_us: int, end_us: int) -> IntArray:
        """What should exist and can be known by now; nothing where the calendar does not reach."""
        now_us = to_us(self._clock.now())
        try:
            found = await asyncio.to_thread(_due, along, interval, first_us, min(end_us, now_us) - 1, now_us)
        except (BeyondCalendar, NotOnCalendar):
            return _NONE_LEFT
        return found

    def _in_order(self, task: _Task) -> list[tuple[str, SeriesOffer]]:
        offers = self._chain.offers_of(task.instrument, task.interval, task.calendar)
        return sorted(offers, key=lambda one: one[0] != task.own)

    async def _missing(self, task: _Task, of: str | None) -> IntArray:
        """Starts that the series of that source lacks; None: that no series along the same calendar has."""
        async with self._store.db.read() as conn:
            given = await self._given(conn, task)
        have = [starts for source, starts in given.items() if of in (None, source)]
        return task.expected[~np.isin(task.expected, np.concatenate([_NONE_LEFT, *have]))]

    async def _given(self, conn: AsyncConnection, task: _Task) -> dict[str, IntArray]:
        """Starts in the stretch by source, in reading order."""
        given = {}
        like = Bars.empty(task.instrument.symbol, task.interval)
        for info in await registry.list_series(conn, task.instrument.symbol, task.interval):
            if info.calendar == task.calendar and info.bars:
                window = Window(info.id, int(task.expected[0]), int(task.expected[-1]) + 1)
                given[info.source] = (await read_latest(conn, window, like)).start
        return given

    async def _from(
        self,
        task: _Task,
        key: str,
        offer: SeriesOffer,
        missing: IntArray,
        result: _Result,
    ) -> None:
        """Batch after batch, the newest first, each in a transaction of its own; until one fails."""
        reach = self._reach(key, task.interval)
        within = missing[missing >= reach]
        if not len(within):
            result.beyond.append(key)
            return
        given = 0
        try:
            if key != task.own:
                await self._store.add_series(offer, key)
            for batch in _batches(within):
                given += await self._batch(task, key, offer, batch)
        except TruecastError as error:
            result.tried.append(Tried(key, error.code, error.detail))
        else:
            if given < len(missing):
                result.empty.append(key)
        if given:
            result.by_source[key] = given

    async def _batch(self, task: _Task, key: str, offer: SeriesOffer, batch: IntArray) -> int:
        """Ask for one batch and keep what is really missing; how many rows that were."""
        bars = await self._chain.between(key, offer, from_us(batch[0]), from_us(batch[-1] + 1))
        bars = bars[np.isin(bars.start, batch)]
        if not len(bars):
            return 0
        symbol, now = task.instrument.symbol, self._clock.now()
        if not task.keep_rule:
            bars = replace(bars, known_at=np.maximum(bars.known_at, to_us(now)))
        if task.instrument.asset_class in _SPLIT:
            factors = await self._chain.provider(key).factors(symbol)
            await self._store.add_factors(symbol, key, factors, received_at=now)
        taken: Ingested = await self._ingest.take(bars, stand_in=key != task.own)
        return taken.appended.inserted

    def _reach(self, key: str, interval: Interval) -> int:
        """The oldest start that the source says it has."""
        days = self._chain.provider(key).info.history.get(interval)
        return 0 if days is None else to_us(self._clock.now() - timedelta(days=days))

    async def _begin(self, task: _Task) -> None:
        """Rows for what is missing and in no gap yet; those that are there are being filled from now on."""
        now = self._clock.now()
        async with self._store.db.write() as conn:
            offered = self._chain.offer(task.own, task.instrument.symbol, task.interval)
            if offered is not None:
                await registry.add_series(conn, offered, task.own)
            info = await registry.lock_series(conn, task.instrument.symbol, task.interval, task.own)
            if task.keep_rule:
                return
            like = Bars.empty(info.symbol, info.interval)
            first_us, last_us = int(task.expected[0]), int(task.expected[-1])
            present = (await read_latest(conn, Window(info.id, first_us, last_us + 1), like)).start
            known = list(await conn.execute(overlapping(info.id, first_us, last_us)))
            inside = [
                task.expected[(task.expected >= to_us(gap.first)) & (task.expected <= to_us(gap.last))] for gap in known
            ]
            new = runs_of_missing(task.expected, np.concatenate([present, *inside]))
            await open_runs(conn, info.id, new, now=now, cause=task.cause)
            waiting = overlapping(info.id, first_us, last_us).with_only_columns(gaps.c.id).order_by(None)
            this = sa.update(gaps).where(gaps.c.id.in_(waiting), gaps.c.state.in_(("open", "filling")))
            claim = {"state": "filling", "retry_at": now + timedelta(seconds=GAP_FILLING_S_MAX)}
            if task.cause == "disconnect":
                claim["cause"] = task.cause
            await conn.execute(this.values(claim))

    async def _end(self, task: _Task, result: _Result, asked: Sequence[str]) -> int:
        """Write down what came of it; how many bars nobody has given."""
        now = self._clock.now()
        async with self._store.db.write() as conn:
            info = await registry.lock_series(conn, task.instrument.symbol, task.interval, task.own)
            given = await self._given(conn, task)
            if not task.keep_rule:
                others = {source: starts for source, starts in given.items() if source != task.own}
                first_us, last_us = int(task.expected[0]), int(task.expected[-1])
                for gap in await live_gaps(conn, info.id, first_us, last_us):
                    if gap.state != "filled":
                        values = _outcome(gap, result, asked, now, whole=_holds(task.expected, gap))
                        await _end_one(conn, gap, values, task.expected, others, now=now)
        have = np.concatenate([_NONE_LEFT, *given.values()])
        return int((~np.isin(task.expected, have)).sum())


async def _end_one(
    conn: AsyncConnection,
    gap: Gap,
    values: Mapping[str, object],
    expected: IntArray,
    others: Mapping[str, IntArray],
    *,
    now: datetime,
) -> None:
    """A gap after an attempt: what others have is theirs, the rest is tried again, or never."""
    await conn.execute(sa.update(gaps).where(gaps.c.id == gap.id).values(values))
    if _holds(expected, gap):
        inside = expected[(expected >= to_us(gap.first)) & (expected <= to_us(gap.last))]
        await cover(conn, gap, inside, others, now)


def _holds(expected: IntArray, gap: Gap) -> bool:
    """Whether all of the gap was asked for."""
    return bool(expected[0] <= to_us(gap.first) and to_us(gap.last) <= expected[-1])


def _due(along: str, interval: Interval, first_us: int, last_us: int, now_us: int) -> IntArray:
    found = calendar(along)
    starts = found.expected(first_us, last_us, interval) if last_us >= first_us else _NONE_LEFT
    return starts[found.known_at(starts, interval) <= now_us]


def _batches(missing: IntArray) -> Iterator[IntArray]:
    """The newest first."""
    for end in range(len(missing), 0, -BACKFILL_BATCH_BARS):
        yield missing[max(end - BACKFILL_BATCH_BARS, 0) : end]


def _outcome(gap: Gap, result: _Result, asked: Sequence[str], now: datetime, *, whole: bool) -> dict[str, object]:
    """The columns of a gap after an attempt, as if nobody had filled any of it."""
    attempts = gap.attempts + 1
    all_empty = whole and bool(asked) and not result.tried and set(asked) <= {*result.empty, *result.beyond}
    apart_s = GAP_RETRY_S_FIRST if gap.tried_at is None else (now - gap.tried_at).total_seconds()
    empties = gap.empties + int(all_empty and apart_s >= GAP_RETRY_S_FIRST)  # asking often confirms nothing
    values: dict[str, object] = {"attempts": attempts, "empties": empties, "tried_at": now}
    if not asked:
        wait = timedelta(seconds=GAP_RETRY_S_MAX)
        return {**values, "attempts": gap.attempts, "state": "open", "reason": NO_SOURCE, "retry_at": now + wait}
    said = [f"{one.source}: {one.code}" for one in result.tried]
    said += [f"{source}: empty" for source in result.empty] + [
        f"{source}: {BEYOND_HISTORY}" for source in result.beyond
    ]
    if empties >= GAP_EMPTIES_MIN:
        why = CONFIRMED_EMPTY if result.empty else BEYOND_HISTORY
        return {
            **values,
            "state": "unfillable",
            "reason": f"{why} ({'; '.join(said)})",
            "retry_at": None,
            "closed_at": now,
        }
    if result.by_source:  # there is progress
        return {**values, "state": "open", "reason": "; ".join(said) or None, "retry_at": now}
    wait_s = min(GAP_RETRY_S_FIRST * 2 ** min(gap.attempts, 30), GAP_RETRY_S_MAX)
    return {**values, "state": "open", "reason": "; ".join(said) or None, "retry_at": now + timedelta(seconds=wait_s)}

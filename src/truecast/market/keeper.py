"""Keeps the gap ledger true and short: finds what is missing, asks for it again, and tells how things stand."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import numpy as np

from truecast.domain.bar import Bars, IntArray
from truecast.kit.clock import Clock, to_us
from truecast.kit.errors import TruecastError
from truecast.kit.limits import GAP_RUN_S_MAX, GAP_TRAILING_S_MIN, GAPS_A_RUN_MAX
from truecast.kit.metrics import GAPS_KNOWN
from truecast.market import registry
from truecast.market.backfill import Backfill
from truecast.market.bulk import Window, read_latest
from truecast.market.calendar import calendar
from truecast.market.chain import Chain
from truecast.market.gaps import STATES, Gap, Run, due_gaps, live_gaps, open_runs, runs_of_missing
from truecast.market.registry import SeriesInfo
from truecast.market.sessions import BeyondCalendar, NotOnCalendar
from truecast.market.store import BarStore

_TICK = timedelta(microseconds=1)
_NONE = np.empty(0, np.int64)


@dataclass(frozen=True, slots=True)
class Round:
    """What one round of keeping did. `left`: bars of the gaps tried that nobody has given."""

    found: int = 0  # gaps
    tried: int = 0  # gaps
    rows: int = 0
    left: int = 0
    errors: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Standing:
    """How the gaps of a store, or of one symbol, stand: rows and bars by state."""

    gaps: Mapping[str, int] = field(default_factory=dict)
    bars: Mapping[str, int] = field(default_factory=dict)


class Keeper:
    """Finds gaps and has them filled."""

    def __init__(self, store: BarStore, backfill: Backfill, chain: Chain, clock: Clock) -> None:
        self._store = store
        self._backfill = backfill
        self._chain = chain
        self._clock = clock

    async def run(self, symbol: str | None = None) -> Round:
        """Find what is missing at the end of series, then ask for the gaps that are due, the newest first."""
        found = await self.find(symbol)
        done = await self.fill(symbol)
        await self._count()
        return Round(found, done.tried, done.rows, done.left, done.errors)

    async def find(self, symbol: str | None = None, *, whole: bool = False) -> int:
        """Open gaps that no arriving bar could show: after a series' last bar. How many gaps those are.

        `whole`: look at every bar from the first on, for series that were kept before their calendar was.
        """
        found = 0
        for info in await self._store.series(symbol):
            if info.first is not None and info.last is not None and self._leads(info):
                found += await self._find(info, whole=whole)
        return found

    async def fill(self, symbol: str | None = None) -> Round:
        """Ask for the gaps that are due, GAPS_A_RUN_MAX of them, as long as GAP_RUN_S_MAX is not over."""
        began = self._clock.now()
        async with self._store.db.read() as conn:
            due = await due_gaps(conn, began, GAPS_A_RUN_MAX, symbol)
        tried, rows, left, errors = 0, 0, 0, list[str]()
        for gap in due:
            if (self._clock.now() - began).total_seconds() > GAP_RUN_S_MAX:
                break
            tried += 1
            try:
                filled = await self._backfill.fill(
                    gap.symbol, gap.interval, gap.first, gap.last + _TICK, cause=gap.cause, prefer=gap.source
                )
            except TruecastError as error:
                errors.append(f"{gap.symbol} {gap.interval}: {error.code}: {error.detail}")
                continue
            rows, left = rows + filled.rows, left + filled.left
        return Round(0, tried, rows, left, tuple(errors))

    async def standing(self, symbol: str | None = None) -> Standing:
        """Counts of gaps and of the bars that they stand for."""
        return standing_of(await self._store.gaps(symbol))

    async def _count(self) -> None:
        now = await self.standing()
        for state in STATES:
            GAPS_KNOWN.labels(state).set(now.gaps.get(state, 0))

    def _leads(self, info: SeriesInfo) -> bool:
        """Whether its source is the first asked for that series, and follows it."""
        if not self._chain.follows(info.source, info.symbol, info.interval):
            return False
        offer = self._chain.offer(info.source, info.symbol, info.interval)
        if offer is None:
            return False
        first = self._chain.offers_of(offer.instrument, info.interval, info.calendar)[:1]
        return bool(first) and first[0][0] == info.source

    async def _find(self, info: SeriesInfo, *, whole: bool) -> int:
        runs = await self._runs(info, whole=whole)
        if not runs:
            return 0
        now = self._clock.now()
        async with self._store.db.write() as conn:
            await registry.lock_series(conn, info.symbol, info.interval, info.source)
            known = await live_gaps(conn, info.id, runs[0].first_us, runs[-1].last_us)
            new = [piece for run in runs for piece in _outside(info, run, known)]
            await open_runs(conn, info.id, new, now=now, cause="source_away")
        if new:
            await self._backfill.tell_changed(info.symbol)
        return len(new)

    async def _runs(self, info: SeriesInfo, *, whole: bool) -> list[Run]:
        """What is missing, as far as it is overdue."""
        assert info.first is not None and info.last is not None
        now_us = to_us(self._clock.now())
        along, last_us = calendar(info.calendar), to_us(info.last)
        try:
            if not whole and now_us < along.overdue_at(last_us, info.interval):
                return []
            first_us = to_us(info.first) if whole else last_us
            expected = along.expected(first_us, now_us, info.interval)
            known_us = along.known_at(expected, info.interval)
        except (BeyondCalendar, NotOnCalendar):
            return []
        expected = expected[known_us <= now_us - int(GAP_TRAILING_S_MIN * 1e6)]
        return runs_of_missing(expected, await self._present(info, expected) if whole else np.array([last_us]))

    async def _present(self, info: SeriesInfo, expected: IntArray) -> IntArray:
        if not len(expected):
            return _NONE
        async with self._store.db.read() as conn:
            window = Window(info.id, int(expected[0]), int(expected[-1]) + 1)
            return (await read_latest(conn, window, Bars.empty(info.symbol, info.interval))).start


def standing_of(gaps: Sequence[Gap]) -> Standing:
    """Counted by state."""
    rows: Counter[str] = Counter(gap.state for gap in gaps)
    bars: Counter[str] = Counter()
    for gap in gaps:
        bars[gap.state] += gap.missing
    return Standing(dict(rows), dict(bars))


def _outside(info: SeriesInfo, run: Run, known: Sequence[Gap]) -> list[Run]:
    """The parts of a run that no gap stands for yet."""
    expected = calendar(info.calendar).expected(run.first_us, run.last_us, info.interval)
    inside = [expected[(expected >= to_us(gap.first)) & (expected <= to_us(gap.last))] for gap in known]
    return runs_of_missing(expected, np.unique(np.concatenate([_NONE, *inside])))

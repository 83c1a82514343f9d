"""Renews the evidence of every series whose last boundary has passed, and then that of its class.

A round takes at most EVIDENCE_SERIES_MAX series, the oldest evidence first; what is left waits for the next round and
is served by what is known of it meanwhile. Learning runs on the compute threads, a few series at a time, so that
forecasts that somebody waits for get their turn. The same bars give the same rows, live or replayed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from truecast.domain.horizon import Horizon
from truecast.domain.instrument import Universe
from truecast.domain.interval import Interval
from truecast.features.frame import Frame, frame_of_closes
from truecast.forecasts.basis import adjustment_for, basis_of
from truecast.forecasts.evidence import Book, Row, append, boundaries, class_row, series_row
from truecast.forecasts.predict import boundary, signature, until_boundary
from truecast.forecasts.serve import NAIVE
from truecast.forecasts.snapshot import Snapshot, snapshot
from truecast.kit.clock import Clock, to_us
from truecast.kit.compute import Compute
from truecast.kit.limits import EVIDENCE_CLASS_SERIES_MAX, EVIDENCE_SERIES_MAX, HISTORY_BARS_MAX
from truecast.market.calendar import calendar
from truecast.market.history import History
from truecast.market.store import BarStore
from truecast.models.auto import members_of
from truecast.models.base import Model
from truecast.models.catalog import Catalogue
from truecast.models.evidence import Evidence, fit_members, learn
from truecast.models.pool import pooled

_TOGETHER = 4  # series learned from in one go


@dataclass(frozen=True, slots=True)
class Examined:
    """What one round did. `waiting`: series that are left for the next."""

    series: int = 0
    classes: int = 0
    waiting: int = 0


@dataclass(frozen=True, slots=True)
class _Due:
    """A series whose evidence is old, or about other members."""

    symbol: str
    interval: Interval
    asset_class: str
    members: tuple[Model, ...]
    since: int  # boundary of what there is
    until: int  # boundary that has passed


class Examiner:
    """Learns, and records what was learned."""

    def __init__(self, store: BarStore, compute: Compute, clock: Clock) -> None:
        self._store = store
        self._compute = compute
        self._clock = clock
        self._book = Book()

    async def renew(self, catalogue: Catalogue) -> Examined:
        """One round. Running it again at once does what was left, and then nothing."""
        now = self._clock.now()
        async with snapshot(self._store) as store:
            universe = await store.universe()
            due = await _due(store, universe, catalogue)
            taken = due[:EVIDENCE_SERIES_MAX]
            history = History(store, self._clock)
            frames = [await _frame(history, universe, one, now) for one in taken]
        jobs = [(one, past) for one, past in zip(taken, frames, strict=True) if len(past) >= one.members[0].min_bars]
        rows = 0
        for first in range(0, len(jobs), _TOGETHER):  # recorded as they come: whoever looks sees how far it is
            learned = await self._compute.run(_learned, jobs[first : first + _TOGETHER])
            rows += len(learned)
            async with self._store.db.write() as conn:
                await append(conn, learned, now)
        if not rows:
            return Examined(waiting=len(due) - len(taken))
        classes = sorted({(one.asset_class, one.interval) for one, _ in jobs}, key=lambda c: (c[0], c[1].seconds))
        of_classes = [await self._of_class(universe, *one, now) for one in classes]
        async with self._store.db.write() as conn:
            await append(conn, of_classes, now)
        return Examined(rows, len(of_classes), len(due) - len(taken))

    async def _of_class(self, universe: Universe, asset_class: str, interval: Interval, now: datetime) -> Row:
        symbols = [i.symbol for i in universe.instruments if i.asset_class.value == asset_class]
        async with self._store.db.read() as conn:
            found = await self._book.of_series(conn, symbols[:EVIDENCE_CLASS_SERIES_MAX], interval, now)
        bands = await self._compute.run(pooled, found)
        return class_row(asset_class, interval, max(one.until for one in found), bands)


async def _due(store: Snapshot, universe: Universe, catalogue: Catalogue) -> list[_Due]:
    known = await boundaries(store.conn)
    passed: dict[tuple[str, Interval], int] = {}
    for info in await store.series():
        if info.last is not None and info.bars >= catalogue.get(NAIVE).min_bars:
            end = calendar(info.calendar).ends(np.array([to_us(info.last)]), info.interval)
            key = (info.symbol, info.interval)
            passed[key] = max(passed.get(key, 0), boundary(int(end[0]), info.interval))
    found = []
    for (symbol, interval), until in passed.items():
        asset_class = universe.get(symbol).asset_class.value
        members = members_of(catalogue, asset_class, interval)
        since, about = known.get((symbol, interval.value), (0, ""))
        if since < until or about != signature(members):
            found.append(_Due(symbol, interval, asset_class, members, since, until))
    return sorted(found, key=lambda one: (one.since, one.symbol, one.interval.seconds))


async def _frame(history: History, universe: Universe, due: _Due, now: datetime) -> Frame:
    """The bars up to the last boundary; all of them where those are too few to learn from."""
    instrument = universe.get(due.symbol)
    slice_ = await history.bars(
        instrument, due.interval, limit=HISTORY_BARS_MAX, as_of=now, adjust=adjustment_for(instrument)
    )
    frame = basis_of(slice_, instrument, Horizon(1, due.interval), now).frame if len(slice_.bars) else _NO_BARS
    past = until_boundary(frame) if len(frame) else frame
    return past if len(past) >= due.members[0].min_bars else frame


def _learned(jobs: Sequence[tuple[_Due, Frame]]) -> list[Row]:
    rows = []
    for due, past in jobs:
        found: Evidence = learn(fit_members(due.members, past), past)
        rows.append(series_row(due.symbol, due.interval, due.until, signature(due.members), found))
    return rows


_NO_BARS = frame_of_closes(np.empty(0))

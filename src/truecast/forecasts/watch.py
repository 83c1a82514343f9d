"""Looks for drift: asks the ledger and the series for what the triggers of drift.py need, scope by scope.

A scope is an asset class at an interval. Of every model that has sealed outcomes there, coverage and CRPS are checked;
of every trained model that serves it, the novelty of what it reads. One scope at a time, computing on other threads:
answers are not kept waiting.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np
from sqlalchemy import select

from truecast.domain.instrument import Instrument
from truecast.domain.interval import Interval
from truecast.features.build import build
from truecast.features.frame import Frame, frame_of
from truecast.forecasts import tables
from truecast.forecasts.basis import adjustment_for
from truecast.forecasts.drift import (
    MOMENTS,
    NOVELTY_BARS,
    STEPS,
    Check,
    Scores,
    coverage_check,
    crps_check,
    novelty_check,
    record_checks,
)
from truecast.kit.clock import Clock, to_us
from truecast.kit.compute import Compute
from truecast.kit.db import Database
from truecast.kit.limits import TRAINING_SERIES_MAX
from truecast.market.calendar import calendar
from truecast.market.history import History, IntervalNotAvailable
from truecast.market.store import BarStore
from truecast.models.catalog import GROWERS, Catalogue, Scope
from truecast.models.located import Located
from truecast.models.location.artifact import Artifact
from truecast.models.location.trees import Trees
from truecast.models.naive import Naive

_REACH = 2.5  # times MOMENTS bars that the ledger is asked back: nights and weekends
_WARM_BARS = 300  # before the last ones, so that slow columns have values
_REFERENCE = Naive().name


@dataclass(frozen=True, slots=True)
class Found:
    """What the checks of one model in one scope said."""

    model: str
    scope: Scope
    checks: tuple[Check, ...]

    @property
    def drifted(self) -> tuple[Check, ...]:
        """Those beyond their limits."""
        return tuple(check for check in self.checks if check.drifted)


@dataclass(frozen=True, slots=True)
class Watch:
    """Where to look."""

    db: Database
    store: BarStore
    history: History
    compute: Compute
    clock: Clock
    catalogue_of: Callable[[], Catalogue]

    async def look(self) -> list[Found]:
        """Check everything there is, and record what was found."""
        instruments = {one.symbol: one for one in (await self.store.universe()).instruments}
        scored = await self._scored(instruments)
        trained = self._trained()
        found = []
        for model, scope in sorted({*scored, *trained}):
            checks: list[Check | None] = []
            if symbols := scored.get((model, scope)):
                scores = await self._scores(model, scope, symbols)
                checks.append(await self.compute.run(coverage_check, scores))
                if model != _REFERENCE:
                    checks.append(await self.compute.run(crps_check, scores))
            if artifact := trained.get((model, scope)):
                checks.append(await self._novelty(artifact, instruments))
            one = Found(model, scope, tuple(check for check in checks if check is not None))
            async with self.db.write() as conn:
                await record_checks(conn, self.clock.now(), model, scope, one.checks)
            found.append(one)
        return found

    async def _scored(self, instruments: Mapping[str, Instrument]) -> dict[tuple[str, Scope], list[str]]:
        """Symbols with forecasts, by model and scope."""
        f = tables.forecasts.c
        found: dict[tuple[str, Scope], list[str]] = {}
        async with self.db.read() as conn:
            query = select(f.symbol, f.interval, f.model).distinct().order_by(f.symbol)
            for symbol, interval, model in await conn.execute(query):
                if symbol in instruments:
                    scope = instruments[symbol].asset_class.value, interval
                    found.setdefault((model, scope), []).append(symbol)
        return found

    async def _scores(self, model: str, scope: Scope, symbols: Sequence[str]) -> list[Scores]:
        """Sealed outcomes of the last while, at each step; of several forecasts on one bar only the first counts."""
        f, s = tables.forecasts.c, tables.scores.c
        since = self.clock.now() - timedelta(seconds=_REACH * MOMENTS * Interval(scope[1]).seconds)
        rows: list[Any] = []
        async with self.db.read() as conn:
            for number, symbol in enumerate(symbols):
                query = (
                    select(s.step, f.anchor_start, s.inside, s.crps, s.crps_naive)
                    .join_from(tables.forecasts, tables.scores, s.forecast_seq == f.seq)
                    .where(f.symbol == symbol, f.interval == scope[1], f.model == model)
                    .where(f.anchor_start >= to_us(since), s.void.is_(None), s.sealed, s.step.in_(STEPS))
                    .order_by(f.seq)
                )
                rows += [(*row, number) for row in await conn.execute(query)]
        return [_scores_at(step, [row for row in rows if row[0] == step]) for step in STEPS]

    def _trained(self) -> dict[tuple[str, Scope], Artifact]:
        """What serves of models that are trained."""
        catalogue = self.catalogue_of()
        found: dict[tuple[str, Scope], Artifact] = {}
        for name in GROWERS:
            model = catalogue.whole.get(name)
            if isinstance(model, Located) and isinstance(model.location, Trees):
                found |= {(name, scope): artifact for scope, artifact in model.location.artifacts.items()}
        return found

    async def _novelty(self, artifact: Artifact, instruments: Mapping[str, Instrument]) -> Check | None:
        frames = []
        for symbol in artifact.symbols[:TRAINING_SERIES_MAX]:
            if symbol in instruments:
                frame = await self._recent(instruments[symbol], Interval(artifact.interval))
                frames += [frame] if frame is not None and len(frame) else []
        return await self.compute.run(_novelty, artifact, frames)

    async def _recent(self, instrument: Instrument, interval: Interval) -> Frame | None:
        try:
            slice_ = await self.history.bars(
                instrument, interval, limit=_WARM_BARS + NOVELTY_BARS, adjust=adjustment_for(instrument)
            )
        except IntervalNotAvailable:
            return None
        ends = calendar(slice_.calendar).ends(slice_.bars.start, interval)
        return frame_of(slice_.bars, ends, signed=instrument.signed, calendar=slice_.calendar)


def _novelty(artifact: Artifact, frames: Sequence[Frame]) -> Check | None:
    """Of bars that came after the training; before it nothing can be new."""
    recent = []
    for frame in frames:
        new = int((frame.end > artifact.trained_until)[-NOVELTY_BARS:].sum())
        if new:
            recent.append(np.asarray(build([frame], artifact.feature_set).of(0))[-new:])
    return novelty_check(artifact, recent)


def _scores_at(step: int, rows: Sequence[Any]) -> Scores:
    if not rows:
        nothing = np.zeros(0)
        return Scores(step, np.zeros(0, np.int64), np.zeros(0, np.int64), nothing, nothing, np.zeros(0, np.int64))
    _, moment, inside, crps, naive, series = (np.array(column) for column in zip(*rows, strict=True))
    _, first = np.unique(np.stack([series, moment]), axis=1, return_index=True)
    first = np.sort(first)
    return Scores(
        step,
        moment[first].astype(np.int64),
        inside[first].astype(np.int64),
        crps[first].astype(np.float64),
        naive[first].astype(np.float64),
        series[first].astype(np.int64),
    )

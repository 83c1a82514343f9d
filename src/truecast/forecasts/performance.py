"""How good the forecasts were: from the ledger, where only sealed steps count, and in walk-forward over the history.

The two are never mixed. The ledger cannot be argued with, but is young; walk-forward is long, but was computed
afterwards, and says so. Of several forecasts on the same bar by the same model only the first counts, so that nobody
improves a record by asking twice.
"""

import math
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from sqlalchemy import func, select

from truecast.domain.bar import BoolArray, FloatArray
from truecast.domain.forecast import Skill
from truecast.domain.horizon import Horizon
from truecast.domain.interval import Interval
from truecast.domain.quantiles import STANDARD_LEVELS
from truecast.features.frame import Frame, frame_of
from truecast.forecasts import tables
from truecast.forecasts.basis import adjustment_for, fingerprint_of
from truecast.forecasts.issue import AUTO, AUTO_MODEL
from truecast.forecasts.ledger import Ledger
from truecast.kit.clock import Clock, from_us, iso, to_us
from truecast.kit.compute import Compute
from truecast.kit.errors import MalformedRequest
from truecast.kit.limits import HISTORY_BARS_MAX, SUMMARIES_KEPT_MAX, WALK_FORWARD_ORIGINS
from truecast.market.calendar import calendar
from truecast.market.history import History
from truecast.market.store import BarStore
from truecast.models import losses, skill
from truecast.models.backtest import HorizonRecord, record, walk_forward
from truecast.models.base import Model
from truecast.models.catalog import get_model

PERIODS: Mapping[str, timedelta | None] = {
    "24h": timedelta(hours=24),
    "7d": timedelta(days=7),
    "30d": timedelta(days=30),
    "90d": timedelta(days=90),
    "1y": timedelta(days=365),
    "all": None,
}
WALK_FORWARD = "walk_forward"  # in the place of a period
_HORIZONS = (1, 2, 3, 5, 10, 24)  # of a walk-forward that names none


class UnknownPeriod(MalformedRequest):
    """Not one of ours."""

    code = "unknown_period"
    title = "Unknown period"
    template = "{period!r} is not a period; choose one of {choices}"


@dataclass(frozen=True, slots=True)
class MeasuredCoverage:
    """Share of outcomes inside the interval at `level`. `se` allows for the overlap of long horizons (HAC)."""

    level: float
    measured: float
    n: int
    se: float | None


@dataclass(frozen=True, slots=True)
class Direction:
    """Share of right directions, with its 95 % Wilson interval. `n` counts steps on which both said something."""

    hit_rate: float
    lower: float
    upper: float
    n: int


@dataclass(frozen=True, slots=True)
class Row:
    """The record of one model on one series at one horizon. None where there is nothing to measure yet."""

    symbol: str
    interval: Interval
    model: str
    horizon: int
    period: str
    n: int
    crps: float | None
    crps_naive: float | None
    crps_ratio: float | None
    mase: float | None
    mae: float | None
    coverage: tuple[MeasuredCoverage, ...]
    direction: Direction | None
    skill: Skill
    note: str | None
    first_matures_at: datetime | None


Key = tuple[str, str, str, int]  # symbol, interval, model, step
_Columns = dict[str, Any]


class Performance:
    """Summaries, kept until the ledger or the series has news."""

    def __init__(self, store: BarStore, history: History, ledger: Ledger, compute: Compute, clock: Clock) -> None:
        self._store = store
        self._history = history
        self._ledger = ledger
        self._compute = compute
        self._clock = clock
        self._kept: OrderedDict[tuple[Any, ...], list[Row]] = OrderedDict()

    async def summary(
        self,
        symbol: str | None = None,
        model: str | None = None,
        interval: Interval | None = None,
        horizon: int | None = None,
        period: str = "30d",
    ) -> list[Row]:
        """What the ledger says about sealed forecasts that met their outcome within `period` before now.

        One row per series, model and horizon, sorted. Raises UnknownSymbol, AmbiguousSymbol, UnknownModel,
        UnknownPeriod, HorizonOutOfRange.
        """
        wanted = await self._wanted(symbol, model, interval, horizon)
        if period not in PERIODS:
            raise UnknownPeriod(period=period[:32], choices=list(PERIODS))
        span, now = PERIODS[period], self._clock.now()
        head = (await self._ledger.head()).seq
        # Within one hour the window hardly moves: nothing that matters is lost by keeping the answer.
        key = (wanted, period, head, None if span is None else now.replace(minute=0, second=0, microsecond=0))
        if (kept := self._recall(key)) is None:
            scored = await self._scored(wanted, None if span is None else to_us(now - span))
            waiting = await self._waiting(wanted)
            kept = self._keep(key, await self._compute.run(_summarise, scored, waiting, wanted, period))
        return kept

    async def walk_forward(
        self,
        symbol: str,
        interval: Interval,
        model: str = AUTO,
        horizon: int | None = None,
        origins: int = WALK_FORWARD_ORIGINS,
    ) -> list[Row]:
        """What the model would have said at the last `origins` bars, each from its own past, against what came.

        Raises what a forecast raises.
        """
        instrument = (await self._store.universe()).get(symbol)
        horizons = _HORIZONS if horizon is None else (Horizon(horizon, interval).steps,)
        chosen = get_model(AUTO_MODEL if model == AUTO else model)
        slice_ = await self._history.bars(
            instrument, interval, limit=HISTORY_BARS_MAX, adjust=adjustment_for(instrument)
        )
        fingerprint = fingerprint_of(slice_.bars, slice_.adjust)
        key = (WALK_FORWARD, chosen.name, chosen.version, horizons, origins, fingerprint)
        if (kept := self._recall(key)) is None:
            ends = calendar(slice_.calendar).ends(slice_.bars.start, interval)
            frame = frame_of(slice_.bars, ends, signed=instrument.signed, calendar=slice_.calendar)
            kept = self._keep(key, await self._compute.run(_walk, chosen, frame, horizons, origins))
        return kept

    async def _wanted(
        self, symbol: str | None, model: str | None, interval: Interval | None, horizon: int | None
    ) -> "_Wanted":
        canonical = None if symbol is None else (await self._store.universe()).get(symbol).symbol
        name = None if model is None else get_model(AUTO_MODEL if model == AUTO else model).name
        steps = None if horizon is None else Horizon(horizon, interval or Interval.D1).steps
        return _Wanted(canonical, name, None if interval is None else interval.value, steps)

    async def _scored(self, wanted: "_Wanted", since_us: int | None) -> dict[Key, _Columns]:
        """Sealed, scored steps by group, in the order in which they were issued."""
        f, s = tables.forecasts.c, tables.scores.c
        values = [getattr(s, name) for name in _SCORED]
        query = (
            select(f.symbol, f.interval, f.model, s.step, f.anchor_start, f.mase_scale, *values)
            .join_from(tables.forecasts, tables.scores, s.forecast_seq == f.seq)
            .where(s.void.is_(None), s.sealed, *wanted.forecasts(), *wanted.steps(s.step))
            .order_by(f.seq, s.step)
        )
        if since_us is not None:
            query = query.where(s.resolved_at >= since_us)
        groups: dict[Key, list[tuple[Any, ...]]] = {}
        async with self._ledger.db.read() as conn:
            for row in await conn.execute(query):
                groups.setdefault(tuple(row[:4]), []).append(row[4:])
        return {key: dict(zip(_COLUMNS, zip(*rows, strict=True), strict=True)) for key, rows in groups.items()}

    async def _waiting(self, wanted: "_Wanted") -> dict[Key, int]:
        """For each group the moment (µs) at which the first of its waiting steps will be known."""
        f, p = tables.forecasts.c, tables.pending.c
        query = (
            select(f.symbol, f.interval, f.model, p.step, func.min(p.due))
            .join_from(tables.pending, tables.forecasts, f.seq == p.forecast_seq)
            .where(p.target_end > f.recorded_at, *wanted.forecasts(), *wanted.steps(p.step))
            .group_by(f.symbol, f.interval, f.model, p.step)
        )
        async with self._ledger.db.read() as conn:
            return {(symbol, i, model, step): due for symbol, i, model, step, due in await conn.execute(query)}

    def _recall(self, key: tuple[Any, ...]) -> list[Row] | None:
        if key in self._kept:
            self._kept.move_to_end(key)
        return self._kept.get(key)

    def _keep(self, key: tuple[Any, ...], rows: list[Row]) -> list[Row]:
        self._kept[key] = rows
        if len(self._kept) > SUMMARIES_KEPT_MAX:
            self._kept.popitem(last=False)
        return rows


@dataclass(frozen=True, slots=True)
class _Wanted:
    """Which groups are asked for; None is any."""

    symbol: str | None
    model: str | None
    interval: str | None
    step: int | None

    def forecasts(self) -> list[Any]:
        f = tables.forecasts.c
        pairs = ((f.symbol, self.symbol), (f.model, self.model), (f.interval, self.interval))
        return [column == value for column, value in pairs if value is not None]

    def steps(self, column: Any) -> list[Any]:
        return [] if self.step is None else [column == self.step]


def _summarise(scored: Mapping[Key, _Columns], waiting: Mapping[Key, int], wanted: _Wanted, period: str) -> list[Row]:
    keys = sorted({*scored, *waiting}, key=lambda key: (key[0], Interval(key[1]).seconds, *key[2:]))
    if not keys and wanted.symbol and wanted.interval:
        key = (wanted.symbol, wanted.interval, wanted.model or AUTO_MODEL, wanted.step or 1)
        return [_empty(key, period, "no forecast has been issued yet", None)]
    rows = []
    for key in keys:
        if key in scored:
            rows.append(_row(key, period, _first_of_each_origin(scored[key])))
        else:
            first = from_us(waiting[key])
            rows.append(_empty(key, period, f"no matured forecasts yet, first matures at {iso(first)}", first))
    return rows


def _first_of_each_origin(columns: _Columns) -> dict[str, FloatArray]:
    """The columns as arrays, in order of origin, repeats of an origin left out."""
    origins, first = np.unique(np.array(columns["anchor_start"], np.int64), return_index=True)
    assert len(origins) == len(first)
    arrays = {name: np.array(values, np.float64) for name, values in columns.items()}  # None becomes NaN
    return {name: values[first] for name, values in arrays.items()}


def _row(key: Key, period: str, got: Mapping[str, FloatArray]) -> Row:
    symbol, interval, model, step = key
    judged = skill.judge(got["crps"], got["crps_naive"], step)
    bits, n = got["inside"].astype(np.int64), len(got["crps"])
    inside = [(bits >> k & 1).astype(np.bool_) for k in range(len(STANDARD_LEVELS))]
    hits = got["hit"][np.isfinite(got["hit"])]
    return Row(
        symbol,
        Interval(interval),
        model,
        step,
        period,
        n,
        crps=float(got["crps"].mean()),
        crps_naive=float(got["crps_naive"].mean()),
        crps_ratio=judged.crps_ratio,
        mase=float((np.abs(got["error"]) / got["mase_scale"]).mean()),
        mae=float(np.abs(got["error"]).mean()),
        coverage=tuple(
            MeasuredCoverage(level, float(hit.mean()), n, _standard_error(hit, step))
            for level, hit in zip(STANDARD_LEVELS, inside, strict=True)
        ),
        direction=_direction(int(hits.sum()), len(hits)),
        skill=judged,
        note=None,
        first_matures_at=None,
    )


def _standard_error(hit: BoolArray, step: int) -> float | None:
    """HAC; where all or none were inside, that of Agresti and Coull (1998), because a sample never proves certainty."""
    n = len(hit)
    if n < 2:
        return None
    share = (float(hit.sum()) + 2) / (n + 4)
    return skill.standard_error(hit, step) if 0 < hit.sum() < n else math.sqrt(share * (1 - share) / (n + 4))


def _empty(key: Key, period: str, note: str, first: datetime | None) -> Row:
    symbol, interval, model, step = key
    return Row(
        symbol,
        Interval(interval),
        model,
        step,
        period,
        n=0,
        crps=None,
        crps_naive=None,
        crps_ratio=None,
        mase=None,
        mae=None,
        coverage=(),
        direction=None,
        skill=Skill("none", None, None, 0),
        note=note,
        first_matures_at=first,
    )


def _walk(model: Model, frame: Frame, horizons: Sequence[int], origins: int) -> list[Row]:
    possible = [h for h in horizons if len(frame) - h >= model.min_bars] or [min(horizons)]
    rows = record(walk_forward(model, frame, possible, origins))
    return [_walked(frame, model.name, row) for row in rows if row.n]


def _walked(frame: Frame, model: str, row: HorizonRecord) -> Row:
    return Row(
        frame.symbol,
        frame.interval,
        model,
        row.horizon,
        WALK_FORWARD,
        row.n,
        row.crps,
        row.crps_naive,
        row.crps_ratio,
        row.mase,
        row.mae,
        tuple(
            MeasuredCoverage(c.level, c.measured, c.n, se) for c, se in zip(row.coverage, row.coverage_se, strict=True)
        ),
        _direction(row.hits, row.hits_n),
        row.skill,
        note="walk-forward: computed afterwards, each origin from its own past; not in the ledger",
        first_matures_at=None,
    )


def _direction(hits: int, n: int) -> Direction | None:
    """None when no forecast said a direction: a rate over nothing would be invented."""
    return Direction(hits / n, *losses.wilson(hits, n), n) if n else None


_SCORED = ("crps", "crps_naive", "inside", "error", "hit")
_COLUMNS = ("anchor_start", "mase_scale", *_SCORED)

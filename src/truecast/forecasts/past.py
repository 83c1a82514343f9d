"""Past forecasts of one series at one step ahead, with what came: what the track record shows line by line."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from sqlalchemy import LargeBinary, Select, func, select

from truecast.domain.forecast import Mode
from truecast.domain.interval import Interval
from truecast.domain.quantiles import Quantiles
from truecast.forecasts import tables
from truecast.forecasts.body import QUANTILE_ROW_BYTES
from truecast.forecasts.score import levels_inside
from truecast.kit.clock import from_us

LEVEL_SHOWN = 0.8


@dataclass(frozen=True, slots=True)
class PastStep:
    """One step of one issued forecast. `outcome` and what follows from it are None until it is known, or if `void`.

    `lower` and `upper` bound the central interval at the asked level. `seq` pages: ask for those before it.
    """

    seq: int
    id: str
    symbol: str
    interval: Interval
    model: str
    mode: Mode
    issued_at: datetime
    step: int
    target: datetime
    target_end: datetime
    median: float
    lower: float
    upper: float
    sealed: bool
    outcome: float | None
    crps: float | None
    crps_naive: float | None
    inside: dict[float, bool] | None
    void: str | None


def past_steps_query(
    symbol: str,
    interval: Interval,
    *,
    model: str | None,
    step: int,
    before: int | None,
    limit: int,
    as_of_us: int | None = None,
) -> Select[Any]:
    """The latest `limit` forecasts of at least `step` steps, those recorded last first.

    With `as_of_us` those that were recorded by then, with the outcomes that were recorded by then.
    """
    f = tables.forecasts.c
    query = (
        _columns(step, as_of_us)
        .where(f.symbol == symbol, f.interval == interval.value, f.steps >= step)
        .order_by(f.seq.desc())
        .limit(limit)
    )
    if model is not None:
        query = query.where(f.model == model)
    if as_of_us is not None:
        query = query.where(f.recorded_at <= as_of_us)
    return query if before is None else query.where(f.seq < before)


def single_steps_query(seqs: Sequence[int], step: int) -> Select[Any]:
    """The step of each of these forecasts, with the names of their series."""
    f = tables.forecasts.c
    return _columns(step).add_columns(f.symbol, f.interval).where(f.seq.in_(list(seqs)))


def _columns(step: int, as_of_us: int | None = None) -> Select[Any]:
    """What `past_step` reads."""
    f, s = tables.forecasts.c, tables.scores.c
    scored = (s.forecast_seq == f.seq) & (s.step == step)
    if as_of_us is not None:
        scored &= s.resolved_at <= as_of_us
    return (
        select(f.seq, f.id, f.model, f.mode, f.issued_at, f.recorded_at)
        .add_columns(
            func.substr(f.targets, (step - 1) * 8 + 1, 8, type_=LargeBinary).label("target"),
            func.substr(f.target_ends, (step - 1) * 8 + 1, 8, type_=LargeBinary).label("target_end"),
            func.substr(f.quantiles, (step - 1) * QUANTILE_ROW_BYTES + 1, QUANTILE_ROW_BYTES, type_=LargeBinary).label(
                "quantiles"
            ),
            *(s.outcome, s.crps, s.crps_naive, s.inside, s.void),
        )
        .select_from(tables.forecasts.outerjoin(tables.scores, scored))
    )


def past_step(row: Any, symbol: str, interval: Interval, step: int, level: float = LEVEL_SHOWN) -> PastStep:
    """A row of the query as a value, with its interval at `level`."""
    quantiles = Quantiles(np.frombuffer(bytes(row.quantiles), "<f8").astype(np.float64)[None, :])
    lower, upper = quantiles.interval(level)
    target, target_end = (int(np.frombuffer(bytes(t), "<i8")[0]) for t in (row.target, row.target_end))
    return PastStep(
        seq=row.seq,
        id=row.id,
        symbol=symbol,
        interval=interval,
        model=row.model,
        mode=row.mode,
        issued_at=from_us(row.issued_at),
        step=step,
        target=from_us(target),
        target_end=from_us(target_end),
        median=float(quantiles.median()[0]),
        lower=float(lower[0]),
        upper=float(upper[0]),
        sealed=row.recorded_at < target_end,
        outcome=row.outcome,
        crps=row.crps,
        crps_naive=row.crps_naive,
        inside=None if row.inside is None else levels_inside(row.inside),
        void=row.void,
    )

"""What the ledger says about single versions of a trained model; models/registry/live.py weighs it."""

from collections.abc import Mapping, Sequence

import numpy as np
from sqlalchemy import select

from truecast.forecasts import tables
from truecast.kit.db import Database
from truecast.kit.limits import SETTLED_ORIGINS_MAX
from truecast.market.tables import instruments
from truecast.models.catalog import Scope, version_of
from truecast.models.registry.judge import HORIZONS
from truecast.models.registry.live import Live


async def live_of(db: Database, model: str, scope: Scope, versions: Sequence[str]) -> Mapping[str, list[Live]]:
    """Sealed outcomes of each version in its scope, at HORIZONS; of several forecasts on one bar the first counts."""
    f, s = tables.forecasts.c, tables.scores.c
    asset_class, interval = scope
    found: dict[str, list[Live]] = {}
    numbers: dict[str, int] = {}
    async with db.read() as conn:
        for version in versions:
            query = (
                select(s.step, f.symbol, f.anchor_start, s.crps, s.crps_naive)
                .join_from(tables.forecasts, tables.scores, s.forecast_seq == f.seq)
                .join(instruments, instruments.c.symbol == f.symbol)
                .where(instruments.c.asset_class == asset_class, f.interval == interval)
                .where(f.model == model, f.model_version == version_of(version))
                .where(s.void.is_(None), s.sealed, s.step.in_(HORIZONS))
                .order_by(f.seq.desc())
                .limit(SETTLED_ORIGINS_MAX * len(HORIZONS))
            )
            rows = [(step, numbers.setdefault(name, len(numbers)), *m) for step, name, *m in await conn.execute(query)]
            found[version] = [_at(step, [row[1:] for row in rows[::-1] if row[0] == step]) for step in HORIZONS]
    return found


def _at(step: int, rows: Sequence[Sequence[float]]) -> Live:
    """Rows of (series, moment, CRPS, that of the random walk), oldest first."""
    first: dict[tuple[float, float], Sequence[float]] = {}
    for row in rows:
        first.setdefault((row[0], row[1]), row)
    columns = np.array(list(first.values()), np.float64).reshape(-1, 4).T
    moment = np.array([key[1] for key in first], np.int64)  # microseconds do not fit a float
    return Live(step, moment, columns[2], columns[3], columns[0].astype(np.int64))

"""The weights of an ensemble from what its members sealed in the ledger, instead of from the bars.

    states = await relearned(conn, symbol, interval, ("naive", "ewma_walk"), calendar("FX"))

The same rule on the same outcomes: where every member issued at every bar, the states are those that a walk through the
bars gives (models/evidence.py). Only sealed scores teach; a member that was not issued sleeps.
"""

import math
from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from truecast.domain.interval import Interval
from truecast.forecasts import tables
from truecast.market.calendar import Calendar
from truecast.models.boa import Boa, fresh, learned
from truecast.models.evidence import BANDS, teaches


async def relearned(
    conn: AsyncConnection, symbol: str, interval: Interval, members: Sequence[str], calendar: Calendar
) -> dict[int, Boa]:
    """The state of each horizon of BANDS, from all sealed scores of the members; the first is the random walk."""
    f, s = tables.forecasts.c, tables.scores.c
    query = (
        select(f.anchor_start, s.step, f.model, s.crps)
        .join_from(tables.forecasts, tables.scores, s.forecast_seq == f.seq)
        .where(f.symbol == symbol, f.interval == interval.value, f.model.in_(list(members)))
        .where(s.step.in_(list(BANDS)), s.sealed.is_(True), s.crps.is_not(None))
        .order_by(f.anchor_start, f.seq)
    )
    told: defaultdict[int, dict[int, dict[str, float]]] = defaultdict(dict)
    for anchor, step, model, crps in await conn.execute(query):
        told[step].setdefault(anchor, {}).setdefault(model, crps)
    states = {}
    for horizon in BANDS:
        by_anchor = told[horizon]
        anchors = np.array([anchor for anchor, said in by_anchor.items() if members[0] in said], np.int64)
        kept = anchors[teaches(calendar.ends(anchors, interval), horizon, interval)] if len(anchors) else anchors
        rows = [[by_anchor[anchor].get(name, math.nan) for name in members] for anchor in kept.tolist()]
        states[horizon], _ = learned(fresh(len(members)), rows)
    return states

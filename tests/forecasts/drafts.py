"""Drafts of forecasts to put into a ledger, small and exact."""

from datetime import UTC, datetime, timedelta

import numpy as np

from truecast.domain.forecast import Anchor, Coverage, Forecast, Skill
from truecast.domain.horizon import Horizon
from truecast.domain.interval import Interval
from truecast.domain.quantiles import GRID
from truecast.forecasts.body import Draft, rounded
from truecast.forecasts.ledger import Bundle
from truecast.kit.clock import to_us

DAY = timedelta(days=1)
START = datetime(2021, 1, 4, tzinfo=UTC)


def a_draft(
    *,
    symbol: str = "EUR-USD",
    model: str = "naive",
    at: datetime = START,
    steps: int = 3,
    price: float = 1.2,
    shift: float = 0.0,
    fingerprint: str | None = None,
    issued_at: datetime | None = None,
) -> Draft:
    """A daily forecast on the bar that starts at `at`, issued when that bar is over."""
    end = at + DAY
    targets = tuple(at + (h + 1) * DAY for h in range(steps))
    spread = np.array(GRID)[None, :] - 0.5
    quantiles = rounded(price * (1 + shift + 0.02 * np.sqrt(np.arange(1, steps + 1))[:, None] * spread))
    forecast = Forecast(
        id="",
        symbol=symbol,
        horizon=Horizon(steps, Interval.D1),
        model=model,
        model_version="1",
        feature_set="closes-1",
        data_fingerprint=fingerprint or f"{symbol}|{to_us(at)}".ljust(64, "0"),
        mode="replay",
        issued_at=issued_at or end,
        as_of=issued_at or end,
        anchor=Anchor(price=price, bar_start=at, at=end, known_at=end, source="sample", stale=False),
        targets=targets,
        target_ends=tuple(t + DAY for t in targets),
        quantiles=quantiles,
        coverage=(Coverage(0.9, 0.9025, 400),),
        skill=Skill("none", 0.98, 0.31, 400),
    )
    return Draft(forecast, mase_scale=0.005, due=np.array([to_us(t + DAY) for t in targets], np.int64))


def a_bundle(**facts) -> Bundle:
    """The random walk, and another model on the same data."""
    return Bundle(a_draft(**facts), (a_draft(**(facts | {"model": "ewma_walk", "shift": 0.001})),))

"""One model on one series: its forecasts at every origin of the plan, as the live path would have made them there."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np

from truecast.domain.bar import FloatArray, IntArray
from truecast.domain.quantiles import GRID
from truecast.features.frame import Frame
from truecast.kit.errors import EXIT_DATA, TruecastError
from truecast.kit.limits import HISTORY_BARS_MAX
from truecast.models.base import Fitted, Model
from truecast.models.catalog import GROWERS, get_model
from truecast.models.evaluate.blends import blend
from truecast.models.evaluate.phases import watched
from truecast.models.evaluate.plan import BLENDS, Plan, Variant, origins_of, seeded
from truecast.models.evaluate.refits import Refits
from truecast.models.located import FittedLocated
from truecast.models.losses import SCALE_FLOOR


class OriginsAlreadySeen(TruecastError):
    """A trained model is asked about a time that it learned from."""

    code = "origins_already_seen"
    status = 409
    title = "Origins already seen"
    template = "{model} was trained on what came after the first origin of {symbol}: its figures would prove nothing"
    exit_code = EXIT_DATA


@runtime_checkable
class Quantiled(Protocol):
    """A fitted model that answers for many of its bars at once."""

    def quantiles(self, origins: IntArray, horizons: IntArray) -> FloatArray:
        """Price quantiles as they could be known at each origin. (O, H, K)"""


@dataclass(frozen=True, slots=True)
class Record:
    """What one model said of one series. Price units; every outcome is known."""

    symbol: str
    model: str
    origin: IntArray  # (O,) when the origin's bar was over, microseconds UTC
    horizon: IntArray  # (H,)
    anchor: FloatArray  # (O,) close at the origin
    scale: FloatArray  # (O,) mean absolute one-step change of the bars that the origin sees
    outcome: FloatArray  # (O, H)
    quantiles: FloatArray  # (O, H, K)
    wall_s: float
    cpu_s: float
    phases: Mapping[str, tuple[float, float]]  # wall and processor seconds, by phase


def evaluated(plan: Plan, variant: Variant, frame: Frame, refits: Refits | None = None) -> Record:
    """All forecasts of one task, with the time they took. Raises what the model raises, and OriginsAlreadySeen.

    Trained models are those of `refits`: of each block's own training and those before it.
    """
    origins, horizons = origins_of(plan, len(frame)), np.array(plan.horizons)
    wall, cpu = time.perf_counter(), time.process_time()
    quantiles = np.empty((len(origins), len(horizons), len(GRID)))
    with watched() as watch:
        for first in range(0, len(origins), plan.refit_every):
            rows = slice(first, first + plan.refit_every)
            model = _model(variant, frame[: int(origins[first]) + 1 - plan.embargo], refits)
            quantiles[rows] = _block(model, frame, origins[rows], horizons, plan.embargo)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    assert np.isfinite(quantiles).all(), f"{variant} said something that is not a number"
    assert (np.diff(quantiles, axis=-1) >= 0).all(), f"quantiles of {variant} cross"
    return Record(
        frame.symbol,
        str(variant),
        origin=frame.end[origins],
        horizon=horizons,
        anchor=frame.close[origins],
        scale=scales(frame.close, origins),
        outcome=frame.close[origins[:, None] + horizons],
        quantiles=quantiles,
        wall_s=wall,
        cpu_s=cpu,
        phases=watch.seconds,
    )


def _model(variant: Variant, known: Frame, refits: Refits | None) -> Model:
    """As it would have been at the end of what is known."""
    if variant.model in GROWERS:
        assert refits is not None
        return refits.located(variant.model, variant.seed, known)
    if variant.model in BLENDS:
        assert refits is not None
        return blend(variant.model, variant.seed, known, refits)
    return seeded(get_model(variant.model), variant.seed)


def _block(model: Model, frame: Frame, origins: IntArray, horizons: IntArray, embargo: int) -> FloatArray:
    """The origins that one fit serves. (O, H, K)"""
    first = max(0, int(origins[0]) + 1 - HISTORY_BARS_MAX)
    known = int(origins[0]) + 1 - embargo
    fitted = model.fit(frame[first:known])
    _refuse_seen(model.name, fitted, frame.symbol, known - 1 - first)
    if isinstance(fitted, Quantiled):
        carried = _carried(fitted, frame[known : int(origins[-1]) + 1])
        assert isinstance(carried, Quantiled)
        return carried.quantiles(origins - first, horizons)
    values = np.empty((len(origins), len(horizons), len(GRID)))
    for i, origin in enumerate(origins.tolist()):
        fitted = _carried(fitted, frame[known : origin + 1])
        values[i] = fitted.predict(int(horizons[-1])).quantiles.values[horizons - 1]
        known = origin + 1
    return values


def _carried(fitted: Fitted, new: Frame) -> Fitted:
    return fitted.update(new) if len(new) else fitted


def _refuse_seen(name: str, fitted: Fitted, symbol: str, last_known: int) -> None:
    location = fitted.walk.location if isinstance(fitted, FittedLocated) else None
    if location is not None and location.judged_from > last_known:
        raise OriginsAlreadySeen(model=name, symbol=symbol)


def scales(close: FloatArray, origins: IntArray) -> FloatArray:
    """Mean absolute one-step change over the bars each origin sees, floored as in models/losses.py. (O,)"""
    found = np.empty(len(origins))
    for i, origin in enumerate(origins.tolist()):
        seen = close[max(0, origin + 1 - HISTORY_BARS_MAX) : origin + 1]
        floor = SCALE_FLOOR * float(np.abs(seen).max()) or 1.0
        found[i] = max(float(np.abs(np.diff(seen)).mean()) if len(seen) > 1 else 0.0, floor)
    return found

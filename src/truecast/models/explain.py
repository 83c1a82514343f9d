"""Why a forecast says what it says: what moved its median at the last step, and what made it as wide as it is there.

The median's move is a sum in x (log price, or price): what the location expects, and the drift that past outcomes
proved. In price units a part d of the move m gets d (exp(m) - 1) / m of the price, so that the parts still add up
(the logarithmic mean of Ang 2004; the same factor for all parts, their shares are those in x).

The width is built up: every component of the volatility at the forecast's horizon, then what the time of day adds,
then what calibration makes of it, so that the sigmas add up to that of the forecast. An ensemble averages quantiles,
hence its parts are those of its members times their weights.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np

from truecast.domain.bar import FloatArray
from truecast.domain.explanation import REST, Component, Driver, Explanation
from truecast.domain.quantiles import GRID, Quantiles
from truecast.features.frame import Frame
from truecast.features.returns import level, uses_differences
from truecast.models.base import Model
from truecast.models.drivers import location_parts
from truecast.models.ewma_walk import EwmaWalk
from truecast.models.located import Located
from truecast.models.location.boosted import RandomForest
from truecast.models.location.succession import Succession
from truecast.models.location.trees import Trees
from truecast.models.naive import Naive
from truecast.models.vol_walk import VolWalk
from truecast.models.walk import Walk, scale_at_end

DRIFT, TIME_OF_DAY, CALIBRATION = "drift", "time_of_day", "calibration"
LISTED_MAX = 10
SIGMA = (0.1586552539, 0.8413447461)  # one standard deviation of a normal distribution to either side
SMALL = 1e-12  # of a move: below, its parts are taken as they are
_PATHS = "Contributions are the changes of the mean along the paths of the trees (Saabas), not SHAP values."


@dataclass(frozen=True, slots=True)
class Member:
    """One member of an average, at the step that is explained."""

    model: Model
    weight: float
    quantiles: FloatArray  # (K,) of the step


def explain(model: Model, frame: Frame, steps: int, quantiles: FloatArray | None = None) -> Explanation:
    """The reasons for the last of `steps` steps. `quantiles` (steps, K) are what the model says, where it is known.

    Raises what the model raises.
    """
    values = model.predict_many([frame], steps)[0] if quantiles is None else quantiles
    last = values[-1:]
    median, sigma = float(Quantiles(last).median()[0]), sigma_of(last[0])
    drivers = _drivers(model, frame, steps, median)
    width = _width(_scale(model), frame, steps, sigma)
    return Explanation(steps, float(frame.close[-1]), listed(drivers), width, _notes([model]))


def explain_average(frame: Frame, steps: int, quantiles: FloatArray, members: Sequence[Member]) -> Explanation:
    """The reasons of a weighted average of quantiles (K,). Names of drivers begin with that of the member."""
    base, weighing = float(frame.close[-1]), [member for member in members if member.weight > 0]
    drivers: list[Driver] = []
    for member in weighing:
        median = float(Quantiles(member.quantiles[None]).median()[0])
        for one in _drivers(member.model, frame, steps, median):
            name = f"{member.model.name}: {one.feature}"
            drivers.append(Driver(name, one.value, member.weight * one.contribution))
    whole, sigma = float(Quantiles(quantiles[None]).median()[0]), sigma_of(quantiles)
    sigmas = {member.model.name: member.weight * sigma_of(member.quantiles) for member in weighing}
    left = whole - base - sum(one.contribution for one in drivers)
    drivers.append(Driver(REST, None, left))  # what rounding left
    notes = _notes([member.model for member in weighing])
    return Explanation(steps, base, listed(drivers), _shared(sigmas, sigma), notes)


def listed(drivers: Iterable[Driver]) -> tuple[Driver, ...]:
    """The LISTED_MAX largest, and the rest as one; those that contribute nothing are left out."""
    ordered = sorted(
        (d for d in drivers if d.contribution != 0), key=lambda d: (d.feature == REST, -abs(d.contribution), d.feature)
    )
    shown = [d for d in ordered if d.feature != REST][:LISTED_MAX]
    rest = math.fsum(d.contribution for d in ordered if d not in shown)
    return (*shown, Driver(REST, None, rest)) if rest != 0 else tuple(shown)


def sigma_of(quantiles: FloatArray) -> float:
    """Half the distance between the quantiles one standard deviation of a normal distribution to either side. (K,)"""
    low, high = (float(np.interp(p, GRID, quantiles)) for p in SIGMA)
    return (high - low) / 2


def _drivers(model: Model, frame: Frame, steps: int, median: float) -> list[Driver]:
    """What the location expects, and the drift as what is left of the median's move."""
    differences, base = uses_differences(frame), float(frame.close[-1])
    move = median - base if differences else math.log(median / base)
    trees = isinstance(model, Located) and isinstance(model.location, Trees | Succession)
    parts = location_parts(model, frame, steps) if isinstance(model, Located) else []
    drift = move - math.fsum(part for _, _, part in parts)
    size = 1.0 if differences else base * (math.expm1(move) / move if abs(move) > SMALL else 1.0)
    unit = 1.0 if trees else size  # the columns of trees have units of their own
    found = [Driver(name, value if value is None else unit * value, size * part) for name, value, part in parts]
    proven = abs(size * drift) > SMALL * abs(base)
    return [*found, Driver(DRIFT, size * drift / steps, size * drift)] if proven else found


def _width(walk: Walk, frame: Frame, steps: int, sigma: float) -> tuple[Component, ...]:
    scaled, last = scale_at_end(walk, frame), np.array([len(frame) - 1])
    price = 1.0 if uses_differences(frame) else abs(float(frame.close[-1]))
    unit = float(walk.unit(level(frame)[None], last)[0, 0])
    parts = (scaled.parts * walk.mix(steps) * (unit * price * math.sqrt(steps))).tolist()
    sigmas = dict(zip(_names(walk, len(parts)), parts, strict=True))
    if scaled.activity is not None:
        ahead = scaled.activity.ahead(last, steps)[0, -1]
        sigmas[TIME_OF_DAY] = math.fsum(parts) * (math.sqrt(ahead / steps) - 1)
    return _shared(sigmas, sigma, CALIBRATION)


def _names(walk: Walk, n: int) -> list[str]:
    if isinstance(walk, Naive):
        return [f"moves_{walk.window}"]
    if isinstance(walk, EwmaWalk):
        return [f"ewma_{walk.half_life:g}", f"ewma_{walk.half_life_slow:g}"]
    if isinstance(walk, VolWalk):
        near = [f"blend_{horizon}" for horizon in (1, 2, 4)]
        return [*near, "blend_fast", "blend_slow"] if n == len(near) + 2 else [f"blend_{i + 1}" for i in range(n)]
    return [f"volatility_{i + 1}" for i in range(n)]


def _shared(sigmas: Mapping[str, float], sigma: float, left: str = REST) -> tuple[Component, ...]:
    """Components that add up to sigma; what is missing is called `left`."""
    found = {name: value for name, value in sigmas.items() if value != 0}
    rest = sigma - math.fsum(found.values())
    if left == CALIBRATION or abs(rest) > 1e-9 * sigma:
        found[left] = rest
    return tuple(Component(name, value, value / sigma if sigma > 0 else 0.0) for name, value in found.items())


def _scale(model: Model) -> Walk:
    return model.scale if isinstance(model, Located) else cast("Walk", model)


def _notes(models: Iterable[Model]) -> tuple[str, ...]:
    paths = any(isinstance(m, Located) and isinstance(_grower(m), RandomForest) for m in models)
    return (_PATHS,) if paths else ()


def _grower(model: Located) -> object:
    return getattr(model.location, "grower", None)

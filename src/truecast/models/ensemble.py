"""The ensemble: averages of its members' quantiles, with weights learned online from how they did (models/boa.py).

    q[T + h] at p = sum_j w[j](h) q_j[T + h] at p            w: at the horizons BANDS; between, linear in log h

The first member is the calibrated random walk and always has some weight. A member that refuses the series, or a
horizon, has none there, and the others share its part. Weights at a bar follow from outcomes known at that bar. They
are renewed with every RENEWED-th bar, whatever is asked: past and present agree. Averages of quantiles in order are in
order, and where weights go over from one horizon to the next, so do quantiles.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from truecast.domain.bar import BoolArray, FloatArray, IntArray
from truecast.domain.forecast import Coverage, Skill
from truecast.domain.horizon import HorizonOutOfRange
from truecast.domain.quantiles import GRID, Quantiles
from truecast.features.frame import Frame
from truecast.features.returns import uses_differences
from truecast.kit.limits import HORIZON_STEPS_MAX
from truecast.models.base import Fitted, Model, Prediction, require_bars
from truecast.models.evidence import (
    BANDS,
    ENSEMBLE,
    RENEWED,
    Evidence,
    Fits,
    blended,
    first_origin,
    fit_members,
    horizon_max,
    judged,
    learn,
    walked,
)
from truecast.models.located import FittedLocated
from truecast.models.walk import FittedWalk, mase_scale


@dataclass(frozen=True, slots=True, eq=False)
class FittedEnsemble:
    """Of one series. `evidence` is of the bars up to the last renewal."""

    model: "Ensemble"
    fits: Fits
    frame: Frame
    evidence: Evidence

    @property
    def weights(self) -> FloatArray:
        """Of the members at BANDS. (B, M)"""
        return self.model.weigh(self.evidence)

    def update(self, new: Frame) -> "FittedEnsemble":
        """The same as fitting on everything so far and `new`; what was learned is kept until the next renewal."""
        frame = self.frame.followed_by(new)
        fits = fit_members(self.model.members, frame) if self.fits.refused else self._carried(new)
        known = _renewed(len(frame))
        same = known == self.evidence.bars and uses_differences(frame) == uses_differences(self.frame)
        return FittedEnsemble(self.model, fits, frame, self.evidence if same else learn(fits, frame, known))

    def predict(self, steps: int) -> Prediction:
        """Quantiles of the next `steps` closes; coverage and skill as measured at the last renewal."""
        if not 1 <= steps <= HORIZON_STEPS_MAX:
            raise HorizonOutOfRange(horizon=steps, most=HORIZON_STEPS_MAX)
        values = self.quantiles(np.array([len(self.frame) - 1]), np.arange(1, steps + 1))
        coverage, judgement = self.model.record(self.evidence)
        return Prediction(Quantiles(values[0]), coverage, judgement, mase_scale(self.frame.close))

    def quantiles(self, origins: IntArray, horizons: IntArray) -> FloatArray:
        """Price quantiles as they could be known at each origin. (O, H, K)"""
        weights = at_horizons(self._weights_at(origins), horizons)  # (O, H, M)
        weights = among(weights, _says(self.fits, origins, horizons))
        values = np.full((len(self.fits.models), len(origins), len(horizons), len(GRID)), np.nan)
        for m, (model, fitted) in enumerate(zip(self.fits.models, self.fits.fitted, strict=True)):
            rows, columns = (np.flatnonzero((weights[..., m] > 0).any(axis=axis)) for axis in (1, 0))
            if len(rows):
                said = quantiles_at(model, fitted, self.frame, origins[rows], horizons[columns])
                values[m][np.ix_(rows, columns)] = said
        return blended(values, weights)

    def _carried(self, new: Frame) -> Fits:
        return replace(self.fits, fitted=tuple(fitted.update(new) for fitted in self.fits.fitted))

    def _weights_at(self, origins: IntArray) -> FloatArray:
        """At BANDS, from what was known at the last renewal before each origin. (O, B, M)"""
        bars = (origins + 1) // RENEWED * RENEWED
        if (bars == self.evidence.bars).all():
            return np.broadcast_to(self.weights, (len(origins), *self.weights.shape))
        first, last = first_origin(int(bars.min())), max(int(bars.max()) - 1, 0)
        said, found = walked(self.fits, self.frame, np.arange(first, last)), {}
        for known in np.unique(bars).tolist():
            past = said.within(first_origin(known), known - 1)
            found[known] = self.model.weigh(judged(past, self.fits, self.frame, known))
        return np.stack([found[known] for known in bars.tolist()])


@dataclass(frozen=True, slots=True)
class Ensemble:
    """The recipe: members in the order in which they are listed, the calibrated random walk first."""

    members: tuple[Model, ...]
    name: str = ENSEMBLE
    description: str = "Average of all members' quantiles, weighted online by how each has done"

    @property
    def version(self) -> str:
        """Changes with that of any member."""
        said = "|".join(f"{model.name} {model.version}" for model in self.members)
        return f"1.{hashlib.sha256(said.encode()).hexdigest()[:8]}"

    @property
    def min_bars(self) -> int:
        """Of the random walk: it is always a member."""
        return self.members[0].min_bars

    @property
    def feature_set(self) -> str:
        """Of the random walk; each member reads its own."""
        return self.members[0].feature_set

    def fit(self, frame: Frame) -> FittedEnsemble:
        """Fit every member that accepts the frame, and learn how they did."""
        require_bars(self, frame)
        fits = fit_members(self.members, frame)
        return FittedEnsemble(self, fits, frame, learn(fits, frame, _renewed(len(frame))))

    def fit_many(self, frames: Sequence[Frame]) -> list[FittedEnsemble]:
        """Fit each."""
        return [self.fit(frame) for frame in frames]

    def predict_many(self, frames: Sequence[Frame], steps: int) -> FloatArray:
        """Quantiles of all frames; one that is given several times is forecast once. (S, steps, K)"""
        if not 1 <= steps <= HORIZON_STEPS_MAX:
            raise HorizonOutOfRange(horizon=steps, most=HORIZON_STEPS_MAX)
        rows: dict[int, int] = {}
        values = np.empty((len(frames), steps, len(GRID)))
        for i, frame in enumerate(frames):
            first = rows.setdefault(id(frame), i)
            if first == i:
                values[i] = self.fit(frame).quantiles(np.array([len(frame) - 1]), np.arange(1, steps + 1))[0]
            else:
                values[i] = values[first]
        return values

    def walk(self, frame: Frame, origins: IntArray, horizons: IntArray) -> FloatArray:
        """What was predictable at each origin. (O, H, K)"""
        return self.fit(frame).quantiles(origins, horizons)

    def weigh(self, evidence: Evidence) -> FloatArray:
        """Weights of the members at BANDS. (B, M)"""
        return np.stack([band.boa.weights() for band in evidence.bands])

    def record(self, evidence: Evidence) -> tuple[tuple[Coverage, ...], Skill]:
        """Coverage and skill one step ahead."""
        return evidence.record(self.name if len(evidence.members) > 1 else evidence.names[0])


def quantiles_at(model: Model, fitted: Fitted, frame: Frame, origins: IntArray, horizons: IntArray) -> FloatArray:
    """Price quantiles of one member at the origins, exactly as it would forecast there. (O, H, K)"""
    if isinstance(fitted, FittedWalk | FittedLocated):
        return fitted.quantiles(origins, horizons)
    if len(origins) == 1 and origins[0] == len(frame) - 1:
        return fitted.predict(int(horizons.max())).quantiles.values[None, horizons - 1]
    return model.walk(frame, origins, horizons)


def at_horizons(weights: FloatArray, horizons: IntArray) -> FloatArray:
    """Weights at BANDS (..., B, M) at any horizons, linear in log h between, constant beyond. (..., H, M)"""
    at = np.log(BANDS)
    share = np.stack([np.interp(np.log(horizons), at, one) for one in np.eye(len(BANDS))], axis=-1)  # (H, B)
    return np.asarray(share @ weights)


def among(weights: FloatArray, says: BoolArray) -> FloatArray:
    """Weights (..., M) of those that say something, summing to 1; where there is none, all of it to the first."""
    weights = np.where(says, weights, 0.0)
    total = weights.sum(axis=-1, keepdims=True)
    weights = np.divide(weights, total, out=np.zeros_like(weights), where=total > 0)
    weights[..., 0] += np.where(total[..., 0] > 0, 0.0, 1.0)
    return weights


def _says(fits: Fits, origins: IntArray, horizons: IntArray) -> BoolArray:
    """Whether each member says something of each horizon at each origin. (O, H, M)"""
    says = np.ones((len(origins), len(horizons), len(fits.models)), np.bool_)
    for m, (model, fitted) in enumerate(zip(fits.models, fits.fitted, strict=True)):
        location = fitted.walk.location if isinstance(fitted, FittedLocated) else None
        since = max(model.min_bars - 1, location.judged_from if location else 0)
        says[..., m] = (origins >= since)[:, None] & (horizons <= horizon_max(model))
    return says


def _renewed(bars: int) -> int:
    """How many of so many bars the evidence reads."""
    return bars // RENEWED * RENEWED

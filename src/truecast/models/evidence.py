"""What the past says about each model on one series, from one walk through its last ORIGINS bars.

    fits = fit_members(models, frame)            those that accept the series; the others, with their reason
    evidence = learn(fits, frame)                weights, coverage, and every candidate against the random walk

At every origin a model says what it would have said there, at the horizons BANDS. From the outcomes follow the weights
of the ensemble (models/boa.py), how the ensemble with the weights of the time would have done, the coverage one step
ahead, and Diebold-Mariano against the first model, the calibrated random walk. Which model serves: models/auto.py.

The weights at an origin follow from outcomes known there: those of a horizon h lie h bars back. Outcomes of long
horizons overlap and say nearly the same, so that the weights learn from every (h // 2)-th, by the clock, and not by
where the frame begins: forecasts in the ledger teach the same (forecasts/relearn.py). Tests use all, with HAC errors.
Shapes are renewed at every RENEWED-th bar only, which costs a tenth and makes no visible difference.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from truecast.domain.bar import BoolArray, FloatArray, IntArray
from truecast.domain.forecast import Coverage, Skill
from truecast.domain.interval import Interval
from truecast.domain.quantiles import GRID, STANDARD_LEVELS
from truecast.features.frame import Frame
from truecast.kit.errors import TruecastError
from truecast.kit.limits import HORIZON_STEPS_MAX
from truecast.models import losses, skill
from truecast.models.base import Fitted, HistoryTooShort, Model
from truecast.models.boa import Boa, fresh, learned, read_boa, shares
from truecast.models.heavy import ModelUnavailable
from truecast.models.located import FittedLocated
from truecast.models.location.artifact import ArtifactRefused
from truecast.models.location.trees import OutOfScope
from truecast.models.walk import FLOOR, FittedWalk

BANDS = (1, 5, 24)  # horizons at which models are told apart
ORIGINS = 500
RENEWED = 25
ENSEMBLE = "ensemble"
COVERED = 0.9
BLOCK_BARS = 25  # at least; of one block of time in which series of a class are compared

REFUSALS = (HistoryTooShort, OutOfScope, ModelUnavailable, ArtifactRefused)


@dataclass(frozen=True, slots=True)
class Refusal:
    """A model that is no member here, and why."""

    model: str
    code: str
    reason: str


@dataclass(frozen=True, slots=True, eq=False)
class Fits:
    """The members on one frame; the first is the random walk."""

    models: tuple[Model, ...]
    fitted: tuple[Fitted, ...]
    refused: tuple[Refusal, ...]


@dataclass(frozen=True, slots=True)
class Judgement:
    """One candidate at one horizon, against the random walk. `p_value` stands alone: nothing is corrected for yet."""

    model: str
    skill: Skill
    blocks: tuple[tuple[int, int, float], ...]  # of time: number, outcomes, sum of (loss - reference) / mean reference


@dataclass(frozen=True, slots=True)
class Covered:
    """Of one candidate or the random walk: how often the outcome fell inside the 90 % interval, in blocks of time."""

    model: str
    blocks: tuple[tuple[int, int, int], ...]  # number, outcomes, those inside


@dataclass(frozen=True, slots=True)
class Band:
    """What was learned at one horizon."""

    horizon: int
    boa: Boa
    judged: tuple[Judgement, ...]
    covered: tuple[Covered, ...] = ()


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was learned of one series. A function of the bars up to `until` and of the members."""

    members: tuple[tuple[str, str], ...]  # name, version
    refused: tuple[Refusal, ...]
    until: int  # end of the last bar, microseconds UTC
    bars: int
    bands: tuple[Band, ...]
    coverage: tuple[tuple[str, tuple[Coverage, ...]], ...]  # one step ahead, by candidate and for the random walk

    @property
    def names(self) -> tuple[str, ...]:
        """Of the members."""
        return tuple(name for name, _ in self.members)

    def record(self, model: str) -> tuple[tuple[Coverage, ...], Skill]:
        """Coverage and skill of a candidate one step ahead; nothing where there was no outcome."""
        coverage = next((found for name, found in self.coverage if name == model), ())
        if model == self.names[0]:
            return coverage, Skill("none", 1.0 if coverage else None, None, coverage[0].n if coverage else 0)
        judged = (j.skill for band in self.bands[:1] for j in band.judged if j.model == model)
        return coverage, next(judged, Skill("none", None, None, 0))

    def plain(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "members": [list(member) for member in self.members],
            "refused": [[one.model, one.code, one.reason] for one in self.refused],
            "until": self.until,
            "bars": self.bars,
            "bands": plain_bands(self.bands),
            "coverage": [[name, [[c.level, c.measured, c.n] for c in found]] for name, found in self.coverage],
        }


def read_evidence(said: dict[str, Any]) -> Evidence:
    """The evidence that `plain` said."""
    return Evidence(
        tuple((name, version) for name, version in said["members"]),
        tuple(Refusal(*one) for one in said["refused"]),
        said["until"],
        said["bars"],
        read_bands(said["bands"]),
        tuple((name, tuple(Coverage(*one) for one in found)) for name, found in said["coverage"]),
    )


def plain_bands(bands: Iterable[Band]) -> list[dict[str, Any]]:
    """As JSON."""
    return [_plain_band(band) for band in bands]


def read_bands(said: Iterable[dict[str, Any]]) -> tuple[Band, ...]:
    """The bands that `plain_bands` said."""
    return tuple(
        Band(
            band["horizon"],
            read_boa(band["boa"]),
            tuple(_read_judgement(one) for one in band["judged"]),
            tuple(Covered(model, tuple(zip(*blocks, strict=True))) for model, blocks in band.get("covered", ())),
        )
        for band in said
    )


def fit_members(models: Sequence[Model], frame: Frame) -> Fits:
    """Fit all that accept the frame. Raises what the first one, the random walk, raises."""
    kept, fitted, refused = [], [], []
    for model in models:
        try:
            fitted.append(model.fit(frame))
            kept.append(model)
        except REFUSALS as refusal:
            if model is models[0]:
                raise
            refused.append(refusal_of(model.name, refusal))
    return Fits(tuple(kept), tuple(fitted), tuple(refused))


def refusal_of(model: str, refusal: TruecastError) -> Refusal:
    """The error as a value."""
    return Refusal(model, refusal.code, refusal.detail)


def nothing(models: Sequence[Model]) -> Evidence:
    """Before any outcome."""
    bands = tuple(Band(horizon, fresh(len(models)), ()) for horizon in BANDS)
    return Evidence(tuple((model.name, model.version) for model in models), (), 0, 0, bands, ())


def about(evidence: Evidence, members: Sequence[Model], trained: Collection[str]) -> Evidence | None:
    """The same about the members that serve now; None where it says nothing of them.

    Of `trained` models in another version than that which was judged, and of those that came since, nothing is known
    yet; in the ensemble the former keep the weight of the version before, and the latter have none.
    """
    versions = {model.name: model.version for model in members}
    changed = {name for name, version in evidence.members if versions.get(name) != version}
    if any(name not in trained or name not in versions for name in changed):
        return None
    known = {*evidence.names, *(one.model for one in evidence.refused)}
    came = tuple((model.name, model.version) for model in members if model.name not in known)
    if not changed and not came:
        return evidence
    bands = tuple(replace(b, judged=tuple(j for j in b.judged if j.model not in changed)) for b in evidence.bands)
    of = tuple((name, versions[name]) for name in evidence.names)
    coverage = tuple((name, found) for name, found in evidence.coverage if name not in changed)
    return replace(evidence, members=of + came, bands=bands, coverage=coverage)


def learn(fits: Fits, frame: Frame, bars: int | None = None) -> Evidence:
    """What the first `bars` bars (default: all) say. `fits` are of this frame; what comes after changes nothing."""
    bars = len(frame) if bars is None else bars
    said = walked(fits, frame, np.arange(first_origin(bars), max(bars - 1, 0)))
    return judged(said, fits, frame, bars)


@dataclass(frozen=True, slots=True, eq=False)
class Walked:
    """What M members said at O origins, one after the other, at BANDS; NaN where a member says nothing."""

    origins: IntArray  # (O,)
    quantiles: FloatArray  # (M, O, B, K)

    def within(self, first: int, last: int) -> "Walked":
        """Origins from `first` up to and without `last`."""
        rows = slice(*np.searchsorted(self.origins, [first, max(first, last)]).tolist())
        return Walked(self.origins[rows], self.quantiles[:, rows])


def first_origin(bars: int) -> int:
    """The first of the origins that `bars` bars are judged by: the last ORIGINS, begun where shapes are renewed."""
    return _renewal(max(0, bars - 1 - ORIGINS))


def walked(fits: Fits, frame: Frame, origins: IntArray) -> Walked:
    """What all members said at the origins, which are consecutive."""
    values = np.full((len(fits.models), len(origins), len(BANDS), len(GRID)), np.nan)
    for m, (model, fitted) in enumerate(zip(fits.models, fits.fitted, strict=True)):
        known = [b for b, horizon in enumerate(BANDS) if horizon <= horizon_max(model)]
        location = fitted.walk.location if isinstance(fitted, FittedLocated) else None
        since = _renewal(max(model.min_bars - 1, location.judged_from if location else 0))
        rows = np.flatnonzero(origins >= since)
        if len(rows) and known:
            horizons = np.array([BANDS[b] for b in known])
            values[m, rows[0] :, : len(known)] = _said(model, fitted, frame, origins[rows], horizons)
    return Walked(origins, values)


def horizon_max(model: Model) -> int:
    """The farthest step that a model forecasts."""
    return int(getattr(model, "horizon_max", HORIZON_STEPS_MAX))


def judged(said: Walked, fits: Fits, frame: Frame, bars: int) -> Evidence:
    """Evidence from what was said at origins before the last of `bars` bars."""
    names = tuple(model.name for model in fits.models)
    bands, coverage = [], list[tuple[str, tuple[Coverage, ...]]]()
    least = FLOOR * (float(np.abs(frame.close[:bars]).max(initial=0.0)) or 1.0)
    for b, horizon in enumerate(BANDS):
        known = said.origins + horizon < bars
        origins, quantiles = said.origins[known], said.quantiles[:, known, b]  # (M, N, K)
        outcome = frame.close[origins + horizon]
        loss = np.maximum(losses.crps(outcome, quantiles), least)  # (M, N)
        loss[np.isnan(quantiles[..., 0])] = np.nan
        learning = np.flatnonzero(teaches(frame.end[origins], horizon, frame.interval) & np.isfinite(loss[0]))
        boa, raw = learned(fresh(len(names)), loss[:, learning].T.tolist())
        labels = list(names[1:])
        if len(names) > 1:
            labels.append(ENSEMBLE)
            together = blended(quantiles, _weights_at(raw, origins[learning] + horizon, origins, loss))
            quantiles = np.concatenate([quantiles, together[None]])
            loss = np.concatenate([loss, np.maximum(losses.crps(outcome, together), least)[None]])
        block = frame.end[origins] // (max(2 * horizon, BLOCK_BARS) * frame.interval.seconds * 1_000_000)
        found = tuple(_judged(name, loss[m], loss[0], horizon, block) for m, name in enumerate(labels, 1))
        covered = tuple(_inside(n, outcome, q, block) for n, q in zip((names[0], *labels), quantiles, strict=True))
        bands.append(Band(horizon, boa, found, covered))
        if horizon == 1:
            coverage = [(n, _coverage(outcome, q)) for n, q in zip((names[0], *labels), quantiles, strict=True)]
    members = tuple((model.name, model.version) for model in fits.models)
    until = int(frame.end[bars - 1]) if bars else 0
    return Evidence(members, fits.refused, until, bars, tuple(bands), tuple(coverage))


def teaches(end: IntArray, horizon: int, interval: Interval) -> BoolArray:
    """Whether the weights of a horizon learn from forecasts made at the ends of these bars. (N,)"""
    return np.asarray(end // (interval.seconds * 1_000_000) % max(1, horizon // 2) == 0)


def blended(quantiles: FloatArray, weights: FloatArray) -> FloatArray:
    """Averages of the members' quantiles: (M, ..., K) and (..., M) -> (..., K). A member without weight may be NaN."""
    total = np.zeros(quantiles.shape[1:])
    for m, one in enumerate(quantiles):
        weight = weights[..., m, None]
        total += np.where(weight > 0, one * weight, 0.0)
    return np.maximum.accumulate(total, axis=-1, out=total)  # whatever rounding did


def _said(model: Model, fitted: Fitted, frame: Frame, origins: IntArray, horizons: IntArray) -> FloatArray:
    walk = fitted.walk if isinstance(fitted, FittedLocated) else fitted
    if isinstance(walk, FittedWalk):
        return walk.quantiles(origins, horizons, RENEWED)
    return model.walk(frame, origins, horizons)


def _renewal(row: int) -> int:
    """The first row from here on where shapes are renewed, whatever is asked."""
    return -(-row // RENEWED) * RENEWED


def _weights_at(raw: Sequence[Sequence[float]], resolved: IntArray, origins: IntArray, loss: FloatArray) -> FloatArray:
    """Weights at each origin, from the outcomes known there, among the members that say something. (N, M)"""
    return shares(np.array(raw)[np.searchsorted(resolved, origins, side="right")], np.isfinite(loss.T))


def _judged(name: str, loss: FloatArray, reference: FloatArray, horizon: int, block: IntArray) -> Judgement:
    both = np.isfinite(loss) & np.isfinite(reference)
    if not both.any():
        return Judgement(name, Skill("none", None, None, 0), ())
    loss, reference, block = loss[both], reference[both], block[both]
    numbers, of = np.unique(block, return_inverse=True)
    difference = (loss - reference) / reference.mean()
    sums, counts = np.bincount(of, difference), np.bincount(of)
    blocks = tuple(zip(numbers.tolist(), counts.tolist(), np.round(sums, 4).tolist(), strict=True))
    found = skill.judge(loss, reference, horizon)
    return Judgement(name, replace(found, crps_ratio=short(found.crps_ratio), p_value=short(found.p_value)), blocks)


def _coverage(outcome: FloatArray, quantiles: FloatArray) -> tuple[Coverage, ...]:
    said = np.isfinite(quantiles[:, 0])
    if not said.any():
        return ()
    y, q = outcome[said], quantiles[said]
    n = int(said.sum())
    return tuple(Coverage(p, short(float(losses.inside(y, q, p).mean())) or 0.0, n) for p in STANDARD_LEVELS)


def _inside(name: str, outcome: FloatArray, quantiles: FloatArray, block: IntArray) -> Covered:
    said = np.isfinite(quantiles[:, 0])
    numbers, of = np.unique(block[said], return_inverse=True)
    hits = np.bincount(of, losses.inside(outcome[said], quantiles[said], COVERED)).astype(np.int64)
    return Covered(name, tuple(zip(numbers.tolist(), np.bincount(of).tolist(), hits.tolist(), strict=True)))


def _plain_band(band: Band) -> dict[str, Any]:
    return {
        "horizon": band.horizon,
        "boa": band.boa.plain(),
        "judged": [
            [
                j.model,
                j.skill.verdict,
                j.skill.crps_ratio,
                j.skill.p_value,
                j.skill.n,
                list(zip(*j.blocks, strict=True)),
            ]
            for j in band.judged
        ],
        "covered": [[one.model, list(zip(*one.blocks, strict=True))] for one in band.covered if one.blocks],
    }


def _read_judgement(said: Sequence[Any]) -> Judgement:
    model, verdict, ratio, p_value, n, blocks = said
    return Judgement(model, Skill(verdict, ratio, p_value, n), tuple(zip(*blocks, strict=True)))


def short(value: float | None) -> float | None:
    """Ten digits: more than is known."""
    return None if value is None else float(f"{value:.9e}")

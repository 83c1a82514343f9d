"""The model served to who does not mind which: the best by evidence, else the calibrated random walk.

At each of the horizons BANDS the candidates are all members of the ensemble and the ensemble itself.

1. Those significantly better than the random walk on this series (Diebold-Mariano; Holm (1979) over the candidates)
   may serve.
2. Where there is none: those significantly better over all series of the class at this interval (evidence.pooled),
   unless they are significantly worse on this one. A trained version that serves since a moment ago has no outcomes of
   its own; until it has, its trial counts in their place: on the bars its training held back (models/registry), better
   than the random walk and than its own walk without what was learned, each significantly. Its ratio is then that over
   its own walk times that of the walk over the class, so that all are compared over the same past.
3. Where there is none either: the random walk.

Of those that may serve the best does; what is better by less than TIE counts as equal, and then the one listed first
serves, which is the simpler one; the ensemble stands last. Where nothing is proven at a horizon, a model that is at
another serves there too if it is at least TIE ahead of the random walk. One model that is proven at one horizon serves
all where it is so, and at no other more than TIE behind what is proven there; otherwise each serves at its own, and
between two horizons their quantiles are averaged, so that there is no step in the fan.

Among statistical models (STATISTICAL) the ensemble serves wherever it may: they err differently, and their average did
better than the choice of one by its past (research/LOG.md).
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

import numpy as np

from truecast.domain.bar import FloatArray
from truecast.domain.forecast import Candidate, Choice, Coverage, EvidenceKind, Skill, Verdict
from truecast.domain.interval import Interval
from truecast.features.frame import Frame
from truecast.models.base import Model
from truecast.models.catalog import Catalogue, Trial
from truecast.models.ensemble import Ensemble
from truecast.models.evidence import BANDS, ENSEMBLE, Band, Evidence, Judgement, fit_members, learn
from truecast.models.heavy import ModelUnavailable
from truecast.models.location.trees import OutOfScope
from truecast.models.pool import pooled
from truecast.models.skill import ALPHA, ORIGINS_MIN
from truecast.models.titles import words

AUTO = "auto"
WALK = "ewma_walk"  # around which trained models forecast (models/located.py)
TIE = 0.002  # of the CRPS ratio
PRICES = ("naive", "ewma_walk", "vol_walk", "lightgbm")
SLOW = ("naive", "ewma_walk", "ets", "arima")
STATISTICAL = ("ets", "arima")


@dataclass(frozen=True, slots=True)
class Auto(Ensemble):
    """The recipe. `pooled`: evidence of the class at this interval, where there is some."""

    pooled: tuple[Band, ...] = ()
    name: str = AUTO
    description: str = "The best model by evidence on the series or its class, else the calibrated random walk"

    def weigh(self, evidence: Evidence) -> FloatArray:
        """Weights of the members at BANDS: one serves, or all as in the ensemble. (B, M)"""
        return weights_of(choose(evidence, self.pooled), evidence)

    def record(self, evidence: Evidence) -> tuple[tuple[Coverage, ...], Skill]:
        """Coverage and skill of what is served one step ahead."""
        return evidence.record(choose(evidence, self.pooled).by_horizon[0][1])

    def choice(self, frame: Frame) -> Choice:
        """What it serves for the frame, and why."""
        return choose(self.fit(frame).evidence, self.pooled)

    def pooling(self, frames: Sequence[Frame]) -> "Auto":
        """The same with what these frames, of one class and interval, say together."""
        found = pooled(
            learn(fit_members(self.members, frame), frame) for frame in frames if len(frame) >= self.min_bars
        )
        return Auto(self.members, pooled=found)


def choose(
    evidence: Evidence,
    of_class: Sequence[Band] = (),
    able: Collection[str] | None = None,
    trials: Mapping[str, Sequence[Trial]] = MappingProxyType({}),
) -> Choice:
    """What serves, by the evidence of the series and of its class; only models in `able` where they are given.

    `trials`: of trained models, before their promotion.
    """
    naive = evidence.names[0]
    own, together = corrected(evidence.bands), corrected(of_class)
    tried = _tried(trials, together)
    together |= tried
    names = [name for name in (*evidence.names[1:], ENSEMBLE) if able is None or name in able]
    may = [_may_serve(horizon, names, own, together) for horizon in BANDS]
    averaged = any(name in STATISTICAL for name in evidence.names)
    best = [ENSEMBLE if averaged and ENSEMBLE in one.ratios else _best(one, naive) for one in may]
    single = () if ENSEMBLE in best and averaged else (name for name in names if name != ENSEMBLE)
    throughout = next((name for name in single if _serves_all(name, may, own, together)), None)
    elsewhere = next((name for name in best if name not in (naive, ENSEMBLE)), naive)
    beside = [elsewhere if _is_ahead(elsewhere, at, own, together) else naive for at in BANDS]
    each = [other if name == naive else name for name, other in zip(best, beside, strict=True)]
    by_horizon = tuple(zip(BANDS, [throughout] * len(BANDS) if throughout else each, strict=True))
    served = by_horizon[0][1] if len({name for _, name in by_horizon}) == 1 else AUTO
    by_class = {key: judgement for key, judgement in together.items() if key not in tried}
    candidates = (*_candidates("series", own), *_candidates("class", by_class), *_candidates("promotion", tried))
    return Choice(served, _reason(by_horizon, naive, _Sources(own, together, tried)), by_horizon, candidates)


def member_names(interval: Interval) -> tuple[str, ...]:
    """Of the members of the ensemble at an interval."""
    return SLOW if interval.seconds > Interval.D1.seconds else PRICES


def members_of(catalogue: Catalogue, asset_class: str, interval: Interval) -> tuple[Model, ...]:
    """The members of the ensemble of such a series, and with it the candidates, simple ones first.

    Series slower than a day, mostly macro data, have trends and seasons; prices have a volatility, and where trees
    were trained for the class and interval, features.
    """
    found = []
    for name in member_names(interval):
        try:
            found.append(catalogue.get(name, (asset_class, interval.value)))
        except (ModelUnavailable, OutOfScope):
            continue
    return tuple(found)


def weights_of(choice: Choice, evidence: Evidence) -> FloatArray:
    """The weights of the members at BANDS by which the choice is served. (B, M)"""
    weights = np.zeros((len(BANDS), len(evidence.members)))
    for b, (band, (_, name)) in enumerate(zip(evidence.bands, choice.by_horizon, strict=True)):
        if name == ENSEMBLE:
            learned = band.boa.weights()
            weights[b, : len(learned)] = learned  # members that came since have none yet
        else:
            weights[b, evidence.names.index(name)] = 1.0
    return weights


def corrected(bands: Sequence[Band]) -> dict[tuple[int, str], Judgement]:
    """All judgements by horizon and model, p-values and verdicts corrected over the candidates of a horizon (Holm)."""
    found = {}
    for band in bands:
        tested = sorted((j for j in band.judged if j.skill.p_value is not None), key=_p)
        least, adjusted = 0.0, dict[str, float]()
        for rank, judgement in enumerate(tested):
            least = max(least, min(1.0, (len(tested) - rank) * _p(judgement)))
            adjusted[judgement.model] = least
        for j in band.judged:
            found[band.horizon, j.model] = Judgement(j.model, _with(j.skill, adjusted.get(j.model)), ())
    return found


@dataclass(frozen=True, slots=True)
class _Able:
    """Those that may serve at one horizon, with their ratios; by evidence of the series, or of its class."""

    ratios: Mapping[str, float]
    on_series: bool = False


def _may_serve(
    horizon: int,
    names: Sequence[str],
    own: Mapping[tuple[int, str], Judgement],
    together: Mapping[tuple[int, str], Judgement],
) -> _Able:
    found = {name: own.get((horizon, name)) for name in names}
    better = {n: _ratio(j) for n, j in found.items() if j is not None and j.skill.verdict == "positive"}
    if better:
        return _Able(better, on_series=True)
    of_class = {name: together.get((horizon, name)) for name in names}
    return _Able(
        {
            name: _ratio(j)
            for name, j in of_class.items()
            if j is not None and j.skill.verdict == "positive" and not _worse(found[name])
        }
    )


def _tried(
    trials: Mapping[str, Sequence[Trial]], together: Mapping[tuple[int, str], Judgement]
) -> dict[tuple[int, str], Judgement]:
    """What trials say of models of which the class says nothing yet."""
    found = {}
    for name, listed in trials.items():
        for trial in listed:
            known, walk = together.get((trial.horizon, name)), together.get((trial.horizon, WALK))
            alone, ratio = trial.walk, trial.naive.crps_ratio
            if (known is not None and known.skill.p_value is not None) or ratio is None or alone.crps_ratio is None:
                continue
            if walk is not None:
                ratio = alone.crps_ratio * _ratio(walk)
            both = (trial.naive.verdict, alone.verdict)
            verdict: Verdict = "positive" if both == ("positive", "positive") and ratio < 1 else "none"
            p_values = [p for p in (trial.naive.p_value, alone.p_value) if p is not None]
            skill = Skill(verdict, ratio, max(p_values) if len(p_values) == 2 else None, trial.naive.n)
            found[trial.horizon, name] = Judgement(name, skill, ())
    return found


def _candidates(evidence: EvidenceKind, found: Mapping[tuple[int, str], Judgement]) -> tuple[Candidate, ...]:
    return tuple(
        Candidate(j.model, horizon, evidence, j.skill.crps_ratio, j.skill.p_value, j.skill.verdict, j.skill.n)
        for (horizon, _), j in found.items()
    )


def _best(able: _Able, naive: str) -> str:
    """The first that is as good as the best."""
    return next((name for name in able.ratios if _as_good(name, able)), naive)


def _serves_all(
    name: str,
    may: Sequence[_Able],
    own: Mapping[tuple[int, str], Judgement],
    together: Mapping[tuple[int, str], Judgement],
) -> bool:
    """Proven at one horizon, and at every other as good as what is proven there or, without proof, ahead of naive."""
    for horizon, able in zip(BANDS, may, strict=True):
        key = (horizon, name)
        found = own.get(key) if able.on_series else together.get(key) or own.get(key)
        ratio = None if found is None else found.skill.crps_ratio
        if not able.ratios and not _is_ahead(name, horizon, own, together):
            return False
        if ratio is None or ratio > min(able.ratios.values(), default=1.0) + TIE or _worse(own.get(key)):
            return False
    return any(name in able.ratios for able in may)


def _is_ahead(
    name: str,
    horizon: int,
    own: Mapping[tuple[int, str], Judgement],
    together: Mapping[tuple[int, str], Judgement],
) -> bool:
    """Of the random walk by TIE over the class, or on the series where the class says nothing; proven or not."""
    found = together.get((horizon, name)) or own.get((horizon, name))
    ratio = None if found is None else found.skill.crps_ratio
    return ratio is not None and ratio <= 1 - TIE and not _worse(own.get((horizon, name)))


def _as_good(name: str, able: _Able) -> bool:
    return name in able.ratios and able.ratios[name] <= min(able.ratios.values()) + TIE


def _worse(judgement: Judgement | None) -> bool:
    return judgement is not None and judgement.skill.verdict == "negative"


def _ratio(judgement: Judgement) -> float:
    assert judgement.skill.crps_ratio is not None, "a verdict without a ratio"
    return judgement.skill.crps_ratio


def _p(judgement: Judgement) -> float:
    assert judgement.skill.p_value is not None, "only what was tested is corrected"
    return judgement.skill.p_value


def _with(skill: Skill, p_value: float | None) -> Skill:
    verdict: Verdict = skill.verdict
    if p_value is None or p_value >= ALPHA or skill.n < ORIGINS_MIN:
        verdict = "none"
    return Skill(verdict, skill.crps_ratio, p_value, skill.n)


@dataclass(frozen=True, slots=True)
class _Sources:
    """What is known, by horizon and model: on the series, over its class, and of that, what stems from trials."""

    own: Mapping[tuple[int, str], Judgement]
    together: Mapping[tuple[int, str], Judgement]
    tried: Mapping[tuple[int, str], Judgement]

    def why(self, horizon: int, name: str) -> tuple["_Why", Judgement | None]:
        """Why such a model serves, and the judgement that says so."""
        own, together = self.own.get((horizon, name)), self.together.get((horizon, name))
        if own is not None and own.skill.verdict == "positive":
            return _Why.SERIES, own
        if together is not None and together.skill.verdict == "positive":
            return (_Why.TRIAL if (horizon, name) in self.tried else _Why.CLASS), together
        return _Why.BESIDE, together or own


def _reason(by_horizon: Sequence[tuple[int, str]], naive: str, known: _Sources) -> str:
    """One sentence per model and kind of reason, in words; names and figures are in the fields of the choice."""
    said: dict[tuple[str, _Why], list[tuple[int, float | None]]] = {}
    for horizon, name in by_horizon:
        why, judgement = (_Why.NOTHING, None) if name == naive else known.why(horizon, name)
        said.setdefault((name, why), []).append((horizon, None if judgement is None else _ratio(judgement)))
    return " ".join(_sentence(name, naive, why, at) for (name, why), at in said.items())


class _Why(StrEnum):
    """Why a model serves a horizon."""

    SERIES = "on this series"
    CLASS = "over all series of its class"
    TRIAL = "it is new, and in the trial before it was promoted, on bars it had not seen"
    BESIDE = "beside it"
    NOTHING = "nothing else is proven"


def _sentence(name: str, naive: str, why: _Why, at: Sequence[tuple[int, float | None]]) -> str:
    steps, walk = _steps([horizon for horizon, _ in at]), words(naive)
    if why is _Why.NOTHING:
        told = "nothing is proven to be better on this series or over its class"
    elif why is _Why.BESIDE:
        told = f"it is proven better at other horizons, and is not behind {walk} here"
    else:
        gains = _listed(list(dict.fromkeys(f"{100 * (1 - (ratio or 1)):.1f} %" for _, ratio in at)))
        told = f"{why}, its forecasts were {gains} better than those of {walk}"
    said = f"{words(name)} serves {steps} ahead: {told}."
    return said[0].upper() + said[1:]


def _steps(horizons: Sequence[int]) -> str:
    return f"{_listed([str(horizon) for horizon in horizons])} {'step' if list(horizons) == [1] else 'steps'}"


def _listed(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"

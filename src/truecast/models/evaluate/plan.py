"""What an evaluation does, said once: which models at which horizons, from how many origins, fitted how often.

origins      the last N bars of a series whose farthest outcome is known; the same for every model and horizon
refit every  K origins: the model is fitted at the first of them, and takes each later bar by `update`
embargo      E bars between the last one that a fit saw and the first origin it serves; they come by `update`
history      a fit sees the last HISTORY_BARS_MAX bars, as on the live path
trained      models that learn from many series are trained again at each refit (refits.py), with every seed
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from enum import IntEnum

import numpy as np

from truecast.domain.bar import IntArray
from truecast.domain.horizon import parse_horizon
from truecast.domain.interval import Interval
from truecast.kit.errors import MalformedRequest
from truecast.kit.limits import EVALUATE_ORIGINS_MAX, EVALUATE_SEEDS_MAX, HISTORY_BARS_MAX, HORIZON_STEPS_MAX
from truecast.models.auto import AUTO, Auto, member_names
from truecast.models.base import Model
from truecast.models.catalog import GROWERS, MODELS, UnknownModel
from truecast.models.ensemble import Ensemble
from truecast.models.evidence import ENSEMBLE
from truecast.models.located import Located
from truecast.models.location.trees import Trees
from truecast.models.naive import Naive

ALL = "all"
BLENDS = {ENSEMBLE: Ensemble, AUTO: Auto}  # made of other models
REFERENCE = Naive().name  # the calibrated random walk: always among the models, because skill is measured against it


_SEED_MAX = 2**31 - 1_000_000  # room for the other seeds and the anchors, as the libraries count


class EvaluationMalformed(MalformedRequest):
    """A number of the protocol is out of its range, or nothing was named."""

    code = "evaluation_malformed"
    title = "Evaluation malformed"
    template = "{name} must be {expected}, got {given!r}"


@dataclass(frozen=True, slots=True)
class Plan:
    """The protocol. `seed` goes to every model that has one; the others are deterministic.

    Models that are trained are evaluated with `seeds` seeds, `seed` the first: one seed is no result.
    """

    interval: Interval
    models: tuple[str, ...]  # the reference first
    horizons: tuple[int, ...]  # ascending
    origins: int
    refit_every: int = 20
    embargo: int = 0
    seed: int = 0
    seeds: int = 1

    @property
    def bars_needed(self) -> int:
        """The shortest series on which every model has its origins."""
        shortest = max(min_bars_of(name) for name in self.models)
        return shortest + self.embargo + self.origins + self.horizons[-1] - 1

    @property
    def learns(self) -> bool:
        """Whether any model learns from other series."""
        return any(name in GROWERS or name in BLENDS for name in self.models)

    @property
    def trainings(self) -> tuple[tuple[str, int], ...]:
        """Models that are trained, each with every seed; those that are only members with the first."""
        return tuple(dict.fromkeys(training for one in self.variants for training in self.trainings_of(one)))

    def trainings_of(self, variant: "Variant") -> tuple[tuple[str, int], ...]:
        """Those that must have ended before the variant can be evaluated."""
        if variant.model in BLENDS:
            return tuple((name, variant.seed) for name in trained_members(self.interval))
        return ((variant.model, variant.seed),) if variant.model in GROWERS else ()

    @property
    def variants(self) -> tuple["Variant", ...]:
        """What is evaluated on every series: each model with the first seed, then trained ones with the others."""
        seeds = range(self.seed + 1, self.seed + self.seeds)
        grown = [Variant(name, seed, repeated=True) for name in self.models if name in GROWERS for seed in seeds]
        return (*(Variant(name, self.seed) for name in self.models), *grown)


class Stage(IntEnum):
    """What has to be there before a model can be evaluated."""

    ALONE = 0  # nothing
    TRAINED = 1  # trainings
    CLASS = 2  # the evidence of the class


@dataclass(frozen=True, slots=True)
class Variant:
    """A model with a seed. The table calls a repeated one `model@seed`."""

    model: str
    seed: int
    repeated: bool = False

    @property
    def stage(self) -> Stage:
        """When its turn comes."""
        if self.model == AUTO:
            return Stage.CLASS
        return Stage.TRAINED if self.model in GROWERS or self.model in BLENDS else Stage.ALONE

    def __str__(self) -> str:
        return f"{self.model}@{self.seed}" if self.repeated else self.model


def plan_of(
    interval: Interval,
    *,
    models: Sequence[str],
    horizons: Sequence[str | int],
    origins: int,
    refit_every: int,
    embargo: int,
    seed: int,
    seeds: int = 1,
) -> Plan:
    """A checked plan. Raises UnknownModel, HorizonOutOfRange, EvaluationMalformed."""
    named = [name for name in models if name]
    chosen = [*MODELS, *GROWERS, *BLENDS] if named == [ALL] else [_known(name) for name in named]
    steps = sorted({parse_horizon(text, interval).steps for text in horizons})
    if not chosen or not steps:
        raise EvaluationMalformed(
            name="--horizons" if chosen else "--models", expected="at least one", given=",".join(models)
        )
    for name, value, least, most in (
        ("--origins", origins, 1, EVALUATE_ORIGINS_MAX),
        ("--refit-every", refit_every, 1, EVALUATE_ORIGINS_MAX),
        ("--embargo", embargo, 0, HISTORY_BARS_MAX // 2),
        ("--seed", seed, 0, _SEED_MAX),
        ("--seeds", seeds, 1, EVALUATE_SEEDS_MAX),
    ):
        if not least <= value <= most:
            raise EvaluationMalformed(name=name, expected=f"from {least} to {most}", given=value)
    assert steps[-1] <= HORIZON_STEPS_MAX
    ordered = tuple(dict.fromkeys([REFERENCE, *chosen]))
    return Plan(interval, ordered, tuple(steps), origins, refit_every, embargo, seed, seeds)


def _known(name: str) -> str:
    known = (*MODELS, *GROWERS, *BLENDS)
    if name not in known:
        raise UnknownModel(model=name, choices=sorted(known))
    return name


def trained_members(interval: Interval) -> tuple[str, ...]:
    """Members of `auto` and `ensemble` that are trained."""
    return tuple(name for name in member_names(interval) if name in GROWERS)


def min_bars_of(name: str) -> int:
    """The shortest history of a model, trained or not, installed or not."""
    if name in GROWERS:
        return Located(Trees(GROWERS[name], {}, {})).min_bars
    return MODELS[REFERENCE if name in BLENDS else name].min_bars


def version_of(name: str, interval: Interval) -> str:
    """Changes whenever the model would give another answer."""
    if name in BLENDS:
        own = BLENDS[name](tuple(MODELS[member] for member in member_names(interval) if member in MODELS)).version
        return "|".join([own, *(GROWERS[member].version for member in trained_members(interval))])
    return GROWERS[name].version if name in GROWERS else MODELS[name].version


def origins_of(plan: Plan, n_bars: int) -> IntArray:
    """Rows of the origins in a series of so many bars."""
    last = n_bars - plan.horizons[-1]
    return np.arange(last - plan.origins, last)


def seeded(model: Model, seed: int) -> Model:
    """The recipe with that seed, where it has one."""
    if "seed" in {field.name for field in fields(model)}:  # type: ignore[arg-type]  # every recipe is a dataclass
        return replace(model, seed=seed)  # type: ignore[type-var]
    return model

"""What an evaluation does, said once: which models at which horizons, from how many origins, fitted how often.

origins      the last N bars of a series whose farthest outcome is known; the same for every model and horizon
refit every  K origins: the model is fitted at the first of them, and takes each later bar by `update`
embargo      E bars between the last one that a fit saw and the first origin it serves; they come by `update`
history      a fit sees the last HISTORY_BARS_MAX bars, as on the live path
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

from truecast.domain.horizon import parse_horizon
from truecast.domain.interval import Interval
from truecast.kit.errors import MalformedRequest
from truecast.kit.limits import EVALUATE_ORIGINS_MAX, HISTORY_BARS_MAX, HORIZON_STEPS_MAX
from truecast.models.base import Model
from truecast.models.catalog import MODELS, get_model
from truecast.models.naive import Naive

ALL = "all"
REFERENCE = Naive().name  # the calibrated random walk: always among the models, because skill is measured against it


class EvaluationMalformed(MalformedRequest):
    """A number of the protocol is out of its range, or nothing was named."""

    code = "evaluation_malformed"
    title = "Evaluation malformed"
    template = "{name} must be {expected}, got {given!r}"


@dataclass(frozen=True, slots=True)
class Plan:
    """The protocol. `seed` goes to every model that has one; the others are deterministic."""

    interval: Interval
    models: tuple[str, ...]  # the reference first
    horizons: tuple[int, ...]  # ascending
    origins: int
    refit_every: int = 20
    embargo: int = 0
    seed: int = 0

    @property
    def bars_needed(self) -> int:
        """The shortest series on which every model has its origins."""
        shortest = max(get_model(name).min_bars for name in self.models)
        return shortest + self.embargo + self.origins + self.horizons[-1] - 1


def plan_of(
    interval: Interval,
    *,
    models: Sequence[str],
    horizons: Sequence[str | int],
    origins: int,
    refit_every: int,
    embargo: int,
    seed: int,
) -> Plan:
    """A checked plan. Raises UnknownModel, HorizonOutOfRange, EvaluationMalformed."""
    named = [name for name in models if name]
    chosen = list(MODELS) if named == [ALL] else [get_model(name).name for name in named]
    steps = sorted({parse_horizon(text, interval).steps for text in horizons})
    if not chosen or not steps:
        raise EvaluationMalformed(
            name="--horizons" if chosen else "--models", expected="at least one", given=",".join(models)
        )
    for name, value, least, most in (
        ("--origins", origins, 1, EVALUATE_ORIGINS_MAX),
        ("--refit-every", refit_every, 1, EVALUATE_ORIGINS_MAX),
        ("--embargo", embargo, 0, HISTORY_BARS_MAX // 2),
        ("--seed", seed, 0, 2**32 - 1),
    ):
        if not least <= value <= most:
            raise EvaluationMalformed(name=name, expected=f"from {least} to {most}", given=value)
    assert steps[-1] <= HORIZON_STEPS_MAX
    ordered = tuple(dict.fromkeys([REFERENCE, *chosen]))
    return Plan(interval, ordered, tuple(steps), origins, refit_every, embargo, seed)


def seeded(model: Model, seed: int) -> Model:
    """The recipe with that seed, where it has one."""
    if "seed" in {field.name for field in fields(model)}:  # type: ignore[arg-type]  # every recipe is a dataclass
        return replace(model, seed=seed)  # type: ignore[type-var]
    return model

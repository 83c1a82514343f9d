"""Everything that can be asked for by name: the models of the catalogue, and `auto` and `ensemble`, made of them."""

from collections.abc import Sequence
from dataclasses import dataclass

from truecast.domain.interval import Interval
from truecast.models.auto import AUTO, PRICES, SLOW, Auto, member_names
from truecast.models.base import Model
from truecast.models.catalog import GROWERS, MODELS, Catalogue, ModelStatus, UnknownModel, untrained
from truecast.models.ensemble import Ensemble
from truecast.models.evidence import ENSEMBLE
from truecast.models.titles import title

TOGETHER = (AUTO, ENSEMBLE)


@dataclass(frozen=True, slots=True)
class Absent:
    """A member that cannot serve at present, and why."""

    model: str
    reason: str


@dataclass(frozen=True, slots=True)
class Members:
    """Of which models one is made on series of these intervals, simple ones first."""

    intervals: tuple[Interval, ...]
    models: tuple[str, ...]
    absent: tuple[Absent, ...]


@dataclass(frozen=True, slots=True)
class Listed:
    """What is told of a name. `members` is empty for models that stand alone."""

    name: str
    title: str
    version: str
    status: ModelStatus
    feature_set: str
    min_bars: int
    description: str
    members: tuple[Members, ...]


def names(catalogue: Catalogue) -> tuple[str, ...]:
    """Every name that can be asked for."""
    return (*TOGETHER, *catalogue.names)


def listed(catalogue: Catalogue, name: str) -> Listed:
    """What is told of it; raises UnknownModel."""
    if name in TOGETHER:
        return _together(catalogue, name)
    status = status_of(catalogue, name)
    model = catalogue.whole.get(name) or MODELS.get(name) or untrained(name)
    return Listed(
        name,
        title(name),
        status.version or model.version,
        status,
        model.feature_set,
        model.min_bars,
        model.description,
        (),
    )


def status_of(catalogue: Catalogue, name: str) -> ModelStatus:
    """Whether it can serve; what is made of others can as long as the random walk does. Raises UnknownModel."""
    if name in TOGETHER:
        naive = catalogue.status(PRICES[0])
        return ModelStatus(naive.status, naive.reason, None if naive.reason else _made(catalogue, name, PRICES).version)
    if name not in catalogue.names:
        raise UnknownModel(model=name, choices=sorted(names(catalogue)))
    return catalogue.status(name)


def _together(catalogue: Catalogue, name: str) -> Listed:
    model = _made(catalogue, name, PRICES)
    members = tuple(
        Members(
            tuple(interval for interval in Interval if member_names(interval) == of),
            of,
            tuple(Absent(one, catalogue.status(one).reason or "") for one in of if one not in catalogue.whole),
        )
        for of in (PRICES, SLOW)
    )
    status = status_of(catalogue, name)
    return Listed(
        name, title(name), model.version, status, model.feature_set, model.min_bars, model.description, members
    )


def _made(catalogue: Catalogue, name: str, of: Sequence[str]) -> Ensemble:
    """Of the members that do without training, whose version does not change from series to series."""
    kept: tuple[Model, ...] = tuple(MODELS[one] for one in of if one not in GROWERS and one in catalogue.whole)
    return (Auto if name == AUTO else Ensemble)(kept or (MODELS[of[0]],))

"""What the register takes, answers and refuses."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from truecast.domain.interval import Interval
from truecast.features.frame import Frame
from truecast.kit.errors import EXIT_NOT_FOUND, EXIT_UNAVAILABLE, EXIT_USAGE, TruecastError
from truecast.models.catalog import GROWERS, UNTRAINED, Scope
from truecast.models.registry.events import Key
from truecast.models.registry.record import LiveOf
from truecast.models.roster import status_of


class TrainingUnderWay(TruecastError):
    """Somebody trains that already."""

    code = "training_under_way"
    status = 409
    title = "Training under way"
    template = "{model} is being trained already: {scope}"
    exit_code = EXIT_UNAVAILABLE


class NotTrainable(TruecastError):
    """The model learns from the series itself, at once; there is nothing to train."""

    code = "not_trainable"
    status = 409
    title = "Nothing to train"
    template = "{model!r} is not trained; {choices} are"
    exit_code = EXIT_USAGE


class NothingToRollBack(TruecastError):
    """No version serves."""

    code = "nothing_to_roll_back"
    status = 409
    title = "Nothing to roll back"
    template = "No version of {model} serves{scope}"
    exit_code = EXIT_NOT_FOUND


class UnknownVersion(TruecastError):
    """No such version was trained here."""

    code = "unknown_version"
    status = 404
    title = "Unknown version"
    template = "No version of {model} is called {version!r}"
    exit_code = EXIT_NOT_FOUND


@dataclass(frozen=True, slots=True)
class Sources:
    """Where bars and instruments come from: they stand to the right of this package."""

    frames_of: Callable[[str, Interval], Awaitable[Sequence[Frame]]]  # histories of a class at an interval, capped
    scopes_of: Callable[[], Awaitable[Sequence[Scope]]]  # of which series are stored
    classes_of: Callable[[], Awaitable[Mapping[str, str]]]  # symbol -> asset class
    live_of: LiveOf | None = None


@dataclass(frozen=True, slots=True)
class Changed:
    """What serves a scope after a promotion or a rollback, and what did before; None: nothing."""

    model: str
    asset_class: str
    interval: str
    version: str | None
    before: str | None


@dataclass(frozen=True, slots=True)
class Trained:
    """A new challenger, or why there is none."""

    model: str
    asset_class: str
    interval: str
    version: str | None
    refused: TruecastError | None = None


@dataclass(frozen=True, slots=True)
class Loaded:
    """What became of a version: champion, challenger, or unavailable for the reason."""

    model: str
    asset_class: str
    interval: str
    version: str
    status: str
    reason: str | None = None


def require_grower(model: str) -> None:
    """Raise UnknownModel, or NotTrainable, unless the model is one that is trained."""
    status_of(UNTRAINED, model)
    if model not in GROWERS:
        raise NotTrainable(model=model, choices=", ".join(GROWERS))


def fits(key: Key, model: str, asset_class: str | None, interval: Interval | None) -> bool:
    """Whether a scope of the model is among those asked for."""
    scope = asset_class or key[1][0], interval.value if interval else key[1][1]
    return key == (model, scope)


def scope_told(asset_class: str | None, interval: Interval | None) -> str:
    """As the end of a sentence."""
    parts = [part for part in (asset_class, interval and interval.value) if part]
    return f" for {' '.join(parts)}" if parts else ""

"""Every model by name: those that need no training, those that are trained, and a snapshot of what can serve.

    catalogue = catalogue_of(bound)            bound: model -> scope -> (version, artifact), by models/registry
    catalogue.get("lightgbm", ("fx", "1d"))    a model; raises UnknownModel, ModelUnavailable, OutOfScope

A snapshot never changes: a forecast that was begun with one ends with it, whatever is promoted meanwhile.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Literal

from truecast.domain.forecast import Skill
from truecast.kit.clock import from_us
from truecast.kit.errors import EXIT_NOT_FOUND, TruecastError
from truecast.models.base import Model
from truecast.models.ewma_walk import EwmaWalk
from truecast.models.heavy import ModelUnavailable, lacking
from truecast.models.located import LOCATED_VERSION, Located
from truecast.models.location.arima import Arima
from truecast.models.location.artifact import Artifact
from truecast.models.location.boosted import LightGbm, RandomForest, XgBoost
from truecast.models.location.drift import Drift
from truecast.models.location.ets import Ets
from truecast.models.location.theta import Theta
from truecast.models.location.trees import Grower, OutOfScope, Trees
from truecast.models.naive import Naive
from truecast.models.vol_walk import VolWalk

Scope = tuple[str, str]  # asset class, interval
Status = Literal["ready", "stale", "training", "unavailable"]
Versioned = tuple[str, Artifact]  # the version's name, and what was learned
Bound = Mapping[str, Mapping[Scope, Versioned]]

NOT_TRAINED = "not trained yet"


class UnknownModel(TruecastError):
    """Nothing by that name."""

    code = "unknown_model"
    status = 404
    title = "Unknown model"
    template = "No model is called {model!r}; choose one of {choices}"
    exit_code = EXIT_NOT_FOUND


@dataclass(frozen=True, slots=True)
class ModelStatus:
    """Whether a model, or one scope of it, can serve. `training`: a run is under way; what there was still serves.

    `version` and `trained_until` are those of what serves; of a model as a whole, of the scope trained last.
    """

    status: Status
    reason: str | None = None
    version: str | None = None
    trained_until: datetime | None = None
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Trial:
    """How the recipe of a trained version did before its promotion, at one horizon, on bars held back from its twin.

    Against the calibrated random walk, and against its own walk without what was learned.
    """

    horizon: int
    naive: Skill
    walk: Skill


Trials = Mapping[str, Mapping[Scope, tuple[Trial, ...]]]  # by model


@dataclass(frozen=True, slots=True, eq=False)
class Catalogue:
    """What can serve at one moment."""

    whole: Mapping[str, Model]  # by name; of a trained model, all its scopes together
    scoped: Mapping[str, Mapping[Scope, Model]] = field(default_factory=dict)  # of trained models
    statuses: Mapping[str, ModelStatus] = field(default_factory=dict)
    scope_statuses: Mapping[str, Mapping[Scope, ModelStatus]] = field(default_factory=dict)
    trials: Trials = field(default_factory=dict)  # of what serves each scope

    @property
    def names(self) -> tuple[str, ...]:
        """Every model there is, able to serve or not, in the order in which they are listed."""
        return (*MODELS, *GROWERS)

    @property
    def serving(self) -> tuple[str, ...]:
        """Those that can serve something."""
        return tuple(name for name in self.names if name in self.whole)

    def get(self, name: str, scope: Scope | None = None) -> Model:
        """The model called `name`; with a scope, what was trained for it alone, whose version names that artifact.

        Raises UnknownModel, ModelUnavailable where nothing of it can serve, OutOfScope where it serves other scopes.
        """
        if name not in self.names:
            raise UnknownModel(model=name, choices=sorted(self.names))
        found = self.whole.get(name)
        if found is None:
            raise ModelUnavailable(model=name, reason=self.status(name).reason)
        if scope is None or name not in GROWERS:
            return found
        scopes = self.scoped[name]
        if scope in scopes:
            return scopes[scope]
        wanted, status = " ".join(scope), self.scope_statuses.get(name, {}).get(scope)
        if status is not None and status.reason is not None:
            raise ModelUnavailable(model=name, reason=f"{wanted}: {status.reason}")
        others = ", ".join(sorted(" ".join(one) for one in scopes))
        reason = f"nothing was trained for {wanted}, only for {others}"
        raise OutOfScope(model=name, symbol=f"{wanted} series", reason=reason)

    def status(self, name: str, scope: Scope | None = None) -> ModelStatus:
        """Whether it can serve, at all or in the scope; raises UnknownModel."""
        if name not in self.names:
            raise UnknownModel(model=name, choices=sorted(self.names))
        if scope is None or name not in GROWERS:
            return self.statuses.get(name) or ModelStatus("unavailable", NOT_TRAINED)
        return self.scope_statuses.get(name, {}).get(scope) or ModelStatus("unavailable", NOT_TRAINED)

    def trials_of(self, scope: Scope) -> dict[str, tuple[Trial, ...]]:
        """Of every trained model that serves the scope."""
        return {name: of[scope] for name, of in self.trials.items() if scope in of}

    def scopes(self, name: str) -> Mapping[Scope, ModelStatus]:
        """Of a trained model, every scope of which something is known."""
        return self.scope_statuses.get(name, {})


_LISTED: tuple[Model, ...] = (
    Naive(),
    EwmaWalk(),
    VolWalk(),
    Located(Drift()),
    Located(Ets()),
    Located(Theta()),
    Located(Arima()),
)
MODELS: Mapping[str, Model] = MappingProxyType({model.name: model for model in _LISTED})

_GROWN: tuple[Grower, ...] = (RandomForest(), XgBoost(), LightGbm())
GROWERS: Mapping[str, Grower] = MappingProxyType({grower.name: grower for grower in _GROWN})  # models that are trained

_NEEDS = {"ets": ("statsforecast",), "theta": ("statsforecast",), "arima": ("statsforecast",)}  # to serve
LEARNS_WITH: Mapping[str, str] = {"random_forest": "sklearn", "xgboost": "xgboost", "lightgbm": "lightgbm"}


def catalogue_of(
    bound: Bound | None = None,
    class_of: Mapping[str, str] | None = None,
    scopes: Mapping[str, Mapping[Scope, ModelStatus]] | None = None,
    trials: Trials | None = None,
) -> Catalogue:
    """A snapshot: models without training, and the trained ones that are bound, with their trials.

    `scopes` says more of a scope than that it is ready: stale, being trained, or why nothing of it can serve.
    """
    whole, statuses = _static()
    scoped: dict[str, Mapping[Scope, Model]] = {}
    told: dict[str, Mapping[Scope, ModelStatus]] = {}
    for name, grower in GROWERS.items():
        parts = (bound or {}).get(name, {})
        told[name] = {scope: _ready(*one) for scope, one in parts.items()} | dict((scopes or {}).get(name, {}))
        if parts:
            whole[name] = _located(grower, parts, class_of or {})
            scoped[name] = {scope: _located(grower, {scope: one}, _AllOf(scope[0])) for scope, one in parts.items()}
        statuses[name] = _together(name, parts, told[name])
    return Catalogue(
        MappingProxyType(whole),
        MappingProxyType(scoped),
        MappingProxyType(statuses),
        MappingProxyType(told),
        MappingProxyType(dict(trials or {})),
    )


def get_model(name: str) -> Model:
    """The model called `name` without anything trained; raises UnknownModel, ModelUnavailable."""
    return UNTRAINED.get(name)


def version_of(artifact: str) -> str:
    """The version of forecasts that an artifact's version makes, as the ledger keeps it."""
    return f"{artifact}.{LOCATED_VERSION}"


def untrained(name: str) -> Model:
    """A model that is trained, as it is before."""
    return Located(Trees(GROWERS[name], MappingProxyType({}), MappingProxyType({})))


def _static() -> tuple[dict[str, Model], dict[str, ModelStatus]]:
    whole, statuses = {}, {}
    for name, model in MODELS.items():
        reason = lacking(*_NEEDS.get(name, ()))
        statuses[name] = ModelStatus("unavailable" if reason else "ready", reason, model.version)
        if reason is None:
            whole[name] = model
    return whole, statuses


def _located(grower: Grower, parts: Mapping[Scope, Versioned], class_of: Mapping[str, str]) -> Located:
    """A model whose version changes with any artifact it answers from."""
    versions = sorted(f"{' '.join(scope)} {version}" for scope, (version, _) in parts.items())
    only = next(iter(parts.values()))[0]
    version = only if len(parts) == 1 else hashlib.sha256("|".join(versions).encode()).hexdigest()[:16]
    artifacts = MappingProxyType({scope: artifact for scope, (_, artifact) in parts.items()})
    return Located(Trees(grower, artifacts, class_of, bound=version))


class _AllOf(Mapping[str, str]):
    """Every symbol is of one class: whoever asks for a scope has looked."""

    def __init__(self, asset_class: str) -> None:
        self._asset_class = asset_class

    def __getitem__(self, symbol: str) -> str:
        return self._asset_class

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


def _ready(version: str, artifact: Artifact) -> ModelStatus:
    return ModelStatus("ready", None, version, from_us(artifact.trained_until))


def _together(name: str, parts: Mapping[Scope, Versioned], scopes: Mapping[Scope, ModelStatus]) -> ModelStatus:
    """Of all scopes, what is worth knowing first: being trained, serving although stale, serving, why not."""
    latest = max(parts.values(), key=lambda one: one[1].trained_until, default=None)
    version, until = (None, None) if latest is None else (latest[0], from_us(latest[1].trained_until))
    for status in ("training", "stale"):
        found = {scope: s for scope, s in scopes.items() if s.status == status}
        if found:
            reason = "; ".join(f"{' '.join(scope)}: {s.reason}" for scope, s in sorted(found.items()))
            since = min((s.since for s in found.values() if s.since is not None), default=None)
            return ModelStatus("training" if status == "training" else "stale", reason, version, until, since)
    if parts:
        return ModelStatus("ready", None, version, until)
    failed = [f"{' '.join(scope)}: {s.reason}" for scope, s in sorted(scopes.items()) if s.reason]
    return ModelStatus("unavailable", "; ".join(failed) or lacking(LEARNS_WITH[name]) or NOT_TRAINED)


UNTRAINED: Catalogue = catalogue_of()

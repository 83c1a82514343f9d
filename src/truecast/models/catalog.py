"""Every model by name."""

from collections.abc import Mapping
from types import MappingProxyType

from truecast.kit.errors import EXIT_NOT_FOUND, TruecastError
from truecast.models.base import Model
from truecast.models.ewma_walk import EwmaWalk
from truecast.models.heavy import ModelUnavailable
from truecast.models.located import Located
from truecast.models.location.arima import Arima
from truecast.models.location.boosted import LightGbm, RandomForest, XgBoost
from truecast.models.location.drift import Drift
from truecast.models.location.ets import Ets
from truecast.models.location.theta import Theta
from truecast.models.location.trees import Grower
from truecast.models.naive import Naive
from truecast.models.vol_walk import VolWalk


class UnknownModel(TruecastError):
    """Nothing by that name."""

    code = "unknown_model"
    status = 404
    title = "Unknown model"
    template = "No model is called {model!r}; choose one of {choices}"
    exit_code = EXIT_NOT_FOUND


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


def get_model(name: str) -> Model:
    """The model called `name`, or UnknownModel; ModelUnavailable for one that has to be trained first."""
    if name in GROWERS:
        raise ModelUnavailable(model=name, reason="not trained yet")
    try:
        return MODELS[name]
    except KeyError:
        raise UnknownModel(model=name, choices=sorted([*MODELS, *GROWERS])) from None

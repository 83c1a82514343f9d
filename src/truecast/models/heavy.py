"""The one place that imports the heavy libraries of the extra `models`, late: a server without them still starts.

What a library says in warnings about convergence is not for users; ours is a rule for what did not converge.
"""

import importlib
import importlib.util
import warnings
from types import ModuleType

from truecast.kit.errors import EXIT_UNAVAILABLE, TruecastError

LIBRARIES = ("lightgbm", "scipy", "sklearn", "statsforecast", "xgboost")


class ModelUnavailable(TruecastError):
    """The model exists, and cannot serve here and now."""

    code = "model_unavailable"
    status = 409  # of the state of things: it is trained or installed first, and asking again changes nothing
    title = "Model unavailable"
    template = "Model {model!r} is unavailable: {reason}"
    exit_code = EXIT_UNAVAILABLE


def library(module: str, model: str) -> ModuleType:
    """The module of a heavy library, for a model; raises ModelUnavailable where the library is not installed."""
    name = module.partition(".")[0]
    assert name in LIBRARIES, name
    for noise in (UserWarning, RuntimeWarning, DeprecationWarning, FutureWarning, SyntaxWarning):
        warnings.filterwarnings("ignore", category=noise, module=rf"{name}|fugue|triad|adagio")
    try:
        return importlib.import_module(module)
    except ImportError as missing:
        reason = f"{missing.name or name} is not installed; install truecast[models]"
        raise ModelUnavailable(model=model, reason=reason) from missing


def lacking(*modules: str) -> str | None:
    """Why a model that needs these libraries is unavailable, without importing them; None when they are there."""
    for module in modules:
        if importlib.util.find_spec(module.partition(".")[0]) is None:
            return f"{module} is not installed; install truecast[models]"
    return None

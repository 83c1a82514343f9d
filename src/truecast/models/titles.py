"""What models are called where people read: a title for lists, and words for the middle of a sentence."""

from collections.abc import Mapping
from types import MappingProxyType

_CALLED: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "auto": ("Auto", "the choice by evidence"),
        "ensemble": ("Ensemble", "the ensemble"),
        "naive": ("Random walk", "the calibrated random walk"),
        "ewma_walk": ("EWMA walk", "the random walk with an EWMA volatility"),
        "vol_walk": ("Volatility walk", "the volatility random walk"),
        "drift": ("Drift", "the straight line through the past"),
        "ets": ("ETS", "exponential smoothing"),
        "theta": ("Theta", "the Theta method"),
        "arima": ("ARIMA", "ARIMA"),
        "random_forest": ("Random forest", "the random forest"),
        "xgboost": ("XGBoost", "XGBoost"),
        "lightgbm": ("LightGBM", "LightGBM"),
    }
)


def title(name: str) -> str:
    """As a list shows the model; its technical name where it has no other."""
    return _CALLED.get(name, (name, name))[0]


def words(name: str) -> str:
    """As a sentence calls the model, with its article."""
    return _CALLED.get(name, (name, name))[1]

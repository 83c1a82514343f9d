"""The one way to columns: training, backtest and live call `build` with a named, versioned feature set.

A set never changes once a model names it; another choice of columns is another version.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType

import numpy as np

from truecast.domain.bar import FloatArray
from truecast.features import calendar, returns, volatility
from truecast.features.frame import Frame
from truecast.kit.errors import EXIT_NOT_FOUND, TruecastError

Feature = Callable[[Frame], FloatArray]  # (T bars) -> (T,), row t from bars 0 … t only; NaN where not defined


class UnknownFeatureSet(TruecastError):
    """Nothing by that name."""

    code = "unknown_feature_set"
    status = 404
    title = "Unknown feature set"
    template = "No feature set is called {feature_set!r}; choose one of {choices}"
    exit_code = EXIT_NOT_FOUND


@dataclass(frozen=True, slots=True)
class Table:
    """F named columns over T bars."""

    feature_set: str
    names: tuple[str, ...]
    values: FloatArray  # (T, F)


_WALK: Mapping[str, Feature] = {"level": returns.level}
_BASIC: Mapping[str, Feature] = {
    **{f"return_{lag}": partial(returns.returns, lag=lag) for lag in (1, 2, 5, 10, 20)},
    **{f"realised_{window}": partial(volatility.realised, window=window) for window in (5, 20, 60)},
    "parkinson_20": partial(volatility.parkinson, window=20),
    "hour": calendar.hour,
    "weekday": calendar.weekday,
    "month": calendar.month,
}
FEATURE_SETS: Mapping[str, Mapping[str, Feature]] = MappingProxyType({"walk/1": _WALK, "basic/1": _BASIC})


def build(frame: Frame, feature_set: str) -> Table:
    """The columns of `feature_set` over the frame; raises UnknownFeatureSet."""
    if feature_set not in FEATURE_SETS:
        raise UnknownFeatureSet(feature_set=feature_set, choices=sorted(FEATURE_SETS))
    columns = FEATURE_SETS[feature_set]
    return Table(feature_set, tuple(columns), np.stack([column(frame) for column in columns.values()], axis=1))

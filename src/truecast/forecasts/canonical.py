"""One spelling for every value that is hashed: sorted keys, no spaces, ten significant digits, the same everywhere."""

from typing import Any

import numpy as np
import numpy.typing as npt
import orjson

from truecast.domain.bar import FloatArray

DIGITS = 10  # of a float in the ledger: far below any tick, far above what a model knows
_EXPONENT_MAX = 22  # 10**22 is the largest power of ten that a double holds exactly
_POWERS = np.array([float(f"1e{k}") for k in range(_EXPONENT_MAX + 1)])


def canonical(value: Any) -> bytes:
    """JSON with sorted keys. Floats get the shortest spelling that reads back as the same double."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS | orjson.OPT_SERIALIZE_NUMPY)


def significant(values: npt.ArrayLike) -> FloatArray:
    """The doubles nearest to the values at DIGITS significant decimal digits; monotone, so quantiles still never cross.

    An integer below 2**53 over an exact power of ten is the correctly rounded quotient, hence the double that the
    short decimal spelling reads back as.
    """
    values = np.asarray(values, np.float64)
    size = np.abs(values)
    with np.errstate(divide="ignore", invalid="ignore"):
        exponent = np.where(size > 0, np.floor(np.log10(size)), 0.0)
    places = np.nan_to_num(DIGITS - 1 - exponent, nan=0.0, posinf=0.0, neginf=0.0).astype(np.int64)
    up = _POWERS[np.clip(places, 0, _EXPONENT_MAX)]
    down = _POWERS[np.clip(-places, 0, _EXPONENT_MAX)]
    with np.errstate(invalid="ignore"):
        return np.asarray(np.rint(values / down * up) / up * down)


def significant_one(value: float) -> float:
    """`significant` of one number."""
    return float(f"{value:.{DIGITS - 1}e}")

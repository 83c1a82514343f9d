"""How the sample is packed: decimal numbers as integers, as differences, deflated by numpy's own .npz.

A price written with d decimals is n / 10**d for an integer n < 2**53, and IEEE division of two exact numbers gives the
double nearest to the decimal: unpacking returns bit for bit what reading the source's text returns.
"""

from pathlib import Path

import numpy as np
from numpy.lib.npyio import NpzFile

from truecast.domain.bar import FloatArray, IntArray

_DECIMALS_MAX = 9
_US = 1_000_000


def pack_times(start: IntArray, known_at: IntArray) -> dict[str, IntArray]:
    """Bar starts and the moments they became known, both µs on whole seconds. (T,) each."""
    assert (start % _US == 0).all() and (known_at % _US == 0).all()
    return {"start_s": _small(np.diff(start // _US, prepend=0)), "lag_s": _small((known_at - start) // _US)}


def unpack_times(arrays: NpzFile) -> tuple[IntArray, IntArray]:
    """Start and known_at in µs. ((T,), (T,))"""
    start = np.cumsum(arrays["start_s"], dtype=np.int64) * _US
    return start, start + arrays["lag_s"].astype(np.int64) * _US


def pack_numbers(name: str, rows: FloatArray) -> dict[str, IntArray]:
    """Rows of decimal numbers, each against the row above, the first in time against its predecessor. (R, T)"""
    decimals = next(d for d in range(_DECIMALS_MAX + 1) if (np.round(rows * 10.0**d) / 10.0**d == rows).all())
    whole = np.round(rows * 10.0**decimals).astype(np.int64)
    assert (np.abs(whole) < 2**53).all()
    steps = np.vstack([np.diff(whole[0], prepend=0)[None, :], np.diff(whole, axis=0)])
    return {name: _small(steps), f"{name}_decimals": np.array(decimals)}


def unpack_numbers(arrays: NpzFile, name: str) -> FloatArray:
    """What `pack_numbers` was given. (R, T)"""
    steps = arrays[name].astype(np.int64)
    steps[0] = np.cumsum(steps[0])
    return np.cumsum(steps, axis=0) / 10.0 ** int(arrays[f"{name}_decimals"])


def open_packed(path: Path) -> NpzFile:
    """The arrays of a file; each is read when asked for. Nothing in it can be code."""
    arrays: NpzFile = np.load(path, allow_pickle=False)
    return arrays


def _small(values: IntArray) -> IntArray:
    fits = values.size == 0 or np.abs(values).max() < 2**31
    return values.astype(np.int32) if fits else values

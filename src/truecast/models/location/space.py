"""Linear innovations state space: the form in which ETS and ARIMA with known parameters are one and the same.

    y[t] = w' s[t-1] + e[t]        s[t] = F s[t-1] + g e[t]        expected y[t + h] = w' F^(h-1) s[t]

Snyder (1985); Hyndman, Koehler, Ord and Snyder (2008). Filtered in blocks, s[t] = D s[t-1] + g y[t], D = F - g w'.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from truecast.domain.bar import FloatArray, IntArray

_BLOCK = 32  # bars filtered by one matrix product


@dataclass(frozen=True, slots=True, eq=False)
class Space:
    """C components with their parameters and what they were before the first bar."""

    transition: FloatArray  # F (C, C)
    reading: FloatArray  # w (C,)
    gain: FloatArray  # g (C,)
    first: FloatArray  # (C,)

    def filtered(self, y: FloatArray, known: FloatArray | None = None) -> FloatArray:
        """The state after each bar; `known` are those of the first bars, which are not computed again. (T, C)"""
        size = len(self.first)
        states = np.empty((len(y), size))
        done = 0 if known is None else len(known) // _BLOCK * _BLOCK
        if known is not None:
            states[:done] = known[:done]
        decay = self.transition - np.outer(self.gain, self.reading)
        powers = [np.eye(size)]
        for _ in range(_BLOCK):
            powers.append(decay @ powers[-1])
        fading = np.stack(powers[1:])  # (B, C, C)
        answers = np.stack(powers[:-1]) @ self.gain  # (B, C)
        lag = np.arange(_BLOCK)[:, None] - np.arange(_BLOCK)
        kernel = np.where((lag >= 0)[..., None], answers[np.maximum(lag, 0)], 0.0)  # (to, from, C)
        before = states[done - 1] if done else self.first
        for start in range(done, len(y), _BLOCK):
            block = y[start : start + _BLOCK]
            n = len(block)
            states[start : start + n] = np.einsum("tfc,f->tc", kernel[:n, :n], block) + fading[:n] @ before
            before = states[start + n - 1]
        return states

    def ahead(self, states: FloatArray, horizons: IntArray) -> FloatArray:
        """Expected y, so many bars after each state (O, C). (O, H)"""
        row, rows = self.reading, []
        for _ in range(int(horizons.max())):
            rows.append(row)
            row = row @ self.transition
        return np.asarray(states @ np.stack(rows)[horizons - 1].T)

    def plain(self) -> dict[str, Any]:
        """As JSON."""
        found: dict[str, Any] = {name: getattr(self, name).tolist() for name in _PARTS}
        return found


_PARTS = ("transition", "reading", "gain", "first")


def read_space(said: Mapping[str, Any]) -> Space:
    """The space that `plain` said."""
    return Space(*(np.array(said[name], np.float64) for name in _PARTS))

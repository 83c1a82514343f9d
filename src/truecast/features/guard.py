"""Proof that a column sees only the past: the future is replaced by another one, and nothing before it may move."""

from dataclasses import replace

import numpy as np

from truecast.domain.bar import FloatArray
from truecast.features.build import Feature
from truecast.features.frame import Frame


def other_future(frame: Frame, known: int, rng: np.random.Generator) -> Frame:
    """The first `known` bars as they are, and after them prices and volumes that have nothing to do with the rest.

    The last bars are dropped as well, so that a column that looks at the length of the frame is found out.
    """
    count = len(frame) - known
    scale = np.abs(frame.close[:known]).max(initial=1.0) * rng.uniform(0.2, 5)
    close = scale * np.exp(rng.standard_normal(count))
    wild = replace(
        frame,
        open=_after(frame.open, known, close),
        high=_after(frame.high, known, close * 1.5),
        low=_after(frame.low, known, close / 1.5),
        close=_after(frame.close, known, close),
        volume=_after(frame.volume, known, rng.uniform(0, 1e9, count)),
    )
    return wild[: known + count // 2]


def first_leak(feature: Feature, frame: Frame, rng: np.random.Generator, cuts: int = 8) -> int | None:
    """The first row that changed although no bar up to it did; None when the column sees only the past."""
    before = feature(frame)
    for known in np.linspace(1, len(frame) - 1, cuts).astype(int).tolist():
        after = feature(other_future(frame, known, rng))
        changed = np.flatnonzero(~np.isclose(before[:known], after[:known], rtol=0, atol=0, equal_nan=True))
        if len(changed):
            return int(changed[0])
    return None


def _after(column: FloatArray, known: int, values: FloatArray) -> FloatArray:
    return np.concatenate([column[:known], values])

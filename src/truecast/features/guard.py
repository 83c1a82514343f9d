"""Proof that columns see only the past: the future is replaced by another one, and nothing before it may move."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from truecast.domain.bar import FloatArray, IntArray
from truecast.features.build import build
from truecast.features.context import NOTHING, Context, Scores, Vintages
from truecast.features.frame import Frame

Feature = Callable[[Frame], FloatArray]  # (T bars) -> (T,), row t from bars 0 … t only


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
        changed = np.flatnonzero(_differ(before[:known], feature(other_future(frame, known, rng))[:known]))
        if len(changed):
            return int(changed[0])
    return None


def leaks(
    feature_set: str, frames: Sequence[Frame], rng: np.random.Generator, context: Context = NOTHING, cuts: int = 8
) -> dict[str, tuple[str, int]]:
    """The columns of a set that changed in a bar although nothing up to its end did, with the symbol and row.

    The whole world is cut at one moment: all frames, and what the context says was first seen later. In every second
    future the prices fall below zero and some are missing, so that a column cannot know that either.
    """
    before = build(frames, feature_set, context)
    moments = np.unique(np.concatenate([frame.end for frame in frames]))
    found: dict[str, tuple[str, int]] = {}
    for n, at in enumerate(np.linspace(0, len(moments) - 2, cuts).astype(int).tolist()):
        known = [int(np.searchsorted(frame.end, moments[at], side="right")) for frame in frames]
        others = [other_future(frame, k, rng) for frame, k in zip(frames, known, strict=True)]
        if n % 2:
            others = [_ruined(frame, k) for frame, k in zip(others, known, strict=True)]
        after = build(others, feature_set, _other_world(context, int(moments[at]), others, rng))
        for s, (frame, k) in enumerate(zip(frames, known, strict=True)):
            for row, column in np.argwhere(_differ(before.of(s)[:k], after.of(s)[:k])).tolist():
                found.setdefault(before.columns[column], (frame.symbol, row))
    return found


def _ruined(frame: Frame, known: int) -> Frame:
    low, high = -frame.close[known:], np.full(len(frame) - known, np.nan)
    return replace(
        frame,
        low=_after(frame.low, known, low),
        close=_after(frame.close, known, low),
        high=_after(frame.high, known, high),
    )


def _other_world(context: Context, at: int, frames: Sequence[Frame], rng: np.random.Generator) -> Context:
    def changed(first_seen: IntArray, values: FloatArray) -> FloatArray:
        later = first_seen > at
        return np.where(later, rng.standard_normal(len(values)) * 1e6, values)

    known = context.known
    return Context(
        context.groups,
        None if known is None else tuple(k[: len(frame)] for k, frame in zip(known, frames, strict=True)),
        {name: Vintages(v.period, v.first_seen, changed(v.first_seen, v.value)) for name, v in context.macro.items()},
        {name: Scores(v.first_seen, changed(v.first_seen, v.value)) for name, v in context.sentiment.items()},
    )


def _differ(before: FloatArray, after: FloatArray) -> FloatArray:
    return np.asarray(~((before == after) | (np.isnan(before) & np.isnan(after))))


def _after(column: FloatArray, known: int, values: FloatArray) -> FloatArray:
    return np.concatenate([column[:known], values])

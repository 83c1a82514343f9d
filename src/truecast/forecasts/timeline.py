"""Sealed outcomes over all series: how many fell inside their intervals in each stretch of time, and single ones.

What happened in one bar of time is one observation, however many series there are: standard errors are clustered by
moment, as everywhere (forecasts/pooled.py).
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import numpy as np

from truecast.domain.bar import FloatArray
from truecast.domain.quantiles import STANDARD_LEVELS
from truecast.forecasts.pooled import covered
from truecast.forecasts.rows import MeasuredCoverage
from truecast.forecasts.settled import Groups
from truecast.kit.clock import from_us

Stretch = Literal["hour", "day", "week", "month", "year"]
Order = Literal["newest", "best", "worst"]

STRETCHES_MAX = 60  # a picture of more says less; the unit is chosen so that there are at most as many
_UNITS: tuple[tuple[Stretch, str], ...] = (("hour", "h"), ("day", "D"), ("week", "W"), ("month", "M"), ("year", "Y"))
_TO_MONDAY = np.timedelta64(3, "D")  # NumPy's weeks begin on a Thursday, like 1970


@dataclass(frozen=True, slots=True)
class Span:
    """The outcomes from `start` to before `end`; `moments` of them are different bars of time."""

    start: datetime
    end: datetime
    n: int
    moments: int
    coverage: tuple[MeasuredCoverage, ...]  # of STANDARD_LEVELS


@dataclass(frozen=True, slots=True)
class Pick:
    """One settled step: its forecast's row in the chain, and its CRPS in average moves of its series."""

    forecast_seq: int
    step: int
    loss: float | None


def spans(groups: Groups, stretch: Stretch | None = None) -> tuple[Stretch, list[Span]]:
    """Coverage by the time of the outcome, oldest first; stretches without any are left out.

    The unit that is not named is the smallest that makes at most STRETCHES_MAX of them; too many of a named one: the
    newest are shown.
    """
    members = [(key, got) for key, got in groups.items() if len(got)]
    if not members:
        return stretch or "day", []
    target, origin, bits = (np.concatenate([getattr(got, name) for _, got in members]) for name in _READ)
    step = max(key[3] for key, _ in members)
    at = target.astype(np.int64).astype("datetime64[us]")
    unit, starts = _divided(at, stretch)
    found = []
    for start in np.unique(starts)[-STRETCHES_MAX:]:
        mine = starts == start
        inside, since = bits[mine].astype(np.int64), origin[mine]
        found.append(
            Span(
                _moment(_first(start, unit)),
                _moment(_first(start + 1, unit)),
                n=int(mine.sum()),
                moments=len(np.unique(since)),
                coverage=tuple(
                    covered((inside >> k & 1).astype(np.bool_), level, since, step)
                    for k, level in enumerate(STANDARD_LEVELS)
                ),
            )
        )
    return unit, found


def picked(groups: Groups, order: Order, limit: int) -> list[Pick]:
    """Settled steps: those resolved last, or those with the least or the largest loss. Flat series have no loss."""
    members = [(key, got) for key, got in groups.items() if len(got)]
    if not members:
        return []
    crps, scale, resolved_at, seq = (np.concatenate([getattr(got, name) for _, got in members]) for name in _RANKED)
    step = np.concatenate([np.full(len(got), key[3]) for key, got in members])
    loss: FloatArray = np.divide(crps, scale, out=np.full(len(crps), np.nan), where=scale > 0)
    if order == "newest":
        ranked = np.lexsort((-seq, -resolved_at))
    else:
        ranked = np.lexsort((-seq, -resolved_at, loss if order == "best" else -loss))
        ranked = ranked[np.isfinite(loss[ranked])]
    return [
        Pick(int(seq[i]), int(step[i]), float(loss[i]) if np.isfinite(loss[i]) else None)
        for i in ranked[:limit].tolist()
    ]


def _divided(at: Any, stretch: Stretch | None) -> tuple[Stretch, Any]:
    """The unit, and of each moment the unit that it lies in. datetime64[us] (N,) -> datetime64[unit] (N,)"""
    for name, code in _UNITS:
        starts = (at + _TO_MONDAY if name == "week" else at).astype(f"datetime64[{code}]")
        fits = int((starts.max() - starts.min()).astype(np.int64)) < STRETCHES_MAX
        if name == stretch or (stretch is None and (fits or name == "year")):
            return name, starts
    raise AssertionError(stretch)


def _first(start: Any, unit: Stretch) -> Any:
    days = start.astype("datetime64[us]")
    return days - _TO_MONDAY if unit == "week" else days


def _moment(at: Any) -> datetime:
    return from_us(int(at.astype(np.int64)))


_READ = ("target", "origin", "inside")
_RANKED = ("crps", "scale", "resolved_at", "forecast")

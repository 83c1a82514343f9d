"""One round over a panel: what was said is scored with what came, weights move, and all members say what comes next.

    turned = turn(members, frames, 24, standings)        standings: of the round before, None at first
    turned.quantiles                                     (S, 24, K) of the ensemble
    turned.standings                                     for the next round

The rule of models/ensemble.py, a bar at a time: a forecast waits until its outcome is there, its CRPS teaches the
weights of its horizon (models/boa.py), and no bar is walked through twice. Everything else is computed from the bars of
each frame, so that a round needs nothing from the one before but weights and forecasts that wait. Series are forecast
side by side (models/walk.py), which changes no bit of what is said of any.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from truecast.domain.bar import FloatArray
from truecast.domain.quantiles import GRID
from truecast.features.frame import Frame
from truecast.models import losses
from truecast.models.base import Model
from truecast.models.boa import Boa, fresh
from truecast.models.ensemble import among, at_horizons
from truecast.models.evidence import BANDS, REFUSALS, Evidence, blended, teaches
from truecast.models.kept import SCALES
from truecast.models.walk import FLOOR


@dataclass(frozen=True, slots=True, eq=False)
class Waiting:
    """What M members said at one bar of the close one band later."""

    end: int  # of the bar, microseconds UTC
    quantiles: FloatArray  # (M, K)


@dataclass(frozen=True, slots=True, eq=False)
class Standing:
    """Of one series after a round, by band."""

    learned: tuple[Boa, ...]
    waiting: tuple[tuple[Waiting, ...], ...]  # oldest first


@dataclass(frozen=True, slots=True, eq=False)
class Turned:
    """What one round came to."""

    quantiles: FloatArray  # (S, H, K) of the average
    said: FloatArray  # (M, S, H, K) by member; NaN where one refuses the series
    standings: tuple[Standing, ...]
    outcomes: int  # that taught something


def turn(
    members: Sequence[Model], frames: Sequence[Frame], steps: int, before: Sequence[Standing | None] = ()
) -> Turned:
    """One round. The first member is the random walk; `before` are the frames' standings after the last round.

    Raises what the random walk raises; other members may refuse a series.
    """
    assert steps >= BANDS[-1], "every band is forecast"
    standings, outcomes = _taught(frames, [one or begun(len(members)) for one in before or [None] * len(frames)])
    with SCALES.room(len(members) * len(frames)):  # what is forecast around a walk finds it there
        said = np.stack([_said(model, frames, steps, first=model is members[0]) for model in members])
    weights = np.array([[boa.weights() for boa in one.learned] for one in standings])  # (S, B, M)
    shares = at_horizons(weights, np.arange(1, steps + 1))
    if np.isnan(said[..., 0, 0]).any():
        shares = among(shares, ~np.isnan(said[..., 0]).transpose(1, 2, 0))
    left = tuple(_waits(one, frame, said[:, i]) for i, (one, frame) in enumerate(zip(standings, frames, strict=True)))
    return Turned(blended(said, shares), said, left, outcomes)


def begun(members: int, evidence: Evidence | None = None) -> Standing:
    """Before the first round: nothing is known, or what evidence says of the same members."""
    learned = tuple(band.boa for band in evidence.bands) if evidence else (fresh(members),) * len(BANDS)
    return Standing(learned, ((),) * len(BANDS))


def _taught(frames: Sequence[Frame], before: Sequence[Standing]) -> tuple[list[Standing], int]:
    """Standings after the outcomes that have come, all of them scored together; and how many these are."""
    due: list[tuple[int, int, float, float, FloatArray]] = []  # series, band, outcome, least loss, quantiles
    left: list[list[tuple[Waiting, ...]]] = []
    for i, (frame, standing) in enumerate(zip(frames, before, strict=True)):
        rest, least = [], 0.0
        for b, (horizon, waiting) in enumerate(zip(BANDS, standing.waiting, strict=True)):
            came = 0
            for one in waiting:
                origin = int(np.searchsorted(frame.end, one.end))
                at = origin + horizon
                if at >= len(frame):
                    break
                came += 1
                if frame.end[origin] != one.end:  # the bars have moved on beyond it, or it was taken back
                    continue
                least = least or FLOOR * (float(np.abs(frame.close).max()) or 1.0)
                due.append((i, b, float(frame.close[at]), least, one.quantiles))
            rest.append(waiting[came:])
        left.append(rest)
    learned = [list(standing.learned) for standing in before]
    if due:
        outcome, least_loss = (np.array([one[k] for one in due])[:, None] for k in (2, 3))
        quantiles = np.stack([one[4] for one in due])  # (N, M, K)
        loss = np.maximum(losses.crps(np.broadcast_to(outcome, quantiles.shape[:2]), quantiles), least_loss)
        for (i, b, *_), row in zip(due, loss.tolist(), strict=True):
            learned[i][b] = learned[i][b].updated(row)
    found = [Standing(tuple(boas), tuple(rest)) for boas, rest in zip(learned, left, strict=True)]
    return found, len(due)


def _said(model: Model, frames: Sequence[Frame], steps: int, *, first: bool) -> FloatArray:
    """Of one member; NaN for series that it refuses, which are found by halves. (S, H, K)"""
    try:
        return model.predict_many(frames, steps)
    except REFUSALS:
        if first:
            raise
        if len(frames) == 1:
            return np.full((1, steps, len(GRID)), np.nan)
    half = len(frames) // 2
    return np.concatenate([_said(model, part, steps, first=False) for part in (frames[:half], frames[half:])])


def _waits(standing: Standing, frame: Frame, said: FloatArray) -> Standing:
    """With what was said just now (M, H, K), at the horizons that learn from this bar."""
    end = frame.end[-1:]
    waiting = tuple(
        (*rest, Waiting(int(end[0]), said[:, horizon - 1].copy())) if teaches(end, horizon, frame.interval)[0] else rest
        for horizon, rest in zip(BANDS, standing.waiting, strict=True)
    )
    return Standing(standing.learned, waiting)

"""What one bar said about the forecasts that waited for it: a body of the chain, and its rows of `scores`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson

from truecast.domain.bar import BoolArray, FloatArray, IntArray
from truecast.forecasts.canonical import canonical, significant
from truecast.forecasts.chain import Entry
from truecast.forecasts.score import Scores
from truecast.kit.clock import from_us, iso


@dataclass(frozen=True, slots=True)
class Outcome:
    """N steps that a bar settles. `outcome` is in each forecast's own anchor units, so it may differ between them.

    With `void` there is no outcome and never will be, and nothing is scored: all arrays but the keys are empty.
    """

    symbol: str
    interval: str
    target: int  # start of the bar
    known_at: int | None
    source: str | None
    void: str | None
    forecast_seq: IntArray  # (N,)
    step: IntArray  # (N,) 1-based
    due: IntArray  # (N,) key of the row in `pending`
    sealed: BoolArray  # (N,)
    outcome: FloatArray  # (N,)
    scores: Scores | None

    def __getitem__(self, rows: BoolArray) -> "Outcome":
        keys = {name: getattr(self, name)[rows] for name in ("forecast_seq", "step", "due")}
        if self.scores is None:
            return Outcome(**(self._facts() | keys), sealed=self.sealed, outcome=self.outcome, scores=None)
        scores = self.scores[rows]
        return Outcome(**(self._facts() | keys), sealed=self.sealed[rows], outcome=self.outcome[rows], scores=scores)

    def _facts(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in ("symbol", "interval", "target", "known_at", "source", "void")}


def entry(outcome: Outcome, recorded_at: int) -> Entry:
    """The chain row that says it."""
    said: dict[str, Any] = {
        "forecast": outcome.forecast_seq.tolist(),
        "interval": outcome.interval,
        "known_at": outcome.known_at,
        "resolved_at": recorded_at,
        "source": outcome.source,
        "step": outcome.step.tolist(),
        "symbol": outcome.symbol,
        "target": outcome.target,
        "void": outcome.void,
    }
    if outcome.scores is not None:
        said |= {"outcome": significant(outcome.outcome), "sealed": outcome.sealed.tolist()}
        said |= {name: getattr(outcome.scores, name) for name in _SCORES}
    ref = f"{outcome.symbol}:{outcome.interval}:{iso(from_us(outcome.target))}"
    return Entry("score", ref, recorded_at, canonical(said))


def rows(seq: int, body: str | bytes) -> list[dict[str, Any]]:
    """The rows of `scores` that follow from row `seq` of the chain."""
    return [dict(zip(COLUMNS, row, strict=True)) for row in tuples(seq, body)]


def tuples(seq: int, body: str | bytes) -> list[tuple[Any, ...]]:
    """The same in the order of COLUMNS."""
    said: Mapping[str, Any] = orjson.loads(body)
    keys = (said["forecast"], said["step"])
    shared = (seq, said["target"], said["resolved_at"], said["void"])
    if said["void"] is not None:
        nothing = (None,) * (len(COLUMNS) - len(keys) - len(shared))
        return [(*key, *shared, *nothing) for key in zip(*keys, strict=True)]
    known = (*shared, said["known_at"], said["source"])
    hits = [None if hit < 0 else bool(hit) for hit in said["hit"]]
    values = zip(*(said[name] for name in _VALUES[:-1]), hits, strict=True)
    return [(*key, *known, *row) for key, row in zip(zip(*keys, strict=True), values, strict=True)]


def no_scores() -> tuple[BoolArray, FloatArray]:
    """The empty columns of an outcome that will never come."""
    return np.zeros(0, np.bool_), np.zeros(0, np.float64)


_SCORES = ("crps", "crps_naive", "pinball", "inside", "pit", "error", "error_naive", "hit")
_VALUES = ("outcome", "sealed", *_SCORES)
COLUMNS = (
    *("forecast_seq", "step", "seq", "target", "resolved_at", "void", "outcome_known_at", "outcome_source"),
    *_VALUES,
)

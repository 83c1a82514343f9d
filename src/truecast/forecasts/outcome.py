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
    said: Mapping[str, Any] = orjson.loads(body)
    shared = {"seq": seq, "target": said["target"], "resolved_at": said["resolved_at"], "void": said["void"]}
    keys = zip(said["forecast"], said["step"], strict=True)
    if said["void"] is not None:
        return [shared | _EMPTY | {"forecast_seq": forecast, "step": step} for forecast, step in keys]
    shared |= {"outcome_known_at": said["known_at"], "outcome_source": said["source"]}
    values = zip(*(said[name] for name in _VALUES), strict=True)
    scored = [
        shared | {"forecast_seq": forecast, "step": step} | dict(zip(_VALUES, row, strict=True))
        for (forecast, step), row in zip(keys, values, strict=True)
    ]
    for row in scored:
        row["hit"] = None if row["hit"] < 0 else bool(row["hit"])
    return scored


def no_scores() -> tuple[BoolArray, FloatArray]:
    """The empty columns of an outcome that will never come."""
    return np.zeros(0, np.bool_), np.zeros(0, np.float64)


_SCORES = ("crps", "crps_naive", "pinball", "inside", "pit", "error", "error_naive", "hit")
_VALUES = ("outcome", "sealed", *_SCORES)
_EMPTY = dict.fromkeys(("outcome_known_at", "outcome_source", *_VALUES))

"""What every model is: a recipe that `fit`s a frame into something immutable that `predict`s quantiles."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from truecast.domain.bar import FloatArray, IntArray
from truecast.domain.forecast import Coverage, Skill
from truecast.domain.quantiles import Quantiles
from truecast.features.frame import Frame
from truecast.kit.errors import EXIT_DATA, TruecastError


class HistoryTooShort(TruecastError):
    """The model needs more bars than there are."""

    code = "history_too_short"
    status = 409
    title = "History too short"
    template = "{symbol} has {have} bars at {interval}, {model} needs {need}"
    exit_code = EXIT_DATA


@dataclass(frozen=True, slots=True)
class Prediction:
    """Calibrated quantiles and what is known about their quality.

    `coverage` and `skill` are measured one step ahead on the same history, each origin seeing only its own past.
    `mase_scale` is the mean absolute one-step change of the history in price units, floored so that it may divide.
    """

    quantiles: Quantiles  # (steps, len(GRID)), price units
    coverage: tuple[Coverage, ...]  # 50, 80, 90, 95 %; empty where no origin could be measured
    skill: Skill
    mase_scale: float


class Fitted(Protocol):
    """What was learned from one frame. Immutable."""

    def update(self, new: Frame) -> "Fitted":
        """The same as fitting on all bars so far and then those of `new`, without starting over."""

    def predict(self, steps: int) -> Prediction:
        """Quantiles of the closes 1 … steps (at most HORIZON_STEPS_MAX) bars after the last one. Mutates nothing."""


class Model(Protocol):
    """A recipe: hyper-parameters only. Deterministic: the same frame gives the same answer."""

    @property
    def name(self) -> str:
        """How users call it."""

    @property
    def version(self) -> str:
        """Changes whenever the same frame would give another answer."""

    @property
    def description(self) -> str:
        """One sentence for the list of models."""

    @property
    def min_bars(self) -> int:
        """The shortest history it accepts."""

    @property
    def feature_set(self) -> str:
        """The named, versioned columns it reads (see features/build.py)."""

    def fit(self, frame: Frame) -> Fitted:
        """Learn from the frame. Raises HistoryTooShort below `min_bars`; a flat history is no error."""

    def fit_many(self, frames: Sequence[Frame]) -> Sequence[Fitted]:
        """The same as `fit` of each; a model that learns from a panel takes it from here."""

    def predict_many(self, frames: Sequence[Frame], steps: int) -> FloatArray:
        """The quantiles of `fit(frame).predict(steps)` of each, without the records, fast: (S, steps, len(GRID))."""

    def walk(self, frame: Frame, origins: IntArray, horizons: IntArray) -> FloatArray:
        """What `fit(frame[: t + 1])` would have predicted at every origin t: (O, H, len(GRID)) in price units."""


def require_bars(model: Model, frame: Frame) -> None:
    """Raise HistoryTooShort unless the frame is long enough for the model."""
    if len(frame) < model.min_bars:
        raise HistoryTooShort(
            symbol=frame.symbol or "the series",
            interval=frame.interval.value,
            have=len(frame),
            need=model.min_bars,
            model=model.name,
        )

"""What every location is: a recipe that `fit`s a frame into expected moves, as known at each of its bars."""

from typing import Protocol

from truecast.domain.bar import FloatArray, IntArray
from truecast.domain.horizon import HorizonOutOfRange
from truecast.features.frame import Frame


class HorizonBeyondTraining(HorizonOutOfRange):
    """The model learned about shorter horizons only."""

    code = "horizon_beyond_training"
    title = "Horizon beyond training"
    template = "{model} was trained for horizons of up to {most} steps, {horizon} were asked for"


class FittedLocation(Protocol):
    """Of one series. Immutable; whatever is said of a bar depends on that bar and the bars before it only."""

    @property
    def shaping(self) -> bool:
        """Whether spreads are those of what is left of past moves (moves less their expectation).

        False for locations that say little and would cost much to ask at every past bar: the spread of whole moves
        is then set around them.
        """

    @property
    def judged_from(self) -> int:
        """The first bar whose forecasts may be judged: before it, the location had seen what came."""

    def mu(self, origins: IntArray, horizons: IntArray) -> FloatArray:
        """Expected moves: of log prices, or of prices for series that may be zero or negative. (O, H)"""

    def carried(self, frame: Frame, x: FloatArray) -> "FittedLocation":
        """The same for the frame that has more bars, as if fitted on it, without starting over."""


class Location(Protocol):
    """A recipe: hyper-parameters, and for models that are trained, what they learned elsewhere."""

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
        """The named, versioned columns it reads."""

    @property
    def horizon_max(self) -> int:
        """The farthest step it knows anything about."""

    def fit(self, frame: Frame, x: FloatArray) -> FittedLocation:
        """Learn from a frame whose level (log price, or price) is x; raises typed errors when it is out of scope."""

"""How far ahead: steps of an interval, counted in sessions."""

from dataclasses import dataclass
from typing import Any

from truecast.domain.interval import Interval
from truecast.kit.errors import MalformedRequest
from truecast.kit.limits import HORIZON_STEPS_MAX


class HorizonOutOfRange(MalformedRequest):
    """Not a whole number of steps that we forecast."""

    code = "horizon_out_of_range"
    title = "Horizon out of range"
    template = "Horizon must be a whole number of steps from 1 to {most}, got {horizon!r}"


@dataclass(frozen=True, slots=True)
class Horizon:
    """`steps` bars of `interval` after the last known bar."""

    steps: int
    interval: Interval

    def __post_init__(self) -> None:
        if not isinstance(self.steps, int) or isinstance(self.steps, bool) or not 1 <= self.steps <= HORIZON_STEPS_MAX:
            raise HorizonOutOfRange(horizon=self.steps, most=HORIZON_STEPS_MAX)


def parse_horizon(value: Any, interval: Interval) -> Horizon:
    """A horizon from what a user typed (`10`, `"10"`); raises HorizonOutOfRange for anything else."""
    if isinstance(value, str) and value.strip().isdecimal():
        value = int(value)
    return Horizon(value, interval)

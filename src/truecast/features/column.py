"""A column: its name, what it is in one line, and how to compute it over a panel."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from truecast.domain.bar import FloatArray
from truecast.features.panel import Panel


class Scale(StrEnum):
    """What becomes of a column when all prices are multiplied by c."""

    FREE = "free"  # nothing, for every series: what models of many instruments may read
    MOVE = "move"  # nothing for log series; times c for signed ones
    LEVEL = "level"  # plus log c for log series; times c for signed ones
    PRICE = "price"  # times c


@dataclass(frozen=True, slots=True)
class Column:
    """Row t depends on bars t - memory + 1 … t only, and not on how many there are before. NaN where undefined."""

    name: str
    text: str
    scale: Scale
    memory: int
    compute: Callable[[Panel], FloatArray]  # (S, T)

"""What a frame does not say: groups for the cross-section, macro numbers by vintage, sentiment by first sight.

Whatever is absent here is NaN in the columns that would need it, never 0.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np

from truecast.domain.bar import FloatArray, IntArray


@dataclass(frozen=True, slots=True, eq=False)
class Vintages:
    """N published values of one statistic, corrections included, in the order in which the public saw them.

    A later row for the same period replaces the earlier one from its `first_seen` on, and not before.
    """

    period: IntArray  # (N,) start of the period that the value describes, microseconds UTC
    first_seen: IntArray  # (N,) ascending
    value: FloatArray  # (N,)

    def __post_init__(self) -> None:
        assert len(self.period) == len(self.first_seen) == len(self.value), "columns differ in length"
        assert (np.diff(self.first_seen) >= 0).all(), "not in the order of first sight"


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """N scores of texts about one instrument (news, posts), each with the moment at which it was first seen here."""

    first_seen: IntArray  # (N,) ascending
    value: FloatArray  # (N,)

    def __post_init__(self) -> None:
        assert len(self.first_seen) == len(self.value), "columns differ in length"
        assert (np.diff(self.first_seen) >= 0).all(), "not in the order of first sight"


@dataclass(frozen=True, slots=True)
class Context:
    """`groups`: which instruments are compared with each other, by symbol; without an entry, with none.

    `known`: when each bar of each frame could be known, in the order of the frames; without it, at its end. Needed
    for groups of statistics, which are published long after their period.
    `macro`: by slot, see features/macro.py. `sentiment`: by symbol.
    """

    groups: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    known: tuple[IntArray, ...] | None = None
    macro: Mapping[str, Vintages] = field(default_factory=lambda: MappingProxyType({}))
    sentiment: Mapping[str, Scores] = field(default_factory=lambda: MappingProxyType({}))


NOTHING = Context()

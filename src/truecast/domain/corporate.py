"""Splits and dividends, one event at a time, as factors on the raw prices before them."""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True, slots=True)
class Factor:
    """One event: what raw prices up to and including the session `date` are multiplied by to compare with later ones.

    Adjusted = raw x `price_factor` (a dividend) x `split_factor` (a split: 0.25 for 4 to 1). The session after `date`
    is the first that trades ex. Events are kept singly rather than accumulated, because an accumulated factor says
    something about every event still to come: no reader of the past may see it.
    """

    date: dt.date
    price_factor: float
    split_factor: float


def events(accumulated: Iterable[Factor]) -> tuple[Factor, ...]:
    """Single events from a list accumulated down to the end of its history, as vendors write them; oldest first."""
    rows = sorted(accumulated, key=lambda row: row.date)
    singles = (
        Factor(row.date, row.price_factor / later.price_factor, row.split_factor / later.split_factor)
        for row, later in pairwise([*rows, Factor(dt.date.max, 1.0, 1.0)])
    )
    return tuple(e for e in singles if abs(e.price_factor - 1) > _NOTHING or abs(e.split_factor - 1) > _NOTHING)


_NOTHING = 1e-9  # a row that only marks the beginning of a file

"""The columns of one series as a table: what each is, in what unit, and why a value is missing."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from truecast.domain.bar import BoolArray, FloatArray
from truecast.features.build import build, columns_of
from truecast.features.column import Column, Scale
from truecast.features.frame import Frame
from truecast.features.registry import FAMILIES
from truecast.features.returns import uses_differences

ROWS_BEFORE_MAX = max(column.memory for family in FAMILIES.values() for column in family)
_OF_OTHERS = ("peers", "macro", "sentiment")
_FAMILY = {column.name: family for family, columns in FAMILIES.items() for column in columns}


class Absence(StrEnum):
    """Why a column has no value at a bar."""

    WARMING_UP = "warming_up"  # fewer bars before it than the column remembers
    NOT_GIVEN = "not_given"  # it compares with other series, statistics or texts, and none was given
    UNDEFINED = "undefined"  # a price in its window is missing, or nothing moved and it would be divided by that


@dataclass(frozen=True, slots=True)
class Missing:
    """Rows `first` to `last` of a column, both included, without a value."""

    first: int
    last: int
    reason: Absence


@dataclass(frozen=True, slots=True)
class Told:
    """One column of the table."""

    column: Column
    family: str
    unit: str
    missing: tuple[Missing, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """The last T bars and F columns; `values` is NaN where `missing` says why."""

    frame: Frame
    columns: tuple[Told, ...]
    values: FloatArray  # (T, F)


def table(frame: Frame, feature_set: str, rows: int, currency: str, names: Collection[str] | None = None) -> Table:
    """The columns of a set, or those of it that are named, at the last `rows` bars; raises UnknownFeatureSet."""
    every = columns_of(feature_set)
    kept = [f for f, column in enumerate(every) if names is None or column.name in names]
    columns = [every[f] for f in kept]
    values = build([frame], feature_set).of(0)[:, kept]
    first = max(0, len(frame) - rows)
    differences = uses_differences(frame)
    told = tuple(
        Told(
            column,
            _FAMILY[column.name],
            unit_of(column, currency, differences=differences),
            tuple(_missing(column, ~np.isfinite(values[first:, f]), first)),
        )
        for f, column in enumerate(columns)
    )
    return Table(frame[first:], told, values[first:])


def unit_of(column: Column, currency: str, *, differences: bool) -> str:
    """In what a column is measured. `1` is a pure number."""
    level = currency if differences else f"log {currency}"
    return {
        Scale.FREE: "1",
        Scale.MOVE: currency if differences else "log return",
        Scale.LEVEL: level,
        Scale.PRICE: currency,
    }[column.scale]


def family_of(column: Column) -> str:
    """The family it belongs to."""
    return _FAMILY[column.name]


def _missing(column: Column, absent: BoolArray, first: int) -> Iterator[Missing]:
    """Runs of rows without a value, each with its reason."""
    if not absent.any():
        return
    reasons = np.where(np.arange(first, first + len(absent)) < column.memory - 1, 1, 2)
    if _FAMILY[column.name] in _OF_OTHERS:
        reasons[:] = 3
    kind = np.where(absent, reasons, 0)
    edges = np.flatnonzero(np.diff(kind)) + 1
    for begin, after in zip([0, *edges.tolist()], [*edges.tolist(), len(kind)], strict=True):
        if kind[begin]:
            yield Missing(begin, after - 1, _REASONS[int(kind[begin])])


_REASONS = {1: Absence.WARMING_UP, 2: Absence.UNDEFINED, 3: Absence.NOT_GIVEN}

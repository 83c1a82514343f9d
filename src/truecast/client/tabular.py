"""Answers that are tables: as NumPy, pandas or Polars, with units and provenance beside them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import singledispatch
from importlib import import_module
from typing import Any, Literal

from truecast.client.errors import ExtraMissing
from truecast.client.shape import Shape

Kind = Literal["time", "number", "whole", "flag", "text"]

_PANDAS: Mapping[Kind, str] = {
    "time": "datetime64[us, UTC]", "number": "float64", "whole": "Int64", "flag": "boolean", "text": "object",
}  # fmt: skip
_NUMPY: Mapping[Kind, str] = {
    "time": "datetime64[us]", "number": "float64", "whole": "int64", "flag": "bool", "text": "str",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Column:
    """Values of one kind; None where one is missing. `unit` for people: `EUR`, `probability`…"""

    kind: Kind
    values: Sequence[Any]
    unit: str | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """Columns of equal length. `about` says of the whole what it is, from where and of what time."""

    columns: Mapping[str, Column]
    index: str | None = None  # the column that pandas takes as index
    about: Mapping[str, Any] = field(default_factory=dict)

    def attrs(self) -> dict[str, Any]:
        """What it is about, and the units of the columns that have one."""
        units = {name: column.unit for name, column in self.columns.items() if column.unit is not None}
        return {**self.about, "units": units}


class Tabular(Shape, frozen=True, kw_only=True):
    """An answer that is a table, too."""

    def to_pandas(self) -> Any:
        """A `pandas.DataFrame`; units and provenance stand in `attrs`. Raises ExtraMissing."""
        return to_pandas(self)

    def to_polars(self) -> Any:
        """A `polars.DataFrame`; the source stands in a column of its own. Raises ExtraMissing."""
        return to_polars(self)

    def to_numpy(self) -> Any:
        """A structured `numpy.ndarray` of one record a row, for example `["close"]`. Raises ExtraMissing.

        Times are `datetime64[us]` in UTC; a missing number is NaN, a missing time NaT.
        """
        return to_numpy(self)


@singledispatch
def table_of(answer: object) -> Table:
    """The table of an answer, or of a list of answers of one kind. Raises TypeError where there is none."""
    raise TypeError(f"{type(answer).__name__} is not a table")


@table_of.register(list)
@table_of.register(tuple)
def _joined(answers: Sequence[object]) -> Table:
    """One below the other."""
    tables = [table_of(one) for one in answers]
    if not tables:
        raise TypeError("an empty list says nothing of its columns")
    first = tables[0]
    columns = {
        name: Column(column.kind, [value for table in tables for value in table.columns[name].values], column.unit)
        for name, column in first.columns.items()
    }
    return Table(columns, first.index, first.about if len(tables) == 1 else {})


def to_pandas(answer: object) -> Any:
    """An answer, or a list of answers of one kind, as `pandas.DataFrame`. Raises ExtraMissing, TypeError."""
    pandas, table = _library("pandas"), table_of(answer)
    series = {name: pandas.Series(one.values, dtype=_PANDAS[one.kind]) for name, one in table.columns.items()}
    frame = pandas.DataFrame(series)
    if table.index is not None:
        frame = frame.set_index(table.index)
    frame.attrs.update(table.attrs())
    return frame


def to_polars(answer: object) -> Any:
    """An answer, or a list of answers of one kind, as `polars.DataFrame`. Raises ExtraMissing, TypeError."""
    polars, table = _library("polars"), table_of(answer)
    kinds = {
        "time": polars.Datetime("us", "UTC"),
        "number": polars.Float64,
        "whole": polars.Int64,
        "flag": polars.Boolean,
        "text": polars.String,
    }
    values = {
        name: [_text(one) for one in column.values] if column.kind == "text" else column.values
        for name, column in table.columns.items()
    }
    return polars.DataFrame(values, schema={name: kinds[column.kind] for name, column in table.columns.items()})


def to_numpy(answer: object) -> Any:
    """An answer, or a list of answers of one kind, as structured `numpy.ndarray`. Raises ExtraMissing, TypeError."""
    numpy, table = _library("numpy"), table_of(answer)
    columns = {name: numpy.array(_filled(one), dtype=_dtype(one)) for name, one in table.columns.items()}
    rows = len(next(iter(columns.values())))
    records = numpy.zeros(rows, dtype=[(name, column.dtype) for name, column in columns.items()])
    for name, column in columns.items():
        records[name] = column
    return records


def _filled(column: Column) -> list[Any]:
    match column.kind:
        case "time":
            return [None if one is None else _bare(one) for one in column.values]
        case "number":
            return [float("nan") if one is None else one for one in column.values]
        case "text":
            return ["" if one is None else _text(one) for one in column.values]
        case _:
            return list(column.values)


def _dtype(column: Column) -> str:
    """NumPy knows no missing flag or whole number: such a column becomes one of numbers."""
    return "float64" if column.kind in ("whole", "flag") and None in column.values else _NUMPY[column.kind]


def _bare(time: datetime) -> datetime:
    return time.astimezone(UTC).replace(tzinfo=None)  # NumPy's times have no zone; these are UTC


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _library(name: str) -> Any:
    try:
        return import_module(name)
    except ImportError as error:
        raise ExtraMissing(name) from error

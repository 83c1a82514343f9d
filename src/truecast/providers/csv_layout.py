"""What kind of CSV file this is: delimiter, header, and which column means what. Decided from the first lines."""

import csv
import functools
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from truecast.kit.errors import EXIT_DATA, TruecastError
from truecast.kit.limits import CSV_COLUMNS_MAX, CSV_PREAMBLE_LINES_MAX
from truecast.providers.csv_times import read_times
from truecast.providers.currencies import currencies

Kind = Literal["ohlcv", "value", "rates", "factors", "wide"]

_DELIMITERS = (",", ";", "\t", "|")
_FACTORS = ("pricefactor", "splitfactor")
# https://github.com/binance/binance-public-data: klines come without a header
_BINANCE = (
    "opentime", "open", "high", "low", "close", "volume", "closetime", "quotevolume", "trades", "takerbase",
    "takerquote", "ignore",
)  # fmt: skip
_RATES_MIN = 3  # currency columns that make a table of euro rates


class CsvRefused(TruecastError):
    """A whole file cannot be read."""

    code = "csv_refused"
    status = 422
    title = "CSV file refused"
    template = "{file}: {reason}"
    exit_code = EXIT_DATA


class Unreadable(Exception):
    """Why a file cannot be read; becomes CsvRefused where the file's name is known."""


@dataclass(frozen=True, slots=True)
class Layout:
    """How to read every line after the first `skip` lines.

    `columns` maps a role (open … volume, value, a currency code, price_factor, split_factor, a symbol of a wide table)
    to its position; `time` holds one position, or two where date and time of day stand apart.
    """

    kind: Kind
    delimiter: str
    width: int  # cells of a line
    skip: int  # lines up to and including the header
    time: tuple[int, ...]
    columns: Mapping[str, int]
    value_name: str  # of a value file: the column's name as written


def detect(lines: Sequence[str], *, wide: bool = False) -> Layout:
    """The layout of a file from its first lines; with `wide`, unknown columns are symbols. Raises Unreadable."""
    for skip, line in enumerate(lines[: CSV_PREAMBLE_LINES_MAX + 1]):
        if line[:4].lower() == "sep=" or not line.strip():
            continue  # Excel's hint; a blank line
        delimiter = max(_DELIMITERS, key=line.count)
        if line.count(delimiter) >= CSV_COLUMNS_MAX:
            raise Unreadable(f"more than {CSV_COLUMNS_MAX} columns")
        cells = split(line, delimiter)
        if skip == 0 and len(cells) == len(_BINANCE) and cells[0].isdecimal():
            return _layout(_BINANCE, delimiter, skip=0, written=_BINANCE, wide=False)
        names = [_plain(cell) for cell in cells]
        if any(name in _names()["time"] for name in names):
            return _layout(names, delimiter, skip=skip + 1, written=[cell.strip() for cell in cells], wide=wide)
    first = next((line.strip() for line in lines if line.strip()), "")
    if not first:
        raise Unreadable("an empty file")
    if _is_data(first):
        raise Unreadable("no header line: the first line must name the columns, e.g. time,open,high,low,close,volume")
    raise Unreadable(f"no column is called time or date; the file begins with {first[:60]!r}")


def split(line: str, delimiter: str) -> list[str]:
    """The cells of one line; quotes only cost where there are any. Raises Unreadable where they do not close."""
    if '"' not in line:
        return line.split(delimiter)
    try:
        return next(csv.reader([line], delimiter=delimiter, strict=True))
    except csv.Error:
        raise Unreadable("quotes that do not close") from None


def _layout(names: Sequence[str], delimiter: str, *, skip: int, written: Sequence[str], wide: bool) -> Layout:
    time = _time(names)
    at = {
        role: found for role in ("open", "high", "low", "close", "volume") if (found := _find(names, role)) is not None
    }
    codes = {cell: i for i, cell in enumerate(written) if cell in currencies()}
    others = [i for i, cell in enumerate(written) if cell and i not in time]
    value_name = ""
    kind: Kind
    if all(name in names for name in _FACTORS):
        kind, columns = "factors", {name: names.index(name) for name in _FACTORS}
    elif all(role in at for role in ("open", "high", "low", "close")):
        kind, columns = "ohlcv", at
    elif len(codes) >= _RATES_MIN and len(codes) == len(others) and "EUR" not in codes:
        kind, columns = "rates", codes
    elif wide and len(others) > 1 and not any(name in names for name in _names()["value"]):
        kind, columns = "wide", {written[i]: i for i in others}
    else:
        position = _value(names, others, written)
        kind, columns, value_name = "value", {"value": position}, written[position]
    return Layout(kind, delimiter, len(names), skip, time, columns, value_name)


def _time(names: Sequence[str]) -> tuple[int, ...]:
    if "date" in names and "time" in names:
        return names.index("date"), names.index("time")
    found = _find(names, "time")
    assert found is not None
    return (found,)


def _value(names: Sequence[str], others: Sequence[int], written: Sequence[str]) -> int:
    known = [names.index(name) for name in _names()["value"] if name in names]
    if known:
        return known[0]
    if len(others) == 1:
        return others[0]
    listed = ", ".join(written[i] for i in others[:8]) or "none"
    raise Unreadable(f"cannot tell which column is the price (columns: {listed}); call it price, or have open … close")


def _find(names: Sequence[str], role: str) -> int | None:
    return next((names.index(name) for name in _names()[role] if name in names), None)


def _plain(cell: str) -> str:
    return re.sub(r"[^a-z0-9]", "", cell.lower())


def _is_data(line: str) -> bool:
    cells = re.split(r"[,;\t|]", line)
    return len(cells) > 1 and not read_times([cells[0]], None).reasons


@functools.cache
def _names() -> Mapping[str, Sequence[str]]:
    table: Mapping[str, Sequence[str]] = tomllib.loads((Path(__file__).parent / "csv_folder.toml").read_text("utf-8"))[
        "columns"
    ]
    return table

"""Reads what sources send: JSON, CSV, numbers and times, or says why not. Pure; raises SourceAnswerMalformed only.

Nothing is guessed: a number is a JSON number or a plain decimal text, a time is in the unit the source documents.
"""

import csv
import datetime as dt
import json
import math
import re
from collections.abc import Sequence
from typing import Any, TypeVar

from truecast.kit.clock import to_us
from truecast.kit.http import SourceAnswerMalformed
from truecast.kit.limits import CSV_COLUMNS_MAX

_T = TypeVar("_T")
_NUMBER = re.compile(r"[+-]?\d{1,15}(\.\d{1,20})?([eE][+-]?\d{1,2})?\Z", re.ASCII)
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}\Z", re.ASCII)
_TIME = re.compile(r"(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2})(?:\.(\d{1,9}))?(Z|[+-]\d{2}:\d{2})\Z", re.ASCII)
_NUMBER_MAX = 1e15  # no price, volume or statistic is larger
_SHOWN = 60  # characters of a foreign text that an error repeats


def malformed(source: str, reason: str) -> SourceAnswerMalformed:
    """The error for an answer that is not what the source documents."""
    return SourceAnswerMalformed(source=source, reason=reason[:200])


def shown(value: object) -> str:
    """A foreign value, short enough for a message."""
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def is_html(body: bytes) -> bool:
    """Whether it is a page for people."""
    head = body.lstrip(b"\xef\xbb\xbf \t\r\n")[:256].lower()
    return head.startswith((b"<!doctype html", b"<html"))


def text_of(body: bytes, source: str) -> str:
    """UTF-8 text that is no page."""
    if not body.strip():
        raise malformed(source, "an empty answer")
    if is_html(body):
        raise malformed(source, "an HTML page instead of data")
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise malformed(source, "not text") from None


def json_of(body: bytes, source: str) -> Any:
    """A JSON document. NaN and Infinity, which some sources send, become floats that `number` refuses."""
    text = text_of(body, source)
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise malformed(source, f"not JSON ({type(error).__name__}: {str(error)[:80]})") from None


def csv_of(body: bytes, source: str) -> tuple[list[str], list[list[str]]]:
    """Header and rows of a CSV file whose rows are all as long as the header."""
    lines = [line for line in text_of(body, source).splitlines() if line.strip()]
    try:
        rows = [[cell.strip() for cell in row] for row in csv.reader(lines, strict=True)]
    except csv.Error as error:
        raise malformed(source, f"not CSV ({error})") from None
    header, *rest = rows
    if len(header) > CSV_COLUMNS_MAX or len(set(header)) != len(header):
        raise malformed(source, "a header with too many columns, or the same one twice")
    for row in rest:
        if len(row) != len(header):
            raise malformed(source, f"{shown(row[0])} has {len(row)} columns, the header {len(header)}: cut off?")
    return header, rest


def member(node: Any, key: str, kind: type[_T], source: str) -> _T:
    """`node[key]`, which must be there and of that kind."""
    found = node.get(key) if isinstance(node, dict) else None
    if not isinstance(found, kind) or (isinstance(found, bool) and kind is not bool):
        raise malformed(source, f"{key!r} is {shown(found)}, expected {kind.__name__}")
    return found


def members(node: Any, key: str, source: str) -> list[Any]:
    """A list member."""
    found: list[Any] = member(node, key, list, source)
    return found


def number(value: Any, what: str, source: str) -> float:
    """A finite number, given as a number or as plain decimal text."""
    if type(value) is float or type(value) is int:
        try:
            result = float(value)
        except OverflowError:
            raise malformed(source, f"{what} is {shown(value)}, not a finite number") from None
    elif isinstance(value, str) and _NUMBER.match(value):
        result = float(value)
    else:
        raise malformed(source, f"{what} is {shown(value)}, not a number")
    if not math.isfinite(result) or abs(result) >= _NUMBER_MAX:
        raise malformed(source, f"{what} is {shown(value)}, not a finite number")
    return result


def epoch_us(value: Any, unit_us: int, source: str) -> int:
    """µs of a Unix time in units of `unit_us`, which must be whole. Its plausibility is judged where the bars are."""
    whole = int(value) if type(value) is float and value.is_integer() else value
    if isinstance(whole, str) and whole.isascii() and whole.isdecimal() and len(whole) <= 20:
        whole = int(whole)
    if type(whole) is not int or not 0 <= whole * unit_us < 2**62:
        raise malformed(source, f"{shown(value)} is not a Unix time")
    return whole * unit_us


def date_of(value: Any, source: str) -> dt.date:
    """A calendar date, `2026-10-30`."""
    if isinstance(value, str) and _DATE.match(value):
        try:
            return dt.date.fromisoformat(value)
        except ValueError:
            pass
    raise malformed(source, f"{shown(value)} is not a date")


def time_us(value: Any, source: str) -> int:
    """µs of an RFC 3339 time with any offset; digits below a microsecond are dropped."""
    found = _TIME.match(value) if isinstance(value, str) else None
    try:
        if found:
            zone = found[3].replace("Z", "+00:00")
            at = dt.datetime.fromisoformat(found[1] + zone)
            return to_us(at) + int((found[2] or "").ljust(6, "0")[:6])
    except (ValueError, OverflowError):
        pass
    raise malformed(source, f"{shown(value)} is not a time")


def same_length(columns: Sequence[Sequence[Any]], source: str) -> None:
    """Raises where parallel lists are not parallel."""
    if len({len(column) for column in columns}) > 1:
        raise malformed(source, f"columns of {sorted({len(column) for column in columns})} rows")

"""Reads the euro reference rates in every form the ECB publishes them. Pure: bytes in, columns out, typed errors only.

Daily and 90-day XML (a namespace, single or double quotes), the daily CSV (spaces after commas, `30 October 2026`),
the history CSV (newest first, `N/A` where a currency was not quoted, a comma at the end of every line), or a zip of
either CSV. A file that ends early is refused as a whole: it can be fetched again.
"""

import datetime as dt
import io
import re
import zipfile
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from xml.etree.ElementTree import Element, ParseError
from zoneinfo import ZoneInfo

import numpy as np
from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from truecast.domain.bar import FloatArray, IntArray
from truecast.kit.clock import from_us, to_us
from truecast.kit.http import SourceAnswerMalformed
from truecast.kit.limits import CSV_COLUMNS_MAX, HTTP_BODY_BYTES_MAX

_CUBE = "{http://www.ecb.int/vocabulary/2002-08-01/eurofxref}Cube"
_NUMBER = re.compile(r"-?\d{1,15}(\.\d{1,15})?\Z", re.ASCII)
_CODE = re.compile(r"[A-Z]{3}\Z", re.ASCII)
_ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}\Z", re.ASCII)
_LONG_DATE = re.compile(r"(\d{1,2}) ([A-Z][a-z]+) (\d{4})\Z", re.ASCII)
_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
_NOT_QUOTED = frozenset({"N/A", ""})
_FRANKFURT = ZoneInfo("Europe/Berlin")
_PUBLISHED = dt.time(16, 0)
_FIRST_DAY = dt.date(1999, 1, 4)


@dataclass(frozen=True, slots=True)
class Rates:
    """Units of each currency for one euro, oldest day first. NaN where a currency was not quoted."""

    start: IntArray  # (T,) 00:00Z of the day, µs
    published: IntArray  # (T,) 16:00 in Frankfurt, µs
    per_euro: Mapping[str, FloatArray]  # (T,) each

    @property
    def newest(self) -> dt.date:
        """The last day in the file."""
        return from_us(int(self.start[-1])).date()

    def later(self, update: "Rates") -> "Rates":
        """These days, and those of `update` that come after them."""
        news = update.start > self.start[-1]
        if not news.any():
            return self
        joined = {
            code: np.concatenate([column(self, code), column(update, code)[news]])
            for code in dict.fromkeys((*self.per_euro, *update.per_euro))
        }
        start = np.concatenate([self.start, update.start[news]])
        return Rates(start, np.concatenate([self.published, update.published[news]]), joined)


def parse(body: bytes) -> Rates:
    """The rates in a file of any of the published forms. Raises SourceAnswerMalformed."""
    if not body.strip():
        raise malformed("an empty file")
    if body.startswith(b"PK"):
        body = _unzipped(body)
    head = body.lstrip(b"\xef\xbb\xbf \t\r\n")[:1024].lower()
    if head.startswith((b"<!doctype html", b"<html")):
        raise malformed("an HTML page instead of rates")
    return _parse_xml(body) if head.startswith(b"<") else _parse_csv(body)


def malformed(reason: str) -> SourceAnswerMalformed:
    """The error for an answer that is not what the ECB publishes."""
    return SourceAnswerMalformed(source="ecb", reason=reason)


def _parse_xml(body: bytes) -> Rates:
    try:
        root: Element = fromstring(body, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError, LookupError) as error:
        raise malformed(f"not well-formed XML ({type(error).__name__}: {error})"[:200]) from None
    if root.tag.rsplit("}", 1)[-1].lower() == "html":
        raise malformed("an HTML page instead of rates")
    days = [(cube.get("time", ""), cube) for cube in root.iter(_CUBE) if cube.get("time") is not None]
    return _gathered((day, ((row.get("currency", ""), row.get("rate", "")) for row in cube)) for day, cube in days)


def _parse_csv(body: bytes) -> Rates:
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise malformed("not text") from None
    header, *lines = [[cell.strip() for cell in line.split(",")] for line in text.splitlines() if line.strip()]
    if header[0] != "Date" or not 2 <= len(header) <= CSV_COLUMNS_MAX:
        raise malformed(f"a header that starts with {header[0][:40]!r}")
    for cells in lines:
        if len(cells) != len(header):
            raise malformed(f"{cells[0][:40]!r} has {len(cells)} columns, the header {len(header)}: cut off?")
    codes = header[1:]
    if not codes[-1]:  # every line ends with a comma
        codes.pop()
    return _gathered((cells[0], zip(codes, cells[1:], strict=False)) for cells in lines)


def _gathered(days: Iterable[tuple[str, Iterable[tuple[str, str]]]]) -> Rates:
    rows: dict[dt.date, dict[str, float]] = {}
    for text, quotes in days:
        day = _day(text)
        if day in rows:
            raise malformed(f"{day} twice")
        rows[day] = _quotes(day, quotes)
    if not rows:
        raise malformed("no rates in it")
    if len(codes := list(dict.fromkeys(code for row in rows.values() for code in row))) > CSV_COLUMNS_MAX:
        raise malformed(f"{len(codes)} currencies")
    ordered = sorted(rows)
    start, published = (
        np.array([to_us(dt.datetime.combine(day, time, zone)) for day in ordered], np.int64)
        for time, zone in ((dt.time(), dt.UTC), (_PUBLISHED, _FRANKFURT))
    )
    nan = float("nan")
    return Rates(start, published, {code: np.array([rows[day].get(code, nan) for day in ordered]) for code in codes})


def _quotes(day: dt.date, quotes: Iterable[tuple[str, str]]) -> dict[str, float]:
    found: dict[str, float] = {}
    for code, text in quotes:
        if not _CODE.match(code):
            raise malformed(f"{code[:40]!r} is not a currency")
        if code in found:
            raise malformed(f"{code} twice on {day}")
        if text in _NOT_QUOTED:
            found[code] = float("nan")
        elif _NUMBER.match(text):
            found[code] = float(text)
        else:
            raise malformed(f"{code} on {day} is {text[:40]!r}")
    if not found:
        raise malformed(f"no rates on {day}")
    return found


def _day(text: str) -> dt.date:
    try:
        day = _date(text)
    except ValueError:
        raise malformed(f"{text[:40]!r} is not a date") from None
    if day < _FIRST_DAY:
        raise malformed(f"{day}, before there were euro rates")
    return day


def _date(text: str) -> dt.date:
    if long := _LONG_DATE.match(text):
        return dt.date(int(long[3]), _MONTHS.index(long[2]) + 1, int(long[1]))
    if not _ISO_DATE.match(text):
        raise ValueError(text)
    return dt.date.fromisoformat(text)


def _unzipped(body: bytes) -> bytes:
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            names: Sequence[str] = [name for name in archive.namelist() if name.lower().endswith(".csv")]
            if len(names) != 1:
                raise malformed(f"a zip with {len(names)} CSV files")
            with archive.open(names[0]) as file:
                text = file.read(HTTP_BODY_BYTES_MAX + 1)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError, OSError) as error:
        raise malformed(f"a broken zip ({error})"[:200]) from None
    if len(text) > HTTP_BODY_BYTES_MAX:
        raise malformed(f"a zip that unpacks to more than {HTTP_BODY_BYTES_MAX} bytes")
    return text


def column(rates: Rates, code: str) -> FloatArray:
    """The rates of one currency, NaN throughout where the file has none. (T,)"""
    found = rates.per_euro.get(code)
    return np.full(len(rates.start), np.nan) if found is None else found

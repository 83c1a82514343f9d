"""Reads one CSV stream into columns, block by block, and says of every line it could not read why.

Rows are taken whole or not at all; numbers are taken as written. NaN, negative or crossing prices are read, because
judging them is validation's work. A last line without a line end may be cut off and is refused.
"""

import gzip
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from io import BufferedIOBase

import numpy as np

from truecast.domain.bar import FloatArray, IntArray
from truecast.kit.limits import CSV_FILE_BYTES_MAX, CSV_LINE_BYTES_MAX, CSV_PREAMBLE_LINES_MAX
from truecast.providers.csv_layout import Layout, Unreadable, detect, split
from truecast.providers.csv_times import Notation, Times, join_times, read_times

_BLOCK_BYTES = 1 << 18  # 2**21 is a third slower: the cells no longer fit the cache
_HOLES = frozenset({"", "N/A", "n/a", "NA", "null", "NULL", "None", "-", ".", "#N/A"})
_MARKUP = (b"<!", b"<?xml", b"<html", b"<head", b"<body")  # but <DATE>, <OPEN> is how MetaTrader names columns
_CUT_OFF = "the compressed file is cut off: what came before the end was read"
_LETTERS = {"K": 1e3, "M": 1e6, "B": 1e9}


@dataclass(frozen=True, slots=True)
class Table:
    """A file's rows. `holes` counts cells without a number in files that hold one number a period."""

    layout: Layout
    times: Times  # (T,)
    columns: dict[str, FloatArray]  # (T,) each
    line: IntArray  # (T,) 1-based
    refused: list[tuple[int, str]]  # line, reason
    decimals: int  # most seen in a price
    holes: int
    notes: list[str]


@dataclass(frozen=True, slots=True)
class _Chunk:
    first_line: int
    lines: list[str]
    quoted: bool
    plain: bool  # ASCII without underscores: float() would also take 1_000 and digits of other alphabets
    cut: bool  # the last line has no end


@dataclass(frozen=True, slots=True)
class _Block:
    """What one block of lines gave."""

    times: Times
    columns: dict[str, FloatArray]
    line: IntArray


def read_table(stream: BufferedIOBase, tell: Callable[[int], None] | None = None, *, wide: bool = False) -> Table:
    """The whole stream. `tell` hears how many bytes were read so far. Raises Unreadable for the file as a whole."""
    notes: list[str] = []
    reader: _Reader | None = None
    blocks: list[_Block] = []
    for chunk in _chunks(stream, notes, tell):
        lines, first_line = chunk.lines, chunk.first_line
        if reader is None:
            layout = detect(lines[: CSV_PREAMBLE_LINES_MAX + 2], wide=wide)
            lines, first_line = lines[layout.skip :], first_line + layout.skip
            reader = _Reader(layout, lines)
        blocks.append(reader.read(lines, first_line, chunk))
    if reader is None:
        raise Unreadable("an empty file")
    full = [block for block in blocks if len(block.line)]
    if not full:
        why = f"; line {reader.refused[0][0]}: {reader.refused[0][1]}" if reader.refused else ""
        raise Unreadable(f"no row could be read{why}")
    times = join_times([block.times for block in full])
    columns = {role: np.concatenate([block.columns[role] for block in full]) for role in reader.layout.columns}
    line = np.concatenate([block.line for block in full])
    return Table(reader.layout, times, columns, line, reader.refused, reader.decimals, reader.holes, notes)


class _Reader:
    """Remembers across blocks what the first one decided: notation of time, decimal sign."""

    def __init__(self, layout: Layout, lines: Sequence[str]) -> None:
        self.layout = layout
        self.refused: list[tuple[int, str]] = []  # line, reason
        self.decimals = 0
        self.holes = 0
        self._notation: Notation | None = None
        self._strict = True  # this block holds characters that float() is too generous with
        self._comma = layout.delimiter != "," and _decimal_comma(layout, lines)

    def read(self, lines: Sequence[str], first_line: int, chunk: _Chunk) -> _Block:
        """The rows of a chunk's lines, its header left out."""
        if chunk.cut and lines and not self._whole(lines[-1]):
            reason = "the file ends without a line end: the last number may be cut off"
            self.refused.append((first_line + len(lines) - 1, reason))
            lines = lines[:-1]
        numbers = np.arange(first_line, first_line + len(lines))
        cells, line = self._split(lines, numbers, quoted=chunk.quoted)
        self._strict = not chunk.plain
        times = read_times(self._time_cells(cells), self._notation)
        if len(times.reasons) < len(line):
            self._notation = times.notation
        bad = dict(times.reasons)
        columns = {role: self._numbers(cells[at], role, bad) for role, at in self.layout.columns.items()}
        if self.layout.kind == "ohlcv":
            _without_prices(columns, cells, self.layout, bad)
        elif self.layout.kind != "factors":
            self.holes += sum(int(np.isnan(column).sum()) for column in columns.values())
        self.refused += [(int(line[row]), reason) for row, reason in sorted(bad.items())]
        keep = np.ones(len(line), np.bool_)
        keep[list(bad)] = False
        kept = Times(times.notation, times.wall[keep], times.other[keep], times.offset[keep], {})
        return _Block(kept, {role: column[keep] for role, column in columns.items()}, line[keep])

    def _split(self, lines: Sequence[str], numbers: IntArray, *, quoted: bool) -> tuple[list[Sequence[str]], IntArray]:
        """Cells by column, and the line each row stands on."""
        delimiter, width = self.layout.delimiter, self.layout.width
        if not quoted and {line.count(delimiter) for line in lines} == {width - 1}:
            flat = delimiter.join(lines).split(delimiter)  # one list: a list per row costs twice the time
            return [flat[i::width] for i in range(width)], numbers
        kept, where = [], []
        for line, number in zip(lines, numbers.tolist(), strict=True):
            if not line.strip():
                continue
            try:
                row = split(line, delimiter)
            except Unreadable as error:
                self.refused.append((number, str(error)))
                continue
            if len(row) != width:
                self.refused.append((number, f"{len(row)} columns, the header has {width}"))
                continue
            kept.append(row)
            where.append(number)
        return list(zip(*kept, strict=True)) or [()] * width, np.array(where, np.int64)

    def _whole(self, line: str) -> bool:
        """Whether nothing that is used can be missing from a line without an end."""
        used = {*self.layout.columns.values(), *self.layout.time}
        return line.count(self.layout.delimiter) == self.layout.width - 1 and self.layout.width - 1 not in used

    def _time_cells(self, cells: Sequence[Sequence[str]]) -> Sequence[str]:
        if len(self.layout.time) == 1:
            return cells[self.layout.time[0]]
        date, clock = (cells[at] for at in self.layout.time)
        return [f"{d} {t}" for d, t in zip(date, clock, strict=True)]

    def _numbers(self, cells: Sequence[str], role: str, bad: dict[int, str]) -> FloatArray:
        """The column's numbers; NaN for a cell without one. Rows that are no numbers go to `bad`."""
        if role != "volume":
            self.decimals = max(self.decimals, _decimals(cells[:500], "," if self._comma else "."))
        if not self._comma or not any("." in cell for cell in cells):
            try:
                if not self._strict:
                    plain = [cell.replace(",", ".") for cell in cells] if self._comma else cells
                    return np.array(list(map(float, plain)), np.float64)
            except ValueError:
                pass  # some cell is not a number: look at each
        numbers = np.full(len(cells), np.nan)
        for row, cell in enumerate(cells):
            if cell.strip() in _HOLES:
                continue
            number = _number(cell.strip(), decimal_comma=self._comma, letters=role == "volume")
            if number is None:
                bad.setdefault(row, f"{cell[:40]!r} is not a number ({role})")
            else:
                numbers[row] = number
        return numbers


def _number(cell: str, *, decimal_comma: bool, letters: bool) -> float | None:
    """A number as written, or None. `letters`: 1.2M is 1,200,000.

    Thousands separators are read only where they can be nothing else: 1,234,567 or 1,234.5, but not 1,234.
    """
    thousands, decimal = (".", ",") if decimal_comma else (",", ".")
    factor = _LETTERS.get(cell[-1:], 1.0) if letters else 1.0
    whole, _, fraction = (cell[:-1] if factor > 1 else cell).partition(decimal)
    groups = whole.lstrip("+-").split(thousands)
    if len(groups) > 1:
        certain = len(groups) > 2 or fraction
        if not certain or not all(len(group) == 3 for group in groups[1:]) or not 1 <= len(groups[0]) <= 3:
            return None
        whole = whole.replace(thousands, "")
    text = f"{whole}.{fraction}" if fraction else whole
    if not text.isascii() or "_" in text:
        return None  # float() would take other alphabets' digits, and 1_000
    try:
        return float(text) * factor
    except ValueError:
        return None


def _decimals(cells: Sequence[str], sign: str) -> int:
    return max((len(cell.rstrip()) - cell.rindex(sign) - 1 for cell in cells if sign in cell), default=0)


def _decimal_comma(layout: Layout, lines: Sequence[str]) -> bool:
    """Whether the first prices that have a decimal sign have a comma."""
    for line in lines[:1000]:
        cells = line.split(layout.delimiter)
        for at in (layout.columns[role] for role in layout.columns if role != "volume"):
            cell = cells[at].strip() if at < len(cells) else ""
            if "," in cell or "." in cell:
                return cell.rfind(",") > cell.rfind(".")
    return False


def _without_prices(
    columns: dict[str, FloatArray], cells: Sequence[Sequence[str]], layout: Layout, bad: dict[int, str]
) -> None:
    """A row with no price at all is no bar; one that says NaN, or lacks one price, is validation's to judge."""
    prices = [columns[role] for role in ("open", "high", "low", "close")]
    for row in np.flatnonzero(np.logical_and.reduce([np.isnan(p) for p in prices])).tolist():
        if all(cells[layout.columns[role]][row].strip() in _HOLES for role in ("open", "high", "low", "close")):
            bad.setdefault(row, "no prices")


def _chunks(stream: BufferedIOBase, notes: list[str], tell: Callable[[int], None] | None) -> Iterator[_Chunk]:
    """Whole lines until the end, in the memory of one block."""
    carry, line, read_bytes = b"", 1, 0
    while block := _next_block(stream, notes):
        if not read_bytes:
            block = _opened(block)
        read_bytes += len(block)
        if read_bytes > CSV_FILE_BYTES_MAX:
            raise Unreadable(f"more than {CSV_FILE_BYTES_MAX} bytes")
        if tell:
            tell(read_bytes)
        head, newline, tail = block.rpartition(b"\n")
        if newline:
            chunk = _chunk(carry + head, line, cut=False)
            yield chunk
            line, carry = line + len(chunk.lines), tail
        else:
            carry += block
        if len(carry) > CSV_LINE_BYTES_MAX:
            raise Unreadable(f"line {line} is longer than {CSV_LINE_BYTES_MAX} bytes")
    if carry.strip():
        yield _chunk(carry, line, cut=True)


def _next_block(stream: BufferedIOBase, notes: list[str]) -> bytes:
    """Up to a block of bytes; read in small steps, so that all that stands before a cut is had."""
    parts, size_bytes = [], 0
    while size_bytes < _BLOCK_BYTES:
        try:
            part = stream.read1(_BLOCK_BYTES - size_bytes)
        except EOFError:
            if _CUT_OFF not in notes:
                notes.append(_CUT_OFF)
            break
        except (gzip.BadGzipFile, zlib.error) as error:
            raise Unreadable(f"the compressed file is damaged ({error})") from None
        if not part:
            break
        parts.append(part)
        size_bytes += len(part)
    return b"".join(parts)


def _opened(block: bytes) -> bytes:
    """The first block without its byte order mark, if it can be text at all."""
    if block.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise Unreadable("UTF-16 text; save it as UTF-8")
    block = block.removeprefix(b"\xef\xbb\xbf")
    if block.startswith(b"PK\x03\x04"):
        raise Unreadable("a zip or Excel file, not CSV")
    if block.lstrip()[:6].lower().startswith(_MARKUP):
        raise Unreadable("an HTML or XML page, not CSV")
    if b"\0" in block:
        raise Unreadable("binary data, not CSV")
    return block


def _chunk(raw: bytes, first_line: int, *, cut: bool) -> _Chunk:
    """Lines of text. Bytes that are not UTF-8 become U+FFFD, which is no number and no time: only their row is lost."""
    text = raw.decode("utf-8", "replace")
    lines = text.split("\n")
    if "\r" in text:
        lines = [line.removesuffix("\r") for line in lines]
    return _Chunk(first_line, lines, '"' in text, text.isascii() and "_" not in text, cut)

"""Candles as an answer: columns straight to JSON, blocks with their provenance, and a tag for caches."""

import hashlib
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import orjson
from pydantic import Field

from truecast.api.provenance import provenance_of, series_behind, stale_from_us
from truecast.api.ready import FOREVER_US, Ready, age_hole, ready_of, time_hole
from truecast.api.shapes import Output, Provenance
from truecast.domain.bar import Bars, IntArray
from truecast.domain.interval import Interval
from truecast.kit.clock import from_us, to_us
from truecast.market.calendar import calendar
from truecast.market.gaps import Gap
from truecast.market.history import Slice
from truecast.market.registry import SeriesInfo

Adjust = Literal["raw", "split", "all"]
CLOSED_MAX_AGE_S = 60  # a correction may still arrive, so caches ask again after a minute


class Candle(Output):
    """One bar. `volume` is null where the source has none; `final` is false while it is still forming."""

    start: datetime
    end: datetime
    open: float
    high: float
    low: float
    close: float
    volume: float | None
    final: bool


_ROW = b"{%b}" % b",".join(b'"%b":%%b' % name.encode() for name in Candle.model_fields)
_COLUMN = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NAIVE_UTC | orjson.OPT_UTC_Z | orjson.OPT_OMIT_MICROSECONDS


class Span(Output):
    """A stretch of bar starts, both ends included."""

    from_: datetime = Field(validation_alias="from_", serialization_alias="from")
    to: datetime


class CandleBlock(Span):
    """Consecutive candles of one source."""

    rows: int
    provenance: Provenance


class GapSpan(Span):
    """Bars that should exist and do not."""

    cause: str
    state: str


class Candles(Output):
    """A price history with the source of every part of it."""

    symbol: str
    interval: Interval
    adjust: Adjust
    resampled_from: Interval | None
    candles: list[Candle]
    blocks: list[CandleBlock]
    gaps: list[GapSpan]


def candles_ready(
    slice_: Slice,
    kept: Sequence[SeriesInfo],
    gaps: Sequence[Gap],
    *,
    now: datetime,
    then: bool,
    end: datetime | None,
) -> Ready:
    """The answer. `then`: `now` is a moment in the past that was asked about, so that nothing ages any more.

    What ends at `end`, once that has passed, is closed: no later bar can join it.
    """
    bars, closed = slice_.bars, end is not None and end <= now
    ends = calendar(slice_.calendar).ends(bars.start, bars.interval)
    blocks = list(_blocks(slice_, kept, ends, now))
    said = [block.model_dump(mode="json", by_alias=True) for block in blocks]
    body = {
        "symbol": bars.symbol,
        "interval": bars.interval.value,
        "adjust": slice_.adjust,
        "resampled_from": slice_.resampled_from and slice_.resampled_from.value,
        "candles": _rows(bars, ends),
        "blocks": said,
        "gaps": [gap_span(gap).model_dump(mode="json", by_alias=True) for gap in gaps],
    }
    if not then:
        _leave_holes(said, blocks, bars, ends)
    return ready_of(
        body,
        tags=[f"series:{bars.symbol}"],
        now=now,
        until_us=FOREVER_US if then else _until_us(slice_, kept, blocks, ends=ends, now=now, end=end),
        etag=_tag(slice_, blocks, gaps),
        control=f"private, max-age={CLOSED_MAX_AGE_S}" if closed and bars.final.all() else "no-cache",
    )


def _leave_holes(said: list[dict[str, Any]], blocks: Sequence[CandleBlock], bars: Bars, ends: IntArray) -> None:
    """Ages are counted when the answer is sent. A bar that is still forming is of that moment itself."""
    for one, block in zip(said, blocks, strict=True):
        one["provenance"]["age_s"] = age_hole(block.provenance.as_of)
    if len(bars) and not bars.final[-1]:
        end = from_us(ends[-1])
        said[-1]["provenance"] |= {"as_of": time_hole(end), "age_s": age_hole(end)}


def _until_us(
    slice_: Slice,
    kept: Sequence[SeriesInfo],
    blocks: Sequence[CandleBlock],
    *,
    ends: IntArray,
    now: datetime,
    end: datetime | None,
) -> int:
    """How long all of it stays true without news: until a bar is over, or late, or the asked stretch is closed."""
    bars, now_us = slice_.bars, to_us(now)
    if any(info.known_until is not None and info.known_until > now for info in kept):
        return 0  # bars are stored ahead of their publication, and join by themselves
    moments = [] if end is None or end <= now else [to_us(end)]
    if len(bars) and not bars.final[-1] and ends[-1] > now_us:
        moments.append(int(ends[-1]))
    if blocks and not blocks[-1].provenance.stale:
        series = series_behind(kept, bars.symbol, bars.interval, bars.source_of(-1))
        assert series is not None, "every bar belongs to a series, and series are never deleted"
        moments.append(stale_from_us(series, bars.interval, from_us(bars.start[-1])))
    return min(moments, default=FOREVER_US)


def gap_span(gap: Gap) -> GapSpan:
    """A gap as candles show it."""
    return GapSpan(from_=gap.first, to=gap.last, cause=gap.cause, state=gap.state)


def _rows(bars: Bars, ends: IntArray) -> orjson.Fragment:
    """Every bar as JSON, from text by column: an object per bar would take five times as long."""
    starts_and_ends = (column.astype("datetime64[us]") for column in (bars.start, ends))
    values = (getattr(bars, name) for name in ("open", "high", "low", "close", "volume", "final"))
    columns = [_texts(column) for column in (*starts_and_ends, *values)]
    return orjson.Fragment(b"[" + b",".join([_ROW % row for row in zip(*columns, strict=True)]) + b"]")


def _texts(column: npt.NDArray[Any]) -> list[bytes]:
    """Each value as JSON; NaN, our unknown volume, as null. Bars begin and end on whole seconds."""
    return orjson.dumps(np.ascontiguousarray(column), option=_COLUMN)[1:-1].split(b",") if len(column) else []


def _blocks(slice_: Slice, kept: Sequence[SeriesInfo], ends: IntArray, now: datetime) -> Iterator[CandleBlock]:
    """Runs of one source. Only the newest bar of all can be stale: after the others there is another."""
    bars = slice_.bars
    if not len(bars):
        return
    edges = np.flatnonzero(np.diff(bars.source)) + 1
    for first, after in zip([0, *edges.tolist()], [*edges.tolist(), len(bars)], strict=True):
        last = after - 1
        series = series_behind(kept, bars.symbol, bars.interval, bars.source_of(first))
        assert series is not None, "every bar belongs to a series, and series are never deleted"
        provenance = provenance_of(
            series,
            interval=bars.interval,
            last_start=from_us(bars.start[last]),
            as_of=min(from_us(ends[last]), now) if not bars.final[last] else from_us(ends[last]),
            now=now,
        )
        if after < len(bars):
            provenance = provenance.model_copy(update={"stale": False})
        yield CandleBlock(
            from_=from_us(bars.start[first]), to=from_us(bars.start[last]), rows=after - first, provenance=provenance
        )


def _tag(slice_: Slice, blocks: Sequence[CandleBlock], gaps: Sequence[Gap]) -> str:
    """Weak: the same data at another moment differs in its ages only."""
    digest = hashlib.blake2b(digest_size=16)
    bars = slice_.bars
    about = [
        bars.symbol,
        bars.interval.value,
        slice_.adjust,
        [[b.provenance.source, b.rows, b.provenance.stale, to_us(b.provenance.received_at)] for b in blocks],
        [[g.id, g.state, to_us(g.last)] for g in gaps],
    ]
    digest.update(orjson.dumps(about))
    for name in ("start", "open", "high", "low", "close", "volume", "final"):
        digest.update(np.ascontiguousarray(getattr(bars, name)).tobytes())
    return f'W/"{digest.hexdigest()}"'

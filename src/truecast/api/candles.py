"""Candles as an answer: columns straight to JSON, blocks with their provenance, and a tag for caches."""

import hashlib
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Literal

import numpy as np
import orjson
from fastapi import Response
from pydantic import Field

from truecast.api.provenance import provenance_of, series_behind
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


def candles_response(
    slice_: Slice,
    kept: Sequence[SeriesInfo],
    gaps: Sequence[Gap],
    *,
    now: datetime,
    asked_tag: str | None,
    closed: bool,
) -> Response:
    """The answer, or 304 where the client has it. `closed`: no later bar can join what was asked for."""
    bars = slice_.bars
    ends = calendar(slice_.calendar).ends(bars.start, bars.interval)
    blocks = list(_blocks(slice_, kept, ends, now))
    tag = _tag(slice_, blocks, gaps)
    headers = {
        "ETag": tag,
        "Cache-Control": f"private, max-age={CLOSED_MAX_AGE_S}" if closed and bars.final.all() else "no-cache",
    }
    if asked_tag is not None and tag in [part.strip() for part in asked_tag.split(",")]:
        return Response(status_code=304, headers=headers)
    body = {
        "symbol": bars.symbol,
        "interval": bars.interval.value,
        "adjust": slice_.adjust,
        "resampled_from": slice_.resampled_from and slice_.resampled_from.value,
        "candles": _rows(bars, ends),
        "blocks": [block.model_dump(mode="json", by_alias=True) for block in blocks],
        "gaps": [gap_span(gap).model_dump(mode="json", by_alias=True) for gap in gaps],
    }
    return Response(orjson.dumps(body), media_type="application/json", headers=headers)


def gap_span(gap: Gap) -> GapSpan:
    """A gap as candles show it."""
    return GapSpan(from_=gap.first, to=gap.last, cause=gap.cause, state=gap.state)


def _rows(bars: Bars, ends: IntArray) -> list[dict[str, Any]]:
    """One object per bar. orjson writes NaN, our unknown volume, as null."""
    columns = (
        _iso_column(bars.start),
        _iso_column(ends),
        *(getattr(bars, name).tolist() for name in ("open", "high", "low", "close", "volume", "final")),
    )
    return [dict(zip(Candle.model_fields, row, strict=True)) for row in zip(*columns, strict=True)]


def _iso_column(us: IntArray) -> list[str]:
    strings: list[str] = np.datetime_as_string(us.astype("datetime64[us]"), unit="s", timezone="UTC").tolist()
    return strings  # bars begin and end on whole seconds


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

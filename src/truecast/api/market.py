"""The market's own bookkeeping: where bars are missing, and which were not believed."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

import orjson
from fastapi import Path, Query, Request
from pydantic import Field

from truecast.api.access import NOBODY
from truecast.api.candles import GapSpan
from truecast.api.deps import ServicesDep, resource
from truecast.api.errors import CursorInvalid, documented
from truecast.api.page import Page, decode_offset, encode_cursor
from truecast.api.params import PAGE_ITEMS_DEFAULT, CursorQuery, LimitQuery, SymbolQuery
from truecast.api.shapes import Input, Output
from truecast.domain.instrument import AmbiguousSymbol, UnknownSymbol
from truecast.domain.interval import Interval
from truecast.kit.limits import RULING_NOTE_CHARS_MAX
from truecast.market.gaps import Gap
from truecast.market.keeper import standing_of
from truecast.market.quarantine import NotReleasable, Quarantined, UnknownQuarantine
from truecast.services import Services

router = resource("prices")

GapState = Literal["open", "filling", "filled", "unfillable"]
StateQuery = Annotated[GapState | None, Query(description="Only gaps in this state.")]
NumberPath = Annotated[int, Path(ge=1, le=2**53, description="Number of a quarantined row.")]


class SeriesGap(GapSpan):
    """Bars of one series that should exist and do not.

    `attempts` at getting them, at `empties` of which every source said that it has none; `reason` is what came of the
    last one. `filled_by` is another source that has these bars.
    """

    symbol: str
    interval: Interval
    source: str
    missing: int
    attempts: int
    empties: int
    reason: str | None
    opened_at: datetime
    tried_at: datetime | None
    retry_at: datetime | None
    closed_at: datetime | None
    filled_by: str | None


class GapCount(Output):
    """So many gaps are in this state, and stand for so many bars."""

    state: GapState
    gaps: int
    bars: int


class QuarantineCount(Output):
    """So many rows were refused for this reason and are in this state."""

    reason: str
    state: str
    rows: int


class SeriesGaps(Page[SeriesGap]):
    """One page of gaps, newest first; how all of them stand, and what was refused, by reason."""

    counts: list[GapCount]
    quarantine: list[QuarantineCount]


class QuarantinedRow(Output):
    """A row that was refused. `held` ones wait for the next bar or another source; `row` is what came."""

    id: int
    symbol: str
    interval: Interval
    source: str
    start: str
    reason: str
    state: Literal["refused", "held", "released", "rejected"]
    row: dict[str, Any]
    received_at: datetime
    ruled_by: str | None
    ruled_at: datetime | None
    note: str | None


class QuarantinedRows(Page[QuarantinedRow]):
    """One page of refused rows, latest first."""


class ReleaseRequest(Input):
    """Why the row is let in; kept with the ruling."""

    note: Annotated[str, Field(max_length=RULING_NOTE_CHARS_MAX)] | None = None


@router.get(
    "/market/gaps", response_model=SeriesGaps, responses=documented(UnknownSymbol, AmbiguousSymbol, CursorInvalid)
)
async def list_gaps(
    services: ServicesDep,
    symbol: SymbolQuery = None,
    state: StateQuery = None,
    cursor: CursorQuery = None,
    limit: LimitQuery = PAGE_ITEMS_DEFAULT,
) -> SeriesGaps:
    """Stretches of bars that should exist and did not come, and what became of them."""
    canonical = await _canonical(services, symbol)
    every = await services.store.gaps(canonical)
    standing = standing_of(every)
    found = [gap for gap in reversed(every) if state in (None, gap.state)]
    start = decode_offset("gaps", cursor)
    more = start + limit < len(found)
    return SeriesGaps(
        items=[_gap(gap) for gap in found[start : start + limit]],
        next=encode_cursor("gaps", start + limit) if more else None,
        counts=[GapCount(state=s, gaps=n, bars=standing.bars[s]) for s, n in sorted(standing.gaps.items())],
        quarantine=[
            QuarantineCount(reason=reason, state=kind, rows=rows)
            for (reason, kind), rows in sorted((await services.store.quarantine_counts(canonical)).items())
        ],
    )


@router.get(
    "/market/quarantine",
    response_model=QuarantinedRows,
    responses=documented(UnknownSymbol, AmbiguousSymbol, CursorInvalid),
)
async def list_quarantine(
    services: ServicesDep,
    symbol: SymbolQuery = None,
    cursor: CursorQuery = None,
    limit: LimitQuery = PAGE_ITEMS_DEFAULT,
) -> QuarantinedRows:
    """Rows that a source sent and that are no bars, or are not believed, with the reason and what became of them."""
    before = None if cursor is None else decode_offset("quarantine", cursor)
    found = await services.store.quarantined(await _canonical(services, symbol), limit + 1, before)
    shown = found[:limit]
    more = len(found) > limit
    return QuarantinedRows(
        items=[_row(one) for one in shown], next=encode_cursor("quarantine", shown[-1].id) if more else None
    )


@router.post(
    "/market/quarantine/{number}/release",
    response_model=QuarantinedRow,
    responses=documented(UnknownQuarantine, NotReleasable),
)
async def release_quarantined(
    services: ServicesDep, request: Request, number: NumberPath, given: ReleaseRequest | None = None
) -> QuarantinedRow:
    """Let a row in after all. Who did so is kept; the bar counts as known from now on."""
    who = request.scope.get("truecast.principal", NOBODY)
    note = None if given is None else given.note
    return _row(await services.ingest.release(number, by=f"api:{who.id}", note=note))


async def _canonical(services: Services, symbol: str | None) -> str | None:
    return None if symbol is None else (await services.store.universe()).get(symbol).symbol


def _gap(gap: Gap) -> SeriesGap:
    return SeriesGap(
        from_=gap.first,
        to=gap.last,
        cause=gap.cause,
        state=gap.state,
        symbol=gap.symbol,
        interval=gap.interval,
        source=gap.source,
        missing=gap.missing,
        attempts=gap.attempts,
        empties=gap.empties,
        reason=gap.reason,
        opened_at=gap.opened_at,
        tried_at=gap.tried_at,
        retry_at=gap.retry_at,
        closed_at=gap.closed_at,
        filled_by=gap.filled_by,
    )


def _row(one: Quarantined) -> QuarantinedRow:
    row: Mapping[str, Any] = orjson.loads(one.row)
    return QuarantinedRow(
        id=one.id,
        symbol=one.symbol,
        interval=one.interval,
        source=one.source,
        start=one.start,
        reason=one.reason,
        state=one.state,
        row=dict(row),
        received_at=one.received_at,
        ruled_by=one.ruled_by,
        ruled_at=one.ruled_at,
        note=one.note,
    )

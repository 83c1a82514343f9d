"""The market's own bookkeeping: where bars are missing."""

from typing import Annotated

from fastapi import APIRouter, Query

from truecast.api.deps import ServicesDep
from truecast.api.errors import CursorInvalid, documented
from truecast.api.page import Page
from truecast.api.prices import GapSpan
from truecast.api.shapes import PAGE_ITEMS_DEFAULT, CursorQuery, LimitQuery
from truecast.domain.instrument import AmbiguousSymbol, UnknownSymbol
from truecast.domain.interval import Interval

router = APIRouter(tags=["prices"])


class Gap(GapSpan):
    """Bars of one series that should exist and do not."""

    symbol: str
    interval: Interval
    source: str
    attempts: int


class Gaps(Page[Gap]):
    """One page of gaps, newest first."""


@router.get("/market/gaps", response_model=Gaps, responses=documented(UnknownSymbol, AmbiguousSymbol, CursorInvalid))
async def list_gaps(
    services: ServicesDep,
    symbol: Annotated[str | None, Query(max_length=64)] = None,
    cursor: CursorQuery = None,
    limit: LimitQuery = PAGE_ITEMS_DEFAULT,
) -> Gaps:
    """Stretches of bars that should exist and do not, or did not."""

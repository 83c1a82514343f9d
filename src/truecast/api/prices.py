"""Prices: the latest, and candles with their sources block by block."""

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field

from truecast.api.deps import ServicesDep
from truecast.api.errors import documented
from truecast.api.shapes import IntervalIn, Output, Provenance, SymbolPath, TimeIn
from truecast.domain.instrument import AmbiguousSymbol, UnknownSymbol
from truecast.domain.interval import Interval
from truecast.kit.limits import CANDLES_MAX

Adjust = Literal["raw", "split", "all"]
CANDLES_DEFAULT = 500

router = APIRouter(tags=["prices"])


class Price(Output):
    """The latest price. `change` is against the close of the session before; null where there is none."""

    symbol: str
    price: float
    bid: float | None
    ask: float | None
    change: float | None
    change_pct: float | None
    provenance: Provenance


class PriceError(Output):
    """Why one of the asked symbols has no price."""

    symbol: str
    code: str
    detail: str


class Prices(Output):
    """Latest prices; a symbol that has none is in `errors`, never silently missing."""

    items: list[Price]
    errors: list[PriceError]


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


@router.get("/prices", response_model=Prices, responses=documented(UnknownSymbol, AmbiguousSymbol))
async def latest_prices(
    services: ServicesDep,
    symbols: Annotated[
        str, Query(description="Symbols separated by commas.", examples=["EUR-USD,SPY"], max_length=4096)
    ],
) -> Prices:
    """The latest price of each symbol, from its finest fresh series."""


@router.get(
    "/prices/{symbol:path}/candles",
    response_model=Candles,
    responses=documented(UnknownSymbol, AmbiguousSymbol),
)
async def get_candles(
    request: Request,
    services: ServicesDep,
    symbol: SymbolPath,
    interval: Annotated[IntervalIn, Query(description="Bar length.")] = Interval.D1,
    start: Annotated[TimeIn | None, Query(description="First bar start, included.")] = None,
    end: Annotated[TimeIn | None, Query(description="Bar starts before this.")] = None,
    limit: Annotated[int, Query(ge=1, le=CANDLES_MAX, description="The last so many.")] = CANDLES_DEFAULT,
    as_of: Annotated[TimeIn | None, Query(description="Only what was known then.")] = None,
    adjust: Annotated[Adjust, Query(description="For splits, or for splits and dividends.")] = "raw",
) -> Response:
    """Bars, oldest first, with the source of every part and the gaps between them."""

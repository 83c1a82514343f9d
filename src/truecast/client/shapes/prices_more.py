"""Shapes of the answers about prices more.

Written by scripts/write_client.py from the OpenAPI document; run `make docs` after a change of the API.
"""

from datetime import datetime

from truecast.client.shape import Shape
from truecast.client.shapes.prices import PriceError, VolatilityShape
from truecast.client.shapes.shared import Provenance
from truecast.client.shapes.words import (
    Interval,
)


class SymbolVolatility(Shape, frozen=True, kw_only=True):
    """The volatility of one symbol, of prices adjusted for splits and dividends."""

    symbol: str
    interval: Interval
    first_at: datetime
    last_at: datetime
    n: int
    volatility: VolatilityShape
    provenance: Provenance


class Volatilities(Shape, frozen=True, kw_only=True):
    """Volatilities in the order asked; a symbol that has none is in `errors`, never silently missing."""

    window: str
    items: list[SymbolVolatility]
    errors: list[PriceError]

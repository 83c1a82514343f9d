"""Shapes of the answers about symbols.

Written by scripts/write_client.py from the OpenAPI document; run `make docs` after a change of the API.
"""

from datetime import datetime

from truecast.client.shape import Shape
from truecast.client.shapes.words import (
    AssetClass,
    Delay,
    Interval,
)


class Symbol(Shape, frozen=True, kw_only=True):
    """An instrument, in short."""

    symbol: str
    name: str
    asset_class: AssetClass
    currency: str
    tick: float
    calendar: str
    signed: bool
    intervals: list[Interval]
    followed: bool
    """Whether sources are asked for it; what was removed can still be read."""


class SymbolAdded(Shape, frozen=True, kw_only=True):
    """A symbol that is followed now. `is_new` is false where it was before: asking again changes nothing.

    `sources` have it, in the order in which they are asked; `loading` says that its past is on its way.
    """

    symbol: Symbol
    is_new: bool
    sources: list[str]
    intervals: list[Interval]
    loading: bool
    note: str


class SymbolSource(Shape, frozen=True, kw_only=True):
    """One stored series of an instrument."""

    source: str
    interval: Interval
    calendar: str
    delay: Delay
    derived: str | None
    origin: str
    first: datetime | None
    last: datetime | None
    bars: int


class SymbolDetail(Shape, frozen=True, kw_only=True):
    """An instrument in full."""

    symbol: str
    name: str
    asset_class: AssetClass
    currency: str
    tick: float
    calendar: str
    signed: bool
    intervals: list[Interval]
    followed: bool
    """Whether sources are asked for it; what was removed can still be read."""
    aliases: list[str]
    session_open: bool
    sources: list[SymbolSource]
    models: list[str]
    default_interval: Interval | None


class SymbolPage(Shape, frozen=True, kw_only=True):
    """One page of instruments, best match first."""

    items: list[Symbol]
    next: str | None


class SymbolRemoved(Shape, frozen=True, kw_only=True):
    """A symbol that is no longer asked for. Its `bars` stay and can be read."""

    symbol: str
    was_followed: bool
    series: int
    bars: int
    note: str

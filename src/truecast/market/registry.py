"""Which instruments and series are kept. A series is one instrument at one interval from one source."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from truecast.domain.instrument import AssetClass, Instrument
from truecast.domain.interval import Interval
from truecast.domain.quote import Delay
from truecast.kit.db import upsert
from truecast.kit.errors import EXIT_NOT_FOUND, TruecastError
from truecast.market.tables import instruments, series
from truecast.providers.base import SeriesOffer

PRIORITY_DEFAULT = 100
PRIORITY_SAMPLE = 1_000  # any other source is read before the bundled extract


# Built once: making a statement takes longer than running it.
_INSTRUMENTS = sa.select(instruments).order_by(instruments.c.symbol)
_INSTRUMENT = sa.select(instruments).where(instruments.c.symbol == sa.bindparam("of"))
_SERIES = sa.select(series, instruments.c.symbol, instruments.c.signed, instruments.c.asset_class).join(instruments)
_SERIES_OF_SYMBOL = _SERIES.where(instruments.c.symbol == sa.bindparam("symbol"))


class SeriesNotKept(TruecastError):
    """Bars arrived for a series that nobody added."""

    code = "series_not_kept"
    status = 404
    title = "Series not kept"
    template = "No series {symbol} at {interval} from {source} is kept here"
    exit_code = EXIT_NOT_FOUND


@dataclass(frozen=True, slots=True)
class SeriesInfo:
    """A series and how much of it there is. `received_at` is when its source last delivered, news or not."""

    id: int
    symbol: str
    interval: Interval
    source: str
    calendar: str
    delay: Delay
    derived: str | None
    origin: str
    priority: int  # lower is read first
    signed: bool
    asset_class: AssetClass
    first: datetime | None
    last: datetime | None
    bars: int
    known_until: datetime | None
    received_at: datetime | None


async def add_instruments(conn: AsyncConnection, given: Iterable[Instrument]) -> None:
    """Add them, or bring their description up to date."""
    rows = [
        {
            "symbol": i.symbol,
            "name": i.name,
            "asset_class": i.asset_class.value,
            "currency": i.currency,
            "tick": str(i.tick),
            "calendar": i.calendar,
            "aliases": json.dumps(i.aliases),
            "signed": i.signed,
        }
        for i in given
    ]
    if rows:
        await conn.execute(upsert(conn, instruments, ["symbol"], [key for key in rows[0] if key != "symbol"]), rows)


async def list_instruments(conn: AsyncConnection, symbol: str | None = None) -> list[Instrument]:
    """All of them, by symbol; or the one with exactly this symbol, if there is one."""
    found = await conn.execute(
        _INSTRUMENTS if symbol is None else _INSTRUMENT, {} if symbol is None else {"of": symbol}
    )
    return [
        Instrument(
            symbol=row.symbol,
            name=row.name,
            asset_class=AssetClass(row.asset_class),
            currency=row.currency,
            tick=Decimal(row.tick),
            calendar=row.calendar,
            aliases=tuple(json.loads(row.aliases)),
            signed=row.signed,
        )
        for row in found
    ]


async def add_series(conn: AsyncConnection, offer: SeriesOffer, source: str, priority: int | None = None) -> None:
    """Add the series and its instrument, or bring their description up to date.

    Without a `priority` one that is there is kept; a new series gets the default (the sample comes last).
    """
    await add_instruments(conn, [offer.instrument])
    default = PRIORITY_SAMPLE if source == "sample" else PRIORITY_DEFAULT
    row = {
        "instrument_id": await instrument_id(conn, offer.instrument.symbol),
        "interval": offer.interval.value,
        "source": source,
        "calendar": offer.calendar,
        "delay": offer.delay,
        "derived": offer.derived,
        "origin": offer.origin,
        "priority": default if priority is None else priority,
    }
    changing = ["calendar", "delay", "derived", "origin"] + ([] if priority is None else ["priority"])
    await conn.execute(upsert(conn, series, ["instrument_id", "interval", "source"], changing), [row])


async def list_series(
    conn: AsyncConnection, symbol: str | None = None, interval: Interval | None = None, source: str | None = None
) -> list[SeriesInfo]:
    """Series by symbol, interval (short first) and, among sources, the order in which they are read."""
    query = _SERIES if symbol is None else _SERIES_OF_SYMBOL
    infos = [
        _info(row)
        for row in await conn.execute(query, {} if symbol is None else {"symbol": symbol})
        if interval in (None, row.interval) and source in (None, row.source)
    ]
    # The source's own numbers go before numbers computed from others, at equal priority.
    infos.sort(key=lambda s: (s.symbol, s.interval.seconds, s.priority, s.derived is not None, s.source))
    return infos


async def lock_series(conn: AsyncConnection, symbol: str, interval: Interval, source: str) -> SeriesInfo:
    """The series, held against other writers to the end of the transaction. Raises SeriesNotKept."""
    one = _SERIES_OF_SYMBOL.where(series.c.interval == interval.value, series.c.source == source)
    query = one.with_for_update(of=series)  # SQLite, which has one writer anyway, leaves it out
    row = (await conn.execute(query, {"symbol": symbol})).one_or_none()
    if row is None:
        raise SeriesNotKept(symbol=symbol, interval=interval.value, source=source)
    return _info(row)


async def instrument_id(conn: AsyncConnection, symbol: str) -> int | None:
    """The row number of an instrument."""
    found = await conn.scalar(sa.select(instruments.c.id).where(instruments.c.symbol == symbol))
    return cast("int | None", found)


def _info(row: Any) -> SeriesInfo:
    return SeriesInfo(
        id=row.id,
        symbol=row.symbol,
        interval=Interval(row.interval),
        source=row.source,
        calendar=row.calendar,
        delay=row.delay,
        derived=row.derived,
        origin=row.origin,
        priority=row.priority,
        signed=row.signed,
        asset_class=AssetClass(row.asset_class),
        first=row.first,
        last=row.last,
        bars=row.bars,
        known_until=row.known_until,
        received_at=row.received_at,
    )

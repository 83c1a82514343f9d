"""Split and dividend factors, appended with the moment they could be known.

A source gives its whole list of events each time; each stands for itself, so a new one changes nothing that was there.
A list that does change what was there is known from the moment it was received, as a whole: a reader must never mix old
and new. Any other event is known as it happened: the session after `date` trades ex, which was announced before.
"""

import datetime as dt
from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from truecast.domain.corporate import Factor
from truecast.domain.instrument import UnknownSymbol
from truecast.market.append import Appended
from truecast.market.registry import instrument_id, list_series
from truecast.market.tables import factors, instruments


async def add_factors(
    conn: AsyncConnection, symbol: str, source: str, given: Sequence[Factor], received_at: dt.datetime
) -> Appended:
    """Append what differs from the latest list of the source."""
    owner = await instrument_id(conn, symbol)
    if owner is None:
        raise UnknownSymbol(symbol=symbol, nearest=[])
    stored = {factor.date: factor for factor in await _latest(conn, owner, source, None)}
    news = [factor for factor in given if stored.get(factor.date) != factor]
    corrected = sum(factor.date in stored for factor in news)
    rows = [
        {
            "instrument_id": owner,
            "source": source,
            "date": factor.date,
            "known_at": received_at if corrected else _effective(factor.date),
            "price_factor": factor.price_factor,
            "split_factor": factor.split_factor,
        }
        for factor in news
    ]
    if rows:
        await conn.execute(sa.insert(factors), rows)
    return Appended(len(news) - corrected, corrected, len(given) - len(news))


async def read_factors(conn: AsyncConnection, symbol: str, as_of: dt.datetime | None) -> tuple[Factor, ...]:
    """Of the first source, in reading order, that has any."""
    owner = await instrument_id(conn, symbol)
    if owner is None:
        return ()
    order = list(dict.fromkeys(info.source for info in await list_series(conn, symbol)))
    having = sa.select(factors.c.source).where(factors.c.instrument_id == owner).distinct()
    sources = sorted(await conn.scalars(having), key=lambda s: order.index(s) if s in order else len(order))
    return await _latest(conn, owner, sources[0], as_of) if sources else ()


async def _latest(conn: AsyncConnection, owner: int, source: str, as_of: dt.datetime | None) -> tuple[Factor, ...]:
    query = (
        sa.select(factors)
        .join(instruments)
        .where(instruments.c.id == owner, factors.c.source == source)
        .order_by(factors.c.date, factors.c.known_at)
    )
    if as_of is not None:
        query = query.where(factors.c.known_at <= as_of)
    latest = {row.date: Factor(row.date, row.price_factor, row.split_factor) for row in await conn.execute(query)}
    return tuple(latest.values())


def _effective(date: dt.date) -> dt.datetime:
    return dt.datetime.combine(date + dt.timedelta(days=1), dt.time(), dt.UTC)

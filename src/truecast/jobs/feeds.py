"""The live feeds of an installation: each is listened to by one process at a time, and anybody can say how it does.

Where several processes share a database, a feed belongs to the one that holds its lease; see lease.py. When that
process dies, another one takes the feed over and asks for the bars that nobody heard. How a feed does is written into
its row every few seconds, so that a process that only answers can say it, too.
"""

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from functools import partial

import sqlalchemy as sa
from numpy.random import Generator

from truecast.jobs import tables
from truecast.kit.bus import Bus
from truecast.kit.clock import Clock
from truecast.kit.db import Database, upsert
from truecast.kit.errors import EXIT_CONFIG, TruecastError
from truecast.kit.leases import LeaseLost, Leases
from truecast.kit.limits import FEED_AGAIN_S, FEED_TOLD_S
from truecast.kit.logs import get_logger
from truecast.kit.ws import connect
from truecast.market.chain import Chain
from truecast.market.feeds import Board, Connect, Feed
from truecast.market.feeds_candles import Backfill, FeedCandles
from truecast.market.feeds_status import ENDED, FeedStanding, FeedStatus
from truecast.market.ingest import Ingest
from truecast.market.store import BarStore
from truecast.providers.base import Provider, SeriesOffer

_log = get_logger(__name__)

OffersOf = Callable[[Provider], Awaitable[Sequence[SeriesOffer]]]


class FeedNotOffered(TruecastError):
    """A source without a live feed was to be listened to."""

    code = "feed_not_offered"
    status = 500
    title = "Feed not offered"
    template = "{source} has no live feed; TRUECAST_FEEDS may name {known}"
    exit_code = EXIT_CONFIG


class Feeds:
    """`run` listens to `feeds`; `standings` says how all do, also those that another process listens to."""

    def __init__(self, db: Database, clock: Clock, feeds: Sequence[Feed] = (), leases: Leases | None = None) -> None:
        self._db = db
        self._clock = clock
        self._feeds = tuple(feeds)
        self._leases = leases

    async def run(self) -> None:
        """Until cancelled; at once where there is nothing to listen to."""
        if not self._feeds:
            return
        async with asyncio.TaskGroup() as group:
            for feed in self._feeds:
                group.create_task(self._run_one(feed), name=f"feed {feed.name}")
            if self._leases is not None:
                group.create_task(self._tell(self._leases), name="feeds told")

    def hears(self, symbol: str) -> bool:
        """Whether this process gets its prices without asking."""
        return any(feed.hears(symbol) for feed in self._feeds)

    async def standings(self, source: str | None = None) -> list[FeedStanding]:
        """How the feeds do, by name; those of this process as of now, the others as of when they told it last."""
        found: dict[str, FeedStanding] = {}
        if self._db.dialect != "sqlite":  # an embedded database has one process that listens
            table = tables.feeds
            async with self._db.read() as conn:
                for row in await conn.execute(sa.select(table)):
                    found[row.name] = FeedStanding.from_json(json.loads(row.standing), row.holder)
        now = self._clock.now()
        for feed in self._feeds:
            if feed.name not in found or self._mine(feed):
                found[feed.name] = feed.status.standing(now)
        return [found[name] for name in sorted(found) if source in (None, found[name].source)]

    def _mine(self, feed: Feed) -> bool:
        return self._leases is None or self._leases.holds(_of_feed(feed.name))

    async def _run_one(self, feed: Feed) -> None:
        """Listen as long as this process may; look again when another one may have died."""
        while feed.status.state not in ENDED:
            if self._leases is None:
                await self._listen(feed)
                continue
            try:
                async with self._leases.hold(_of_feed(feed.name)) as held:
                    if held:
                        _log.info("feed taken", feed=feed.name)
                        await self._listen(feed)
                        await self._write([feed], self._leases)
            except LeaseLost:
                _log.warning("feed belongs to another process now", feed=feed.name)
            except TruecastError as error:
                _log.warning("feed not claimed", feed=feed.name, code=error.code)
            await asyncio.sleep(self._leases.renew_s)

    async def _listen(self, feed: Feed) -> None:
        """Returns when the feed has ended for good, or after a pause. A fault of ours must not silence the others."""
        try:
            await feed.run()
        except Exception:  # noqa: BLE001 the edge of a stream: logged, counted, begun anew
            _log.exception("feed failed", feed=feed.name)
            feed.status.dropped["failed"] += 1
            await asyncio.sleep(FEED_AGAIN_S)

    async def _tell(self, leases: Leases) -> None:
        while True:
            await asyncio.sleep(FEED_TOLD_S)
            with contextlib.suppress(TruecastError):  # the database is away; the feeds are not
                await self._write([feed for feed in self._feeds if leases.holds(_of_feed(feed.name))], leases)

    async def _write(self, feeds: Iterable[Feed], leases: Leases) -> None:
        now = self._clock.now()
        rows = [
            {"name": f.name, "holder": leases.holder, "standing": json.dumps(f.status.standing(now).as_json())}
            for f in feeds
        ]
        if rows:
            async with self._db.write() as conn:
                await conn.execute(upsert(conn, tables.feeds, ["name"], ["holder", "standing"]), rows)


def feeds_of(
    keys: Sequence[str],
    sources: Mapping[str, Provider],
    *,
    chain: Chain,
    store: BarStore,
    ingest: Ingest,
    bus: Bus,
    board: Board,
    backfill: Backfill,
    offers_of: OffersOf,
    clock: Clock,
    generator: Generator,
    connect: Connect = connect,
) -> list[Feed]:
    """One feed for each of these sources that is configured. Raises FeedNotOffered.

    `offers_of` says what is followed at a source.
    """
    listed = [key for key in keys if key in sources]
    for key in listed:
        if "feed" not in sources[key].info.capabilities:
            known = [source for source in sources if "feed" in sources[source].info.capabilities]
            raise FeedNotOffered(source=key, known=", ".join(known) or "none of the sources in use")
    feeds = []
    for key in listed:
        provider, status = sources[key], FeedStatus(key, key)
        candles = FeedCandles(
            provider,
            store=store,
            ingest=ingest,
            bus=bus,
            backfill=backfill,
            clock=clock,
            status=status,
            awaits_history=_led_by(key, chain),
        )
        feeds.append(
            Feed(
                provider,
                symbols=partial(listened_to, key, listed, sources, chain, offers_of),
                board=board,
                candles=candles,
                status=status,
                clock=clock,
                generator=generator,
                connect=connect,
            )
        )
    return feeds


async def listened_to(
    key: str, feeds: Sequence[str], sources: Mapping[str, Provider], chain: Chain, offers_of: OffersOf
) -> list[str]:
    """What is followed at a source, where none of the other feeds comes first."""
    instruments = {offer.instrument.symbol: offer.instrument for offer in await offers_of(sources[key])}
    found = []
    for symbol, instrument in sorted(instruments.items()):
        able = [one for one in chain.sources_of(instrument, "feed") if one in feeds]
        if able[:1] == [key]:
            found.append(symbol)
    return found


def _led_by(key: str, chain: Chain) -> Callable[[SeriesOffer], bool]:
    """Whether the source's own job loads a series' past: then the feed does not write before it has."""

    def led(offer: SeriesOffer) -> bool:
        first = chain.offers_of(offer.instrument, offer.interval, offer.calendar)[:1]
        return bool(first) and first[0][0] == key

    return led


def _of_feed(name: str) -> str:
    return f"feed:{name}"

"""A live feed from the socket to the store: a source that never stops, over the wire, into a real database."""

import asyncio
import contextlib
import dataclasses
import functools
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from pydantic import SecretStr

from tests.wire import WireServer, wire_server
from tests.wire.market import candle, go_live
from truecast.domain.interval import Interval
from truecast.jobs.feeds import feeds_of
from truecast.kit import ws
from truecast.kit.bus import InProcessBus
from truecast.kit.clock import Clock, FixedClock, to_us
from truecast.kit.db import Database
from truecast.market.backfill import Backfill
from truecast.market.board import QuoteBoard
from truecast.market.chain import Chain
from truecast.market.feeds import Feed
from truecast.market.followed import Followed
from truecast.market.ingest import Ingest
from truecast.market.store import BarStore
from truecast.providers.base import Provider, Reach
from truecast.providers.catalog import build_provider, source_info
from truecast.providers.feed import FeedPlan
from truecast.providers.guarded import Guarded, guard_of

EVERY_S = 0.01  # between two frames of a stream


class StillClock(FixedClock):
    """Moves only when it is told to. Who sleeps is woken soon, and how long it wanted to sleep is kept."""

    def __init__(self, start: datetime) -> None:
        super().__init__(start)
        self.slept_s: list[float] = []

    async def sleep_until(self, when: datetime) -> None:
        self.slept_s.append((when - self.now()).total_seconds())
        await asyncio.sleep(EVERY_S)


class Impatient(Guarded):
    """A source whose feed is given up sooner, and which offers only these pairs."""

    def __init__(self, given: Guarded, symbols: Sequence[str], plan: dict[str, Any]) -> None:
        super().__init__(given.provider, given.guard)
        self._symbols = symbols
        self._changes = plan

    def offers(self) -> Any:
        return [self.offer(symbol, Interval.M1) for symbol in self._symbols]

    def feed(self, symbols: Sequence[str]) -> FeedPlan | None:
        plan = super().feed(symbols)
        return plan and dataclasses.replace(plan, **self._changes)


@dataclass
class House:
    wire: WireServer
    clock: Clock
    store: BarStore
    bus: InProcessBus
    board: QuoteBoard
    ingest: Ingest
    sources: dict[str, Provider]
    feeds: list[Feed]
    backfill: Backfill
    chain: Chain
    followed: Followed

    @property
    def feed(self) -> Feed:
        return self.feeds[0]

    async def history(self, symbol: str, minutes: int, source: str = "binance") -> None:
        """What the source's own job would have loaded before."""
        provider = self.sources[source]
        await self.store.add_series(provider.offer(symbol, Interval.M1), source)
        since = self.clock.now() - timedelta(minutes=minutes)
        await self.ingest.take(await provider.bars(symbol, Interval.M1, since))

    async def closes(self, symbol: str, source: str = "binance") -> dict[int, tuple[float, float]]:
        """Start in seconds -> close and volume, of what is stored."""
        bars = await self.store.read(symbol, Interval.M1, source=source)
        assert len(set(bars.start.tolist())) == len(bars)
        rows = zip(bars.start.tolist(), bars.close.tolist(), bars.volume.tolist(), strict=True)
        return {us // 1_000_000: (close, volume) for us, close, volume in rows}

    def true(self, name: str, first_s: int, end_s: int) -> dict[int, tuple[float, float]]:
        """The same, of what there was."""
        rows = ((t, candle(name, t, 60, t + 60)) for t in range(first_s, end_s, 60))
        return {t: (row[3], row[4]) for t, row in rows}

    def minute_s(self) -> int:
        """When the running minute began."""
        return to_us(self.clock.now()) // 60_000_000 * 60


@contextlib.asynccontextmanager
async def house(
    db: Database,
    clock: Clock,
    *,
    keys: Sequence[str] = ("binance",),
    symbols: Sequence[str] = ("BTC-USDT", "ETH-USDT"),
    open_s_max: float = 0.5,
    secret: str | None = None,
    asked: Sequence[str] | None = None,
    **plan: Any,
) -> AsyncIterator[House]:
    """Feeds of `keys`; `asked` are all sources, where others than those can be asked for bars."""
    plan.setdefault("silence_s_max", 3.0)
    async with wire_server() as wire:
        go_live(wire, lambda: clock.now().timestamp(), EVERY_S)
        sources: dict[str, Provider] = {}
        for key in asked or keys:
            info = source_info(key)
            guard = guard_of(info, clock, timeout_s=2.0)
            guard.key_missing = info.needs_key and secret is None
            generator = np.random.default_rng(1)
            given = None if secret is None else SecretStr(secret)
            reach = Reach(generator, base_url=wire.base_url(key), timeout_s=2.0, guard=guard, key=given)
            sources[key] = Impatient(Guarded(build_provider(key, clock, reach), guard), symbols, plan)
        store, bus = BarStore(db), InProcessBus(clock)
        ingest, chain = Ingest(store, bus, clock), Chain(sources, clock)
        board, backfill = QuoteBoard(db, clock), Backfill(store, ingest, chain, clock)
        followed = Followed(db, store, chain, clock)
        feeds = feeds_of(
            keys,
            sources,
            chain=chain,
            store=store,
            ingest=ingest,
            bus=bus,
            board=board,
            backfill=backfill,
            offers_of=followed.offers,
            clock=clock,
            generator=np.random.default_rng(2),
            connect=functools.partial(ws.connect, open_s_max=open_s_max),
        )
        try:
            yield House(wire, clock, store, bus, board, ingest, sources, feeds, backfill, chain, followed)
        finally:
            await chain.close()
            for provider in sources.values():
                await provider.close()


@contextlib.asynccontextmanager
async def running(feed: Feed) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(feed.run())
    try:
        yield task
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def until(said: Callable[[], Any], within_s: float = 20.0) -> None:
    """Wait for it; `said` may be a coroutine function."""
    async with asyncio.timeout(within_s):
        while True:
            found = said()
            if asyncio.iscoroutine(found):
                found = await found
            if found:
                return
            await asyncio.sleep(EVERY_S)

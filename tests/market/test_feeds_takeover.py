"""A worker that holds a feed is killed: another one takes over within half a minute, and no bar is lost."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import numpy as np
import sqlalchemy as sa

from tests.market.fast_work import FastClock
from tests.market.live import until
from tests.wire import wire_server
from tests.wire.market import candle, go_live
from truecast.domain.interval import Interval
from truecast.jobs import tables
from truecast.jobs.feeds import Feeds
from truecast.kit.bus import InProcessBus
from truecast.kit.clock import Clock, from_us, to_us
from truecast.kit.db import Database
from truecast.kit.leases import in_force
from truecast.market.feeds_status import FeedStanding, FeedStatus
from truecast.market.ingest import Ingest
from truecast.market.store import BarStore
from truecast.market.tables import bars
from truecast.providers.base import Reach
from truecast.providers.catalog import build_provider

SPEED = 20.0  # a minute takes three seconds
TAKEOVER_S_MAX = 30.0


@contextlib.asynccontextmanager
async def worker(url: str, folder: Path, source_url: str, clock: FastClock) -> AsyncIterator[subprocess.Popen[bytes]]:
    environment = {
        **os.environ,  # noqa: TID251 the process needs a PATH
        "DATABASE_URL": url,
        "TRUECAST_DATA_DIR": str(folder),
        "TRUECAST_SOURCES": "binance",
        "TRUECAST_SOURCE_URLS": f"binance={source_url}",
        "OMP_NUM_THREADS": "1",
    }
    command = [sys.executable, "-m", "tests.market.fast_work", str(clock.began_s), str(clock.speed)]
    with (folder / "stderr").open("ab") as said:
        process = subprocess.Popen(command, env=environment, stderr=said)  # noqa: ASYNC220
    try:
        yield process
    finally:
        process.kill()
        process.wait()


async def young(db: Database, source_url: str, clock: Clock) -> None:
    """A store with the last bars of everything that the source offers, so that no long history is loaded."""
    provider = build_provider("binance", clock, Reach(np.random.default_rng(1), base_url=source_url))
    store = BarStore(db)
    ingest = Ingest(store, InProcessBus(clock), clock)
    offers = provider.offers()
    await store.add_all_series(offers, "binance")
    for offer in offers:
        since = clock.now() - timedelta(seconds=3 * offer.interval.seconds)
        await ingest.take(await provider.bars(offer.instrument.symbol, offer.interval, since))
    await provider.close()


async def test_the_feed_of_a_worker_killed_by_force_goes_on_in_another_and_no_bar_is_lost(
    postgres_db: Database, tmp_path: Path
) -> None:
    url = postgres_db.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    clock = FastClock(time.time() // 60 * 60, SPEED)  # noqa: TID251 as the processes do
    store, feeds = BarStore(postgres_db), Feeds(postgres_db, clock)

    async def live(*, but: int = 0) -> FeedStanding | None:
        """The feed, once it speaks in another process than that one."""
        for feed in await feeds.standings("binance"):
            if feed.state == "live" and pid_of(feed) != but:
                return feed
        return None

    async with wire_server() as wire:
        go_live(wire, lambda: clock.now().timestamp(), every_s=0.2)
        await young(postgres_db, wire.base_url("binance"), clock)
        first_us = int((await store.read("BTC-USDT", Interval.M1)).start[0])
        arguments = (url, tmp_path, wire.base_url("binance"), clock)
        async with worker(*arguments) as one, worker(*arguments) as other:
            await until(live, 40)
            holder = pid_of(await live())
            assert holder in {one.pid, other.pid}
            os.kill(holder, signal.SIGKILL)
            killed_s = time.monotonic()
            await until(lambda: live(but=holder), 60)
            assert time.monotonic() - killed_s < TAKEOVER_S_MAX

            async def whole() -> bool:
                """Every bar up to the last finished minute."""
                end_s = to_us(clock.now()) // 60_000_000 * 60
                found = await store.read("BTC-USDT", Interval.M1)
                rows = dict(zip((found.start // 1_000_000).tolist(), found.close.tolist(), strict=True))
                true = {t: candle("BTCUSDT", t, 60, t + 60)[3] for t in range(first_us // 1_000_000, end_s, 60)}
                return rows == true

            await until(whole, 20)
    async with postgres_db.read() as conn:
        rows = await conn.scalar(sa.select(sa.func.count()).select_from(bars))
        starts = await conn.scalar(
            sa.select(sa.func.count()).select_from(sa.select(bars.c.series_id, bars.c.start).distinct().subquery())
        )
        [lease] = await in_force(conn, "feed:")
    assert rows == starts  # none twice
    assert (lease.name, lease.token) == ("feed:binance", 2)  # the second holder


def pid_of(feed: FeedStanding | None) -> int:
    assert feed is not None and feed.holder is not None
    return int(feed.holder.split(":")[1])


async def test_how_a_feed_does_is_told_to_processes_that_do_not_listen(postgres_db: Database) -> None:
    clock = FastClock(1_795_237_200.0, 1e-9)
    status = FeedStatus("binance", "binance", state="live", symbols=2, messages=5, connected_us=1, refused={"X": "no"})
    row = {"name": "binance", "holder": "there:77:x", "standing": json.dumps(status.standing(clock.now()).as_json())}
    async with postgres_db.write() as conn:
        await conn.execute(sa.insert(tables.feeds), [row])
    [told] = await Feeds(postgres_db, clock).standings("binance")
    assert (told.state, told.symbols, told.messages, told.refused, pid_of(told)) == ("live", 2, 5, {"X": "no"}, 77)
    assert told.connected_since == from_us(1) and told.last_message_at is None
    assert await Feeds(postgres_db, clock).standings("kraken") == []

"""How long does a message of a live feed take from the socket to the bus, at 2,000 messages/s?

    .venv/bin/python benchmarks/feed_latency.py [../shared/data/ship/ticks/binance_spot_ethusdt_20240808.gz]

A process of its own plays a raw Binance capture at exactly that rate over a WebSocket and writes into every frame when
it handed it to its socket (the machine's monotonic clock, which both share). The live path of the product, as
`truecast up` runs it, listens: WebSocket, decoding, sequence numbers, quote board, news, bus, an SQLite store beside
it. The first two seconds are left out. Writes benchmarks/results/feed_latency.md.
"""

import asyncio
import dataclasses
import functools
import gzip
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from result_file import keep
from websockets.asyncio.server import ServerConnection, serve

from truecast.domain.event import Event
from truecast.domain.interval import Interval
from truecast.jobs.feeds import feeds_of
from truecast.kit.bus import InProcessBus, Message
from truecast.kit.clock import SystemClock
from truecast.kit.db import Database
from truecast.market.backfill import Backfill
from truecast.market.board import QuoteBoard
from truecast.market.chain import Chain
from truecast.market.feeds import Feed
from truecast.market.ingest import Ingest
from truecast.market.quote_news import QuoteNews
from truecast.market.quotes import Quotes
from truecast.market.store import BarStore
from truecast.migrations.upgrade import upgrade
from truecast.providers.base import Provider, Reach, SeriesOffer
from truecast.providers.catalog import build_provider, source_info
from truecast.providers.feed import Decode, FeedPlan
from truecast.providers.guarded import Guarded, guard_of

ROOT = Path(__file__).resolve().parent.parent
CAPTURE = ROOT.parent / "shared" / "data" / "ship" / "ticks" / "binance_spot_ethusdt_20240808.gz"
SYMBOL = "ETH-USDT"
RATE, SECONDS, WARM_S = 2_000, 16, 2.0
GOAL_MS = 5.0
_SENT = re.compile(rb'"sent":(\d+)')
Pairs = list[tuple[int, int]]  # sent, known here; nanoseconds


async def play(lines: Sequence[bytes]) -> None:
    """The other process: prints its port, then plays to whoever connects."""
    frames = [frame for frame in (line.split(b" ", 1)[1] for line in lines) if b'"stream"' in frame]
    heads = [frame[:-1] + b',"sent":' for frame in frames[: RATE * SECONDS]]

    async def one(socket: ServerConnection) -> None:
        await socket.recv()
        due_s = time.monotonic()
        for head in heads:
            due_s += 1 / RATE
            if (wait_s := due_s - time.monotonic()) > 0:
                await asyncio.sleep(wait_s)
            await socket.send((head + str(time.monotonic_ns()).encode() + b"}").decode())
        await asyncio.sleep(60)

    async with serve(one, "127.0.0.1", 0, compression=None) as server:
        print(next(iter(server.sockets)).getsockname()[1], flush=True)
        await asyncio.Event().wait()


@dataclasses.dataclass
class Told:
    newest_ns: int = 0  # when the frame that is being read was sent
    board: Pairs = dataclasses.field(default_factory=list)
    ticks: Pairs = dataclasses.field(default_factory=list)
    quotes: Pairs = dataclasses.field(default_factory=list)


class Marked(Guarded):
    """The source itself; what was written into a frame is remembered as it is decoded."""

    told: Told

    def feed(self, symbols: Sequence[str]) -> FeedPlan | None:
        plan = super().feed(symbols)
        return plan and dataclasses.replace(plan, decode=functools.partial(self._decode, plan.decode))

    def _decode(self, decode: Decode, frame: str | bytes, received_us: int) -> Sequence[Event]:
        found = _SENT.search(frame.encode() if isinstance(frame, str) else frame)
        assert found is not None
        self.told.newest_ns = int(found[1])
        return decode(frame, received_us)


async def path(port: int, folder: str, told: Told) -> tuple[Feed, list[asyncio.Task[None]], Database]:
    """The live path, wired as in wiring.py."""
    clock, db = SystemClock(), Database.open(f"sqlite:///{folder}/truecast.db")
    await upgrade(db)
    bus, store = InProcessBus(clock), BarStore(db)
    guard = guard_of(source_info("binance"), clock, timeout_s=1)
    reach = Reach(np.random.default_rng(1), base_url=f"http://127.0.0.1:{port}", timeout_s=1, guard=guard)
    provider = Marked(build_provider("binance", clock, reach), guard)
    provider.told = told
    sources: dict[str, Provider] = {"binance": provider}
    ingest, chain, board = Ingest(store, bus, clock), Chain(sources, clock), QuoteBoard(db, clock)
    news = QuoteNews(Quotes(store, clock, board), board, store, bus)
    await store.add_series(provider.offer(SYMBOL, Interval.M1), "binance")

    async def offers_of(_: Provider) -> list[SeriesOffer]:
        return [provider.offer(SYMBOL, Interval.M1)]

    [feed] = feeds_of(
        ["binance"], sources, chain=chain, store=store, ingest=ingest, bus=bus, board=board, clock=clock,
        backfill=Backfill(store, ingest, chain, clock), offers_of=offers_of, generator=np.random.default_rng(1),
    )  # fmt: skip
    every = measure(told, bus, board)
    work = (feed.run(), news.run(), board.run(), every)
    return feed, [asyncio.create_task(one) for one in work], db


async def measure(told: Told, bus: InProcessBus, board: QuoteBoard) -> None:
    """Every change of the board, that change on a bus that is told each, and the quotes that the product tells."""
    changes: asyncio.Queue[int] = asyncio.Queue()

    def changed(_: str) -> None:
        told.board.append((told.newest_ns, time.monotonic_ns()))
        changes.put_nowait(told.newest_ns)

    async def on_tick(message: Message) -> None:
        told.ticks.append((message.data["sent"], time.monotonic_ns()))

    async def on_quote(_: Message) -> None:
        told.quotes.append((told.newest_ns, time.monotonic_ns()))

    board.on_change(changed)
    bus.subscribe("ticks:*", on_tick)
    bus.subscribe(f"quotes:{SYMBOL}", on_quote)
    while True:
        await bus.publish(f"ticks:{SYMBOL}", {"sent": await changes.get()})


async def listen(port: int, folder: str) -> Told:
    told = Told()
    feed, tasks, db = await path(port, folder, told)
    while feed.status.messages < RATE * SECONDS and not feed.status.reconnects:
        await asyncio.sleep(0.2)
    assert (feed.status.malformed, feed.status.reconnects, feed.status.missing) == (0, 0, 0), feed.status
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await db.close()
    return told


def in_ms(pairs: Pairs, from_ns: float) -> np.ndarray:
    return np.array([(at - sent) / 1e6 for sent, at in pairs if sent >= from_ns])


def main() -> None:
    playing = sys.argv[1:2] == ["--play"]
    source = Path(sys.argv[-1]) if len(sys.argv) > 1 else CAPTURE
    if playing:
        asyncio.run(play(gzip.decompress(source.read_bytes()).splitlines()))
        return
    command = [sys.executable, __file__, "--play", str(source)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as player, tempfile.TemporaryDirectory() as folder:
        assert player.stdout is not None
        port = int(player.stdout.readline())
        began_s = time.process_time()
        told = asyncio.run(listen(port, folder))
        share = (time.process_time() - began_s) / SECONDS
        player.kill()
    report(source, told, share)


def report(source: Path, told: Told, share: float) -> None:
    from_ns = told.board[0][0] + WARM_S * 1e9
    ways = {
        "on the board, every message that changed it": in_ms(told.board, from_ns),
        "on the bus, every one of these": in_ms(told.ticks, from_ns),
        "on the bus as `quotes:`, the newest message told": in_ms(told.quotes, from_ns),
    }
    rows = []
    for name, ms in ways.items():
        p50, p99, p999 = np.percentile(ms, (50, 99, 99.9))
        rows.append(f"| {name} | {len(ms):,} | {p50:.2f} | {p99:.2f} | {p999:.2f} | {ms.max():.1f} |")
        print(f"{name:50} p50 {p50:6.2f} ms   p99 {p99:6.2f} ms   p99.9 {p999:6.2f}   most {ms.max():6.1f} ms")
    p99 = float(np.percentile(ways["on the bus, every one of these"], 99))
    load, python = f"{os.getloadavg()[0]:.0f}", sys.version.split()[0]
    real_time = os.sched_getscheduler(0) != os.SCHED_OTHER
    how = (
        "at real-time priority, `chrt -f 10`, to measure the path and not its neighbours" if real_time else "as it came"
    )
    about = (
        f"{time.strftime('%Y-%m-%d')}, a machine of two cores shared with other work (load average {load}), {how}; "
        f"Python {python}. A process of its own plays a raw Binance capture ({source.name}) at {RATE:,} messages/s for "
        f"{SECONDS} s over a WebSocket, and writes into each frame when it handed it to its socket; the live path as "
        f"`truecast up` runs it listens. The first {WARM_S:.0f} s are left out. Milliseconds from the sender's socket."
    )
    goal = "reached" if p99 <= GOAL_MS else "NOT reached"
    found = [
        "| Known | n | p50 | p99 | p99.9 | most |",
        "|---|---|---|---|---|---|",
        *rows,
        "",
        f"The goal was a p99 of {GOAL_MS:.0f} ms from the socket to the bus: {goal}. Processor time of the listening",
        f"process, start included: {100 * share:.0f} % of a core. The second row publishes every change of the board,",
        "which the product does not do: it tells the latest quote a few times a second at most, and the third row is",
        "how old the newest message in it is. On a machine that is overloaded these figures measure the machine.",
    ]
    keep(__file__, "Feed latency", about, found, options="")


if __name__ == "__main__":
    main()

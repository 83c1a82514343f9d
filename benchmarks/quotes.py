"""What it costs to keep the latest prices and to read them.

    python benchmarks/quotes.py [--write]

The bundled data in a fresh SQLite database. Ticks go straight to the board (50 symbols, bid, ask and last in each);
prices of 100 symbols are read as `GET /prices` reads them, the first time and with nothing new in the store; days made
from hours are those of SOL-USDT, whose series has 48,000 of them.
"""

import argparse
import asyncio
import os
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from result_file import keep

from truecast.domain.event import Tick
from truecast.domain.interval import Interval
from truecast.kit.clock import SystemClock, to_us
from truecast.kit.settings import Settings
from truecast.wiring import Role, build

TICKS = 200_000
ROUNDS = 20


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = await measured(Path(folder))
    rows = [f"| {what} | {figure} |" for what, figure in found.items()]
    print("\n".join(rows))
    if given.write:
        load = f"{os.getloadavg()[0]:.0f}"
        about = f"{__doc__}\n\n{time.strftime('%Y-%m-%d')}, a shared machine of two cores, load average {load}."
        keep(__file__, "Latest prices", about, ["| what | measured |", "|---|---|", *rows])


async def measured(folder: Path) -> dict[str, str]:
    services = build(Settings(_env_file=None, data_dir=folder, sources=("sample",)), Role.COMMAND)
    await services.background.prepare(services.loading)
    now_us = to_us(SystemClock().now())
    ticks = [
        Tick(f"T{i % 50}", 100.0, 99.9, 100.1, 1.0, now_us - TICKS + i, now_us - TICKS + i, None) for i in range(TICKS)
    ]
    began = time.process_time()
    for tick in ticks:
        services.board.take(tick, "binance")
    rate = TICKS / (time.process_time() - began)
    universe = await services.store.universe()
    many = (list(universe.instruments) * 3)[:100]
    sol = universe.get("SOL-USDT")
    first_ms, again_ms = await timed(lambda: services.quotes.latest_of(many))
    days_first_ms, days_ms = await timed(lambda: services.history.bars(sol, Interval.D1, limit=2_000))
    kept = await services.board.keep()
    await services.background.close()
    return {
        "ticks taken by the board, by processor time": f"{rate:,.0f} /s",
        "rows of the board written in one transaction": f"{kept}",
        "latest prices of 100 symbols, the first time": f"{first_ms:.0f} ms",
        "latest prices of 100 symbols, nothing new, median": f"{again_ms:.1f} ms",
        "2,000 days made from 48,000 hours, the first time": f"{days_first_ms:.0f} ms",
        "2,000 days made from 48,000 hours, nothing new, median": f"{days_ms:.2f} ms",
    }


async def timed(work: Callable[[], Awaitable[object]]) -> tuple[float, float]:
    """The first time, and the median of the others, in milliseconds."""
    took = []
    for _ in range(ROUNDS + 1):
        began = time.perf_counter()
        await work()
        took.append((time.perf_counter() - began) * 1e3)
    return took[0], statistics.median(took[1:])


if __name__ == "__main__":
    asyncio.run(main())

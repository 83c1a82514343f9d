"""A server over many made-up instruments, whose prices move every quarter second, for tests of a long table.

    python -m tests.e2e.crowd PORT FOLDER

FOLDER/data holds the store, filled by `fill` and `truecast import`.
"""

import asyncio
import csv
import sys
from datetime import timedelta
from pathlib import Path

from truecast.api.app import create_app
from truecast.commands.listen import bind, serve
from truecast.kit.clock import SystemClock, iso
from truecast.kit.settings import Settings
from truecast.services import Services
from truecast.wiring import Role, build

CLOCK = SystemClock()
SYMBOLS = [f"W{i:03d}-USD" for i in range(220)]  # more than a page of the API, and more than a connection takes
_DAYS = 3
_EVERY_S = 0.25


def fill(folder: Path) -> None:
    """CSV files for `truecast import`: a few days of every symbol."""
    folder.mkdir()
    first = CLOCK.now().replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=_DAYS)
    for symbol in SYMBOLS:
        with (folder / f"{symbol}_1d.csv").open("w", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(["time", "open", "high", "low", "close", "volume"])
            rows.writerows([iso(first + timedelta(days=i)), 100.25, 101.37, 99.11, 100.08, 1000] for i in range(_DAYS))


async def _move(services: Services) -> None:
    moves = 0
    while True:
        moves += 1
        now = iso(CLOCK.now())
        provenance = {"source": "csv_folder", "as_of": now, "received_at": now, "age_s": 0.0, "stale": False}
        provenance |= {"delay": "realtime", "derived": None, "origin": "Made up"}
        for symbol in SYMBOLS:
            price = round(100 + moves / 100, 2)
            said = {"symbol": symbol, "price": price, "bid": None, "ask": None, "quoted_at": now}
            said |= {"change": 0.0, "change_pct": 0.0, "provenance": provenance}
            await services.bus.publish(f"quotes:{symbol}", said)
        await asyncio.sleep(_EVERY_S)


def main() -> None:
    """Until told to stop."""
    port, folder = int(sys.argv[1]), Path(sys.argv[2])
    settings = Settings(_env_file=None, data_dir=folder / "data", sources=("sample",))
    services = build(settings, Role.SERVE, clock=CLOCK)
    running: list[asyncio.Future[None]] = []
    with bind("127.0.0.1", port) as listener:
        serve(create_app(services), listener, started=lambda: running.append(asyncio.ensure_future(_move(services))))


if __name__ == "__main__":
    main()

"""A server for `page.py`: the product over a store of made-up walks, and a publisher of prices in its process.

    python benchmarks/page_server.py PORT FOLDER MODE

FOLDER holds the store, filled by `fill`. MODE is `quiet` (nothing is published), `bus` (600 prices a second go through
the bus; the hub keeps the pace that the page asks for) or `blunt` (the product but for its stream: a WebSocket that
sends 600 messages a second whatever the page asked for).
"""

import asyncio
import csv
import itertools
import json
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from starlette.types import Receive, Scope, Send

from truecast.api.app import create_app
from truecast.commands.listen import bind, serve
from truecast.kit.clock import SystemClock, iso
from truecast.kit.settings import Settings
from truecast.services import Services
from truecast.wiring import Role, build

SYMBOLS = [f"W{i:02d}-USD" for i in range(60)]
LONG = SYMBOLS[0]
LONG_BARS = 50_000
PER_SYMBOL_S = 10
CLOCK = SystemClock()
_DAYS = 400
_SPREAD = 1e-4


def fill(folder: Path) -> Path:
    """CSV files for `truecast import`: days of every symbol, and LONG_BARS minutes of one."""
    rng = np.random.default_rng(7)
    now = CLOCK.now().replace(second=0, microsecond=0)
    for symbol in SYMBOLS:
        starts = (now.replace(hour=0, minute=0) - timedelta(days=_DAYS - i) for i in range(_DAYS))
        _write(folder / f"{symbol}_1d.csv", starts, rng.normal(0, 0.01, _DAYS))
    minutes = (now - timedelta(minutes=LONG_BARS - i) for i in range(LONG_BARS))
    _write(folder / f"{LONG}_1m.csv", minutes, rng.normal(0, 0.0005, LONG_BARS))
    return folder


def _write(path: Path, starts: Iterator[datetime], steps: np.ndarray[Any, np.dtype[np.float64]]) -> None:
    closes = 100 * np.exp(np.cumsum(steps))
    opens = np.concatenate([[100.0], closes[:-1]])
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["time", "open", "high", "low", "close", "volume"])
        for start, first, last in zip(starts, opens, closes, strict=True):
            high, low = max(first, last) * (1 + _SPREAD), min(first, last) * (1 - _SPREAD)
            rows.writerow([iso(start), *(f"{value:.4f}" for value in (first, high, low, last)), 1000])


def prices() -> Iterator[dict[str, Any]]:
    """What `quotes:<symbol>` says, of one symbol after the other, each a step of a walk."""
    rng = np.random.default_rng(11)
    price = dict.fromkeys(SYMBOLS, 100.0)
    for symbol in itertools.cycle(SYMBOLS):
        price[symbol] *= float(np.exp(rng.normal(0, 2e-4)))
        now, of = iso(CLOCK.now()), round(price[symbol], 4)
        provenance = {"source": "csv_folder", "as_of": now, "received_at": now, "age_s": 0.0, "stale": False}
        provenance |= {"delay": "realtime", "derived": None, "origin": "A made-up walk, to measure with"}
        change = {"change": round(of - 100, 4), "change_pct": round(of - 100, 4)}
        yield {
            "symbol": symbol,
            "price": of,
            "bid": of,
            "ask": of,
            "quoted_at": now,
            **change,
            "provenance": provenance,
        }


async def paced(say: Any) -> None:
    """Calls `say` with each price, PER_SYMBOL_S times a second for every symbol, evenly."""
    loop = asyncio.get_running_loop()
    began_s, every_s = loop.time(), 1 / (PER_SYMBOL_S * len(SYMBOLS))
    for i, item in enumerate(prices()):
        wait_s = began_s + i * every_s - loop.time()
        if wait_s > 0:
            await asyncio.sleep(wait_s)
        await say(item)


class Blunt:
    """The stream's protocol as far as the page needs it, without any pace."""

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        """One client."""
        await receive()
        await send({"type": "websocket.accept", "subprotocol": "truecast.v1"})
        offsets = dict.fromkeys(SYMBOLS, 0)

        async def say(message: dict[str, Any]) -> None:
            await send({"type": "websocket.send", "text": json.dumps(message)})

        async def tell(item: dict[str, Any]) -> None:
            symbol = item["symbol"]
            offsets[symbol] += 1
            about = {"topic": f"quotes:{symbol}", "epoch": "blunt", "offset": offsets[symbol]}
            await say({**about, "ts": item["quoted_at"], "data": item})

        await say({"event": "welcome", "heartbeat_s": 15, "subscriptions_max": 256})
        telling: asyncio.Task[None] | None = None
        while (heard := await receive())["type"] != "websocket.disconnect":
            topics = json.loads(heard["text"]).get("topics", [])
            joined = [{"topic": one, "asked": one, "epoch": "blunt", "offset": 0, "recovered": False} for one in topics]
            await say({"event": "subscribed", "topics": joined, "errors": []})
            if telling is None and any(one.startswith("quotes:") for one in topics):
                telling = asyncio.create_task(paced(tell))
        if telling is not None:
            telling.cancel()


class _InPlace:
    """The application with another stream."""

    def __init__(self, app: Any, stream: Blunt) -> None:
        self._app, self._stream = app, stream
        self.state = app.state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        blunt = scope["type"] == "websocket"
        await (self._stream if blunt else self._app)(scope, receive, send)


async def _publish(services: Services) -> None:
    async def say(item: dict[str, Any]) -> None:
        await services.bus.publish(f"quotes:{item['symbol']}", item)

    await paced(say)


def settings_of(folder: Path) -> Settings:
    """A store of its own, and no source outside this machine."""
    return Settings(_env_file=None, data_dir=folder, sources=("sample",))


def main() -> None:
    port, folder, mode = int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
    services = build(settings_of(folder), Role.SERVE, clock=CLOCK)
    app = create_app(services)
    running: list[asyncio.Future[None]] = []

    def started() -> None:
        if mode == "bus":
            running.append(asyncio.ensure_future(_publish(services)))

    with bind("127.0.0.1", port) as listener:
        serve(_InPlace(app, Blunt()) if mode == "blunt" else app, listener, started=started)  # type: ignore[arg-type]


if __name__ == "__main__":
    main()

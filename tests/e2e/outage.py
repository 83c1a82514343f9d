"""A live server whose one source is on this machine, a minute a second, for tests that break the source.

    python -m tests.e2e.outage PORT WIRE_PORT FOLDER

Real adapters, guards, jobs and streams; the exchange answers any pair in its recorded shapes (tests/wire), and is told
to misbehave by `GET http://127.0.0.1:WIRE_PORT/_wire/coinbase/misbehave?status=503`, and to stop it by `…/behave`.
"""

import asyncio
import sys
import threading
from datetime import timedelta
from pathlib import Path

from tests.wire.market import go_live
from tests.wire.server import wire_server
from truecast.api.app import create_app
from truecast.commands.listen import bind, serve
from truecast.kit.clock import ReplayClock, SystemClock
from truecast.kit.settings import Settings
from truecast.wiring import Role, build

SOURCE = "coinbase"
SPEED = 60.0


def main() -> None:
    """Until told to stop."""
    port, wire_port, folder = int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])
    clock = ReplayClock(SystemClock().now() - timedelta(days=2), SPEED)
    urls: dict[str, str] = {}
    up = threading.Event()

    async def exchange() -> None:
        async with wire_server(port=wire_port) as wire:
            go_live(wire, lambda: clock.now().timestamp())
            urls[SOURCE] = wire.base_url(SOURCE)
            up.set()
            await asyncio.Event().wait()

    threading.Thread(target=lambda: asyncio.run(exchange()), daemon=True).start()
    up.wait(30)
    settings = Settings(_env_file=None, data_dir=folder, sources=(SOURCE,), source_urls=urls)
    with bind("127.0.0.1", port) as listener:
        serve(create_app(build(settings, Role.UP, clock=clock)), listener, started=lambda: None)


if __name__ == "__main__":
    main()

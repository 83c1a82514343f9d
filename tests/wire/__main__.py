"""Serve the recordings by hand: prints what to set, then serves until interrupted."""

import argparse
import asyncio
import contextlib
from datetime import UTC, datetime

from tests.wire.index import folder_of, recorded_folders
from tests.wire.market import go_live
from tests.wire.server import wire_server
from truecast.providers.catalog import known_sources


async def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.wire", description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--live", action="store_true", help="crypto exchanges answer for any pair, up to the second")
    given = parser.parse_args()
    async with wire_server(port=given.port) as wire:
        if given.live:
            go_live(wire, lambda: datetime.now(UTC).timestamp())  # noqa: TID251 the world outside has its own clock
        folders = set(recorded_folders())
        urls = {key: wire.base_url(key) for key in sorted(known_sources()) if folder_of(key) in folders}
        for key, url in urls.items():
            print(f"{key:18} {url}")
        ours = ",".join(f"{key}={url}" for key, url in urls.items())
        print(f"\nTRUECAST_SOURCE_URLS={ours}")
        print(
            f"\nMisbehaviour: curl 'http://{wire.root}/_wire/binance/misbehave?hang=1&times=3' (fields: faults.py)",
            flush=True,
        )
        await asyncio.Event().wait()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main())

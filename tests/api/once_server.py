"""A server in a process of its own, to be killed: `python -m tests.api.once_server FOLDER [hang]`.

It prints its port. With `hang` it makes what it is asked for and never answers: it dies between the two.
"""

import asyncio
import sys
from dataclasses import replace
from pathlib import Path

from tests import installation
from tests.api.stream_house import open_house
from truecast.accounts.replies import Replies
from truecast.wiring import Role, build

LEASE_S = 2.0


async def main(folder: Path, *, hang: bool) -> None:
    services = build(installation.settings_in(folder), Role.SERVE)
    services.loading.ready = True
    create = services.keys.create

    async def and_hang(*args, **given):
        await create(*args, **given)
        await asyncio.Event().wait()

    if hang:
        services.keys.create = and_hang
    async with open_house(replace(services, replies=Replies(services.db, lease_s=LEASE_S))) as house:
        print(house.port, flush=True)  # noqa: T201 to who started it
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), hang="hang" in sys.argv))

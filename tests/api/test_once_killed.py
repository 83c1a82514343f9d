"""A server is killed between making something and answering: the next one who sends the request finds exactly one."""

import asyncio
import contextlib
import sqlite3
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from pathlib import Path

import httpx

from tests import installation

ROOT = Path(__file__).parents[2]
WAIT_S = 120.0
KEY = {"Idempotency-Key": "8e03978e-40d5-43e8-bc93-6894a57f9324"}
BODY = {"name": "notebook", "scopes": ["admin"]}


@contextlib.asynccontextmanager
async def server(folder: Path, *words: str) -> AsyncIterator[tuple[Process, httpx.AsyncClient]]:
    command = [sys.executable, "-m", "tests.api.once_server", str(folder), *words]
    process = await asyncio.create_subprocess_exec(*command, stdout=PIPE, cwd=ROOT)
    try:
        assert process.stdout is not None
        port = int(await asyncio.wait_for(process.stdout.readline(), WAIT_S))
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=WAIT_S) as client:
            yield process, client
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def made(folder: Path) -> list[str]:
    with contextlib.closing(sqlite3.connect(folder / "truecast.db")) as conn:
        return [id_ for (id_,) in conn.execute("SELECT id FROM api_keys")]


async def test_what_a_killed_server_began_is_done_once(made_installation: Path, tmp_path: Path) -> None:
    folder = installation.copy(made_installation, tmp_path / "data")
    async with server(folder, "hang") as (process, client):
        lost = asyncio.create_task(client.post("/api/v1/api-keys", json=BODY, headers=KEY))
        async with asyncio.timeout(WAIT_S):
            while not made(folder):
                await asyncio.sleep(0.05)
        process.kill()
        (outcome,) = await asyncio.gather(lost, return_exceptions=True)
        assert isinstance(outcome, httpx.TransportError)
    (first,) = made(folder)
    async with server(folder) as (_, client), asyncio.timeout(WAIT_S):
        while (answer := await client.post("/api/v1/api-keys", json=BODY, headers=KEY)).status_code == 409:
            assert answer.json()["code"] == "request_under_way"
            await asyncio.sleep(0.2)
        assert answer.status_code == 201, answer.text
        assert (answer.json()["id"], made(folder)) == (first, [first])
        good = await client.get("/api/v1/api-keys", headers={"X-API-Key": answer.json()["key"]})
        assert good.status_code == 200, "the one key is the one that was answered"

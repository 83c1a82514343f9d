"""A server is killed between doing something and answering: the next one who sends the request finds it done once."""

import asyncio
import contextlib
import sqlite3
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests import installation

ROOT = Path(__file__).parents[2]
API = "/api/v1"
WAIT_S = 120.0
SCOPE = {"asset_class": "fx", "interval": "1d"}


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


@dataclass(frozen=True, slots=True)
class Asked:
    """A request, and how often the database or the folder shows that it was done."""

    path: str
    done: Callable[[Path], int]
    body: Any = None

    async def of(self, client: httpx.AsyncClient, key: str) -> httpx.Response:
        return await client.post(f"{API}{self.path}", json=self.body, headers={"Idempotency-Key": f"{key}-{self.path}"})


def rows(query: str) -> Callable[[Path], int]:
    def count(folder: Path) -> int:
        with contextlib.closing(sqlite3.connect(folder / "truecast.db", timeout=30)) as conn:
            return int(conn.execute(f"SELECT count(*) FROM {query}").fetchone()[0])

    return count


def lines(word: str) -> Callable[[Path], int]:
    def count(folder: Path) -> int:
        said = folder / "worked"
        return said.read_text().split().count(word) if said.exists() else 0

    return count


def backups(folder: Path) -> int:
    return len(list(folder.glob("backups/*.db")))


KEY = Asked("/api-keys", rows("api_keys"), {"name": "notebook", "scopes": ["admin"]})
BACKUP = Asked("/admin/backup", backups)
SHORT = Asked("/jobs/short/run", rows("job_runs WHERE job = 'short' AND ended_at IS NOT NULL"))
LONG = Asked("/jobs/long/run", lines("long"))
TRAIN = Asked("/models/lightgbm/train", rows("model_events WHERE kind = 'trained'"), SCOPE)
PROMOTE = Asked("/models/lightgbm/promote", rows("model_events WHERE kind = 'promoted'"), SCOPE)
ROLLBACK = Asked("/models/lightgbm/rollback", rows("model_events WHERE kind = 'rolled_back'"), SCOPE)
ALL = (KEY, BACKUP, SHORT, LONG, TRAIN, PROMOTE, ROLLBACK)  # in the order in which they can be done


@dataclass(frozen=True, slots=True)
class Told:
    """What the second server answered, when it was asked again and once more, and how often each was done then."""

    folder: Path
    again: dict[str, httpx.Response]
    once_more: dict[str, httpx.Response]
    done: dict[str, int]
    first_key: str
    key_works: bool
    anew: httpx.Response
    long_anew: int


async def killed(folder: Path) -> Told:
    async with server(folder, "hang") as (process, client):
        lost = []
        async with asyncio.timeout(WAIT_S):
            for asked in ALL:
                lost.append(asyncio.create_task(asked.of(client, "first")))
                while not asked.done(folder):
                    assert not lost[-1].done(), lost[-1].result().text
                    await asyncio.sleep(0.05)
        process.kill()
        assert all(isinstance(one, httpx.TransportError) for one in await asyncio.gather(*lost, return_exceptions=True))
    with contextlib.closing(sqlite3.connect(folder / "truecast.db")) as conn:
        (first_key,) = conn.execute("SELECT id FROM api_keys").fetchone()
    async with server(folder) as (_, client), asyncio.timeout(WAIT_S):
        again = {}
        for asked in ALL:
            while (answer := await asked.of(client, "first")).status_code == 409:
                assert answer.json()["code"] == "request_under_way"
                await asyncio.sleep(0.2)
            again[asked.path] = answer
        secret = again[KEY.path].json()["key"]
        works = await client.get(f"{API}/api-keys", headers={"X-API-Key": secret})
        once_more = {asked.path: await asked.of(client, "first") for asked in ALL}
        done = {asked.path: asked.done(folder) for asked in ALL}
        anew = await LONG.of(client, "second")
        return Told(folder, again, once_more, done, first_key, works.status_code == 200, anew, LONG.done(folder))


@pytest.fixture(scope="module")
def told(made_installation: Path, tmp_path_factory: pytest.TempPathFactory) -> Told:
    return asyncio.run(killed(installation.copy(made_installation, tmp_path_factory.mktemp("killed"))))


@pytest.mark.parametrize("asked", ALL, ids=lambda asked: asked.path)
def test_what_a_killed_server_did_is_done_once(told: Told, asked: Asked) -> None:
    assert told.again[asked.path].is_success, told.again[asked.path].text
    assert told.done[asked.path] == 1


@pytest.mark.parametrize("asked", [one for one in ALL if one is not KEY], ids=lambda asked: asked.path)
def test_and_answered_again_as_it_was_then(told: Told, asked: Asked) -> None:
    again, once_more = told.again[asked.path], told.once_more[asked.path]
    assert (once_more.status_code, once_more.content) == (again.status_code, again.content)
    assert once_more.headers["Idempotency-Replayed"] == "true" and "Idempotency-Replayed" not in again.headers


def test_the_one_key_is_the_one_that_was_answered(told: Told) -> None:
    assert told.again[KEY.path].json()["id"] == told.first_key
    assert told.key_works


def test_the_one_backup_is_whole(told: Told) -> None:
    said = told.again[BACKUP.path].json()
    (path,) = told.folder.glob("backups/*.db")
    assert (said["path"], said["bytes"], said["checked"]) == (str(path), path.stat().st_size, "ok")


def test_a_run_that_ended_is_told_as_it_ended(told: Told) -> None:
    run = told.again[SHORT.path].json()
    assert (run["outcome"], run["counts"], run["error"]) == ("ok", {"things": 1}, None)


def test_a_run_that_died_with_its_process_is_told_as_failed_and_runs_again_under_another_key(told: Told) -> None:
    run = told.again[LONG.path].json()
    assert (run["outcome"], run["error"]) == ("failed", "the process ended during the run")
    assert (told.anew.json()["outcome"], told.long_anew) == ("ok", 2)


def test_a_training_that_had_ended_is_told_with_its_version(told: Told) -> None:
    run = told.again[TRAIN.path].json()["run"]
    (promoted,) = told.again[PROMOTE.path].json()["items"]
    assert run["state"] == "done"
    assert [one["version"] for one in run["trained"]] == [promoted["version"]]


def test_a_change_of_what_serves_is_told_as_it_was_made(told: Told) -> None:
    (promoted,) = told.again[PROMOTE.path].json()["items"]
    (back,) = told.again[ROLLBACK.path].json()["items"]
    assert (promoted["before"], back["version"], back["before"]) == (None, None, promoted["version"])

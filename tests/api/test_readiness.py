"""Each dependency broken for real: readiness goes red for the right reason, liveness stays green, and all heals."""

import asyncio
import contextlib
import shutil
import sqlite3
import subprocess
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import sqlalchemy as sa

from tests import installation
from tests.listening import listening
from tests.servers import cannot_run, free_port, redis_server
from truecast.api.app import create_app
from truecast.api.vitals import Vitals
from truecast.kit.clock import FixedClock, SystemClock
from truecast.kit.errors import TruecastError
from truecast.kit.http import HttpClient
from truecast.kit.limits import BREAKER_OUTCOMES_MIN, JOB_RUN_S_MAX
from truecast.kit.settings import Settings
from truecast.migrations.upgrade import upgrade
from truecast.services import Services
from truecast.wiring import Role, build

HEALTH = "/api/v1/health"


class Probe:
    """Asks as a load balancer and as a person do; nothing is remembered between."""

    def __init__(self, client: httpx.AsyncClient, services: Services) -> None:
        self.client = client
        self.services = services

    async def ready(self) -> tuple[int, dict[str, Any]]:
        self.services.db._checked_s = float("-inf")
        answer = await self.client.get("/health/ready")
        assert (await self.client.get("/health/live")).status_code == 200, "restarting would mend nothing"
        return answer.status_code, {part["name"]: part for part in answer.json()["components"]}

    async def is_red_for(self, name: str, *words: str) -> None:
        status, parts = await self.ready()
        red = [part["name"] for part in parts.values() if part["required"] and part["status"] == "down"]
        assert (status, red) == (503, [name]), parts
        said = f"{parts[name]['detail']} {parts[name]['last_error']}"
        assert all(word in said for word in words), said
        one = (await self.client.get(f"{HEALTH}/components/{name}")).json()
        assert (one["status"], one["last_error"]) == ("down", parts[name]["last_error"])
        assert (await self.client.get(HEALTH)).json()["status"] == "down"

    async def is_degraded_in(self, name: str, *words: str) -> dict[str, Any]:
        status, parts = await self.ready()
        assert status == 200, parts
        assert parts[name]["status"] in ("degraded", "down")
        said = f"{parts[name]['detail']} {parts[name]['last_error']}"
        assert all(word in said for word in words), said
        return parts[name]

    async def is_well(self) -> None:
        status, parts = await self.ready()
        assert status == 200, parts


@pytest.fixture
def probe(client: httpx.AsyncClient, services: Services) -> Probe:
    return Probe(client, services)


async def test_a_database_that_is_gone(probe: Probe, services: Services):
    await probe.is_well()
    path = services.db.path
    assert path is not None
    away = path.with_name("away.db")
    path.rename(away)
    await probe.is_red_for("database")
    away.rename(path)
    await probe.is_well()


async def test_a_database_that_another_process_has_locked(probe: Probe, services: Services):
    with sqlite3.connect(services.db.path, isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        part = await probe.is_degraded_in("database", "locked")
        assert part["status"] == "degraded", "a lock goes by; reads go on"
        other.execute("ROLLBACK")
    other.close()
    await probe.is_well()


async def test_a_database_that_cannot_be_written(made_installation: Path, tmp_path: Path):
    """As a mount that has become read-only: root may write whatever the mode of a file says."""
    folder = installation.copy(made_installation, tmp_path / "data")
    async with mounted(folder) as remount, a_probe(installation.settings_in(folder)) as probe:
        await probe.is_well()
        await probe.services.db.close()  # the system keeps who writes; the pool opens new ones
        remount("ro")
        await probe.is_red_for("database", "cannot be written")
        remount("rw")
        await probe.is_well()


async def test_a_disk_that_is_full(made_installation: Path, tmp_path: Path):
    folder = installation.copy(made_installation, tmp_path / "data")
    async with mounted(folder), a_probe(installation.settings_in(folder)) as probe:
        ballast = folder / "ballast"
        fill(ballast)
        await probe.is_red_for("disk", "full")
        ballast.unlink()
        await probe.is_well()


async def test_migrations_that_wait(probe: Probe, services: Services):
    async with services.db.write() as conn:
        (now,) = (await conn.execute(sa.text("SELECT version_num FROM alembic_version"))).one()
        await conn.execute(sa.text("UPDATE alembic_version SET version_num = '0001'"))
    await probe.is_red_for("migrations", "waiting")
    async with services.db.write() as conn:
        await conn.execute(sa.text("UPDATE alembic_version SET version_num = :now"), {"now": now})
    await upgrade(services.db)
    await probe.is_well()


async def test_a_ledger_that_was_changed(probe: Probe, services: Services):
    vitals = Vitals(services)
    await vitals._mend()
    await probe.is_well()
    await services.db.close()
    path = services.db.path
    kept = path.with_name("kept.db")
    shutil.copy(path, kept)
    installation.forge(path, row=3)
    for _ in range(4):  # a look goes round the old rows part by part
        await vitals._mend()
    await probe.is_red_for("ledger", "row 3")
    await services.db.close()
    with sqlite3.connect(kept) as source, sqlite3.connect(path) as target:
        source.backup(target)
    source.close()
    target.close()
    await vitals._mend()
    await probe.is_well()


async def test_jobs_that_are_late_or_stuck(probe: Probe, services: Services):
    now = services.clock.now()
    services.jobs._due = {"resolve": now - timedelta(minutes=6)}
    await probe.is_red_for("job:resolve", "late by 360 s")
    services.jobs._due = {"resolve": now + timedelta(minutes=6)}
    await probe.is_well()
    async with services.db.write() as conn:
        await conn.execute(sa.text("UPDATE job_runs SET ended_at = NULL, outcome = NULL WHERE job = 'resolve'"))
    services.clock.advance(timedelta(seconds=JOB_RUN_S_MAX + 1))
    services.jobs._due = {"resolve": services.clock.now() + timedelta(minutes=6)}
    await probe.is_red_for("job:resolve", "running for")
    async with services.db.write() as conn:
        await conn.execute(sa.text("UPDATE job_runs SET ended_at = started_at, outcome = 'ok' WHERE job = 'resolve'"))
    await probe.is_well()


async def test_jobs_of_a_worker_that_has_gone_are_told_of_by_who_only_answers(probe: Probe, services: Services):
    services.clock.advance(timedelta(days=3))
    part = await probe.is_degraded_in("job:resolve", "late by")
    assert part["status"] == "degraded", "another process that answers would do no better"


async def test_data_that_are_too_old_by_class(probe: Probe, services: Services):
    services.clock.advance(timedelta(days=9))
    for name in ("data:fx", "data:equity", "data:crypto"):
        part = await probe.is_degraded_in(name, "series fresh", "newest bar ended")
        assert part["age_s"] > 7 * 86_400


async def test_models_that_cannot_be_read(probe: Probe, services: Services):
    await probe.is_well()
    services.models.refused = {"boosted fx 1h 20260101": "the file is damaged"}
    await probe.is_degraded_in("models", "boosted", "damaged")
    await Vitals(services)._mend()
    assert services.models.refused == {}, "it is tried again every minute"


async def test_a_clock_that_was_set_back(probe: Probe, services: Services):
    services.clock.advance(timedelta(hours=-2))
    await probe.is_red_for("clock", "set back")
    services.clock.advance(timedelta(hours=2))
    await probe.is_well()


async def test_sources_whose_clocks_say_otherwise_and_sources_that_are_away(made_installation: Path, tmp_path: Path):
    folder = installation.copy(made_installation, tmp_path / "data")
    said = {"date": "Thu, 01 Jan 2026 00:00:00 GMT"}

    async def answer(reader: Any, writer: Any) -> None:
        await reader.readuntil(b"\r\n\r\n")
        date = f"date: {said['date']}\r\n" if said["date"] else ""
        writer.write(f"HTTP/1.1 200 OK\r\n{date}content-length: 2\r\nconnection: close\r\n\r\n{{}}".encode())
        await writer.drain()
        writer.close()

    keys = ("kraken", "coinbase")
    settings = Settings(
        _env_file=None,
        data_dir=folder,
        sources=("sample", *keys),
        source_urls=dict.fromkeys(keys, "http://127.0.0.1:1"),
    )
    async with a_probe(settings, clock=SystemClock()) as probe, listening(answer) as address:
        services = probe.services
        for key in keys:
            assert services.providers[key].info.key == key

        async def ask(url: str) -> None:
            for guard in services.providers.guards.values():
                asker = HttpClient(url, clock=services.clock, generator=np.random.default_rng(1), guard=guard)
                with contextlib.suppress(TruecastError):
                    await asker.get("/")
                await asker.close()

        await ask(f"http://{address}")
        _, parts = await probe.ready()
        assert parts["clock"]["status"] == "down", parts["clock"]
        assert "2 sources say" in parts["clock"]["detail"]
        said["date"] = services.clock.now().strftime("%a, %d %b %Y %H:%M:%S GMT")
        await ask(f"http://{address}")
        _, parts = await probe.ready()
        assert parts["clock"]["status"] == "ok"
        assert (parts["sources"]["status"], parts["sources"]["detail"]) == ("ok", "2 of 2 well")
        assert parts["sources"]["age_s"] < 3600
        for _ in range(BREAKER_OUTCOMES_MIN):
            await ask(f"http://127.0.0.1:{free_port()}")
        _, parts = await probe.ready()
        assert parts["sources"]["status"] == "down"
        assert not parts["sources"]["required"], "no other process would do better"
        assert "resting: coinbase, kraken" in parts["sources"]["detail"]
        assert "source_unreachable" in parts["sources"]["last_error"]


async def test_a_redis_that_goes_and_comes_back(made_installation: Path, tmp_path: Path):
    folder, port = installation.copy(made_installation, tmp_path / "data"), free_port()
    settings = installation.settings_in(folder, redis_url=f"redis://127.0.0.1:{port}/0")
    with redis_server(port):
        async with a_probe(settings, prepare=True) as probe:
            await until(probe, "ok")
            with_redis = probe
            stop_redis(port)
            await until(with_redis, "down")
            await probe.is_degraded_in("bus", "Redis is away")
            with redis_server(port):
                await until(with_redis, "ok")
                await probe.is_well()


def fill(ballast: Path) -> None:
    """To the last byte."""
    with ballast.open("wb", buffering=0) as file:
        for size in (65_536, 4_096, 64, 1):
            with contextlib.suppress(OSError):
                while True:
                    file.write(b"x" * size)


async def until(probe: Probe, status: str) -> None:
    for _ in range(300):
        _, parts = await probe.ready()
        if parts["bus"]["status"] == status:
            return
        await asyncio.sleep(0.1)
    pytest.fail(f"the bus is {parts['bus']}")


def stop_redis(port: int) -> None:
    import redis

    with redis.Redis(port=port) as client:
        client.shutdown(nosave=True)


async def test_trends_remember_what_was_red(services: Services):
    vitals = Vitals(services)
    await vitals.look()
    services.loading.failed = "fell over"
    await vitals.look()
    services.loading.failed = None
    await vitals.look()
    trend = next(trend for trend in vitals.trends() if trend.name == "start")
    assert [turn.status for turn in trend.turns] == ["ok", "down", "ok"]
    assert (trend.looked, trend.well) == (3, 2)


# --- worlds ---------------------------------------------------------------------------------------------------------


@contextlib.asynccontextmanager
async def a_probe(settings: Settings, *, clock: Any = None, prepare: bool = False) -> AsyncIterator[Probe]:
    services = build(settings, Role.SERVE, clock=clock or FixedClock(installation.NOW))
    if prepare:
        await services.background.prepare(services.loading)
    services.loading.ready = True
    transport = httpx.ASGITransport(app=create_app(services))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        yield Probe(client, services)
    await services.background.close()


def ran(*command: str) -> bool:
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


@contextlib.asynccontextmanager
async def mounted(folder: Path) -> AsyncIterator[Any]:
    """The folder on a small file system of its own; gives what mounts it again otherwise."""
    mount = shutil.which("mount")
    content = folder.with_name("content")
    shutil.copytree(folder, content)
    size = sum(path.stat().st_size for path in content.iterdir()) + 3 * 2**20
    command = [mount or "mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    if mount is None or not ran(*command):
        cannot_run("a file system of its own cannot be mounted here")
    try:
        shutil.copytree(content, folder, dirs_exist_ok=True)

        def remount(how: str) -> None:
            assert ran(str(mount), "-o", f"remount,{how}", str(folder))

        yield remount
    finally:
        assert ran("umount", "-l", str(folder))

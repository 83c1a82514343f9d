"""The one place that chooses implementations: what each role claims, makes and leaves alone."""

from pathlib import Path

import pytest

from tests import installation
from truecast.kit.clock import FixedClock, ReplayClock
from truecast.kit.db import DatabaseInUse
from truecast.migrations.upgrade import upgrade
from truecast.services import Loading, Services
from truecast.wiring import Role, SchemaOld, build, build_replay


@pytest.fixture
def folder(made_installation: Path, tmp_path: Path) -> Path:
    return installation.copy(made_installation, tmp_path / "data")


def wire(folder: Path, role: Role) -> Services:
    return build(installation.settings_in(folder), role, clock=FixedClock(installation.NOW))


@pytest.mark.parametrize("second", [Role.UP, Role.WORK])
async def test_one_process_runs_the_jobs_of_a_database(folder: Path, second: Role):
    first = wire(folder, Role.UP)
    with pytest.raises(DatabaseInUse):
        wire(folder, second)
    await first.background.close()
    await wire(folder, second).background.close()


@pytest.mark.parametrize("role", [Role.SERVE, Role.COMMAND, Role.TOOL])
async def test_others_work_beside_it(folder: Path, role: Role):
    first, beside = wire(folder, Role.UP), wire(folder, role)
    await beside.background.prepare(beside.loading)
    assert (await beside.ledger.verify()).ok
    await beside.background.close()
    await first.background.close()


async def test_a_command_fills_an_empty_store_and_a_tool_does_not(tmp_path: Path):
    tool = wire(tmp_path, Role.TOOL)
    await tool.background.prepare(tool.loading)
    assert await tool.store.series() == []
    await tool.background.close()
    command, told = wire(tmp_path, Role.COMMAND), Loading()
    await command.background.prepare(told)
    assert (told.stage, told.done) == ("data", told.total)
    assert len(await command.store.series()) > 40
    await command.background.close()


async def test_a_command_does_not_fill_a_store_that_another_process_is_making(tmp_path: Path):
    making, command = wire(tmp_path, Role.UP), wire(tmp_path, Role.COMMAND)
    with pytest.raises(DatabaseInUse):
        await command.background.prepare(command.loading)
    await command.background.close()
    await making.background.close()


async def test_a_process_that_only_answers_does_not_change_the_schema(tmp_path: Path):
    serve = wire(tmp_path, Role.SERVE)
    with pytest.raises(SchemaOld):
        await serve.background.prepare(serve.loading)
    assert await serve.background.migrations_pending()
    await upgrade(serve.db)
    await serve.background.prepare(serve.loading)
    assert not await serve.background.migrations_pending()
    await serve.background.close()


@pytest.mark.parametrize("role", [Role.SERVE, Role.COMMAND, Role.TOOL])
async def test_only_two_roles_run_the_jobs(folder: Path, role: Role):
    services = wire(folder, role)
    before = [job.last_run for job in await services.jobs.jobs()]
    await services.background.run()  # returns at once
    assert [job.last_run for job in await services.jobs.jobs()] == before
    await services.background.close()


async def test_a_source_is_built_when_it_is_asked_for(folder: Path):
    services = wire(folder, Role.COMMAND)
    assert "sample" in services.providers
    assert "ecb" not in services.providers
    assert list(services.providers) == ["sample"]
    assert services.providers["sample"] is services.providers["sample"]
    with pytest.raises(KeyError):
        services.providers["ecb"]
    await services.background.close()


async def test_closing_twice_is_harmless(folder: Path):
    services = wire(folder, Role.UP)
    await services.background.close()
    await services.background.close()


async def test_a_replay_starts_afresh_beside_the_database(folder: Path):
    settings, clock = installation.settings_in(folder), ReplayClock(installation.START, 3600)
    before = (folder / "truecast.db").read_bytes()
    first = build_replay(settings, clock)
    await upgrade(first.db)
    assert first.db.path == folder / "replay" / "truecast.db"
    assert list(first.providers) == ["sample"]
    with pytest.raises(DatabaseInUse):
        build_replay(settings, clock)
    assert first.db.path.exists()
    await first.background.close()
    again = build_replay(settings, clock)
    assert not again.db.path.exists()
    await again.background.close()
    assert (folder / "truecast.db").read_bytes() == before

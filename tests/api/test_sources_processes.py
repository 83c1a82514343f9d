"""Two processes that share a database and a Redis show the same of the sources, whichever of them asked."""

import contextlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest

from tests import installation
from tests.http_source import Answer, HttpSource, http_source
from tests.servers import redis_server
from truecast.api.app import create_app
from truecast.api.health import Health
from truecast.api.source_shapes import Recommendations, SourceShape
from truecast.kit.clock import FixedClock
from truecast.kit.limits import BREAKER_OUTCOMES_MIN
from truecast.services import Services
from truecast.wiring import Role, build

API = "/api/v1"
STALE = {"symbols": "EUR-USD", "max_age_s": "0"}


@pytest.fixture(scope="module")
def redis_url() -> Iterator[str]:
    with redis_server() as url:
        yield url


@pytest.fixture
async def ecb() -> AsyncIterator[HttpSource]:
    async with http_source() as running:
        yield running


@contextlib.asynccontextmanager
async def process(folder: Path, redis_url: str, ecb: HttpSource) -> AsyncIterator[tuple[Services, httpx.AsyncClient]]:
    live = {"sources": ("sample", "ecb"), "source_urls": {"ecb": ecb.base_url}, "redis_url": redis_url}
    settings = installation.settings_in(folder).model_copy(update=live)
    services = build(settings, Role.SERVE, clock=FixedClock(installation.NOW))
    services.loading.ready = True
    transport = httpx.ASGITransport(app=create_app(services))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        yield services, client
    await services.background.close()


async def shown(client: httpx.AsyncClient) -> SourceShape:
    return SourceShape.model_validate_json((await client.get(f"{API}/sources/ecb")).content)


async def test_what_one_process_asked_the_other_shows(
    made_installation: Path, tmp_path: Path, redis_url: str, ecb: HttpSource
) -> None:
    folder = installation.copy(made_installation, tmp_path / "data")
    ecb.serve("/eurofxref-daily.xml", Answer(status=500))
    async with process(folder, redis_url, ecb) as (one, here), process(folder, redis_url, ecb) as (two, there):
        for _ in range(BREAKER_OUTCOMES_MIN):
            await here.get(f"{API}/prices", params=STALE)
        await one.told.tell()
        (mine, theirs) = await shown(here), await shown(there)
        assert theirs.state == mine.state == "resting"
        assert theirs.breaker is not None and theirs.breaker.state == "open"
        assert theirs.usage == mine.usage
        assert theirs.usage is not None and theirs.usage.attempts == len(ecb.asked)
        assert (theirs.last_error, theirs.last_error_at) == (mine.last_error, mine.last_error_at)
        assert theirs.last_error is not None
        assert [(each.process, each.answers) for each in theirs.processes] == [(one.told.process, False)]
        assert [(each.process, each.answers) for each in mine.processes] == [(one.told.process, True)]
        assert (theirs.limits, theirs.limits_of) == (mine.limits, "all")
        advice = Recommendations.model_validate_json((await there.get(f"{API}/sources/recommendations")).content)
        assert ("resting", "ecb") in {(each.kind, each.source) for each in advice.items}
        health = Health.model_validate_json((await there.get(f"{API}/health")).content)
        (part,) = [part for part in health.components if part.name == "sources"]
        assert (part.status, part.last_error) == ("down", mine.last_error)

        await there.get(f"{API}/prices", params=STALE)  # its own breaker is closed: it asks, too
        await two.told.tell()
        (mine, theirs) = await shown(here), await shown(there)
        assert mine.usage == theirs.usage
        assert mine.usage is not None and mine.usage.attempts == len(ecb.asked)
        assert [each.answers for each in theirs.processes] == [True, False]
        assert {each.process: each.breaker.state for each in theirs.processes} == {
            one.told.process: "open", two.told.process: "closed",
        }  # fmt: skip

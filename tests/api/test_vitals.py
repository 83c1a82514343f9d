"""The parts of the server one by one, how they have been, and what changed."""

from datetime import timedelta

import httpx
import sqlalchemy as sa

from tests import installation
from truecast.api.vitals import Vitals
from truecast.kit.bus import Message
from truecast.kit.clock import FixedClock
from truecast.services import Services

URL = "/api/v1/health"


async def test_one_part_is_asked_for_by_name(client: httpx.AsyncClient):
    found = (await client.get(f"{URL}/components/database")).json()
    assert (found["name"], found["status"], found["required"]) == ("database", "ok", True)
    missing = await client.get(f"{URL}/components/flux")
    assert (missing.status_code, missing.json()["code"]) == (404, "unknown_component")
    assert "database" in missing.json()["known"]


async def test_a_part_that_breaks_and_heals_is_told_and_remembered(services: Services):
    told: list[Message] = []

    async def hear(message: Message) -> None:
        told.append(message)

    services.bus.subscribe("health", hear)
    vitals = Vitals(services)
    await vitals.look()
    assert told == [], "the first look is no change"
    async with services.db.write() as conn:
        await conn.execute(sa.text("UPDATE jobs SET enabled = 0 WHERE name = 'resolve'"))
    await vitals.look()
    async with services.db.write() as conn:
        await conn.execute(sa.text("UPDATE jobs SET enabled = 1 WHERE name = 'resolve'"))
    await vitals.look()
    changes = [(message.data["component"], message.data["status"]) for message in told]
    resolve = [status for component, status in changes if component == "job:resolve"]
    assert resolve[0] == "degraded"
    assert len(resolve) == 2
    trend = next(trend for trend in vitals.trends() if trend.name == "job:resolve")
    assert trend.looked == 3
    assert trend.well < 3
    assert [turn.status for turn in trend.turns][1] == "degraded"
    assert isinstance(services.clock, FixedClock)
    assert vitals.since == installation.NOW
    assert timedelta(0) == services.clock.now() - installation.NOW


async def test_trends_are_empty_before_the_first_look(client: httpx.AsyncClient):
    assert (await client.get(f"{URL}/trends")).json() == {"since": None, "items": []}

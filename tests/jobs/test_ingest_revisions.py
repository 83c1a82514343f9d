"""A statistic and what became of it: first release, revision, and what a reader of the past sees of them."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from pydantic import SecretStr

from tests.forecasts.house import a_house
from tests.wire import WireServer, wire_server
from tests.wire.server import Made
from truecast.domain.interval import Interval
from truecast.jobs.ingest import Intake
from truecast.kit.clock import FixedClock
from truecast.providers.base import Reach
from truecast.providers.catalog import build_provider

Q1 = Interval.Q1
RELEASES = (("2025-01-30", "23530.903"), ("2025-02-27", "23536.302"), ("2025-03-27", "23542.349"))


@pytest.fixture
async def wire() -> AsyncIterator[WireServer]:
    async with wire_server() as running:
        yield running


def alfred(today: str):
    """ALFRED as it stood on a day: GDP of the fourth quarter of 2024 and nothing else."""

    def answer(_path: str, query) -> Made:
        rows = []
        if query["series_id"] == "GDPC1":
            told = [release for release in RELEASES if release[0] <= today]
            ends = [*(day for day, _ in told[1:]), "9999-12-31"]
            rows = [
                {"realtime_start": day, "realtime_end": end, "date": "2024-10-01", "value": value}
                for (day, value), end in zip(told, ends, strict=True)
            ]
        page = {"realtime_start": "1776-07-04", "units": "lin", "output_type": 1, "observations": rows}
        return Made(json.dumps(page | {"count": len(rows), "offset": 0, "limit": 100_000}).encode())

    return answer


async def test_a_reader_of_the_past_sees_what_was_known_then(db, wire: WireServer) -> None:
    clock = FixedClock(datetime(2025, 2, 10, 15, tzinfo=UTC))
    reach = Reach(np.random.default_rng(1), base_url=wire.base_url("fred"), timeout_s=2, key=SecretStr("k" * 32))
    fred = build_provider("fred", clock, reach)
    async with a_house(db, clock) as house:
        way = Intake(fred, house.store, house.ingest, clock)
        wire.make("fred", alfred("2025-02-10"))
        assert (await way.take_news()).counts["inserted"] == 1
        assert (await way.take_news()).skipped  # nothing new is no news

        clock.advance(timedelta(days=46))  # the 28th of March: revised twice, of which one was seen too late
        wire.make("fred", alfred("2025-03-28"))
        done = await way.take_news()
        assert (done.counts["inserted"], done.counts["corrected"], done.skipped) == (0, 1, False)
        assert (await way.take_news()).skipped

        async def gdp(as_of: str | None) -> list[float]:
            moment = None if as_of is None else datetime.fromisoformat(as_of).replace(tzinfo=UTC)
            return (await house.store.read("US.GDP", Q1, as_of=moment)).close.tolist()

        assert await gdp("2025-01-30") == []
        assert await gdp("2025-02-10") == [23530.903]
        assert await gdp("2025-03-27") == [23530.903]  # the revisions were out, but we had not asked
        assert await gdp(None) == [23542.349]
    await fred.close()


async def test_a_history_loaded_later_knows_every_version_at_its_time(db, wire: WireServer) -> None:
    clock = FixedClock(datetime(2026, 10, 30, 15, tzinfo=UTC))
    reach = Reach(np.random.default_rng(1), base_url=wire.base_url("fred"), timeout_s=2, key=SecretStr("k" * 32))
    fred = build_provider("fred", clock, reach)
    wire.make("fred", alfred("2026-10-30"))
    async with a_house(db, clock) as house:
        await Intake(fred, house.store, house.ingest, clock).take_news()
        seen = [
            (await house.store.read("US.GDP", Q1, as_of=datetime(2025, month, 20, tzinfo=UTC))).close.tolist()
            for month in (1, 2, 3, 4)
        ]
    assert seen == [[], [23530.903], [23536.302], [23542.349]]
    await fred.close()

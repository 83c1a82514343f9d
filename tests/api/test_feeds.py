"""What the API tells of live feeds."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import httpx
import pytest

from tests import installation
from truecast.api.app import create_app
from truecast.api.source_shapes import Sources, SourceShape
from truecast.kit.clock import to_us
from truecast.kit.limits import FEED_LOST_S
from truecast.market.feeds_status import FeedStanding, FeedStatus
from truecast.services import Services

NOW = installation.NOW


@dataclass(frozen=True)
class Told:
    """Feeds that did so at a moment."""

    standing: FeedStanding

    async def standings(self, source: str | None = None) -> Sequence[FeedStanding]:
        return [self.standing] if source in (None, self.standing.source) else []

    def hears(self, symbol: str) -> bool:
        return False


async def ask(services: Services, told_s_ago: float, path: str) -> httpx.Response:
    status = FeedStatus(
        "binance", "binance", state="live", symbols=10, messages=7, reconnects=2, resyncs=3, missing=4,
        connected_us=to_us(NOW - timedelta(hours=1)), message_us=to_us(NOW - timedelta(seconds=1.5)),
        refused={"NOPE-USDT": "unknown"},
    )  # fmt: skip
    status.dropped["late"] = 5
    standing = status.standing(NOW - timedelta(seconds=told_s_ago))
    transport = httpx.ASGITransport(app=create_app(dataclasses.replace(services, feeds=Told(standing))))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        return await client.get(f"/api/v1/sources{path}")


@pytest.mark.parametrize(("ago_s", "state"), [(0.0, "live"), (FEED_LOST_S + 1, "lost")])
async def test_a_source_tells_how_its_feed_does(services: Services, ago_s: float, state: str) -> None:
    feed = SourceShape.model_validate_json((await ask(services, ago_s, "/binance")).content).feed
    assert feed is not None
    assert (feed.state, feed.symbols, feed.reconnects, feed.resyncs, feed.missing) == (state, 10, 2, 3, 4)
    assert feed.connected_since == NOW - timedelta(hours=1)
    assert feed.last_message_age_s == 1.5
    assert (feed.dropped, feed.refused) == ({"late": 5}, {"NOPE-USDT": "unknown"})


async def test_a_source_that_nobody_listens_to_has_none(services: Services) -> None:
    listed = Sources.model_validate_json((await ask(services, 0.0, "")).content)
    assert {item.key for item in listed.items if item.feed is not None} == {"binance"}
    assert SourceShape.model_validate_json((await ask(services, 0.0, "/kraken")).content).feed is None

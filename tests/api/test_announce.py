"""What is told when the ledger has recorded something: never before it can be read, never twice."""

from datetime import timedelta

import pytest

from truecast.api.announce import LEVELS_TOLD
from truecast.api.forecasts import LEVELS_DEFAULT
from truecast.domain.interval import Interval
from truecast.forecasts.ledger import UnknownForecast
from truecast.kit.bus import Message
from truecast.kit.clock import FixedClock
from truecast.services import Services


async def test_a_forecast_is_told_once_it_can_be_read_and_as_the_api_says_it(services: Services, client) -> None:
    told: list[tuple[Message, bool]] = []

    async def hear(message: Message) -> None:
        try:
            await services.ledger.by_id(message.data["id"])
        except UnknownForecast:
            told.append((message, False))
        else:
            told.append((message, True))

    services.bus.subscribe("forecasts:GBP-USD", hear)
    asked = {"symbol": "GBP-USD", "interval": "1d", "horizon": 7, "model": "ewma_walk"}
    answer = (await client.post("/api/v1/forecasts", json=asked)).json()
    assert all(readable for _, readable in told)
    by_model = {message.data["model"]: message.data for message, _ in told}
    assert set(by_model) == {"naive", "ewma_walk"}
    said = (await client.get(f"/api/v1/forecasts/by-id/{answer['id']}")).json()
    assert by_model["ewma_walk"] == said
    heard = len(told)
    await client.post("/api/v1/forecasts", json=asked)  # said before: nothing new is recorded
    assert len(told) == heard
    assert LEVELS_TOLD == LEVELS_DEFAULT


async def test_nothing_is_made_while_nobody_listens(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    from truecast.api import announce

    monkeypatch.setattr(announce, "forecast_body", lambda *_, **__: pytest.fail("made for nobody"))
    await services.issuer.forecast("GBP-USD", Interval.D1, 6)
    past = await services.bus.past("forecasts:GBP-USD")
    assert past.offset >= 1  # counted: who had been there before is told that something is missing


async def test_scores_are_told_with_the_forecast_they_belong_to(services: Services) -> None:
    from truecast.forecasts.resolve import Resolver
    from truecast.wiring import SAMPLE

    told: list[Message] = []

    async def hear(message: Message) -> None:
        told.append(message)

    services.bus.subscribe("scores:*", hear)
    clock = services.clock
    assert isinstance(clock, FixedClock)
    clock.advance(timedelta(days=2))
    from truecast.jobs.ingest import Intake

    await Intake(services.providers[SAMPLE], services.store, services.ingest, clock).take_news(lambda *_: None)
    parts = (services.store, services.history, services.ledger, services.compute, clock)
    done = await Resolver(*parts).resolve()
    assert len(told) == done.scored > 0
    one = told[0].data
    forecast = await services.ledger.by_id(one["forecast_id"])
    assert (forecast.symbol, forecast.model) == (one["symbol"], one["model"])
    assert told[0].topic == f"scores:{one['symbol']}"
    assert one["crps"] >= 0
    assert one["crps_naive"] >= 0

"""Which version answered then, answers for then: forecasts through promotions and rollbacks."""

import asyncio
import functools
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.models.registry.house import SMALL
from truecast.domain.interval import Interval
from truecast.models.registry.training import TrainingOutcome, TrainingRequest, learn
from truecast.services import Services

D1 = Interval.D1


@pytest.fixture
async def trained(services: Services) -> Services:
    """The services, whose trainings learn from EUR-USD alone; every one with another seed."""
    seeds = iter(range(10))

    async def quick(request: TrainingRequest) -> TrainingOutcome:
        frames = [frame[-1500:] for frame in request.frames if frame.symbol == "EUR-USD"]
        small = replace(request, frames=frames, anchors=(1, 5), seed=next(seeds), champion=None)
        outcome = await asyncio.to_thread(functools.partial(learn, small, SMALL))
        return replace(outcome, artifact=replace(outcome.artifact, shrink=(0.5, 0.5)))  # so that it says something

    services.models._trainer = quick
    await services.models.load()
    return services


async def said(services: Services, as_of=None) -> tuple[str, bytes]:
    forecast = await services.issuer.forecast("EUR-USD", D1, 5, model="lightgbm", as_of=as_of, record=as_of is None)
    return forecast.model_version, forecast.quantiles.values.tobytes()


async def test_rollback_restores_the_forecast_and_as_of_asks_the_champion_of_then(trained: Services, monkeypatch):
    monkeypatch.setattr("truecast.models.registry.promotion.found", lambda *_, **__: "not worse")
    clock, registry = trained.clock, trained.models
    moments, told, versions = [], [], []
    for _ in range(2):
        clock.advance(timedelta(minutes=1))  # on the same bars: what differs is the version
        (new,) = await registry.train("lightgbm", "fx", D1)
        await registry.promote("lightgbm", new.version)
        versions.append(new.version)
        moments.append(clock.now())
        told.append(await said(trained))
    assert told[0][0].startswith(versions[0]) and told[1][0].startswith(versions[1])
    assert told[0][1] != told[1][1]
    clock.advance(timedelta(minutes=1))
    await registry.rollback("lightgbm")
    assert await said(trained) == told[0]
    for moment, expected in zip(moments, told, strict=True):
        assert await said(trained, as_of=moment) == expected


async def test_forecasts_asked_while_versions_change_are_each_of_one(trained: Services, monkeypatch):
    monkeypatch.setattr("truecast.models.registry.promotion.found", lambda *_, **__: "not worse")
    clock, registry = trained.clock, trained.models
    alone = {}
    for _ in range(2):
        clock.advance(timedelta(minutes=1))
        (new,) = await registry.train("lightgbm", "fx", D1)
        await registry.promote("lightgbm", new.version)
        name, values = await said(trained)
        alone[name] = values
    stop = asyncio.Event()

    async def ask() -> list[tuple[str, bytes]]:
        found = []
        while not stop.is_set():
            found.append(await said(trained))
        return found

    asking = [asyncio.create_task(ask()) for _ in range(3)]
    for _ in range(4):
        clock.advance(timedelta(seconds=1))
        await registry.rollback("lightgbm")
        await asyncio.sleep(0.1)
        await registry.promote("lightgbm", new.version)
        await asyncio.sleep(0.1)
    stop.set()
    answers = [one for found in await asyncio.gather(*asking) for one in found]
    assert {name for name, _ in answers} == set(alone)
    assert all(values == alone[name] for name, values in answers)

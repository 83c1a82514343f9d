"""Streams against a real server, some through a proxy that cuts connections: nothing missing in silence, nothing twice."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import numpy as np
import pytest

from tests import installation
from tests.api.fault_proxy import FaultProxy, fault_proxy
from tests.api.stream_house import House, open_house
from tests.client.test_following import SCORE
from tests.servers import free_port
from truecast.accounts.principal import Scope
from truecast.client import (
    AsyncClient,
    CandleMessage,
    Client,
    ConnectionFailed,
    ForecastMessage,
    Joined,
    Lost,
    Message,
    Missed,
    News,
    OtherMessage,
    QuoteMessage,
    Retry,
    ScoreMessage,
    Unauthorized,
    problems,
)
from truecast.client.stream_async import AsyncStream
from truecast.kit.clock import FixedClock
from truecast.wiring import Role, build

QUICK = Retry(first_s=0.05, wait_s_max=0.2, total_s=5.0)
WAIT_S = 60.0


async def test_a_stream_begins_with_what_is_known_in_its_shapes(house: House) -> None:
    topics = ["quotes:SPY", "candles:SPY:1d", "forecasts:SPY", "health"]
    async with AsyncClient(house.http) as client, client.stream(topics) as stream, asyncio.timeout(WAIT_S):
        told: list[News] = []
        async for news in stream:
            told.append(news)
            if len(told) == 2 * len(topics):
                break
    assert sum(isinstance(one, Joined) for one in told) == len(topics)
    by_kind = {type(one): one for one in told if isinstance(one, Message)}
    assert by_kind.keys() == {QuoteMessage, CandleMessage, ForecastMessage, OtherMessage}
    assert all(one.snapshot for one in by_kind.values())


def test_a_blocking_stream_that_is_closed_ends_its_iteration() -> None:
    stream = Client(f"http://127.0.0.1:{free_port()}", retry=QUICK).stream(["health"])
    assert isinstance(next(stream), Lost)
    stream.close()
    with pytest.raises(StopIteration):
        next(stream)


ROUNDS, FOLLOWED = 200, ("scores:SPY", "scores:EUR-USD")


def bad_network(house: House, seed: int, *, life_s: float) -> AbstractAsyncContextManager[FaultProxy]:
    return fault_proxy(house.port, generator=np.random.default_rng(seed), life_s=life_s)


def complete(news: list[News]) -> bool:
    return {one.topic for one in news if isinstance(one, Message) and one.offset == ROUNDS} == set(FOLLOWED)


def block(url: str, heard: list[News]) -> None:
    with Client(url, retry=QUICK) as client, client.stream(FOLLOWED, snapshot=False) as stream:
        for news in stream:
            heard.append(news)
            if complete(heard):
                return


async def wait(url: str, heard: list[News]) -> None:
    async with AsyncClient(url, retry=QUICK) as client, client.stream(FOLLOWED, snapshot=False) as stream:
        async for news in stream:
            heard.append(news)
            if complete(heard):
                return


async def test_through_cut_connections_nothing_is_missing_in_silence_and_nothing_comes_twice(house: House) -> None:
    """A blocking client in its thread, and one that awaits, behind the same bad network."""
    blocking: list[News] = []
    waiting: list[News] = []
    async with bad_network(house, 3, life_s=0.25) as proxy, asyncio.timeout(WAIT_S):
        url = f"http://127.0.0.1:{proxy.port}"
        listening = asyncio.gather(asyncio.to_thread(block, url, blocking), wait(url, waiting))
        while any(sum(isinstance(one, Joined) for one in news) < len(FOLLOWED) for news in (blocking, waiting)):
            await asyncio.sleep(0.01)
        for i in range(ROUNDS):
            for topic in FOLLOWED:
                await house.publish(topic, **{**SCORE, "step": i})
            await asyncio.sleep(0.01)
        await listening
        assert proxy.cut > 5
    for news in (blocking, waiting):
        assert not any(isinstance(one, Missed) for one in news)
        assert sum(isinstance(one, Lost) for one in news) > 1
        for topic in FOLLOWED:
            offsets = [one.offset for one in news if isinstance(one, ScoreMessage) and one.topic == topic]
            assert offsets == list(range(1, ROUNDS + 1))


async def test_what_the_server_no_longer_has_is_announced(house: House) -> None:
    await house.publish("scores:SPY", **SCORE)
    async with AsyncClient(house.http) as client, asyncio.timeout(WAIT_S):
        async with client.stream(["scores:SPY"], since={"scores:SPY": ("of-long-ago", 7)}) as stream:
            missed = await anext(stream)
            assert isinstance(missed, Missed)
            assert missed.reason == "too_long_ago"
            await house.publish("scores:SPY", **SCORE)
            news = await anext(stream)
            assert isinstance(news, ScoreMessage)
            places = stream.places
        await house.publish("scores:SPY", **SCORE)
        async with client.stream(["scores:SPY"], since=places) as again:  # as another process would go on
            joined, news = await anext(again), await anext(again)
            assert isinstance(joined, Joined) and joined.recovered
            assert isinstance(news, ScoreMessage) and news.offset == places["scores:SPY"][1] + 1


async def read(stream: AsyncStream, told: list[News], then: Callable[[News], object] = repr) -> None:
    async for news in stream:
        told.append(news)
        then(news)


async def test_a_topic_that_is_not_there_is_raised_by_name(house: House) -> None:
    async with AsyncClient(house.http) as client, client.stream(["quotes:NOPE"]) as stream:
        with pytest.raises(problems.UnknownSymbol):
            await anext(stream)


async def test_nobody_there_is_told_and_then_raised() -> None:
    async with AsyncClient(f"http://127.0.0.1:{free_port()}", retry=Retry(first_s=0.02, total_s=0.3)) as client:
        told: list[News] = []
        with pytest.raises(ConnectionFailed):
            await read(client.stream(["health"]), told)
    assert told
    assert all(isinstance(one, Lost) for one in told)


async def test_a_server_that_goes_away_is_waited_for_as_long_as_was_said(house: House) -> None:
    told: list[News] = []
    async with contextlib.AsyncExitStack() as exits, asyncio.timeout(WAIT_S):
        proxy = await exits.enter_async_context(bad_network(house, 1, life_s=0.5))
        client = await exits.enter_async_context(AsyncClient(f"http://127.0.0.1:{proxy.port}", retry=QUICK))
        stream = await exits.enter_async_context(client.stream(["scores:SPY"], give_up_s=0.3))
        with pytest.raises(ConnectionFailed):
            await read(stream, told, lambda news: proxy.close() if isinstance(news, Joined) else None)
    assert isinstance(told[0], Joined)
    assert isinstance(told[-1], Lost)


@pytest.fixture
async def guarded(made_installation: Path, tmp_path: Path) -> AsyncIterator[House]:
    """A server that wants keys."""
    settings = installation.settings_in(installation.copy(made_installation, tmp_path / "data"))
    services = build(settings.model_copy(update={"require_keys": True}), Role.SERVE, clock=FixedClock(installation.NOW))
    services.loading.ready = True
    async with open_house(services) as house:
        yield house
    await services.background.close()


async def test_a_key_opens_a_stream_and_so_does_a_ticket_made_with_it(guarded: House) -> None:
    _, key = await guarded.services.keys.create("test", [Scope.READ], None)
    async with AsyncClient(guarded.http, api_key=key) as client:
        for by_ticket in (False, True):
            async with client.stream(["scores:SPY"], by_ticket=by_ticket) as stream:
                assert isinstance(await anext(stream), Joined)


async def test_a_key_that_is_not_accepted_is_raised_and_not_tried_again(guarded: House) -> None:
    for key in (None, "tc_000000000000_" + "x" * 43):
        async with AsyncClient(guarded.http, api_key=key) as client, client.stream(["scores:SPY"]) as stream:
            with pytest.raises(Unauthorized):
                await anext(stream)


async def test_a_key_that_is_revoked_while_the_stream_is_open_ends_it(guarded: House) -> None:
    info, key = await guarded.services.keys.create("test", [Scope.READ], None)
    async with AsyncClient(guarded.http, api_key=key, retry=QUICK) as client, asyncio.timeout(WAIT_S):
        stream = client.stream(["scores:SPY"])
        assert isinstance(await anext(stream), Joined)
        await guarded.services.keys.revoke(info.id)
        told: list[News] = []
        with pytest.raises(Unauthorized):
            await read(stream, told)
        assert all(isinstance(one, Lost) for one in told)

"""Kept answers say what an answer made at that moment would say, to whoever may ask, and never for too long."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tests import installation
from tests.api.stream_house import open_house
from tests.api.test_errors import problem_of
from tests.servers import free_port, redis_server
from truecast.accounts.principal import Scope
from truecast.api.app import App, create_app
from truecast.domain.event import Tick
from truecast.domain.interval import Interval
from truecast.kit.clock import FixedClock, to_us
from truecast.services import Services
from truecast.wiring import Role, build

PRICE = "/api/v1/prices?symbols=SOL-USDT"
CANDLES = "/api/v1/prices/SOL-USDT/candles?interval=1h&limit=5"
CLOSED = "/api/v1/prices/SPY/candles?limit=5&end=2021-01-05"
FORECASTS = "/api/v1/forecasts?symbols=SOL-USDT&interval=1h"
HISTORY = "/api/v1/forecasts/EUR-USD/history?interval=1d"
RECORD = "/api/v1/performance?symbol=EUR-USD&interval=1d"
READS = (
    PRICE,
    CANDLES,
    CLOSED,
    FORECASTS,
    HISTORY,
    RECORD,
    "/api/v1/prices?symbols=EUR-USD,SPY,%5EVIX&max_age_s=100000",
    "/api/v1/prices?asset_class=crypto",
    "/api/v1/prices/SOL-USDT/candles?interval=1d&limit=3",
    "/api/v1/prices/SPY/candles?adjust=all&limit=40&as_of=2020-12-31T00:00:00Z",
    "/api/v1/forecasts",
    "/api/v1/forecasts/SOL-USDT/history?interval=1h&model=auto",
    "/api/v1/performance/leaderboard?kind=ledger",
    "/api/v1/performance/calibration",
)


def speaking_to(app: App) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://127.0.0.1")


@pytest.fixture
async def app(services: Services) -> AsyncIterator[App]:
    app = create_app(services)
    yield app
    await app.state.answers.close()


@pytest.fixture
async def client(app: App) -> AsyncIterator[httpx.AsyncClient]:
    async with speaking_to(app) as client:
        yield client


def clock_of(services: Services) -> FixedClock:
    assert isinstance(services.clock, FixedClock)
    return services.clock


def misses(app: App) -> int:
    return sum(app.state.answers.count(kind, "miss") for kind in app.state.answers.ages_s)


async def next_bar(services: Services, symbol: str = "SOL-USDT", factor: float = 1.001) -> None:
    """The hour after the last one, as a source would bring it."""
    last = await services.store.read(symbol, Interval.H1, limit=1)
    start = last.start + 3_600_000_000
    end = start + 3_600_000_000
    clock = clock_of(services)
    if to_us(clock.now()) < end[0]:
        clock.advance(timedelta(microseconds=int(end[0]) - to_us(clock.now())))
    prices = {name: getattr(last, name) * factor for name in ("open", "high", "low", "close")}
    known = np.maximum(end, to_us(clock.now()))
    await services.ingest.take(replace(last, start=start, known_at=known, **prices))


async def test_what_was_asked_before_is_not_made_again(client: httpx.AsyncClient, app: App):
    for url in READS:
        first = await client.get(url)
        assert first.status_code == 200, (url, first.text)
        made = misses(app)
        again = await client.get(url)
        assert again.content == first.content, url
        assert misses(app) == made, url


async def test_a_kept_price_ages(client: httpx.AsyncClient, app: App, services: Services):
    first = (await client.get(PRICE)).json()["items"][0]["provenance"]
    clock_of(services).advance(timedelta(seconds=61.5))
    later = (await client.get(PRICE)).json()["items"][0]["provenance"]
    assert later["age_s"] == pytest.approx(first["age_s"] + 61.5)
    assert misses(app) == 1


async def test_a_price_becomes_stale_without_any_news(client: httpx.AsyncClient, services: Services):
    assert (await client.get(PRICE)).json()["items"][0]["provenance"]["stale"] is False
    assert (await client.get(CANDLES)).json()["blocks"][-1]["provenance"]["stale"] is False
    clock_of(services).advance(timedelta(days=2))
    assert (await client.get(PRICE)).json()["items"][0]["provenance"]["stale"] is True
    assert (await client.get(CANDLES)).json()["blocks"][-1]["provenance"]["stale"] is True


async def test_a_new_bar_is_in_the_next_answer(client: httpx.AsyncClient, services: Services):
    before = [(await client.get(url)).json() for url in (PRICE, CANDLES)]
    await next_bar(services)
    price, candles = [(await client.get(url)).json() for url in (PRICE, CANDLES)]
    assert price["items"][0]["price"] == candles["candles"][-1]["close"] > before[0]["items"][0]["price"]
    assert candles["candles"][-2] == before[1]["candles"][-1]


async def test_a_tick_is_in_the_next_answer(client: httpx.AsyncClient, services: Services):
    await client.get(PRICE)
    now_us = to_us(services.clock.now())
    last = (await client.get(PRICE)).json()["items"][0]["price"]
    services.board.take(Tick("SOL-USDT", last * 1.01, None, None, None, now_us, now_us, 1), "binance")
    found = (await client.get(PRICE)).json()["items"][0]
    assert (found["price"], found["provenance"]["source"]) == (last * 1.01, "binance")


async def test_a_new_forecast_is_in_the_next_answer(client: httpx.AsyncClient, services: Services):
    before = (await client.get(FORECASTS)).json()["items"]
    await next_bar(services)
    made = (await client.post("/api/v1/forecasts", json={"symbol": "SOL-USDT", "interval": "1h", "horizon": 3})).json()
    after = (await client.get(FORECASTS)).json()["items"]
    assert made["id"] in {one["id"] for one in after} - {one["id"] for one in before}


async def test_an_outcome_is_in_the_next_answer(client: httpx.AsyncClient, services: Services):
    from truecast.forecasts.resolve import Resolver

    await client.post("/api/v1/forecasts", json={"symbol": "SOL-USDT", "interval": "1h", "horizon": 1})
    url = "/api/v1/forecasts/SOL-USDT/history?interval=1h"
    record = "/api/v1/performance?symbol=SOL-USDT&interval=1h&period=all&horizon=1"
    before = (await client.get(url)).json()["items"][0]
    n = {row["model"]: row["n"] for row in (await client.get(record)).json()["ledger"]}
    assert before["outcome"] is None
    await next_bar(services)
    resolver = Resolver(services.store, services.history, services.ledger, services.compute, services.clock)
    await resolver.resolve()
    assert (await client.get(url)).json()["items"][0]["outcome"] is not None
    now = {row["model"]: row["n"] for row in (await client.get(record)).json()["ledger"]}
    assert now["naive"] > n.get("naive", 0)


async def corrected(services: Services) -> float:
    """A bar told anew behind everybody's back; its close from then on."""
    last = await services.store.read("SOL-USDT", Interval.H1, limit=1)
    told = replace(last, close=last.high, known_at=last.known_at + 1)
    await services.store.append(told, received_at=services.clock.now())
    return float(last.high[0])


async def last_close(client: httpx.AsyncClient) -> float:
    return float((await client.get(CANDLES)).json()["candles"][-1]["close"])


async def test_nothing_is_served_beyond_its_age_whatever_was_heard(
    client: httpx.AsyncClient, app: App, services: Services
):
    seconds, age_s = [1_000.0], app.state.answers.ages_s["candles"]
    app.state.answers.memory.now_s = lambda: seconds[0]
    before = await last_close(client)
    after = await corrected(services)
    seconds[0] += 0.74 * age_s
    assert await last_close(client) == before
    seconds[0] += 0.27 * age_s
    assert await last_close(client) == after != before


async def test_what_is_asked_for_all_the_time_is_made_anew_before_it_is_too_old_and_nobody_waits(
    client: httpx.AsyncClient, app: App, services: Services
):
    seconds, answers = [1_000.0], app.state.answers
    answers.memory.now_s = lambda: seconds[0]
    before = await last_close(client)
    after = await corrected(services)
    seconds[0] += 0.8 * answers.ages_s["candles"]
    renewing = asyncio.ensure_future(last_close(client))
    while not answers.memory._making:
        await asyncio.sleep(0)
    assert await last_close(client) == before, "one makes it, the others have it still"
    assert await renewing == await last_close(client) == after
    assert (misses(app), answers.count("candles", "hit")) == (2, 2)


async def test_many_who_ask_the_same_at_once_have_it_made_once(client: httpx.AsyncClient, app: App):
    answers = await asyncio.gather(*(client.get(RECORD) for _ in range(8)))
    assert len({answer.content for answer in answers}) == 1
    assert len({answer.headers["x-request-id"] for answer in answers}) == 8
    assert misses(app) == 1


async def test_who_asks_after_a_change_does_not_get_what_is_being_made_from_before_it(
    client: httpx.AsyncClient, app: App, services: Services
):
    first = asyncio.ensure_future(client.get(CANDLES))
    while not app.state.answers.memory._making:
        await asyncio.sleep(0)
    app.state.answers.touch("series:SOL-USDT")  # something has come while the first one reads
    second = await client.get(CANDLES)
    await first
    assert (misses(app), second.status_code) == (2, 200)


async def test_errors_are_not_kept_and_name_who_asked(client: httpx.AsyncClient, app: App):
    answers = await asyncio.gather(*(client.get("/api/v1/prices?symbols=NOPE") for _ in range(3)))
    for answer in answers:
        assert problem_of(answer, 404, "unknown_symbol")["request_id"] == answer.headers["x-request-id"]
    assert len({answer.headers["x-request-id"] for answer in answers}) == 3
    problem_of(await client.get(PRICE + "&limt=3"), 422, "unknown_query_parameter")
    problem_of(await client.get(PRICE + "&symbols=SPY"), 422, "repeated_query_parameter")
    problem_of(await client.get(CANDLES, headers={"If-None-Match": "x" * 1025}), 422, "malformed_request")
    assert len(app.state.answers.memory) == 0


async def test_the_shortest_way_says_what_the_long_way_says(services: Services):
    async with open_house(services) as house:
        short, long = (httpx.AsyncClient(base_url=house.http, timeout=30) for _ in range(2))
        async with short, long:
            await short.get("/health/live")  # a connection takes the way that is open when it is made
            house.app.express = None
            for url in READS:
                tag = (await long.get(url)).headers.get("etag", '"none"')
                for headers in (
                    {},
                    {"If-None-Match": tag},
                    {"X-Request-Id": "of-the-client"},
                    {"X-Request-Id": "bad id"},
                ):
                    answers = [await client.get(url, headers=headers) for client in (short, long)]
                    said, meant = (dict(answer.headers) for answer in answers)
                    assert said.pop("date") and meant.pop("date")
                    if "X-Request-Id" not in headers or " " in headers["X-Request-Id"]:
                        assert said.pop("x-request-id") != meant.pop("x-request-id")
                    assert (said, answers[0].status_code) == (meant, answers[1].status_code), url
                    assert answers[0].content == answers[1].content, url


@pytest.mark.parametrize("url", [CANDLES, CLOSED, HISTORY, RECORD])
async def test_a_client_that_has_it_is_told_so(client: httpx.AsyncClient, app: App, url: str):
    first = await client.get(url)
    tag = first.headers["etag"]
    assert tag.startswith('W/"')
    strong = tag.removeprefix("W/")
    for asked in (tag, f'"other", {tag}', strong, "*"):
        for fresh in (False, True):
            if fresh:
                await app.state.answers.clear()
            answer = await client.get(url, headers={"If-None-Match": asked})
            assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", tag)
            assert answer.headers["cache-control"] == first.headers["cache-control"]
    assert (await client.get(url, headers={"If-None-Match": 'W/"other"'})).content == first.content


async def test_only_what_can_no_longer_change_may_be_kept_by_clients(client: httpx.AsyncClient):
    control = {url: (await client.get(url)).headers["cache-control"] for url in (CANDLES, CLOSED, HISTORY, RECORD)}
    assert control == {
        CANDLES: "no-cache",
        CLOSED: "private, max-age=60",
        HISTORY: "no-cache",
        RECORD: "no-cache",
    }
    then = await client.get(HISTORY, params={"interval": "1d", "as_of": "2021-01-06T12:00:00Z"})
    assert then.headers["cache-control"] == "private, max-age=3600"


# The same forecast


async def test_a_forecast_asked_again_on_the_same_bars_is_the_same_and_is_not_computed(
    client: httpx.AsyncClient, app: App, services: Services
):
    asked = {"symbol": "SOL-USDT", "interval": "1h", "horizon": 4}
    first = (await client.post("/api/v1/forecasts", json=asked)).json()
    clock_of(services).advance(timedelta(seconds=30))
    again = (await client.post("/api/v1/forecasts", json=asked)).json()
    assert app.state.answers.count("said", "hit") == 1
    age = again["anchor"]["provenance"].pop("age_s") - first["anchor"]["provenance"].pop("age_s")
    assert (again, age) == (first, pytest.approx(30))
    await app.state.answers.clear()
    computed = (await client.post("/api/v1/forecasts", json=asked)).json()
    computed["anchor"]["provenance"].pop("age_s")
    assert computed == again
    await next_bar(services)
    assert (await client.post("/api/v1/forecasts", json=asked)).json()["id"] != first["id"]


async def test_a_batch_is_made_of_what_was_said_before_and_what_was_not(client: httpx.AsyncClient, app: App):
    def item(symbol: str, **more: Any) -> dict[str, Any]:
        return {"symbol": symbol, "interval": "1d", "horizon": 3, **more}

    alone = (await client.post("/api/v1/forecasts", json=item("EUR-USD"))).json()
    items = [item("EUR-USD"), item("SPY"), item("NOPE"), item("EUR-USD", as_of="2020-12-01"), item("EUR-USD")]
    for turn in range(2):
        found = (await client.post("/api/v1/forecasts/batch", json={"items": items})).json()["items"]
        assert [(one["index"], one["status"]) for one in found] == [
            (0, "ok"), (1, "ok"), (2, "error"), (3, "ok"), (4, "ok"),
        ]  # fmt: skip
        assert found[0]["forecast"] == found[4]["forecast"] == alone
        assert found[3]["forecast"]["recorded"] is False
        assert app.state.answers.count("said", "hit") == (2, 5)[turn]


# Who may ask


@contextlib.asynccontextmanager
async def serving(folder: Path, **given: Any) -> AsyncIterator[tuple[Services, App, httpx.AsyncClient]]:
    services = build(installation.settings_in(folder, **given), Role.SERVE, clock=FixedClock(installation.NOW))
    services.loading.ready = True
    app = create_app(services)
    try:
        async with speaking_to(app) as client:
            await services.bus.settled()
            yield services, app, client
    finally:
        await app.state.answers.close()
        await app.state.access.pace.close()
        await services.background.close()


@pytest.fixture
def folder(made_installation: Path, tmp_path: Path) -> Path:
    return installation.copy(made_installation, tmp_path / "more")


async def test_a_kept_answer_is_for_whom_is_let_in_only(folder: Path):
    async with serving(folder, require_keys=True, rate_limits={"prices": 3}) as (services, app, client):

        async def asking(*scopes: Scope) -> tuple[str, dict[str, str]]:
            info, text = await services.keys.create("test", scopes, None)
            return info.id, {"Authorization": f"Bearer {text}"}

        (_, first), (_, second) = await asking(Scope.READ), await asking(Scope.READ)
        (_, trader), (gone, revoked) = await asking(Scope.TRADE), await asking(Scope.READ)
        assert [(await client.get(PRICE, headers=first)).headers["ratelimit"] for _ in range(3)] == [
            f'"prices";r={left};t={60 - 20 * left}' for left in (2, 1, 0)
        ]
        assert app.state.answers.count("prices", "hit") == 2
        problem_of(await client.get(PRICE, headers=first), 429, "rate_limited")
        assert (await client.get(PRICE, headers=second)).headers["ratelimit"].startswith('"prices";r=2')
        problem_of(await client.get(PRICE, headers=trader), 403, "scope_missing")
        problem_of(await client.get(PRICE), 401, "key_missing")
        problem_of(await client.get(PRICE, headers={"X-API-Key": "tc_nobody"}), 401, "key_refused")
        assert (await client.get(PRICE, headers=revoked)).status_code == 200
        await services.keys.revoke(gone)
        problem_of(await client.get(PRICE, headers=revoked), 401, "key_refused")
        problem_of(await client.get(PRICE, headers={**second, "Host": "evil.example"}), 421, "foreign_host")


async def test_no_more_memory_is_taken_than_is_given(folder: Path):
    async with serving(folder, cache_bytes=60_000) as (_, app, client):
        for limit in range(1, 60):
            assert (await client.get(f"/api/v1/prices/SPY/candles?limit={limit}")).status_code == 200
            assert app.state.answers.memory.size_bytes <= 60_000
        assert app.state.answers.memory.dropped["room"] > 0
        assert len(app.state.answers.memory) > 1


async def test_without_memory_everything_is_made(folder: Path):
    async with serving(folder, cache_bytes=0) as (_, app, client):
        for url in (PRICE, RECORD, PRICE):
            assert (await client.get(url)).status_code == 200
        assert (len(app.state.answers.memory), app.state.answers.count("prices", "hit")) == (0, 0)


# Several processes


async def test_two_processes_make_an_answer_once_and_drop_it_together(folder: Path):
    with redis_server() as url:
        async with serving(folder, redis_url=url) as one, serving(folder, redis_url=url) as two:
            (services, here, asks_here), (other, there, asks_there) = one, two
            first = await asks_here.get(CANDLES)
            await asyncio.gather(*here.state.answers._sharing)
            assert (await asks_there.get(CANDLES)).content == first.content
            assert there.state.answers.count("candles", "shared") == 1
            assert (await asks_there.get(PRICE)).status_code == 200
            assert there.state.answers.count("prices", "shared") == 0, "each has its own board"
            clock_of(other).advance(timedelta(hours=2))
            await next_bar(services)
            async with asyncio.timeout(10):
                while (await asks_there.get(CANDLES)).json()["candles"] == first.json()["candles"]:
                    await asyncio.sleep(0.01)  # until the news has come
            assert there.state.answers.count("candles", "miss") + here.state.answers.count("candles", "miss") >= 2


async def test_redis_away_is_a_miss_and_never_an_error(folder: Path):
    with redis_server() as url:
        async with serving(folder, redis_url=url) as (_, app, client):
            assert (await client.get(CANDLES)).status_code == 200
            shared = app.state.answers.shared
            shared._url = f"redis://127.0.0.1:{free_port()}/0"
            await shared._redis.aclose()
            shared._redis = None
            for url_ in (CLOSED, RECORD, CANDLES):
                assert (await client.get(url_)).status_code == 200
            told = (await client.get("/api/v1/admin/cache")).json()
            assert told["shared"]["connected"] is False and told["shared"]["last_error"]
            assert (await client.post("/api/v1/admin/cache/clear")).json() == {"dropped": 3}


# For who runs the server


async def test_what_is_kept_can_be_seen_dropped_and_made_anew(client: httpx.AsyncClient, services: Services):
    for url in (PRICE, CANDLES, CLOSED, CANDLES):
        await client.get(url)
    told = (await client.get("/api/v1/admin/cache")).json()
    kinds = {one["kind"]: one for one in told["kinds"]}
    assert (told["entries"], told["shared"], kinds["candles"]["hits"], kinds["candles"]["misses"]) == (3, None, 1, 2)
    assert kinds["candles"]["hit_rate"] == pytest.approx(1 / 3) and kinds["history"]["hit_rate"] is None
    assert told["bytes"] == sum(one["bytes"] for one in kinds.values()) < told["bytes_max"]
    assert (await client.post("/api/v1/admin/cache/refresh")).json() == {"refreshed": 3, "failed": 0}
    drop = "/api/v1/admin/cache/invalidate"
    assert (await client.post(drop, json={})).json() == {"dropped": 0}
    assert (await client.post(drop, json={"symbol": "SOLUSDT", "kind": "candles"})).json() == {"dropped": 1}
    assert (await client.post(drop, json={"symbol": "SPY"})).json() == {"dropped": 1}
    problem_of(await client.post(drop, json={"symbol": "NOPE"}), 404, "unknown_symbol")
    problem_of(await client.post(drop, json={"kind": "cookies"}), 422, "malformed_request")
    assert (await client.post(drop, json={"kind": "prices"})).json() == {"dropped": 1}
    await client.get(PRICE)
    assert (await client.post("/api/v1/admin/cache/clear")).json() == {"dropped": 1}
    problem_of(await client.get("/api/v1/admin/cache/clear"), 405, "method_not_allowed")


async def test_hit_rates_are_in_the_metrics(client: httpx.AsyncClient):
    for _ in range(2):
        await client.get(CLOSED)
    said = (await client.get("/metrics")).text
    for line in ('truecast_cache_answers_total{how="hit",kind="candles"}', "truecast_cache_bytes"):
        assert line in said


# The property


def _steps() -> st.SearchStrategy[list[tuple[str, Any]]]:
    step = st.one_of(
        st.tuples(st.just("read"), st.sampled_from(READS)),
        st.tuples(st.just("later"), st.sampled_from([0.4, 59.0, 310.0, 3_700.0, 90_000.0])),
        st.tuples(st.just("bar"), st.sampled_from([0.99, 1.0, 1.002, 40.0])),  # the last one is held in quarantine
        st.tuples(st.just("tick"), st.floats(0.98, 1.02)),
        st.tuples(st.just("forecast"), st.sampled_from(["SOL-USDT", "EUR-USD"])),
        st.tuples(st.just("resolve"), st.none()),
    )
    return st.lists(step, min_size=4, max_size=10)


@given(_steps())
@hypothesis_settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
def test_a_kept_answer_is_the_one_that_would_be_made_at_that_moment(made_installation: Path, tmp_path_factory, steps):
    asyncio.run(_played(installation.copy(made_installation, tmp_path_factory.mktemp("played")), steps))


async def _played(folder: Path, steps: list[tuple[str, Any]]) -> None:
    async with serving(folder) as (services, _, client):
        bare = replace(services, settings=services.settings.model_copy(update={"cache_bytes": 0}))
        async with speaking_to(create_app(bare)) as plain:
            for url in READS[:4]:
                await client.get(url)
            for what, how in steps:
                await _done(services, client, what, how)
                for url in (how,) if what == "read" else READS[:7]:
                    kept, made = await client.get(url), await plain.get(url)
                    assert (kept.status_code, kept.content) == (made.status_code, made.content), url
                    assert kept.headers.get("etag") == made.headers.get("etag")


async def _done(services: Services, client: httpx.AsyncClient, what: str, how: Any) -> None:
    from truecast.forecasts.resolve import Resolver

    now = services.clock.now()
    if what == "later":
        clock_of(services).advance(timedelta(seconds=how))
    elif what == "bar":
        await next_bar(services, factor=how)
    elif what == "tick":
        known = (await client.get(PRICE)).json()["items"][0]
        at = max(now, datetime.fromisoformat(known["provenance"]["as_of"]))
        tick = Tick("SOL-USDT", known["price"] * how, known["price"], known["price"], None, to_us(at), to_us(now), None)
        services.board.take(tick, "binance")
    elif what == "forecast":
        asked = {"symbol": how, "interval": "1h" if how == "SOL-USDT" else "1d", "horizon": 2}
        await client.post("/api/v1/forecasts", json=asked)
    elif what == "resolve":
        resolver = Resolver(services.store, services.history, services.ledger, services.compute, services.clock)
        await resolver.resolve()

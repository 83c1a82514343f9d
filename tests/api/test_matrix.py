"""Who gets in where: every operation and every stream, for everybody who should not. An operation that is not in the
table fails here: say first who may ask it.
"""

from collections.abc import AsyncIterator
from datetime import timedelta

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests import installation
from tests.api.operations import OPERATIONS
from tests.api.stream_house import House, open_house
from tests.api.test_errors import STANDARD
from truecast.accounts.principal import Scope
from truecast.api.access import RATE_CLASSES, right_of
from truecast.kit.clock import FixedClock
from truecast.services import Services

OPEN = {"get_live", "get_ready", "get_info", "redeem_invitation"}
FORECAST = {"create_forecast", "create_forecasts", "measure_risk"}
TRAIN = {"reload_models", "train_model", "promote_model", "roll_back_model"}
ADMIN = {
    "add_symbol", "remove_symbol", "release_quarantined", "run_job", "enable_job", "disable_job", "list_api_keys",
    "create_api_key", "revoke_api_key", "get_database", "make_backup", "get_cache", "clear_cache", "invalidate_cache",
    "refresh_cache",
}  # fmt: skip
READ = {
    "get_metrics", "get_health", "get_health_trends", "get_component", "search_symbols", "get_symbol", "latest_prices",
    "get_consensus", "get_candles", "get_statistics", "get_volatility", "get_correlation", "market_summary",
    "list_gaps", "list_quarantine", "list_feature_sets", "get_features", "latest_forecasts", "get_forecast",
    "get_explanation", "forecast_history", "get_performance", "verify_ledger", "get_leaderboard", "get_calibration",
    "get_trends", "get_coverage", "get_resolved", "list_models", "get_models_status", "get_model", "list_jobs",
    "get_job", "list_runs", "list_sources", "recommend_sources", "get_source", "stream_sse", "stream_snapshot",
    "create_stream_ticket",
}  # fmt: skip
TABLE: dict[str, Scope | None] = {
    **dict.fromkeys(OPEN),
    **dict.fromkeys(READ, Scope.READ),
    **dict.fromkeys(FORECAST, Scope.FORECAST),
    **dict.fromkeys(TRAIN, Scope.TRAIN),
    **dict.fromkeys(ADMIN, Scope.ADMIN),
}
GUARDED = [operation for operation in OPERATIONS if operation.id not in OPEN]
BY_ID = pytest.mark.parametrize("operation", GUARDED, ids=[operation.id for operation in GUARDED])


@pytest.fixture
def rates() -> dict[str, int]:
    return dict.fromkeys(RATE_CLASSES, 0)


@pytest.fixture
async def wrong(guarded: Services) -> dict[str, dict[str, str]]:
    """Who should not get in anywhere, by what is wrong with them."""
    _, expired = await guarded.keys.create("old", [Scope.ADMIN], installation.NOW + timedelta(seconds=1))
    info, revoked = await guarded.keys.create("gone", [Scope.ADMIN], None)
    await guarded.keys.revoke(info.id)
    assert isinstance(guarded.clock, FixedClock)
    guarded.clock.advance(timedelta(seconds=2))
    foreign = f"tc_{'0' * 12}_{'A' * 43}"  # of another server, say
    texts = {"expired": expired, "revoked": revoked, "foreign": foreign, "garbage": "tc_", "another scheme": ""}
    wrong = {name: {"Authorization": f"Bearer {text}"} for name, text in texts.items()}
    wrong["another scheme"] = {"Authorization": "Basic YWRtaW46YWRtaW4="}
    wrong["anonymous"] = {}
    wrong["in another header"] = {"X-API-Key": revoked}
    return wrong


async def without(services: Services, scope: Scope) -> dict[str, str]:
    """A good key with every scope but this one, and but `admin`."""
    _, text = await services.keys.create("nearly", [one for one in Scope if one not in (scope, Scope.ADMIN)], None)
    return {"Authorization": f"Bearer {text}"}


def test_the_table_is_complete_and_is_what_the_server_goes_by() -> None:
    assert {operation.id for operation in OPERATIONS} == TABLE.keys()
    for operation in OPERATIONS:
        assert operation.scope == (None if operation.id in OPEN else TABLE[operation.id]), operation.id
    assert right_of("POST", "/something/new") is Scope.ADMIN


async def test_nobody_gets_in_who_should_not(
    guarded: Services, stranger: httpx.AsyncClient, wrong: dict[str, dict[str, str]]
) -> None:
    nearly = {scope: await without(guarded, scope) for scope in Scope}
    asked = 0
    for operation in GUARDED:
        scope = TABLE[operation.id]
        assert scope is not None
        for who, headers in wrong.items():
            answer = await operation.ask(stranger, headers)
            expected = "key_missing" if who in ("anonymous", "another scheme") else "key_refused"
            assert (answer.status_code, answer.json()["code"]) == (401, expected), (operation.id, who)
            assert answer.json().keys() >= STANDARD and answer.headers["WWW-Authenticate"] == "Bearer"
            asked += 1
        answer = await operation.ask(stranger, nearly[scope])
        assert (answer.status_code, answer.json()["code"]) == (403, "scope_missing"), operation.id
        asked += 1
    assert asked == len(GUARDED) * (len(wrong) + 1)


async def test_a_key_in_the_address_opens_nothing(guarded: Services, stranger: httpx.AsyncClient) -> None:
    _, text = await guarded.keys.create("good", [Scope.ADMIN], None)
    for operation in GUARDED:
        for name in ("key", "api_key", "token", "access_token"):
            answer = await operation.ask(stranger, **{name: text})
            assert answer.status_code == 401, operation.id


async def test_the_right_scope_is_enough(guarded: Services, stranger: httpx.AsyncClient) -> None:
    """What is refused then is refused for another reason. Streams do not end, and have tests of their own."""
    keys = {scope: (await guarded.keys.create("just", [scope], None))[1] for scope in Scope}
    for operation in GUARDED:
        scope = TABLE[operation.id]
        assert scope is not None
        if operation.id in ("stream_sse", "train_model", "run_job", "make_backup"):
            continue
        answer = await operation.ask(stranger, {"X-API-Key": keys[scope]})
        assert answer.status_code not in (401, 403, 500), (operation.id, answer.text)


@pytest.fixture
async def house(guarded: Services) -> AsyncIterator[House]:
    async with open_house(guarded) as house:
        yield house


async def test_no_stream_opens_for_who_should_not(
    guarded: Services, house: House, wrong: dict[str, dict[str, str]]
) -> None:
    refused = {**wrong, "missing scope": await without(guarded, Scope.READ)}
    for who, headers in refused.items():
        assert await opened(house, headers) is False, who
        key = headers.get("Authorization", headers.get("X-API-Key", "")).rpartition(" ")[2]
        if key and who != "another scheme":
            assert await opened(house, {}, subprotocols=["truecast.v1", f"truecast.key.{key}"]) is False, who
        assert await joined(house, headers) is False, who
    assert house.hub.count() == 0
    good = {"X-API-Key": (await guarded.keys.create("good", [Scope.READ], None))[1]}
    assert await opened(house, good)
    assert await joined(house, good)


async def opened(house: House, headers: dict[str, str], **more: list[str]) -> bool:
    """Whether a WebSocket is welcomed."""
    given = {name: value for name, value in headers.items() if value.rpartition(" ")[2]}
    try:
        async with connect(house.url, compression=None, additional_headers=given, **more) as socket_:
            said = str(await socket_.recv())
    except (InvalidStatus, ConnectionClosed):
        return False
    return '"welcome"' in said


async def joined(house: House, headers: dict[str, str]) -> bool:
    """Whether Socket.IO lets in: `40` with an id, not `44` with an error."""
    url = f"ws://127.0.0.1:{house.port}/socket.io/?EIO=4&transport=websocket"
    try:
        async with connect(url, compression=None, additional_headers=headers) as socket_:
            await socket_.recv()
            await socket_.send("40")
            return str(await socket_.recv()).startswith("40")
    except (InvalidStatus, ConnectionClosed):
        return False

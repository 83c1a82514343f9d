"""The rules of every answer, over every operation of the document: what is new is held to them as it comes."""

import asyncio
import hashlib

import httpx
import pytest
import sqlalchemy as sa

from tests.api.operations import OPERATIONS, Operation
from tests.api.test_errors import STANDARD
from truecast.accounts.principal import Scope
from truecast.api.access import RATE_CLASSES
from truecast.api.app import describe
from truecast.api.page import encode_cursor
from truecast.market.bulk import fetch
from truecast.services import Services

API = [operation for operation in OPERATIONS if operation.id != "stream_sse"]  # it does not end
READS = [operation for operation in API if operation.method == "GET"]


def over(operations: list[Operation]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("operation", operations, ids=[operation.id for operation in operations])


def having(name: str) -> list[Operation]:
    found = [operation for operation in OPERATIONS if name in operation.query]
    assert found
    return found


@pytest.fixture
def rates() -> dict[str, int]:
    return dict.fromkeys(RATE_CLASSES, 100_000)


@pytest.fixture
async def admin(guarded: Services, stranger: httpx.AsyncClient) -> httpx.AsyncClient:
    """Somebody with every right, on a server with limits."""
    _, text = await guarded.keys.create("admin", [Scope.ADMIN], None)
    stranger.headers["Authorization"] = f"Bearer {text}"
    return stranger


def refused(answer: httpx.Response, code: str) -> None:
    assert answer.status_code == 422, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["code"] == code, answer.text


def test_every_operation_but_those_on_the_server_itself_may_meet_a_database_that_is_away_and_says_so() -> None:
    for path, verbs in describe()["paths"].items():
        for verb, operation in verbs.items():
            if path.startswith("/api/v1/") and path.split("/")[3] not in ("info", "health"):  # these always answer
                said = operation["responses"]["503"]["description"]
                assert {"`database_busy`", "`database_unavailable`"} <= set(said.split(", ")), f"{verb} {path}"


async def test_an_unknown_or_repeated_query_parameter_is_refused_everywhere(admin: httpx.AsyncClient) -> None:
    for operation in API:
        if operation.id in ("get_info", "get_live"):
            continue
        answer = await operation.ask(admin, colour="red")
        refused(answer, "unknown_query_parameter")
        assert answer.json()["unknown"] == ["colour"], operation.id
        for name in sorted(operation.query)[:1]:
            path = f"{operation.path}?{name}=1&{name}=1"
            answer = await admin.request(operation.method, path, json=operation.body)
            refused(answer, "repeated_query_parameter")


async def test_every_answer_has_an_id_a_limit_and_one_of_the_documented_forms(admin: httpx.AsyncClient) -> None:
    for operation in API:
        if operation.id in ("train_model", "make_backup"):
            continue
        answer = await operation.ask(admin, {"X-Request-Id": f"ask-{operation.id}"})
        assert answer.headers["X-Request-Id"] == f"ask-{operation.id}"
        assert str(answer.status_code) in operation.statuses, (operation.id, answer.text)
        if operation.template.startswith("/api/"):
            assert answer.headers["RateLimit-Policy"].endswith(";q=100000;w=60"), operation.id
            assert ";r=" in answer.headers["RateLimit"]
        if answer.is_error:
            problem = answer.json()
            assert answer.headers["Content-Type"] == "application/problem+json"
            assert problem.keys() >= STANDARD
            assert (problem["status"], problem["request_id"]) == (answer.status_code, f"ask-{operation.id}")
        elif answer.status_code != 204:
            assert answer.content


async def test_nothing_changes_on_get(admin: httpx.AsyncClient, guarded: Services) -> None:
    await guarded.keys.tell_use()
    before = await digest(guarded)
    asked = await asyncio.gather(*(operation.ask(admin) for operation in READS))
    assert sum(answer.status_code == 200 for answer in asked) > len(READS) // 2
    assert await digest(guarded) == before


async def digest(services: Services) -> dict[str, str]:
    """Of every table; when keys were used last is written on the way, and is no state of theirs."""
    found = {}
    async with services.db.read() as conn:
        tables = await conn.run_sync(lambda sync: sa.inspect(sync).get_multi_columns())
        for (_, name), columns in tables.items():
            wanted = ", ".join(f'"{c["name"]}"' for c in columns if c["name"] != "last_used_at")
            rows = await fetch(conn, f'SELECT {wanted} FROM "{name}"')
            found[name] = hashlib.sha256("\n".join(sorted(map(str, rows))).encode()).hexdigest()
    return found


@over(having("as_of"))
async def test_the_future_is_not_known(admin: httpx.AsyncClient, operation: Operation) -> None:
    refused(await operation.ask(admin, as_of="2100-01-01T00:00:00Z"), "as_of_in_future")
    refused(await operation.ask(admin, as_of="soon"), "malformed_request")


@over(having("cursor"))
async def test_a_cursor_is_one_that_this_list_gave_out(admin: httpx.AsyncClient, operation: Operation) -> None:
    for cursor in ("nope", "", encode_cursor("another list", 1), encode_cursor("another list", "'; DROP TABLE bars")):
        refused(await operation.ask(admin, cursor=cursor), "cursor_invalid")


@over(having("limit"))
async def test_a_limit_is_capped(admin: httpx.AsyncClient, operation: Operation) -> None:
    most = operation.schemas["limit"]["maximum"]
    for limit in (most + 1, 0, -1, "1.5", "", "many", 10**30):
        refused(await operation.ask(admin, limit=str(limit)), "malformed_request")


@over([operation for operation in API if operation.body is not None])
async def test_a_body_has_no_other_fields_and_no_other_types(admin: httpx.AsyncClient, operation: Operation) -> None:
    headers = {"Content-Type": "application/json"}
    for content in (b'{"colour": "red"}', b'{"colour": "red", "colour": "blue"}', b"[]", b"1", b'"x"', b"{"):
        answer = await admin.request(operation.method, operation.path, content=content, headers=headers)
        refused(answer, "malformed_request")

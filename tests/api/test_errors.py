"""Every error is a problem: one shape, the right status, no stack trace."""

import httpx
import pytest

from truecast.api.errors import problem_response
from truecast.kit.guard import SourceOverBudget

STANDARD = {"type", "title", "status", "code", "detail", "instance", "request_id"}


def problem_of(answer: httpx.Response, status: int, code: str) -> dict[str, object]:
    """Check that the answer is that problem; its facts."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["cache-control"] == "no-store"
    problem: dict[str, object] = answer.json()
    assert problem.keys() >= STANDARD
    assert (problem["code"], problem["status"]) == (code, status)
    assert problem["type"] == f"urn:truecast:problem:{code}"
    assert problem["request_id"] == answer.headers["x-request-id"]
    assert "Traceback" not in answer.text
    return problem


@pytest.mark.parametrize("path", ["/nope", "/api/v1/nope", "/api/v1", "/api/v1/prices/EUR-USD/nope", "/assets/x.js"])
async def test_an_unknown_path_is_a_problem(client: httpx.AsyncClient, path: str):
    problem_of(await client.get(path), 404, "no_such_path")


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/api/v1/info"), ("DELETE", "/api/v1/symbols"), ("PUT", "/api/v1/forecasts")]
)
async def test_a_verb_that_a_path_does_not_know_is_a_problem(client: httpx.AsyncClient, method: str, path: str):
    answer = await client.request(method, path)
    problem_of(answer, 405, "method_not_allowed")
    assert answer.headers["allow"]


async def test_facts_of_the_case_stand_beside_the_standard_fields(client: httpx.AsyncClient):
    problem = problem_of(await client.get("/api/v1/symbols/EUR-USX"), 404, "unknown_symbol")
    assert problem["symbol"] == "EUR-USX"
    assert "EUR-USD" in problem["nearest"]
    assert problem["instance"] == "/api/v1/symbols/EUR-USX"


async def test_an_ambiguous_symbol_lists_its_candidates(client: httpx.AsyncClient):
    problem = problem_of(await client.get("/api/v1/symbols/BTC"), 409, "ambiguous_symbol")
    assert {"BTC-USD", "BTC-USDT"} <= set(problem["candidates"])


async def test_a_failure_of_ours_tells_nothing_but_the_id_of_the_log_line(client, caplog):
    async def broken(*_: object) -> None:
        raise RuntimeError("the password is swordfish")

    client._transport.app.router.routes.insert(0, _route("/broken", broken))
    answer = await client.get("/broken")
    problem = problem_of(answer, 500, "internal")
    assert problem.keys() == STANDARD
    assert "swordfish" not in answer.text
    assert any(record.exc_info and "swordfish" in str(record.exc_info[1]) for record in caplog.records)


async def test_text_that_is_no_json_is_refused(client: httpx.AsyncClient):
    headers = {"content-type": "application/json"}
    answer = await client.post("/api/v1/forecasts", content=b"{nope", headers=headers)
    problem_of(answer, 422, "malformed_request")


async def test_a_body_of_another_type_is_refused(client: httpx.AsyncClient):
    body = b'{"symbol": "EUR-USD", "interval": "1d", "horizon": 1}'
    for kind in ("text/plain", "application/x-www-form-urlencoded"):
        answer = await client.post("/api/v1/forecasts", content=body, headers={"content-type": kind})
        problem_of(answer, 415, "unsupported_media_type")


@pytest.mark.parametrize(
    "body",
    [
        b'{"symbol": "EUR-USD", "symbol": "SPY", "interval": "1d", "horizon": 1}',
        b'{"symbol": "EUR-USD", "interval": "1d", "horizon": NaN}',
        b'{"symbol": "EUR-USD", "interval": "1d", "horizon": 1, "levels": [1e999]}',
        b'{"symbol": "EUR-USD", "interval": "1d", "horizon": 1' + b"0" * 5_000 + b"}",
        b'{"symbol": "EUR-USD", "interval": "1d", "horizon": "1"}',
        b'{"symbol": "EUR-USD", "interval": "1d", "horizon": 1, "colour": "red"}',
        b'{"symbol": "\\ud800", "interval": "1d", "horizon": 1}',
        b'{"\\ud800": 1}',
        b'{"symbol": "\xff", "interval": "1d", "horizon": 1}',
        b"[" * 100_000 + b"]" * 100_000,
        '{"symbol": "EUR-USD"}'.encode("utf-16"),
        b"",
    ],
)
async def test_json_is_read_strictly(client: httpx.AsyncClient, body: bytes):
    answer = await client.post("/api/v1/forecasts", content=body, headers={"content-type": "application/json"})
    problem_of(answer, 422, answer.json()["code"])


async def test_ten_written_with_a_point_is_ten(client: httpx.AsyncClient):
    body = b'{"symbol": "EUR-USD", "interval": "1d", "horizon": 10.0, "model": "naive"}'
    answer = await client.post("/api/v1/forecasts", content=body, headers={"content-type": "application/json"})
    assert (answer.status_code, answer.json()["horizon"]) == (200, 10)


async def test_a_verb_that_is_not_allowed_names_those_of_all_routes_of_the_path(client: httpx.AsyncClient):
    for path, verbs in (("/api/v1/symbols/SPY", "DELETE, GET"), ("/api/v1/models/reload", "POST")):
        assert (await client.patch(path)).headers["allow"] == verbs


async def test_an_endless_body_is_refused_while_it_comes(client: httpx.AsyncClient):
    async def endless():
        while True:
            yield b" " * 65_536

    answer = await client.post("/api/v1/forecasts", content=endless(), headers={"content-type": "application/json"})
    problem_of(answer, 413, "body_too_large")


async def test_a_declared_giant_body_is_refused_before_it_comes(client: httpx.AsyncClient):
    headers = {"content-type": "application/json", "content-length": "99999999"}
    answer = await client.post("/api/v1/forecasts", content=b"{}", headers=headers)
    problem_of(answer, 413, "body_too_large")


def _route(path, endpoint):
    from starlette.routing import Route

    return Route(path, endpoint)


@pytest.mark.parametrize(("wait_s", "header"), [(2, "2"), (12.3, "13"), (None, None)])
def test_the_time_to_wait_is_in_whole_seconds_or_not_told(wait_s: float | None, header: str | None):
    error = SourceOverBudget(source="a", reason="full", retry_after_s=wait_s)
    answer = problem_response(error, instance="/", request_id="", headers={})
    assert (answer.status_code, answer.headers.get("retry-after")) == (503, header)

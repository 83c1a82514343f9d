"""Keys, scopes and rate limits at the API: who gets in, and how often."""

from dataclasses import replace

import httpx
import pytest
from fastapi.routing import APIRoute

from truecast.accounts.principal import Scope
from truecast.api.access import POLICIES, PREFIX, Gate, admit, right_of
from truecast.api.app import create_app, routes
from truecast.api.errors import Starting
from truecast.services import Services

SAFE = ("GET", "HEAD", "OPTIONS")


async def bearer(services: Services, *scopes: Scope) -> dict[str, str]:
    _, text = await services.keys.create("test", scopes, None)
    return {"Authorization": f"Bearer {text}"}


def _endpoints() -> list[tuple[str, str]]:
    found = [
        (method, route.path_format) for route in routes() if isinstance(route, APIRoute) for method in route.methods
    ]
    return sorted((method, path) for method, path in found if path.startswith(PREFIX))


async def test_nobody_gets_in_without_a_key_and_everybody_knows_why(stranger: httpx.AsyncClient):
    for method, path in _endpoints():
        if path in (f"{PREFIX}/info", f"{PREFIX}/api-keys/redeem"):
            continue
        answer = await stranger.request(method, path.replace("{", "").replace("}", ""))
        assert (answer.status_code, answer.json()["code"]) == (401, "key_missing"), (method, path)
        assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert (await stranger.get("/metrics")).status_code == 401
    assert (await stranger.get("/health/live")).status_code == 200
    assert (await stranger.get(f"{PREFIX}/info")).json()["keys_required"] is True


async def test_a_reader_changes_nothing(guarded: Services, stranger: httpx.AsyncClient):
    reader = await bearer(guarded, Scope.READ)
    for method, path in _endpoints():
        if method in SAFE and not path.startswith(f"{PREFIX}/api-keys"):
            continue
        if path in (f"{PREFIX}/api-keys/redeem", f"{PREFIX}/stream/ticket"):
            continue
        answer = await stranger.request(method, path.replace("{", "").replace("}", ""), headers=reader, json={})
        assert (answer.status_code, answer.json()["code"]) == (403, "scope_missing"), (method, path)
    assert (await stranger.get(f"{PREFIX}/symbols", headers=reader)).status_code == 200
    assert (await stranger.get("/metrics", headers=reader)).status_code == 200


def test_whatever_changes_something_has_a_policy_of_its_own():
    """A route that is not listed needs `admin`: a new one must not be open by being forgotten."""
    changing = {(method, path.removeprefix(PREFIX)) for method, path in _endpoints() if method not in SAFE}
    for endpoint in changing:
        assert right_of(*endpoint) is not Scope.READ or endpoint in POLICIES
    assert right_of("POST", "/anything/new") is Scope.ADMIN
    assert right_of("GET", "/admin/cache") is Scope.ADMIN
    assert right_of("GET", "/api-keys") is Scope.ADMIN


async def test_each_scope_opens_its_own(guarded: Services, stranger: httpx.AsyncClient):
    forecaster = await bearer(guarded, Scope.FORECAST)
    body = {"symbol": "SPY", "interval": "1d", "horizon": 1, "model": "naive"}
    assert (await stranger.post(f"{PREFIX}/forecasts", json=body, headers=forecaster)).status_code == 200
    assert (await stranger.get(f"{PREFIX}/symbols", headers=forecaster)).status_code == 403
    admin = await bearer(guarded, Scope.ADMIN)
    assert (await stranger.get(f"{PREFIX}/symbols", headers=admin)).status_code == 200
    assert (
        await stranger.get(f"{PREFIX}/symbols", headers={"X-API-Key": admin["Authorization"][7:]})
    ).status_code == 200


async def test_keys_are_made_listed_and_revoked(guarded: Services, stranger: httpx.AsyncClient):
    admin = await bearer(guarded, Scope.ADMIN)
    made = await stranger.post(f"{PREFIX}/api-keys", json={"name": "page", "scopes": ["read"]}, headers=admin)
    assert made.status_code == 201
    assert made.headers["Cache-Control"] == "no-store"
    key = made.json()["key"]
    listed = (await stranger.get(f"{PREFIX}/api-keys", headers=admin)).json()["items"]
    assert {item["name"] for item in listed} == {"page", "test"}
    assert key not in str(listed)
    reader = {"Authorization": f"Bearer {key}"}
    assert (await stranger.get(f"{PREFIX}/symbols", headers=reader)).status_code == 200
    gone = await stranger.delete(f"{PREFIX}/api-keys/{made.json()['id']}", headers=admin)
    assert gone.status_code == 204
    refused = await stranger.get(f"{PREFIX}/symbols", headers=reader)
    assert (refused.status_code, refused.json()["code"]) == (401, "key_refused")
    assert (await stranger.delete(f"{PREFIX}/api-keys/nobody", headers=admin)).status_code == 404


async def test_the_first_key_comes_from_the_link_that_the_server_prints(guarded: Services, stranger: httpx.AsyncClient):
    invitation = await guarded.keys.invitation()
    made = await stranger.post(f"{PREFIX}/api-keys/redeem", json={"invitation": invitation})
    assert made.status_code == 201
    assert made.json()["scopes"] == ["admin"]
    again = await stranger.post(f"{PREFIX}/api-keys/redeem", json={"invitation": invitation})
    assert (again.status_code, again.json()["code"]) == (403, "invitation_refused")


async def test_a_limit_is_enforced_for_each_key_and_said(guarded: Services, stranger: httpx.AsyncClient):
    one, other = await bearer(guarded, Scope.READ), await bearer(guarded, Scope.READ)
    url = f"{PREFIX}/prices?symbols=SPY"
    answers = [await stranger.get(url, headers=one) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert answers[0].headers["RateLimit-Policy"] == '"prices";q=3;w=60'
    assert answers[0].headers["RateLimit"].startswith('"prices";r=2;t=')
    assert answers[3].json()["code"] == "rate_limited"
    assert 0 < int(answers[3].headers["Retry-After"]) <= 20
    assert (await stranger.get(url, headers=other)).status_code == 200
    assert (await stranger.get(f"{PREFIX}/symbols", headers=one)).status_code == 200, "another class"


async def test_guessing_keys_is_slowed_down_by_address(stranger: httpx.AsyncClient):
    wrong = {"Authorization": "Bearer tc_0123456789ab_" + "A" * 43}
    answers = [(await stranger.get(f"{PREFIX}/symbols", headers=wrong)).status_code for _ in range(6)]
    assert answers == [401] * 4 + [429] * 2
    elsewhere = wrong | {"X-Forwarded-For": "198.51.100.7"}
    assert (await stranger.get(f"{PREFIX}/symbols", headers=elsewhere)).status_code == 401


async def test_a_spoofed_forwarded_header_is_not_believed(guarded: Services):
    settings = guarded.settings.model_copy(update={"trusted_proxies": ()})
    app = create_app(replace(guarded, settings=settings))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://127.0.0.1") as client:
        for i in range(4):
            wrong = {"Authorization": "Bearer no", "X-Forwarded-For": f"198.51.100.{i}"}
            await client.get(f"{PREFIX}/symbols", headers=wrong)
        last = await client.get(
            f"{PREFIX}/symbols", headers={"Authorization": "Bearer no", "X-Forwarded-For": "1.2.3.4"}
        )
        assert last.status_code == 429


async def test_the_user_of_this_machine_needs_no_key_and_has_no_limits(client: httpx.AsyncClient):
    for _ in range(150):
        answer = await client.get(f"{PREFIX}/prices?symbols=SPY")
        assert answer.status_code == 200
    assert "RateLimit" not in answer.headers
    assert (await client.get(f"{PREFIX}/api-keys")).json() == {"items": []}


async def test_a_server_that_starts_says_so_before_it_asks_for_keys(guarded: Services, stranger: httpx.AsyncClient):
    guarded.loading.ready = False
    answer = await stranger.get(f"{PREFIX}/symbols")
    assert (answer.status_code, answer.json()["code"]) == (503, "starting")


async def test_who_came_before_the_keys_could_be_read_is_not_told_that_he_lacks_a_right(guarded: Services):
    """The server becomes ready between the gate, which could not know him, and the route."""

    class Sudden:
        def __init__(self) -> None:
            self.asked = 0

        def __call__(self) -> bool:
            self.asked += 1
            return self.asked > 1

    app = create_app(guarded)
    app.state.access = replace(app.state.access, ready=Sudden())
    scope = {"method": "GET", "path": f"{PREFIX}/symbols", "headers": [], "query_string": b"", "type": "http"}
    seen = []

    async def inner(scope, receive, send):
        await admit(app.state.access, scope, f"{PREFIX}/symbols")
        seen.append(scope)

    with pytest.raises(Starting):
        await Gate(inner, app.state.access)(scope, None, None)
    assert not seen

"""What comes back is read, or is an error with a name: of a problem, of a proxy's page, of half a body."""

from typing import Any

import httpx
import pytest

from tests.client.scripted import Script, good, html, problem
from truecast.client import (
    AnswerUnreadable,
    ClientError,
    Conflict,
    Malformed,
    NoLiveSource,
    NotFound,
    Problem,
    RateLimited,
    ServerFailed,
    problems,
)


def refused(step: httpx.Response) -> ClientError:
    with pytest.raises(ClientError) as error:
        Script(step).client().get_symbol("X")
    return error.value


def test_a_problem_is_the_class_of_its_code_with_its_facts() -> None:
    error = refused(problem("history_too_short", 409, symbol="AAPL", have=31, need=250))
    assert isinstance(error, problems.HistoryTooShort)
    assert isinstance(error, Conflict)
    assert (error.code, error.status, error.request_id) == ("history_too_short", 409, "r-1")
    assert error.facts == {"symbol": "AAPL", "have": 31, "need": 250}
    assert str(error) == "history_too_short happened [history_too_short]"


def test_a_code_that_is_not_known_yet_is_the_class_of_its_status() -> None:
    for status, kind in ((404, NotFound), (409, Conflict), (418, Malformed), (500, ServerFailed), (599, ServerFailed)):
        error = refused(problem("of_a_later_release", status))
        assert type(error) is kind
        assert isinstance(error, Problem)
        assert error.code == "of_a_later_release"


def test_reasons_and_waits_are_typed() -> None:
    error = refused(problem("no_live_source", 503, reasons=[{"source": "ecb", "code": "x", "reason": "away"}]))
    assert isinstance(error, NoLiveSource)
    assert [one["source"] for one in error.reasons] == ["ecb"]
    limited = refused(problem("rate_limited", 429, kind="prices", retry_after_s=99))
    assert isinstance(limited, RateLimited)
    assert (limited.kind, limited.retry_after_s) == ("prices", 99.0)


@pytest.mark.parametrize(
    ("step", "reason"),
    [
        (html(200), "not JSON"),
        (html(404), "not an error of Truecast"),
        (httpx.Response(200, content=b'{"symbol": ', headers={"content-type": "application/json"}), "truncated"),
        (httpx.Response(200, json={"symbol": 1}), "Expected `str`"),
        (httpx.Response(200, json={}), "missing required field"),
        (httpx.Response(404, json={"detail": "Not Found"}), "not an error of Truecast"),
        (httpx.Response(404, json=[1]), "not an error of Truecast"),
        (httpx.Response(302, headers={"location": "/login"}), "not an error of Truecast"),
        (httpx.Response(200, content=b"\xff\xfe", headers={"content-type": "application/json"}), "malformed"),
        (httpx.Response(204), "not JSON"),
    ],
)
def test_what_is_no_answer_of_truecast_says_what_it_is(step: httpx.Response, reason: str) -> None:
    error = refused(step)
    assert isinstance(error, AnswerUnreadable)
    assert reason in error.reason
    assert error.status == step.status_code
    assert len(error.excerpt) <= 300


def test_a_newer_server_may_say_more_than_is_known() -> None:
    said = {"status": "better_than_ok", "mood": "good"}
    assert Script(good(said)).client().get_live().status == "better_than_ok"


def test_what_is_said_of_the_sender() -> None:
    script = Script(good())
    script.client(api_key="tc_x", headers={"X-Team": "a"}).get_live()
    (asked,) = script.asked
    assert asked.headers["authorization"] == "Bearer tc_x"
    assert asked.headers["x-team"] == "a"
    assert asked.headers["user-agent"].startswith("truecast-python/")


def test_address_and_key_come_from_the_environment(monkeypatch: Any) -> None:
    from truecast.client import Client

    monkeypatch.setenv("TRUECAST_URL", "https://forecasts.example:8443/")
    monkeypatch.setenv("TRUECAST_API_KEY", "tc_secret")
    script = Script(good())
    with Client(transport=httpx.MockTransport(script)) as client:
        client.get_live()
        assert repr(client) == "Client('https://forecasts.example:8443')"
    assert str(script.asked[0].url) == "https://forecasts.example:8443/health/live"
    assert script.asked[0].headers["authorization"] == "Bearer tc_secret"
    monkeypatch.delenv("TRUECAST_URL")
    assert Client(transport=httpx.MockTransport(script)).url == "http://127.0.0.1:8000"


def test_an_address_that_is_none_is_refused() -> None:
    from truecast.client import Client

    for url in ("forecasts.example", "ftp://x", "http://"):
        with pytest.raises(ValueError, match="is not an address"):
            Client(url)


def test_only_what_is_given_is_sent() -> None:
    script = Script(problem("unknown_symbol", 404))
    with pytest.raises(NotFound):
        script.client().get_candles("EUR/USD", limit=3)
    with pytest.raises(NotFound):
        script.client().create_forecast("SPY", "1d", 5, levels=(0.8,))
    assert script.asked[0].url.raw_path == b"/api/v1/prices/EUR%2FUSD/candles?limit=3"
    assert script.asked[1].content == b'{"symbol":"SPY","interval":"1d","horizon":5,"levels":[0.8]}'

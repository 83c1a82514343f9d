"""Retries against a server that follows a script: what is repeated, after how long, and when it is given up."""

from dataclasses import replace
from typing import Any

import httpx
import pytest

from tests.client.scripted import Script, good, html, problem
from truecast.client import (
    AnswerUnreadable,
    ConnectionFailed,
    Problem,
    RateLimited,
    Retry,
    TimedOut,
    Unavailable,
    problems,
)
from truecast.client.ask import Ask
from truecast.client.shapes import Live

READ_CUT = httpx.ReadError("connection reset")
REFUSED = httpx.ConnectError("connection refused")


def test_a_read_is_repeated_after_waits_that_double() -> None:
    script = Script(READ_CUT, html(502), problem("database_busy", 503), good())
    assert script.client().get_live().status == "ok"
    assert script.slept == [0.5, 1.0, 2.0]  # with the greatest jitter


async def test_the_waiting_client_does_the_same() -> None:
    script = Script(READ_CUT, html(502), problem("database_busy", 503), good())
    assert (await script.waiting().get_live()).status == "ok"
    assert script.slept == [0.5, 1.0, 2.0]


def test_what_creates_something_carries_one_key_through_all_attempts() -> None:
    script = Script(READ_CUT, html(504), good())
    ask = Ask("POST", "/api/v1/things", Live, body={"a": 1}, repeat="by_key")
    script.client()._ask(ask)
    first, *others = [one.headers["idempotency-key"] for one in script.asked]
    assert len(others) == 2 and set(others) == {first}
    script.client()._ask(ask)
    assert script.asked[-1].headers["idempotency-key"] != first
    script.client()._ask(replace(ask, key="mine"))
    assert script.asked[-1].headers["idempotency-key"] == "mine"


def test_jitter_is_any_moment_from_none_to_all() -> None:
    script = Script(READ_CUT, READ_CUT, good())
    script.client(chance=0.0).get_live()
    assert script.slept == [0.0, 0.0]


def test_the_last_error_is_told_when_it_is_given_up() -> None:
    script = Script(READ_CUT)
    with pytest.raises(ConnectionFailed, match="connection reset") as failed:
        script.client().get_live()
    assert len(script.asked) == Retry().attempts_max
    assert failed.value.sent


UNKNOWN_FATE = (READ_CUT, html(502), problem("compute_busy", 503), httpx.ReadTimeout("slow"))


def test_what_may_have_been_carried_out_is_not_repeated() -> None:
    for step in UNKNOWN_FATE:
        script = Script(step)
        with pytest.raises((ConnectionFailed, AnswerUnreadable, Problem)):
            script.client().revoke_api_key("0123456789ab")
        assert len(script.asked) == 1, step


def test_what_says_the_same_when_asked_again_is_repeated_without_a_key() -> None:
    for step in UNKNOWN_FATE:
        script = Script(step, problem("unknown_symbol", 404))
        with pytest.raises(problems.UnknownSymbol):
            script.client().create_forecast("X", "1d", 1)
        assert len(script.asked) == 2, step
        assert "idempotency-key" not in script.asked[0].headers


def test_what_was_never_carried_out_is_repeated_whatever_it_is() -> None:
    script = Script(
        REFUSED, problem("rate_limited", 429, retry_after_s=3), problem("starting", 503, retry_after_s=2), html(502)
    )
    with pytest.raises(AnswerUnreadable):
        script.client().revoke_api_key("0123456789ab")
    assert script.slept == [0.5, 4.0, 4.0]  # what the server asks for, and jitter above it


def test_what_no_repetition_mends_is_told_at_once() -> None:
    for code, status in (("unknown_symbol", 404), ("no_live_source", 503), ("internal", 500), ("key_refused", 401)):
        script = Script(problem(code, status))
        with pytest.raises(Problem):
            script.client().get_symbol("X")
        assert len(script.asked) == 1, code


def test_retry_after_is_waited_for_and_jitter_comes_on_top() -> None:
    script = Script(problem("rate_limited", 429, {"Retry-After": "7"}), good())
    script.client(chance=0.5).get_live()
    assert script.slept == [7.25]


def test_retry_after_may_be_a_date() -> None:
    said = {"Retry-After": "Wed, 06 Jan 2021 21:30:09 GMT", "Date": "Wed, 06 Jan 2021 21:30:00 GMT"}
    script = Script(problem("rate_limited", 429, said), good())
    script.client(chance=0.0).get_live()
    assert script.slept == [9.0]


def test_without_retry_after_the_rate_limit_says_when_there_is_room() -> None:
    script = Script(problem("rate_limited", 429, {"RateLimit": '"prices";r=0;t=4'}), good())
    script.client(chance=0.0).get_live()
    assert script.slept == [4.0]


def test_the_time_of_all_attempts_is_bounded() -> None:
    script = Script(problem("rate_limited", 429, {"Retry-After": "40"}))
    with pytest.raises(RateLimited) as refused:
        script.client(chance=0.0).get_live()
    assert script.slept == [40.0]  # another 40 s would be more than a minute
    assert refused.value.retry_after_s == 40.0
    slow = Script(httpx.ReadTimeout("slow"), took_s=25.0)
    with pytest.raises(TimedOut):
        slow.client(chance=0.0, timeout_s=25.0).get_live()
    assert len(slow.asked) == 3
    assert [one.extensions["timeout"]["read"] for one in slow.asked] == [25.0, 25.0, 10.0]


def test_one_attempt_may_be_all() -> None:
    script = Script(READ_CUT)
    with pytest.raises(ConnectionFailed):
        script.client(retry=Retry(attempts_max=1)).get_live()
    assert len(script.asked) == 1


@pytest.mark.parametrize(
    ("error", "kind", "sent"),
    [
        (httpx.ConnectError("refused"), ConnectionFailed, False),
        (httpx.ConnectTimeout("no route"), TimedOut, False),
        (httpx.PoolTimeout("busy"), TimedOut, False),
        (httpx.ReadTimeout("slow"), TimedOut, True),
        (httpx.RemoteProtocolError("half a body"), ConnectionFailed, True),
    ],
)
def test_a_failed_connection_says_whether_the_request_may_have_arrived(error: Any, kind: Any, sent: bool) -> None:
    with pytest.raises(kind) as failed:
        Script(error).client(retry=Retry(attempts_max=1)).get_live()
    assert failed.value.sent is sent
    assert failed.value.url == "http://there/health/live"


def test_a_server_that_is_away_for_a_moment_is_unavailable_in_the_end() -> None:
    with pytest.raises(Unavailable) as refused:
        Script(problem("database_busy", 503)).client().get_live()
    assert isinstance(refused.value, problems.DatabaseBusy)

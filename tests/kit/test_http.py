"""The HTTP client against a source that does what real ones do on a bad day."""

import gzip
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import numpy as np
import pytest

from tests.http_source import Answer, HttpSource, http_source
from tests.servers import free_port
from truecast.kit.clock import FixedClock
from truecast.kit.http import (
    HttpClient,
    SourceAnsweredError,
    SourceAnswerMalformed,
    SourceAnswerTooLarge,
    SourceUnreachable,
)
from truecast.kit.limits import HTTP_ATTEMPTS_MAX, HTTP_BACKOFF_S_FIRST
from truecast.kit.metrics import REGISTRY

T0 = datetime(2024, 5, 1, 12, tzinfo=UTC)


@pytest.fixture
async def source() -> AsyncIterator[HttpSource]:
    async with http_source() as running:
        yield running


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(T0)


@pytest.fixture
async def client(source: HttpSource, clock: FixedClock) -> AsyncIterator[HttpClient]:
    client = HttpClient(
        source.base_url, clock=clock, generator=np.random.default_rng(1), timeout_s=0.5, body_bytes_max=1000
    )
    yield client
    await client.close()


async def test_gives_status_headers_body_and_the_time_it_was_received(client: HttpClient, source: HttpSource) -> None:
    source.serve("/a.xml", Answer(b"<x/>", content_type="text/xml", headers={"Last-Modified": "yesterday"}))
    answer = await client.get("a.xml")
    assert (answer.status, answer.body, answer.received_at) == (200, b"<x/>", T0)
    assert answer.headers["content-type"] == "text/xml"
    assert answer.headers["last-modified"] == "yesterday"


async def test_passes_parameters_and_headers(client: HttpClient, source: HttpSource) -> None:
    source.serve("/a", Answer(b"ok"))
    await client.get("/a", params={"start": "2021-01-04"}, headers={"if-modified-since": "then"})
    path, headers = source.asked[0]
    assert path == "/a?start=2021-01-04"
    assert headers["if-modified-since"] == "then"


async def test_an_answer_that_has_not_changed_is_an_answer(client: HttpClient, source: HttpSource) -> None:
    source.serve("/a", Answer(status=304))
    assert (await client.get("a")).status == 304


@pytest.mark.parametrize("bad", [Answer(status=500), Answer(status=503), Answer(status=429), Answer(hang_up=True)])
async def test_tries_again_when_the_source_may_recover(client: HttpClient, source: HttpSource, bad: Answer) -> None:
    source.serve("/a", bad, bad, Answer(b"ok"))
    assert (await client.get("a")).body == b"ok"
    assert len(source.asked) == 3


@pytest.mark.parametrize("bad", [Answer(status=500), Answer(status=429)])
async def test_gives_up_after_the_last_attempt_and_says_what_was_answered(
    client: HttpClient, source: HttpSource, bad: Answer
) -> None:
    source.serve("/a", bad)
    with pytest.raises(SourceAnsweredError) as caught:
        await client.get("a")
    assert caught.value.facts["answered"] == bad.status
    assert len(source.asked) == HTTP_ATTEMPTS_MAX


@pytest.mark.parametrize("status", [301, 400, 401, 403, 404, 451])
async def test_does_not_repeat_what_will_not_change(client: HttpClient, source: HttpSource, status: int) -> None:
    source.serve("/a", Answer(status=status, headers={"location": "/b"}))
    with pytest.raises(SourceAnsweredError):
        await client.get("a")
    assert source.paths() == ["/a"]


async def test_waits_between_attempts_with_full_jitter(
    client: HttpClient, source: HttpSource, clock: FixedClock
) -> None:
    source.serve("/a", Answer(status=500))
    with pytest.raises(SourceAnsweredError):
        await client.get("a")
    jitter = np.random.default_rng(1)
    expected_s = jitter.uniform(0, HTTP_BACKOFF_S_FIRST) + jitter.uniform(0, 2 * HTTP_BACKOFF_S_FIRST)
    assert (clock.now() - T0).total_seconds() == pytest.approx(expected_s, abs=1e-5)


@pytest.mark.parametrize("value", ["7", "Wed, 01 May 2024 12:00:07 GMT"])
async def test_honours_retry_after(client: HttpClient, source: HttpSource, clock: FixedClock, value: str) -> None:
    source.serve("/a", Answer(status=429, headers={"Retry-After": value}), Answer(b"ok"))
    await client.get("a")
    assert 7 <= (clock.now() - T0).total_seconds() <= 7 + HTTP_BACKOFF_S_FIRST


async def test_does_not_sit_out_a_long_retry_after(client: HttpClient, source: HttpSource, clock: FixedClock) -> None:
    source.serve("/a", Answer(status=503, headers={"Retry-After": "3600"}), Answer(b"ok"))
    with pytest.raises(SourceAnsweredError) as caught:
        await client.get("a")
    assert caught.value.facts["retry_after_s"] == 3600
    assert clock.now() == T0


@pytest.mark.parametrize("value", ["soon", "-5", "", "99999999999999999999-01-01"])
async def test_ignores_a_retry_after_that_says_nothing(client: HttpClient, source: HttpSource, value: str) -> None:
    source.serve("/a", Answer(status=503, headers={"Retry-After": value}), Answer(b"ok"))
    assert (await client.get("a")).body == b"ok"


async def test_stops_reading_at_the_size_limit(client: HttpClient, source: HttpSource) -> None:
    source.serve("/a", Answer(b"x" * 1001))
    with pytest.raises(SourceAnswerTooLarge):
        await client.get("a")
    source.serve("/a", Answer(b"x" * 1000))
    assert len((await client.get("a")).body) == 1000


async def test_the_size_limit_holds_for_what_a_small_answer_unpacks_to(client: HttpClient, source: HttpSource) -> None:
    bomb = gzip.compress(b"\0" * 10_000_000)
    source.serve("/a", Answer(bomb, headers={"content-encoding": "gzip"}))
    with pytest.raises(SourceAnswerTooLarge):
        await client.get("a")


async def test_a_broken_encoding_is_a_malformed_answer(client: HttpClient, source: HttpSource) -> None:
    source.serve("/a", Answer(b"not gzip", headers={"content-encoding": "gzip"}))
    with pytest.raises(SourceAnswerMalformed):
        await client.get("a")


@pytest.mark.parametrize(
    "slow", [Answer(b"late", delay_s=2), Answer(b"x" * 100, drip_s=0.1), Answer(b"x" * 9, cut=True)]
)
async def test_a_source_that_is_too_slow_or_cuts_off_is_unreachable(
    client: HttpClient, source: HttpSource, slow: Answer
) -> None:
    source.serve("/a", slow)
    with pytest.raises(SourceUnreachable) as caught:
        await client.get("a")
    assert caught.value.facts["attempts"] == HTTP_ATTEMPTS_MAX


async def test_nobody_listening_is_unreachable(clock: FixedClock) -> None:
    client = HttpClient(f"http://127.0.0.1:{free_port()}", clock=clock, generator=np.random.default_rng(1))
    with pytest.raises(SourceUnreachable):
        await client.get("a")
    await client.close()


@pytest.mark.parametrize("base_url", ["", "ftp://example.org", "http://", "http://[::1"])
async def test_a_base_url_that_is_none_is_unreachable(clock: FixedClock, base_url: str) -> None:
    client = HttpClient(base_url, clock=clock, generator=np.random.default_rng(1))
    with pytest.raises(SourceUnreachable):
        await client.get("a")
    await client.close()


async def test_an_error_never_shows_the_query(client: HttpClient, source: HttpSource) -> None:
    with pytest.raises(SourceAnsweredError) as caught:
        await client.get("a?apikey=hunter2")
    assert "hunter2" not in str(caught.value)
    assert "hunter2" not in str(caught.value.facts)


async def test_every_request_is_counted_by_its_outcome(client: HttpClient, source: HttpSource) -> None:
    def counted(outcome: str) -> float:
        labels = {"host": "127.0.0.1", "outcome": outcome}
        return REGISTRY.get_sample_value("truecast_source_requests_total", labels) or 0

    before = counted("ok"), counted("source_answered_error")
    source.serve("/a", Answer(b"ok"))
    source.serve("/b", Answer(status=404))
    await client.get("a")
    with pytest.raises(SourceAnsweredError):
        await client.get("b")
    assert (counted("ok") - before[0], counted("source_answered_error") - before[1]) == (1, 1)

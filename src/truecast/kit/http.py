"""GET with limits: time, size, attempts. Everything that can go wrong out there has a type of its own.

Retries follow "Exponential Backoff and Jitter" (AWS Architecture Blog, 2015): full jitter, at this one layer only.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import httpx
from numpy.random import Generator

from truecast.kit import telemetry
from truecast.kit.budget import is_urgent
from truecast.kit.clock import Clock
from truecast.kit.errors import EXIT_UNAVAILABLE, TruecastError
from truecast.kit.flights import Flights
from truecast.kit.guard import Attempt, Guard, SourceCrowded, SourceOverBudget, SourceResting
from truecast.kit.limits import (
    HTTP_ATTEMPTS_MAX,
    HTTP_BACKOFF_S_FIRST,
    HTTP_BODY_BYTES_MAX,
    HTTP_CONNECTIONS_MAX,
    HTTP_RETRY_AFTER_S_MAX,
    HTTP_TIMEOUT_S,
    PAUSE_S_DEFAULT,
)
from truecast.kit.metrics import SOURCE_REQUESTS
from truecast.kit.urls import passwords_in, without_secrets

_TOO_MANY = 429
_BANNED = 418  # Binance, to addresses that ignored its 429
_NOT_MODIFIED = 304


class SourceUnreachable(TruecastError):
    """No answer: refused, unresolved, cut off or too slow, on every attempt."""

    code = "source_unreachable"
    status = 502
    title = "Source unreachable"
    template = "{url} did not answer after {attempts} attempts: {reason}"
    exit_code = EXIT_UNAVAILABLE


class SourceAnsweredError(TruecastError):
    """It answered, but not with what was asked for. `answered` is its HTTP status; `body` what it said of it."""

    body: bytes = b""  # for the adapter that knows its source's errors; never shown, it may repeat a key

    code = "source_answered_error"
    status = 502
    title = "Source answered an error"
    template = "{url} answered {answered} after {attempts} attempts"
    exit_code = EXIT_UNAVAILABLE

    def __init__(self, *, body: bytes = b"", **facts: Any) -> None:
        super().__init__(**facts)
        self.body = body  # what it said: for the adapter to read, not for the user


class SourceAnswerTooLarge(TruecastError):
    """More bytes than any honest answer has; reading stopped there."""

    code = "source_answer_too_large"
    status = 502
    title = "Source answer too large"
    template = "{url} sent more than {most_bytes} bytes"
    exit_code = EXIT_UNAVAILABLE


class SourceAnswerMalformed(TruecastError):
    """Status 200, but not what the source's format allows."""

    code = "source_answer_malformed"
    status = 502
    title = "Source answer malformed"
    template = "{source} sent something unreadable: {reason}"
    exit_code = EXIT_UNAVAILABLE


_Question = tuple[str, tuple[tuple[str, str], ...], tuple[tuple[str, str], ...], bool]


@dataclass(frozen=True, slots=True)
class _Setback:
    """Why an attempt brought nothing, and what follows from it."""

    problem: TruecastError
    wait_s: float | None = None  # the source asks for it
    may_pass: bool = True  # asking again makes sense
    is_trouble: bool = False  # with the source or our access to it, not with the question


@dataclass(frozen=True, slots=True)
class Response:
    """A complete answer (2xx or 304). Header names are lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    received_at: datetime


class HttpClient:
    """GETs below one base URL, over few kept connections. Redirects are errors: a source that moved is looked at.

    What may be asked, when and how often is the guard's business; clients of one source share it. What is `hidden`,
    the user's key, is never repeated: neither when an address is shown nor when an answer quotes it.
    """

    def __init__(
        self,
        base_url: str,
        *,
        clock: Clock,
        generator: Generator,
        timeout_s: float = HTTP_TIMEOUT_S,
        body_bytes_max: int = HTTP_BODY_BYTES_MAX,
        guard: Guard | None = None,
        hidden: Sequence[str] = (),
    ) -> None:
        self._base_url = base_url.rstrip("/")
        self._host = _host(base_url)
        self._clock = clock
        self._generator = generator
        self._timeout_s = timeout_s
        self._body_bytes_max = body_bytes_max
        self._guard = guard or Guard(self._host, clock=clock, timeout_s=timeout_s)
        self._flights: Flights[_Question, Response] = Flights(self._guard.shared)
        self._hidden = tuple(sorted({*hidden, *passwords_in(base_url)} - {""}, key=len, reverse=True))
        self._client: httpx.AsyncClient | None = None

    async def get(
        self,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        weight: int = 1,
    ) -> Response:
        """The answer, or SourceUnreachable, SourceAnsweredError, SourceAnswerTooLarge, SourceAnswerMalformed.

        Failed connections, 429 and 5xx are tried again, `HTTP_ATTEMPTS_MAX` times in all. `weight` is what the call
        costs of the source's published limits. What is being asked already is not asked again. The guard may refuse:
        SourceResting, SourceOverBudget, SourceCrowded.
        """
        pairs = tuple(sorted((params or {}).items())), tuple(sorted((headers or {}).items()))
        question = (path, *pairs, is_urgent())
        try:
            answer = await self._flights.share(question, lambda: self._traced(path, params, headers, weight))
        except TruecastError as error:
            SOURCE_REQUESTS.labels(self._host, error.code).inc()
            self._guard.count(error.code)
            raise
        SOURCE_REQUESTS.labels(self._host, "ok").inc()
        self._guard.count("ok")
        return answer

    async def _traced(
        self, path: str, params: Mapping[str, str] | None, headers: Mapping[str, str] | None, weight: int
    ) -> Response:
        """`_get` as a span. Not the path: with some sources a key stands in it."""
        facts = {"truecast.source": self._guard.name, "server.address": self._host, "http.request.method": "GET"}
        with telemetry.span(f"source {self._guard.name}", facts, kind="client") as span:
            answer = await self._get(path, params, headers, weight)
            span.note({"http.response.status_code": answer.status, "http.response.body.size": len(answer.body)})
            return answer

    async def _get(
        self, path: str, params: Mapping[str, str] | None, headers: Mapping[str, str] | None, weight: int
    ) -> Response:
        url = f"{self._base_url}/{path.lstrip('/')}"
        problem: TruecastError | None = None
        self._guard.retries.called()
        for number in range(1, HTTP_ATTEMPTS_MAX + 1):
            try:
                async with self._guard.attempt(weight) as attempt:
                    answered = await self._attempt(attempt, number, url, params, headers)
            except (SourceResting, SourceOverBudget, SourceCrowded) as refusal:
                raise problem or refusal from None
            except TruecastError as error:
                self._guard.note_error(error)
                raise
            if isinstance(answered, Response):
                return answered
            problem, wait_s = answered.problem, answered.wait_s
            if wait_s is not None:
                await self._guard.pause(wait_s)
            last = number == HTTP_ATTEMPTS_MAX or not answered.may_pass
            if last or (wait_s or 0.0) > HTTP_RETRY_AFTER_S_MAX or not self._guard.may_retry():
                if answered.may_pass or answered.is_trouble:
                    self._guard.note_error(problem)
                raise problem
            jitter_s = float(self._generator.uniform(0.0, HTTP_BACKOFF_S_FIRST * 2 ** (number - 1)))
            await self._clock.sleep_until(self._clock.now() + timedelta(seconds=(wait_s or 0.0) + jitter_s))
        raise AssertionError("every attempt returns or raises")

    async def _attempt(
        self,
        attempt: Attempt,
        number: int,
        url: str,
        params: Mapping[str, str] | None,
        headers: Mapping[str, str] | None,
    ) -> "Response | _Setback":
        """One request. Raises what no repetition would change; tells the guard how it went."""
        shown = self._without_hidden(without_secrets(url))
        try:
            answer = await self._once(attempt, url, shown, params, headers)
        except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
            attempt.failed()
            raise SourceUnreachable(url=shown, attempts=number, reason=_reason(error)) from None
        except (httpx.TransportError, TimeoutError) as error:
            attempt.failed(timed_out=isinstance(error, TimeoutError | httpx.TimeoutException))
            return _Setback(SourceUnreachable(url=shown, attempts=number, reason=_reason(error)))
        except (SourceAnswerTooLarge, SourceAnswerMalformed):
            attempt.failed()
            raise
        if (said_at := _date(answer)) is not None:
            self._guard.clock_ahead_s = (answer.received_at - said_at).total_seconds()
        if 200 <= answer.status < 300 or answer.status == _NOT_MODIFIED:
            await attempt.answered(answer.headers)
            return answer
        if answer.status >= 500:
            attempt.failed()
        else:
            await attempt.answered(answer.headers)
        wait_s = _retry_after_s(answer, self._clock.now())
        refused = SourceAnsweredError(url=shown, answered=answer.status, attempts=number, retry_after_s=wait_s)
        refused.body = answer.body
        if wait_s is None and answer.status in (_TOO_MANY, _BANNED):
            wait_s = PAUSE_S_DEFAULT
        return _Setback(
            refused,
            wait_s=wait_s,
            may_pass=answer.status >= 500 or answer.status == _TOO_MANY,
            is_trouble=answer.status in (401, 403, _BANNED),
        )

    async def _once(
        self,
        attempt: Attempt,
        url: str,
        shown: str,
        params: Mapping[str, str] | None,
        headers: Mapping[str, str] | None,
    ) -> Response:
        limit_s = attempt.time_limit_s
        client = self._opened()
        patience = httpx.Timeout(self._timeout_s, read=limit_s, connect=limit_s)
        said = {**(headers or {}), **telemetry.headers()}
        request = client.build_request("GET", url, params=params, headers=said, timeout=patience)
        # httpx limits each read; a source that drips a byte a second is stopped by the limit around all of them.
        async with asyncio.timeout(self._timeout_s):
            async with asyncio.timeout(limit_s):
                stream = await client.send(request, stream=True)
            attempt.began_to_answer()
            parts, size_bytes = [], 0
            try:
                async for part in stream.aiter_bytes():
                    size_bytes += len(part)
                    if size_bytes > self._body_bytes_max:
                        raise SourceAnswerTooLarge(url=shown, most_bytes=self._body_bytes_max)
                    parts.append(part)
            except httpx.DecodingError as error:
                raise SourceAnswerMalformed(source=shown, reason=_reason(error)) from None
            finally:
                await stream.aclose()
            lower = {name.lower(): value for name, value in stream.headers.items()}
            body = b"".join(parts)
            for secret in self._hidden:
                body = body.replace(secret.encode(), b"[redacted]")
            return Response(stream.status_code, lower, body, self._clock.now())

    async def close(self) -> None:
        """Close the kept connections; the next `get` opens new ones."""
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    def _without_hidden(self, text: str) -> str:
        for secret in self._hidden:
            text = text.replace(secret, "[redacted]")
        return text

    def _opened(self) -> httpx.AsyncClient:
        if self._client is None:
            self._client = httpx.AsyncClient(
                limits=httpx.Limits(max_connections=HTTP_CONNECTIONS_MAX),
                headers={"user-agent": "truecast", "accept-encoding": "gzip, deflate"},
                follow_redirects=False,
            )
        return self._client


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or "-"
    except ValueError:
        return "-"  # told as SourceUnreachable by the first request


def _reason(error: Exception) -> str:
    return str(error) or type(error).__name__


def _date(answer: Response) -> datetime | None:
    """When the source says it answered; one that a cache has kept for a while says nothing of now."""
    if "age" in answer.headers:
        return None
    try:
        when = parsedate_to_datetime(answer.headers.get("date", ""))
    except ValueError:
        return None
    return when if when.tzinfo else when.replace(tzinfo=UTC)


def _retry_after_s(answer: Response, now: datetime) -> float | None:
    """RFC 9110 10.2.3: seconds or a date. None when absent or nonsense."""
    value = answer.headers.get("retry-after", "").strip()
    if value.isdecimal():
        return float(value)
    try:
        when = parsedate_to_datetime(value)
    except ValueError:
        return None
    when = when if when.tzinfo else when.replace(tzinfo=UTC)
    return max((when - now).total_seconds(), 0.0)

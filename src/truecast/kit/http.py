"""GET with limits: time, size, attempts. Everything that can go wrong out there has a type of its own.

Retries follow "Exponential Backoff and Jitter" (AWS Architecture Blog, 2015): full jitter, at this one layer only.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import httpx
from numpy.random import Generator

from truecast.kit.clock import Clock
from truecast.kit.errors import EXIT_UNAVAILABLE, TruecastError
from truecast.kit.limits import (
    HTTP_ATTEMPTS_MAX,
    HTTP_BACKOFF_S_FIRST,
    HTTP_BODY_BYTES_MAX,
    HTTP_CONNECTIONS_MAX,
    HTTP_RETRY_AFTER_S_MAX,
    HTTP_TIMEOUT_S,
)
from truecast.kit.metrics import SOURCE_REQUESTS

_TOO_MANY = 429
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


@dataclass(frozen=True, slots=True)
class Response:
    """A complete answer (2xx or 304). Header names are lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    received_at: datetime


class HttpClient:
    """GETs below one base URL, over few kept connections. Redirects are errors: a source that moved is looked at."""

    def __init__(
        self,
        base_url: str,
        *,
        clock: Clock,
        generator: Generator,
        timeout_s: float = HTTP_TIMEOUT_S,
        body_bytes_max: int = HTTP_BODY_BYTES_MAX,
    ) -> None:
        self._base_url = base_url.rstrip("/")
        self._host = _host(base_url)
        self._clock = clock
        self._generator = generator
        self._timeout_s = timeout_s
        self._body_bytes_max = body_bytes_max
        self._client: httpx.AsyncClient | None = None

    async def get(
        self, path: str, *, params: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None
    ) -> Response:
        """The answer, or SourceUnreachable, SourceAnsweredError, SourceAnswerTooLarge, SourceAnswerMalformed.

        Failed connections, 429 and 5xx are tried again, `HTTP_ATTEMPTS_MAX` times in all.
        """
        try:
            answer = await self._get(path, params, headers)
        except TruecastError as error:
            SOURCE_REQUESTS.labels(self._host, error.code).inc()
            raise
        SOURCE_REQUESTS.labels(self._host, "ok").inc()
        return answer

    async def _get(self, path: str, params: Mapping[str, str] | None, headers: Mapping[str, str] | None) -> Response:
        url = f"{self._base_url}/{path.lstrip('/')}"
        shown = url.split("?", 1)[0]  # a query may hold a key
        for attempt in range(1, HTTP_ATTEMPTS_MAX + 1):
            wait_s: float | None = None
            try:
                answer = await self._once(url, shown, params, headers)
            except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
                raise SourceUnreachable(url=shown, attempts=attempt, reason=_reason(error)) from None
            except (httpx.TransportError, TimeoutError) as error:
                problem: TruecastError = SourceUnreachable(url=shown, attempts=attempt, reason=_reason(error))
            else:
                if 200 <= answer.status < 300 or answer.status == _NOT_MODIFIED:
                    return answer
                wait_s = _retry_after_s(answer, self._clock.now())
                refused = SourceAnsweredError(url=shown, answered=answer.status, attempts=attempt, retry_after_s=wait_s)
                refused.body = answer.body
                problem = refused
                if answer.status < 500 and answer.status != _TOO_MANY:
                    raise problem
            if attempt == HTTP_ATTEMPTS_MAX or (wait_s or 0.0) > HTTP_RETRY_AFTER_S_MAX:
                raise problem
            jitter_s = float(self._generator.uniform(0.0, HTTP_BACKOFF_S_FIRST * 2 ** (attempt - 1)))
            await self._clock.sleep_until(self._clock.now() + timedelta(seconds=(wait_s or 0.0) + jitter_s))
        raise AssertionError("every attempt returns or raises")

    async def _once(
        self, url: str, shown: str, params: Mapping[str, str] | None, headers: Mapping[str, str] | None
    ) -> Response:
        # httpx limits each read; a source that drips a byte a second is stopped by the limit around all of them.
        async with (
            asyncio.timeout(self._timeout_s),
            self._opened().stream("GET", url, params=params, headers=headers) as stream,
        ):
            parts, size_bytes = [], 0
            try:
                async for part in stream.aiter_bytes():
                    size_bytes += len(part)
                    if size_bytes > self._body_bytes_max:
                        raise SourceAnswerTooLarge(url=shown, most_bytes=self._body_bytes_max)
                    parts.append(part)
            except httpx.DecodingError as error:
                raise SourceAnswerMalformed(source=shown, reason=_reason(error)) from None
            lower = {name.lower(): value for name, value in stream.headers.items()}
            return Response(stream.status_code, lower, b"".join(parts), self._clock.now())

    async def close(self) -> None:
        """Close the kept connections; the next `get` opens new ones."""
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    def _opened(self) -> httpx.AsyncClient:
        if self._client is None:
            self._client = httpx.AsyncClient(
                timeout=self._timeout_s,
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

"""A server that says what it is told to, one answer after the other, and remembers what it was asked."""

from collections.abc import Callable
from typing import Any

import httpx

from truecast.client import AsyncClient, Client, Pace, Retry

INFO = {"version": "0.1.0"}
PATIENT = Retry()
Step = httpx.Response | Exception


class Script:
    """Answers in turn; the last one for ever. Its clock moves by what is slept, and by `took_s` for each request."""

    def __init__(self, *steps: Step | Callable[[], Step], took_s: float = 0.0) -> None:
        self._steps = list(steps)
        self._took_s = took_s
        self.asked: list[httpx.Request] = []
        self.slept: list[float] = []
        self.now_s = 1_000.0

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        self.now_s += self._took_s
        step = self._steps[min(len(self.asked), len(self._steps)) - 1]
        step = step() if callable(step) else step
        if isinstance(step, Exception):
            raise step
        return step

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now_s += seconds

    async def sleep_async(self, seconds: float) -> None:
        self.sleep(seconds)

    def pace(self, chance: float) -> Pace:
        return Pace(clock=lambda: self.now_s, chance=lambda: chance)

    def client(self, *, chance: float = 1.0, retry: Retry = PATIENT, **given: Any) -> Client:
        transport = httpx.MockTransport(self)
        return Client(
            "http://there", transport=transport, retry=retry, pace=self.pace(chance), sleep=self.sleep, **given
        )

    def waiting(self, *, chance: float = 1.0, retry: Retry = PATIENT, **given: Any) -> AsyncClient:
        transport = httpx.MockTransport(self)
        return AsyncClient(
            "http://there", transport=transport, retry=retry, pace=self.pace(chance), sleep=self.sleep_async, **given
        )


def problem(code: str, status: int, headers: dict[str, str] | None = None, **facts: Any) -> httpx.Response:
    """As the server says what is wrong."""
    body = {
        "type": f"urn:truecast:problem:{code}",
        "title": code,
        "status": status,
        "code": code,
        "detail": f"{code} happened",
        "instance": "/api/v1/x",
        "request_id": "r-1",
        **facts,
    }
    return httpx.Response(status, json=body, headers={"content-type": "application/problem+json", **(headers or {})})


def good(body: Any = None, status: int = 200) -> httpx.Response:
    """An answer of `get_live`, or another."""
    return httpx.Response(status, json={"status": "ok"} if body is None else body)


def html(status: int) -> httpx.Response:
    """What a proxy says."""
    return httpx.Response(status, text="<html><body>Bad gateway</body></html>", headers={"content-type": "text/html"})

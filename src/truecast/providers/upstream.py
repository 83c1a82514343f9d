"""Asks a source over HTTP, and turns its refusals into errors of ours: no adapter sees a bare status code."""

import asyncio
import json
from collections.abc import Callable, Mapping
from typing import Any, NoReturn, TypeVar

from truecast.kit.clock import Clock
from truecast.kit.errors import TruecastError
from truecast.kit.http import HttpClient, Response, SourceAnsweredError
from truecast.providers.base import Reach, SourceInfo, base_url, info_beside
from truecast.providers.errors import (
    SourceKeyMissing,
    SourceKeyRefused,
    SourceOutOfService,
    SourceOverBudget,
    SourceRefused,
    SymbolNotAtSource,
)
from truecast.providers.payload import is_html

_KEY_CHARS_MIN = 6  # of a part of a key that is hidden where it turns up; no real one is shorter

# What an error answer of this source means, by status and what it says (lower case); None: nothing out of the ordinary.
Explain = Callable[[int, str, str], TruecastError | None]

# The same for sources whose answers carry codes: status, the body as it came, what was asked for, seconds to wait.
ExplainBody = Callable[[int, bytes, str, float | None], TruecastError | None]

_T = TypeVar("_T")
_INLINE_BYTES_MAX = 65_536  # some ten milliseconds
_SAID_CHARS_MAX = 120
_KEYS = ("message", "error_message", "errorMessage", "error", "detail", "description")


class Upstream:
    """One source's HTTP side. `keyed`: whether a key goes along, so that 401 means a wrong one."""

    def __init__(
        self,
        source: str,
        http: HttpClient,
        *,
        keyed: bool = False,
        explain: Explain | None = None,
        explain_body: ExplainBody | None = None,
    ) -> None:
        self._source = source
        self._http = http
        self._keyed = keyed
        self._explain = explain
        self._explain_body = explain_body

    async def get(
        self,
        path: str,
        params: Mapping[str, str] | None = None,
        *,
        about: str,
        headers: Mapping[str, str] | None = None,
        weight: int = 1,
    ) -> Response:
        """The answer; `about` is what is asked for, for the errors of `providers/errors.py`."""
        try:
            return await self._http.get(path, params=params, headers=headers, weight=weight)
        except SourceAnsweredError as error:
            self._raise(error, about)

    async def close(self) -> None:
        """Close the connections."""
        await self._http.close()

    def _raise(self, error: SourceAnsweredError, about: str) -> NoReturn:
        status, said = int(error.facts["answered"]), what_it_said(error.body)
        found = self._explain(status, said.lower(), about) if self._explain else None
        if found is None and self._explain_body:
            found = self._explain_body(status, error.body, about, error.facts.get("retry_after_s"))
        raise found or self._usual(status, said, about, error) from None

    def _usual(self, status: int, said: str, about: str, error: SourceAnsweredError) -> TruecastError:
        reason = said or f"status {status}"
        if status == 401:
            return refused_key(self._source, reason) if self._keyed else SourceKeyMissing(source=self._source)
        if status == 404:
            return SymbolNotAtSource(source=self._source, symbol=about, reason=reason)
        if status == 429:
            wait_s = error.facts.get("retry_after_s")
            return SourceOverBudget(source=self._source, reason=reason, retry_after_s=wait_s)
        if status >= 500:
            return SourceOutOfService(source=self._source, reason=reason)
        if status in (400, 402, 403, 422, 451):
            return SourceRefused(source=self._source, reason=reason)
        return error


def client_of(info: SourceInfo, clock: Clock, reach: Reach, *, own_url: str | None = None) -> HttpClient:
    """GETs below the source's own address (`own_url` where that is not the one of its TOML), or where `reach` says."""
    url = base_url(info, reach) if own_url is None else reach.base_url or own_url
    key = "" if reach.key is None else reach.key.get_secret_value()
    return HttpClient(
        url,
        clock=clock,
        generator=reach.generator,
        timeout_s=reach.timeout_s,
        guard=reach.guard,
        hidden=[part for part in (key, *key.split(":")) if len(part) >= _KEY_CHARS_MIN],
    )


def upstream_of(
    module: str,
    clock: Clock,
    reach: Reach,
    *,
    keyed: bool = False,
    explain: Explain | None = None,
    explain_body: ExplainBody | None = None,
    own_url: str | None = None,
) -> Upstream:
    """The HTTP side of the adapter in that module (`__file__`); see Upstream and `client_of`."""
    info = info_beside(module)
    http = client_of(info, clock, reach, own_url=own_url)
    return Upstream(info.key, http, keyed=keyed, explain=explain, explain_body=explain_body)


async def apart(read: Callable[..., _T], body: bytes, *rest: Any) -> _T:
    """What `read(body, *rest)` gives; a large body is read in a thread, so that nobody else waits for it."""
    return read(body, *rest) if len(body) < _INLINE_BYTES_MAX else await asyncio.to_thread(read, body, *rest)


def refused_key(source: str, reason: str) -> SourceKeyRefused:
    """The error for a key that is wrong or not for this."""
    return SourceKeyRefused(source=source, reason=reason)


def what_it_said(body: bytes) -> str:
    """The human part of an error answer, one line; a page says nothing that helps."""
    if is_html(body):
        return ""
    text = body[:4096].decode("utf-8", "replace").strip()
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        document = None
    if isinstance(document, dict):
        text = next((v for v in _texts(document) if v), "")
    return " ".join(text.split())[:_SAID_CHARS_MAX]


def _texts(document: dict[str, object], depth: int = 0) -> list[str]:
    """Messages in the usual places, the outermost first."""
    found = [value for key in _KEYS if isinstance(value := document.get(key), str)]
    if depth < 3:
        for value in document.values():
            if isinstance(value, dict):
                found += _texts(value, depth + 1)
    return found

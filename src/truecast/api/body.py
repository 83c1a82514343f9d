"""Bodies of requests: JSON, said to be JSON, and read strictly: no field twice, nothing that JSON does not know."""

import json
from collections.abc import Callable, Coroutine
from email.message import Message
from typing import Any

import orjson
from fastapi import Request, Response
from fastapi.routing import APIRoute

from truecast.api.errors import UnsupportedMediaType


class JsonRoute(APIRoute):
    """A route whose body, where it takes one, is read by `StrictRequest`."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The framework's own, behind a look at the content type."""
        handler = super().get_route_handler()
        if self.body_field is None:
            return handler

        async def strictly(request: Request) -> Response:
            if _has_body(request) and not _is_json(given := request.headers.get("content-type", "")):
                raise UnsupportedMediaType(given=given[:64])
            return await handler(StrictRequest(request.scope, request.receive))

        return strictly


class StrictRequest(Request):
    """Python's own reader takes NaN, 1e999, half a surrogate pair, any depth, and the last of two equal fields."""

    async def json(self) -> Any:
        """The body. Raises JSONDecodeError, which the framework turns into a problem."""
        body = await self.body()
        orjson.loads(body)  # all but the fields given twice
        return json.loads(body, object_pairs_hook=_once_each)


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise json.JSONDecodeError(f"the field {twice[:64]!r} is given twice", "", 0)
    return found


def _has_body(request: Request) -> bool:
    return request.headers.get("content-length", "0") != "0" or "transfer-encoding" in request.headers


def _is_json(content_type: str) -> bool:
    said = Message()
    said["content-type"] = content_type.replace("\n", " ").replace("\r", " ")
    return said.get_content_type() == "application/json"

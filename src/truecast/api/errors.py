"""Every error as `application/problem+json` (RFC 9457): one shape, one handler, never a stack trace."""

import math
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import orjson
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.routing import Match, Route

from truecast.kit.db_errors import DatabaseBusy, DatabaseUnavailable
from truecast.kit.errors import MalformedRequest, TruecastError
from truecast.kit.limits import REQUEST_BODY_BYTES_MAX

PROBLEM_TYPE = "application/problem+json"
RETRY_AFTER_S = 2


class UnknownQueryParameter(MalformedRequest):
    """A typing error in a parameter's name must not be silently ignored."""

    code = "unknown_query_parameter"
    title = "Unknown query parameter"
    template = "{unknown} not understood here; known: {known}"


class RepeatedQueryParameter(MalformedRequest):
    """Which of them was meant?"""

    code = "repeated_query_parameter"
    title = "Repeated query parameter"
    template = "{repeated} given more than once"


class CursorInvalid(MalformedRequest):
    """Not one we gave out for this list."""

    code = "cursor_invalid"
    title = "Cursor invalid"
    template = "This cursor was not given out by this list; start again without one"


class NoSuchPath(TruecastError):
    """Nothing lives there."""

    code = "no_such_path"
    status = 404
    title = "No such path"
    template = "Nothing is served at {path}"


class MethodNotAllowed(TruecastError):
    """The path exists, the verb does not."""

    code = "method_not_allowed"
    status = 405
    title = "Method not allowed"
    template = "{method} is not allowed at {path}"


class BodyTooLarge(TruecastError):
    """More than any of our requests needs."""

    code = "body_too_large"
    status = 413
    title = "Body too large"
    template = "The body may have at most {bytes_max} bytes"


class UnsupportedMediaType(TruecastError):
    """A body that does not say it is JSON is not read as JSON: forms of other sites can send those without asking."""

    code = "unsupported_media_type"
    status = 415
    title = "Unsupported media type"
    template = "A body must be application/json, this one is {given!r}"


class ForeignHost(TruecastError):
    """A page of another site reached us under a name of its own (DNS rebinding)."""

    code = "foreign_host"
    status = 421
    title = "Foreign host"
    template = "This server listens on this machine only and does not answer to {host!r}"


class ForeignOrigin(TruecastError):
    """A page of another site tries to change something here."""

    code = "foreign_origin"
    status = 403
    title = "Foreign origin"
    template = "Requests from {origin!r} may not change anything here"


class Starting(TruecastError):
    """The store is being made ready."""

    code = "starting"
    status = 503
    title = "Starting"
    template = "Still starting: {stage} ({done} of {total}); ask again in {retry_after_s} s"


class StartFailed(TruecastError):
    """The store could not be made ready; a person has to look."""

    code = "start_failed"
    status = 503
    title = "Start failed"
    template = "The server could not start: {reason}"


class InternalError(TruecastError):
    """Ours. What happened is in the log under the request id."""


class Problem(BaseModel):
    """What every error looks like. Further facts of the case stand beside these fields."""

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={
            "example": {
                "type": "urn:truecast:problem:unknown_symbol",
                "title": "Unknown symbol",
                "status": 404,
                "code": "unknown_symbol",
                "detail": "No instrument is called 'EUR-USX'; nearest: ['EUR-USD']",
                "instance": "/api/v1/symbols/EUR-USX",
                "request_id": "019a1c3e-6f0a-7c11-8d5e-3b7a0f9e2d41",
                "symbol": "EUR-USX",
                "nearest": ["EUR-USD"],
            }
        },
    )

    type: str = Field(description="Names the kind of problem; equal for equal `code`.")
    title: str
    status: int
    code: str = Field(description="Stable and unique; programs decide by it.")
    detail: str = Field(description="One sentence for a person.")
    instance: str = Field(description="The path that was asked.")
    request_id: str = Field(description="The line in the server's log; also in the header X-Request-Id.")


def problem_type(code: str) -> str:
    """The identifier of a kind of problem; not an address that must answer."""
    return f"urn:truecast:problem:{code}"


def problem_body(error: TruecastError, *, instance: str, request_id: str) -> dict[str, Any]:
    """The problem as a JSON object. Facts never overwrite the standard fields."""
    return {
        **error.facts,
        "type": problem_type(error.code),
        "title": error.title,
        "status": error.status,
        "code": error.code,
        "detail": error.detail,
        "instance": instance,
        "request_id": request_id,
    }


def problem_json(body: Mapping[str, Any]) -> bytes:
    """The problem as it is sent. NaN becomes null."""
    return orjson.dumps(body, default=str, option=orjson.OPT_NON_STR_KEYS | orjson.OPT_SERIALIZE_NUMPY)


def problem_response(error: TruecastError, *, instance: str, request_id: str, headers: Mapping[str, str]) -> Response:
    """The problem as an answer."""
    body = problem_json(problem_body(error, instance=instance, request_id=request_id))
    wait_s = error.facts.get("retry_after_s")
    retry = {} if wait_s is None else {"Retry-After": str(math.ceil(wait_s))}  # RFC 9110: whole seconds
    if error.status == HTTPStatus.UNAUTHORIZED:
        retry["WWW-Authenticate"] = "Bearer"
    return Response(
        body,
        status_code=error.status,
        media_type=PROBLEM_TYPE,
        headers={"Cache-Control": "no-store", **retry, **headers},
    )


def malformed(error: RequestValidationError) -> MalformedRequest:
    """What pydantic refused, field by field, without echoing the whole input."""
    errors = [
        {
            "field": ".".join(str(part) for part in item["loc"]),
            "reason": item.get("ctx", {}).get("error", item["msg"]) if item["type"] == "json_invalid" else item["msg"],
        }
        for item in error.errors()[:20]
    ]
    first = errors[0] if errors else {"field": "body", "reason": "malformed"}
    return MalformedRequest(reason=f"{first['field']}: {first['reason']}", errors=errors)


def install(app: FastAPI) -> None:
    """Teach `app` to answer every error as a problem."""

    @app.exception_handler(TruecastError)
    async def _ours(request: Request, error: TruecastError) -> Response:
        return _answer(request, error)

    @app.exception_handler(RequestValidationError)
    async def _malformed(request: Request, error: RequestValidationError) -> Response:
        return _answer(request, malformed(error))

    @app.exception_handler(HTTPException)
    async def _http(request: Request, error: HTTPException) -> Response:
        headers = dict(error.headers or {})
        if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
            headers["Allow"] = ", ".join(_verbs_of(request))
        return _answer(request, _of_http(request, error), headers)


def _verbs_of(request: Request) -> list[str]:
    """What the path knows, by all of its routes: the framework names those of the first one only."""
    routes = [route for route in request.app.router.routes if isinstance(route, Route)]
    first = next(route for route in routes if route.matches(request.scope)[0] is not Match.NONE)
    return sorted({verb for route in routes if route.path == first.path for verb in route.methods or ()})


def _answer(request: Request, error: TruecastError, headers: Mapping[str, str] | None = None) -> Response:
    request_id = str(request.scope.get("truecast.request_id", ""))
    return problem_response(error, instance=request.url.path, request_id=request_id, headers=headers or {})


def _of_http(request: Request, error: HTTPException) -> TruecastError:
    path = request.url.path
    match error.status_code:
        case HTTPStatus.NOT_FOUND:
            return NoSuchPath(path=path)
        case HTTPStatus.METHOD_NOT_ALLOWED:
            return MethodNotAllowed(method=request.method[:16], path=path)
        case HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            return BodyTooLarge(bytes_max=REQUEST_BODY_BYTES_MAX)
        case status if status < HTTPStatus.INTERNAL_SERVER_ERROR:
            return MalformedRequest(reason=str(error.detail))
        case _:
            return InternalError()


# Nobody is let in and nothing is counted without the database, so any route may meet them.
_DATABASE_AWAY = (DatabaseBusy, DatabaseUnavailable)


def documented(*errors: type[TruecastError], **codes: int) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route: which problems it may answer, for OpenAPI.

    `codes` gives the status of errors whose class stands to the right of this package.
    """
    by_status: dict[int, list[str]] = {}
    for code, status in codes.items():
        by_status.setdefault(status, []).append(code)
    for code, status in (("key_missing", 401), ("key_refused", 401), ("scope_missing", 403), ("rate_limited", 429)):
        by_status.setdefault(status, []).append(code)
    listed: list[type[TruecastError]] = [*errors, MalformedRequest, Starting, *_DATABASE_AWAY, InternalError]
    for error in dict.fromkeys(listed):
        by_status.setdefault(error.status, []).append(error.code)
    return {status: problem_answer(codes) for status, codes in sorted(by_status.items())}


def problem_answer(codes: Sequence[str]) -> dict[str, Any]:
    """An answer of the document that is one of these problems."""
    schema = {"schema": {"$ref": "#/components/schemas/Problem"}}
    return {"description": ", ".join(f"`{code}`" for code in codes), "content": {PROBLEM_TYPE: schema}}

"""What the OpenAPI document says beside the shapes: who may ask, headers of answers, what the envelope refuses."""

from collections.abc import Iterator, Mapping
from typing import Any

from truecast.accounts.keys import KeyMissing, KeyRefused, ScopeMissing
from truecast.accounts.principal import Scope as Right
from truecast.accounts.replies import AnswerNotKept, IdempotencyKeyReused, RequestUnderWay
from truecast.api.access import METRICS_PATH, OPEN_PATHS, PREFIX, TICKET_PATHS, RateLimited, right_of
from truecast.api.errors import (
    PROBLEM_TYPE,
    BodyTooLarge,
    ForeignHost,
    ForeignOrigin,
    InternalError,
    MethodNotAllowed,
    NoSuchPath,
    Problem,
    RepeatedQueryParameter,
    UnknownQueryParameter,
    UnsupportedMediaType,
    problem_answer,
)
from truecast.api.once import KEY_PATTERN, IdempotencyKeyInvalid, takes_key
from truecast.kit.errors import MalformedRequest, TruecastError

Errors = tuple[type[TruecastError], ...]

_CHANGING = frozenset({"post", "put", "patch", "delete"})
_SCHEMES = {
    "key": {"type": "http", "scheme": "bearer", "description": "An API key: `Authorization: Bearer tc_…`."},
    "key_header": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "The same key."},
    "ticket": {
        "type": "apiKey",
        "in": "query",
        "name": "ticket",
        "description": "Of `POST /stream/ticket`.",
    },
}
_HEADERS: Mapping[str, Any] = {
    "X-Request-Id": {
        "description": "Names this request in the server's log; the one given, where it has 8 to 64 plain characters.",
        "required": True,
        "schema": {"type": "string", "pattern": "^[A-Za-z0-9._-]{8,64}$"},
    },
    "RateLimit-Policy": {
        "description": "Class, requests and seconds of the limit that counts here, where there is one.",
        "schema": {"type": "string"},
    },
    "RateLimit": {
        "description": "Class, requests left and seconds until there are more, where there is a limit.",
        "schema": {"type": "string"},
    },
    "Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer", "minimum": 0}},
    "WWW-Authenticate": {"description": "How to say who asks.", "required": True, "schema": {"type": "string"}},
    "Idempotency-Replayed": {
        "description": "`true` where this answer was kept: nothing was done again.",
        "schema": {"type": "string", "enum": ["true"]},
    },
    "Allow": {"description": "The verbs this path knows.", "required": True, "schema": {"type": "string"}},
}
_IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "A word of your own, such as a UUID, for each request: sent again with it, it is not done again.",
    "schema": {"type": "string", "pattern": f"^{KEY_PATTERN}$"},
    "example": "8e03978e-40d5-43e8-bc93-6894a57f9324",
}
_OF_STATUS = {
    "401": ("WWW-Authenticate",),
    "405": ("Allow",),
    "409": ("Retry-After",),
    "429": ("Retry-After",),
    "503": ("Retry-After",),
}


def complete(document: dict[str, Any]) -> None:
    """Add to `document` what holds for every operation."""
    components = document["components"]
    components["schemas"]["Problem"] = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    components["securitySchemes"] = _SCHEMES
    components["headers"] = dict(_HEADERS)
    for path, verb, operation in _operations(document):
        for status, codes in _refusals(path, verb, operation):
            _add(operation["responses"], status, codes)
        if takes_key(verb.upper(), path):
            operation.setdefault("parameters", []).append(_IDEMPOTENCY_KEY)
        operation["responses"] = dict(sorted(operation["responses"].items()))
        operation["security"] = _security(path)
        scope = _scope(path, verb)
        if scope is not None:
            operation["x-scope"] = scope.value
        for status, answer in operation["responses"].items():
            known = answer.setdefault("headers", {})
            for name in _headers(path, verb, status):
                known.setdefault(name, {"$ref": f"#/components/headers/{name}"})


def _scope(path: str, verb: str) -> Right | None:
    if path == METRICS_PATH:
        return Right.READ
    if path in OPEN_PATHS or not _is_guarded(path):
        return None
    return right_of(verb.upper(), path.removeprefix(PREFIX))


def _headers(path: str, verb: str, status: str) -> Iterator[str]:
    yield "X-Request-Id"
    yield from _OF_STATUS.get(status, ())
    if path.startswith(f"{PREFIX}/"):
        yield from ("RateLimit-Policy", "RateLimit")
    if status.startswith("2") and takes_key(verb.upper(), path):
        yield "Idempotency-Replayed"


def _operations(document: Mapping[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, verbs in document["paths"].items():
        for verb, operation in verbs.items():
            yield path, verb, operation


def _security(path: str) -> list[dict[str, list[str]]]:
    if not _is_guarded(path):
        return []
    keys: list[dict[str, list[str]]] = [{"key": []}, {"key_header": []}]
    if path in OPEN_PATHS:
        return [{}, *keys]
    return [*keys, {"ticket": []}] if path in TICKET_PATHS else keys


def _is_guarded(path: str) -> bool:
    return path.startswith(f"{PREFIX}/") or path == METRICS_PATH


def _refusals(path: str, verb: str, operation: Mapping[str, Any]) -> Iterator[tuple[str, Errors]]:
    """What the envelope and the gate refuse before a route is asked."""
    yield "405", (MethodNotAllowed,)
    yield "413", (BodyTooLarge,)
    yield "421", (ForeignHost,)
    if _is_guarded(path):
        yield "401", (KeyMissing, KeyRefused)
        yield "429", (RateLimited,)
        yield "422", (MalformedRequest, UnknownQueryParameter)
    if any(parameter["in"] == "query" for parameter in operation.get("parameters", ())):
        yield "422", (RepeatedQueryParameter,)
    if "{" in path:
        yield "404", (NoSuchPath,)  # a line break, for one, is in no name
    yield "500", (InternalError,)
    if verb in _CHANGING:
        yield "403", (ForeignOrigin,)
    if takes_key(verb.upper(), path):
        yield "409", (RequestUnderWay, AnswerNotKept)
        yield "422", (IdempotencyKeyInvalid, IdempotencyKeyReused)
    if "requestBody" in operation:
        yield "415", (UnsupportedMediaType,)
    if path == METRICS_PATH:
        yield "403", (ScopeMissing,)


def _add(responses: dict[str, Any], status: str, errors: Errors) -> None:
    codes = [error.code for error in errors]
    if status not in responses:
        responses[status] = problem_answer(codes)
        return
    said = responses[status]["description"]
    missing = [f"`{code}`" for code in codes if f"`{code}`" not in said]
    responses[status]["description"] = ", ".join([said, *missing])
    assert PROBLEM_TYPE in responses[status]["content"]

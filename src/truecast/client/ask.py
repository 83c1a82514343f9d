"""One question to the server, before it becomes a request of HTTP: pure values, the same for both clients."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from enum import Enum
from typing import Any, Generic, Literal, TypeVar
from urllib.parse import quote

import msgspec

from truecast.client.errors import NaiveTime

T = TypeVar("T")

Time = datetime | date | str
"""An aware time, a date (00:00 UTC of it), or either as ISO 8601."""

Names = str | Sequence[str]
"""Several names: a list, or a text with commas."""


@dataclass(frozen=True, slots=True)
class Ask(Generic[T]):
    """What is asked, and the shape of the answer.

    `repeat`, of what is no GET: `freely` where asking twice does no harm, `by_key` where the server needs an
    Idempotency-Key for that, `never` otherwise. `key`: one of the user's own.
    """

    method: str
    path: str
    answer: type[T]
    query: Mapping[str, Any] = field(default_factory=dict)
    body: Mapping[str, Any] | None = None
    repeat: Literal["freely", "by_key", "never"] = "never"
    key: str | None = None


def part(value: str | int) -> str:
    """A value as one part of a path."""
    return quote(str(value), safe="")


def query_of(given: Mapping[str, Any]) -> dict[str, str]:
    """Query parameters as text. What is None is left to the server. Raises NaiveTime."""
    return {name: _text(value) for name, value in given.items() if value is not None}


def body_of(given: Mapping[str, Any]) -> bytes:
    """A body as JSON. What is None is left to the server. Raises NaiveTime."""
    return msgspec.json.encode({name: _plain(value) for name, value in given.items() if value is not None})


def _text(value: Any) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case Enum():
            return str(value.value)
        case datetime() | date():
            return _iso(value)
        case str():
            return value
        case Iterable():
            return ",".join(_text(one) for one in value)
        case _:
            return str(value)


def _plain(value: Any) -> Any:
    match value:
        case datetime() | date():
            return _iso(value)
        case msgspec.Struct():
            said = {name: getattr(value, name) for name in value.__struct_fields__}
            return {name: _plain(one) for name, one in said.items() if one is not None}
        case Mapping():
            return {str(name): _plain(one) for name, one in value.items()}
        case str() | bytes() | Enum():
            return value
        case Iterable():
            return [_plain(one) for one in value]
        case _:
            return value


def _iso(value: date) -> str:
    if not isinstance(value, datetime):
        return value.isoformat()
    if value.tzinfo is None:
        raise NaiveTime(value)
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")

"""Lists in pages: `{items, next}` with an opaque cursor."""

import base64
import binascii
from typing import Any, Generic, TypeVar

import orjson

from truecast.api.errors import CursorInvalid
from truecast.api.shapes import Output

T = TypeVar("T")


class Page(Output, Generic[T]):
    """One page of a list. `next` is null on the last page; otherwise give it as `cursor`."""

    items: list[T]
    next: str | None


def encode_cursor(of: str, position: Any) -> str:
    """A cursor into the list `of`. Opaque: what is inside may change with any version."""
    return base64.urlsafe_b64encode(orjson.dumps([of, position])).decode().rstrip("=")


def decode_cursor(of: str, cursor: str) -> Any:
    """Where the page starts. Raises CursorInvalid."""
    try:
        raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        found, position = orjson.loads(raw)
    except (ValueError, TypeError, binascii.Error):
        raise CursorInvalid from None
    if found != of:
        raise CursorInvalid
    return position


def decode_offset(of: str, cursor: str | None) -> int:
    """The position of a list that is paged by counting."""
    if cursor is None:
        return 0
    position = decode_cursor(of, cursor)
    if not isinstance(position, int) or isinstance(position, bool) or position < 0:
        raise CursorInvalid
    return position

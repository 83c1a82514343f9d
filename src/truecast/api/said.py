"""The headers of a request, looked through once: the framework's own class goes through all of them for each name."""

from collections.abc import Mapping
from typing import overload

from starlette.types import Scope

_KEY = "truecast.said"


class Said:
    """Headers by their names in small letters. Of one that is repeated the first counts, as the framework has it."""

    __slots__ = ("_raw",)

    def __init__(self, scope: Scope) -> None:
        self._raw: Mapping[bytes, bytes] = dict(reversed(scope["headers"]))

    @overload
    def get(self, name: str) -> str | None: ...
    @overload
    def get(self, name: str, default: str) -> str: ...
    def get(self, name: str, default: str | None = None) -> str | None:
        """What the header says."""
        value = self._raw.get(name.encode("latin-1"))
        return default if value is None else value.decode("latin-1")


def said_of(scope: Scope) -> Said:
    """The headers of this request."""
    found = scope.get(_KEY)
    if isinstance(found, Said):
        return found
    scope[_KEY] = said = Said(scope)
    return said

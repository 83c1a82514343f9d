"""An answer of HTTP as plain values, whichever library brought it."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reply:
    """`headers` by their names in small letters."""

    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes

    def header(self, name: str) -> str:
        """Its value, empty where there is none."""
        return self.headers.get(name, "")

"""What every answer is made of: frozen records, and words that a newer server may add to."""

from enum import StrEnum
from typing import Any, Self

import msgspec


class Word(StrEnum):
    """One of a few words. A word that this release does not know yet is kept as it is, not refused."""

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        if not isinstance(value, str):
            return None
        word = str.__new__(cls, value)
        word._name_, word._value_ = value.upper(), value
        return word


class Shape(msgspec.Struct, frozen=True, kw_only=True):
    """Base of everything the server says. Fields that this release does not know are passed over."""

    def to_dict(self) -> dict[str, Any]:
        """The same as plain values, spelled as in the JSON; times are ISO 8601."""
        plain: dict[str, Any] = msgspec.to_builtins(self)
        return plain


class Asked(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Base of what is sent inside a body. What is left out, the server decides."""

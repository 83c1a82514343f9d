"""Times as tests write them: ISO strings in, microseconds out, and back."""

from collections.abc import Iterable
from datetime import UTC, datetime

import numpy as np

from truecast.domain.bar import IntArray
from truecast.kit.clock import from_us, to_us


def at(text: str) -> datetime:
    """An aware UTC time from an ISO date or time without zone."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def us(text: str) -> int:
    return to_us(at(text))


def uss(*texts: str) -> IntArray:
    return np.array([us(text) for text in texts], np.int64)


def said(times: Iterable[int]) -> list[str]:
    """`2026-11-27` for midnight, `2026-11-27T18:00` otherwise."""
    return [from_us(t).strftime("%Y-%m-%dT%H:%M").removesuffix("T00:00") for t in times]

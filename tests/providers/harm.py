"""Nonsense in the place of a recorded value, and what may come of it: a typed error, or some of the bars unharmed."""

import copy
import json
from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import strategies as st

from truecast.domain.bar import Bars
from truecast.kit.errors import TruecastError
from truecast.providers.candles import Read

# No price, no time, no name: a reader must notice each of them wherever it stands.
NONSENSE: tuple[Any, ...] = (
    None, "", "abc", "1,5", "\u0661", True, [], {}, [1], {"a": 1}, float("nan"), float("inf"), "NaN", "1e999", 10**400,
    "2026-13-45", "<html>", -(10**18),
)  # fmt: skip


def harmless(parse: Callable[[bytes], Read], body: bytes, harmed: bytes) -> bool:
    """Whether the harmed answer is refused, or gives bars of the whole one only, in order and equal in all columns."""
    try:
        found = _rows(parse(harmed).bars)
    except TruecastError:
        return True
    whole = set(_rows(parse(body).bars))
    return set(found) <= whole and sorted(found) == found


@st.composite
def nonsense(draw: st.DrawFn, body: bytes, spare: tuple[str, ...] = ()) -> bytes:
    """The document with one to three of its parts replaced by nonsense or taken out; not those called as in `spare`."""
    document = copy.deepcopy(json.loads(body))
    for _ in range(draw(st.integers(1, 3))):
        places = _places(document, spare)
        if not places:
            break
        node, key = draw(st.sampled_from(places))
        if draw(st.booleans()):
            node[key] = copy.deepcopy(draw(st.sampled_from(NONSENSE)))
        elif isinstance(node, dict):
            del node[key]
        else:
            node.pop(key)
    return json.dumps(document).encode()


def _rows(bars: Bars) -> list[tuple[float, ...]]:
    columns = (
        bars.start,
        bars.known_at,
        bars.open,
        bars.high,
        bars.low,
        bars.close,
        np.nan_to_num(bars.volume, nan=-1),
    )
    return list(zip(*(column.tolist() for column in columns), strict=True))


def _places(node: Any, spare: tuple[str, ...]) -> list[tuple[Any, Any]]:
    found: list[tuple[Any, Any]] = []
    keys = list(node) if isinstance(node, dict) else range(len(node)) if isinstance(node, list) else ()
    for key in keys:
        if key not in spare:
            found.append((node, key))
            found += _places(node[key], spare)
    return found

"""Harm done to a payload: to its bytes, or to one value of its JSON, which gets further in."""

import copy
import json
from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

Draw = Callable[[st.SearchStrategy[Any]], Any]

_VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from(
        ["", "NaN", "Infinity", "-1", "1e400", "abc", "0", "1_0", "\u0661", "12,5", " 5", "0x10", "2026-02-30"]
    ),
    st.sampled_from([0, -1, 1, 10**30, 2**63, 1e308, 1e-320, -0.0, 1_793_372_400, 1_793_372_400_000, 10**18]),
    st.sampled_from([[], {}, [[]], {"a": []}, [None], ["1", "2"]]),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
)


def broken_bytes(draw: Draw, body: bytes) -> bytes:
    """Cut, flipped, dropped, doubled or with something inserted, one to four times."""
    harmed = bytearray(body or b" ")
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(harmed) - 1))
        match draw(st.sampled_from(["cut", "flip", "drop", "double", "insert", "digit"])):
            case "cut":
                del harmed[at + 1 :]
            case "flip":
                harmed[at] ^= draw(st.integers(1, 255))
            case "drop":
                del harmed[at : at + draw(st.integers(1, 40))]
            case "double":
                harmed[at:at] = harmed[at : at + draw(st.integers(1, 60))]
            case "insert":
                harmed[at:at] = draw(st.binary(min_size=1, max_size=6))
            case "digit":
                digits = [i for i, byte in enumerate(harmed) if 48 <= byte < 58]
                if digits:
                    harmed[draw(st.sampled_from(digits))] = draw(st.integers(48, 57))
        harmed = harmed or bytearray(b" ")
    return bytes(harmed)


def broken_json(draw: Draw, body: bytes) -> bytes:
    """One to three values replaced, removed, repeated, swapped, scaled or turned into text. Other bodies: as bytes."""
    try:
        document = json.loads(body)
    except ValueError:
        return broken_bytes(draw, body)
    box = [document]
    for _ in range(draw(st.integers(1, 3))):
        parent, key = draw(st.sampled_from(list(_places(box))))
        value = parent[key]
        match draw(st.sampled_from(["replace", "remove", "repeat", "swap", "scale", "text", "reverse"])):
            case "remove" if parent is not box:
                del parent[key]
            case "repeat" if isinstance(parent, list) and parent is not box:
                parent.insert(key, copy.deepcopy(value))
            case "swap" if isinstance(parent, list) and len(parent) > 1:
                other = draw(st.integers(0, len(parent) - 1))
                parent[key], parent[other] = parent[other], parent[key]
            case "scale" if type(value) in {int, float}:
                parent[key] = value * draw(st.sampled_from([1000, 0.001, -1, 100, 1e-9]))
            case "scale" if isinstance(value, str):
                parent[key] = value + draw(st.sampled_from(["0", "e9", ".", "Z"]))
            case "text" if type(value) in {int, float}:
                parent[key] = str(value)
            case "reverse" if isinstance(value, list):
                value.reverse()
            case _:
                parent[key] = copy.deepcopy(draw(_VALUES))
    return json.dumps(box[0]).encode() if box else b""


def _places(node: Any) -> list[tuple[Any, Any]]:
    """Every container and key in the document."""
    found: list[tuple[Any, Any]] = []
    waiting = [node]
    while waiting:
        at = waiting.pop()
        for key, value in list(at.items()) if isinstance(at, dict) else list(enumerate(at)):
            found.append((at, key))
            if isinstance(value, dict | list):
                waiting.append(value)
    return found

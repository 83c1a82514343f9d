"""What a source's headers say about its own count. Pure.

- `x-mbx-used-weight-1m: 2153` (Binance): what this address has used in the present minute;
- `x-ratelimit-limit: 200`, `x-ratelimit-remaining: 187` (Alpaca, Finnhub, many others; also without `x-`).
"""

import re
from collections.abc import Iterator, Mapping, Sequence

from truecast.kit.budget import Limit

_USED = re.compile(r"x-mbx-used-weight-(\d+)([smhd])")
_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


def read_usage(headers: Mapping[str, str], limits: Sequence[Limit]) -> Iterator[tuple[int, int]]:
    """Pairs of a limit's number and what the source counts as used of it. Names are lower case."""
    for name, value in headers.items():
        if (found := _USED.fullmatch(name)) and value.isdecimal():
            window_s = int(found[1]) * _SECONDS[found[2]]
            for which, limit in enumerate(limits):
                if limit.window_s == window_s and limit.counted == "weight":
                    yield which, int(value)
    most = _number(headers, "ratelimit-limit")
    left = _number(headers, "ratelimit-remaining")
    if most is not None and left is not None and left <= most:
        for which, limit in enumerate(limits):
            if limit.amount == most:
                yield which, most - left


def _number(headers: Mapping[str, str], name: str) -> int | None:
    value = headers.get(f"x-{name}", headers.get(name, "")).strip()
    return int(value) if value.isdecimal() else None

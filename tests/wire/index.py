"""The recorded answers and the requests they belong to: tests/recorded/wire/<provider>/_index.json, as parsed values.

Where an index describes a request in words, `requests.toml` beside this module may spell it; what is spelled nowhere
is served only on command (`Fault(file=...)`).
"""

import functools
import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

FOLDER = Path(__file__).parents[1] / "recorded" / "wire"

# Source keys of the product whose recordings lie in a folder of another name.
FOLDER_OF = {
    "coinbase": "coinbase_exchange",
    "alpaca": "alpaca_data",
    "fear_greed": "alternative_me",
    "ecb_sdmx": "ecb",
}

# What a client may choose freely without the answer being another one.
_FREE = {
    "limit", "start", "end", "starttime", "endtime", "since", "from", "to", "tots", "days", "count", "page", "per_page",
    "apikey", "api_key", "token", "apiKey", "period1", "period2", "range", "startdate", "enddate", "date", "d1", "d2",
    "observation_start", "observation_end", "include_market_cap", "include_24hr_vol", "include_24hr_change",
    "include_last_updated_at", "precision", "x_cg_demo_api_key", "cosd", "coed", "includeprepost", "events", "sort",
    "adjusted", "adjustment", "startperiod", "endperiod", "convertcase", "date_format",
}  # fmt: skip
_REQUEST = re.compile(r"^(GET|POST|DELETE|WS) (/\S*|(?:https?|wss?)://\S+)")


@dataclass(frozen=True)
class Recorded:
    """One recorded answer. `method` is "" where the request is described in words only."""

    provider: str
    file: str
    method: str
    path: str
    query: Mapping[str, str]
    status: int
    headers: Mapping[str, str]
    note: str
    body: bytes


def recorded_folders() -> list[str]:
    """Every provider with recordings."""
    return sorted(path.parent.name for path in FOLDER.glob("*/_index.json"))


def folder_of(key: str) -> str:
    """The folder of a source key, or of itself."""
    return FOLDER_OF.get(key, key)


@functools.cache
def recorded(key: str) -> tuple[Recorded, ...]:
    """Every recorded answer of a provider, in the order of its index."""
    folder = FOLDER / folder_of(key)
    spelled = _spelled().get(folder.name, {})
    found = []
    for row in json.loads((folder / "_index.json").read_text("utf-8")):
        method, path, query = _request(spelled.get(row["file"], row["request"]))
        body = (folder / row["file"]).read_bytes()
        headers = {name: value for name, value in row["headers"].items() if name.lower() != "content-length"}
        note = row.get("note", "")
        found.append(Recorded(folder.name, row["file"], method, path, query, row["status"], headers, note, body))
    return tuple(found)


def by_file(key: str, file: str) -> Recorded:
    """One recording by the name of its file."""
    return next(one for one in recorded(key) if one.file == file)


def match(key: str, method: str, path: str, query: Mapping[str, str]) -> Recorded | None:
    """The recording that answers the request best: same path, no parameter that contradicts it, the most that agree.

    Errors are answered only to requests that name the same parameters: who asks rightly gets data.
    """
    best: tuple[int, ...] | None = None
    found = None
    for number, one in enumerate(recorded(key)):
        if one.method != method or not _same_path(one.path, path):
            continue
        agree = sum(query.get(name) == value for name, value in one.query.items())
        contradict = any(
            name.lower() not in _FREE and name in query and not _same(query[name], value)
            for name, value in one.query.items()
        )
        strangers = {name for name in query if name.lower() not in _FREE} - set(one.query)
        missing = {name for name in one.query if name.lower() not in _FREE} - set(query)
        if contradict or (one.status >= 400 and (strangers or missing)):
            continue
        rank = (agree - len(missing), int(one.status < 400), -len(one.query), -number)
        if best is None or rank > best:
            best, found = rank, one
    return found


def _same(asked: str, listed: str) -> bool:
    return (
        asked.lower() == listed.lower() or listed in {"[...]", ".."} or set(listed.split(",")) == set(asked.split(","))
    )


def _same_path(listed: str, asked: str) -> bool:
    ours, theirs = ([unquote(part) for part in path.strip("/").split("/") if part] for path in (listed, asked))
    short, long = sorted((ours, theirs), key=len)
    if not short or (len(short) < 2 and len(long) != len(short)):
        return ours == theirs
    tail: Sequence[str] = long[-len(short) :]
    return all(a == b or "{" in a or "{" in b for a, b in zip(short, tail, strict=True))


def _request(text: str) -> tuple[str, str, Mapping[str, str]]:
    found = _REQUEST.match(text)
    if found is None:
        return "", "", {}
    parts = urlsplit(found[2])
    path = parts.path if found[1] != "WS" or parts.path else "/"
    return found[1], path, dict(parse_qsl(parts.query, keep_blank_values=True))


@functools.cache
def _spelled() -> dict[str, dict[str, str]]:
    return tomllib.loads(Path(__file__).with_name("requests.toml").read_text("utf-8"))

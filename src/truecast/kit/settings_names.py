"""Names in the environment that look like settings and are none, so that a typo is not ignored in silence."""

import difflib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from dotenv import dotenv_values


def unknown_names(given: Mapping[str, Any], known: Iterable[str], *, prefix: str, spared: str) -> list[tuple[str, str]]:
    """Pairs of (name, what is wrong) for each name with the prefix that is not known, save those with `spared`."""
    names = set(known)
    ours = (name for name in map(str.upper, given) if name.startswith(prefix) and not name.startswith(spared))
    return [(name, _hint(name, names)) for name in sorted(set(ours) - names)]


def read_env_file(env_file: Any) -> Mapping[str, Any]:
    """What a file `.env` says; nothing where there is none, or where it cannot be read."""
    if env_file is None or not Path(env_file).is_file():
        return {}
    try:
        return dotenv_values(env_file, interpolate=False)
    except UnicodeDecodeError:
        return {}  # told by the read that follows


def _hint(name: str, known: Iterable[str]) -> str:
    nearest = difflib.get_close_matches(name, sorted(known), n=1)
    return "no such setting" + (f"; did you mean {nearest[0]}?" if nearest else "")

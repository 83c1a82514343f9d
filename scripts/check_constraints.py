"""The pins are complete, exact and free of addresses; what is installed is what is pinned."""

import re
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parent.parent
PIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*==[A-Za-z0-9.!+_-]+")
ADDRESS = re.compile(r"://|(?<![\w@])(?:[\w-]+\.)+(?:org|com|net|io|dev)(?:[/:]|\b)")


# Extras whose own exact pins contradict ours: installed by who wants them, without constraints.txt.
APART = {"ccxt"}


def main() -> int:
    """Print what is wrong; 0 when nothing is."""
    problems = [*wrong_lines(), *unpinned(), *unpinned_needs(), *not_as_pinned(), *addresses_in_lock()]
    print("\n".join(problems) or "constraints: exact, complete, installed, no addresses", file=sys.stderr)
    return bool(problems)


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def lines() -> list[str]:
    text = (ROOT / "constraints.txt").read_text()
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def pins() -> dict[str, str]:
    return {normal(name): pinned for name, _, pinned in (line.partition("==") for line in lines())}


def wrong_lines() -> list[str]:
    return [f"constraints.txt: not an exact pin: {line}" for line in lines() if not PIN.fullmatch(line)]


def unpinned() -> list[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wanted = [*project["build-system"]["requires"], *project["project"]["dependencies"]]
    for name, extra in project["project"]["optional-dependencies"].items():
        wanted += [] if name in APART else extra
    names = {normal(re.split(r"[\s\[<>=!~;]", requirement, maxsplit=1)[0]) for requirement in wanted} - {"truecast"}
    return [f"constraints.txt: {name} is missing; run `make lock`" for name in sorted(names - pins().keys())]


def unpinned_needs() -> list[str]:
    """What the pinned packages that are installed need in turn, on this machine."""
    missing = {}
    for name in pins():
        try:
            wanted = [Requirement(text) for text in requires(name) or ()]
        except PackageNotFoundError:
            continue
        here = [one for one in wanted if one.marker is None or one.marker.evaluate({"extra": ""})]
        missing |= {normal(one.name): name for one in here if normal(one.name) not in pins()}
    return [f"constraints.txt: {name}, needed by {by}, is missing; run `make lock`" for name, by in missing.items()]


def not_as_pinned() -> list[str]:
    wrong = []
    for name, pinned in pins().items():
        try:
            if (installed := version(name)) != pinned:
                wrong.append(f".venv: {name} is {installed}, pinned is {pinned}; run `make clean test`")
        except PackageNotFoundError:
            continue  # of another platform, or of an extra that is not installed
    return wrong


def addresses_in_lock() -> list[str]:
    lock = ROOT / "web" / "package-lock.json"
    rows = lock.read_text().splitlines() if lock.exists() else []
    return [f"web/package-lock.json:{n}: {row.strip()[:80]}" for n, row in enumerate(rows, 1) if '"resolved"' in row]


if __name__ == "__main__":
    sys.exit(main())

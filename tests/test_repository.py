"""What must hold for every file: no invented data, no addresses in pins, no paths of a machine, files of one sitting."""

import ast
import json
import re
import subprocess
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src" / "truecast"

# Where a random number may come from, and what for. Nothing here touches a price.
RANDOM_ALLOWED = {
    "kit/ids.py": "the random part of an identifier",
    "kit/secret.py": "the secret made on the first start",
    "kit/http.py": "jitter of the waits between attempts; the generator is handed in",
    "providers/base.py": "the same jitter: hands it on",
    "models/registry/folder.py": "the name of a folder that is still being written",
    "providers/configured.py": "the same jitter: hands it on",
    "wiring.py": "makes the generator of that jitter",
    "market/feeds.py": "jitter of the waits between connections; the generator is handed in",
    "jobs/feeds.py": "the same jitter: hands it on",
    "accounts/keys.py": "the secret part of a key",
    "kit/tickets.py": "one-time tickets",
    "kit/bus_redis.py": "the epoch of a stream and the name of a process, which no two may share",
    "api/stream_joining.py": "the epoch of a stream",
    "risk/bootstrap.py": "draws of what happened, seeded by the data: the same data, the same intervals",
    "client/retry.py": "jitter of the waits between attempts; tests hand their own in",
    "client/request.py": "the Idempotency-Key of a call",
    "features/guard.py": "changes the future to prove that nothing looks at it; never part of an answer",
}
RANDOM_MODULES = {"random", "secrets", "uuid"}
RANDOM_NAMES = {"default_rng", "RandomState", "SeedSequence", "urandom", "getrandom", "uuid1", "uuid4", "token_bytes"}


@cache
def files() -> tuple[Path, ...]:
    """Every file that belongs to the repository, committed or about to be."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split("\0")
    return tuple(path for name in listed if name and (path := ROOT / name).is_file())


def texts(*suffixes: str) -> Iterator[tuple[str, str]]:
    """Name and content of every text file, or of those with the suffixes."""
    for path in files():
        if suffixes and path.suffix not in suffixes:
            continue
        raw = path.read_bytes()
        if b"\0" not in raw[:8192]:
            yield path.relative_to(ROOT).as_posix(), raw.decode("utf-8", "replace")


@cache
def modules() -> dict[Path, tuple[ast.AST, ...]]:
    """Every node of every module of the source, itself first."""
    return {path: tuple(ast.walk(ast.parse(path.read_text()))) for path in sorted(SOURCE.rglob("*.py"))}


def random_uses(nodes: Iterable[ast.AST]) -> Iterator[int]:
    """Lines that import or name a source of random numbers."""
    for node in nodes:
        match node:
            case ast.Import(names=names) if any(n.name.split(".")[0] in RANDOM_MODULES for n in names):
                yield node.lineno
            case ast.Import(names=names) if any(n.name.startswith("numpy.random") for n in names):
                yield node.lineno
            case ast.ImportFrom(module=str(module)) if module.split(".")[0] in RANDOM_MODULES - {"uuid"}:
                yield node.lineno
            case ast.ImportFrom(module=str(module), names=names) if module.startswith("numpy.random") or any(
                n.name in RANDOM_NAMES | {"random"} for n in names
            ):
                yield node.lineno
            case ast.Attribute(attr=attr) if attr in RANDOM_NAMES | {"random", "rvs"}:
                yield node.lineno
            case ast.Call(func=ast.Attribute(attr="sample"), args=[]):
                yield node.lineno


def test_no_random_number_on_the_served_path() -> None:
    found = {
        f"{path.relative_to(SOURCE).as_posix()}:{line}"
        for path, nodes in modules().items()
        for line in random_uses(nodes)
    }
    assert {use for use in found if use.rsplit(":", 1)[0] not in RANDOM_ALLOWED} == set()
    assert {use.rsplit(":", 1)[0] for use in found} == set(RANDOM_ALLOWED), "the list allows what nobody uses"


@pytest.mark.parametrize(
    "code",
    [
        "import random", "from random import gauss", "import numpy.random as r", "from numpy.random import normal",
        "from numpy import random", "import numpy as np\nnp.random.normal(1.1, 0.01)", "rng = np.random.default_rng(1)",
        "import os\nos.urandom(4)", "from uuid import uuid4", "import uuid\nuuid.uuid4()", "stats.norm.rvs(5)",
    ],
)  # fmt: skip
def test_the_search_for_random_numbers_finds_them(code: str) -> None:
    assert list(random_uses(ast.walk(ast.parse(code))))


def test_no_random_number_on_the_page() -> None:
    used = re.compile(r"Math\.random|getRandomValues|randomUUID")
    found = [name for name, text in texts(".ts", ".tsx", ".js", ".html") if "web/src/" in name and used.search(text)]
    assert found == []


def test_pins_hold_no_address() -> None:
    pins = (ROOT / "constraints.txt").read_text()
    assert "==" in pins
    assert "://" not in pins
    assert " @ " not in pins
    assert "--" not in pins


def test_the_lock_of_the_page_holds_no_address() -> None:
    lock = json.loads((ROOT / "web" / "package-lock.json").read_text())
    assert lock["packages"]
    assert [name for name, package in lock["packages"].items() if "resolved" in package] == []
    assert "omit-lockfile-registry-resolved=true" in (ROOT / "web" / ".npmrc").read_text()


def test_no_registry_is_named() -> None:
    hosts = re.compile(
        "pypi" + r"\.org|pythonhosted\.|registry\." + "npmjs|npmjs" + r"\.com|deb\." + "debian|node" + "source"
    )
    assert [name for name, text in texts() if hosts.search(text)] == []


def test_no_path_of_a_machine() -> None:
    paths = re.compile("(?<![\\w.$}/~-])/(?:work/(?!flow)|root/|home/[a-z]|Users/[A-Za-z])")
    found = [
        f"{name}:{text[: hit.start()].count(chr(10)) + 1}: {hit.group()}"
        for name, text in texts()
        if not name.startswith("tests/recorded/") and name != "LICENSE"
        for hit in [paths.search(text)]
        if hit and name != "tests/test_repository.py"
    ]
    assert found == []


def test_no_secret_is_committed() -> None:
    shapes = re.compile(
        "-----BEGIN [A-Z ]*PRIVATE" + " KEY|AKIA[0-9A-Z]{16}|gh[pousr]_[A-Za-z0-9]{36}|xox[baprs]-[0-9]"
    )
    assert [name for name, text in texts() if shapes.search(text)] == []
    assert not any(path.name == ".env" for path in files())


def test_every_file_is_one_sitting() -> None:
    long = {p.relative_to(SOURCE).as_posix(): n for p in modules() if (n := p.read_text().count("\n")) > 400}
    assert long == {}


def test_every_function_fits_a_screen() -> None:
    long = [
        f"{path.relative_to(SOURCE)}:{node.lineno} {node.name} {size}"
        for path, nodes in modules().items()
        if "versions" not in path.parts  # written by a program, and frozen
        for node in nodes
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (size := (node.end_lineno or 0) - node.lineno + 1) > 70
    ]
    assert long == []


def test_no_cycle_is_hidden() -> None:
    """Neither behind TYPE_CHECKING nor inside a function; the one place that loads commands by name is exempt."""
    hidden = []
    for path, nodes in modules().items():
        for function in (n for n in nodes if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)):
            for node in ast.walk(function):
                ours = (isinstance(node, ast.ImportFrom) and (node.module or "").startswith("truecast")) or (
                    isinstance(node, ast.Import) and any(n.name.startswith("truecast") for n in node.names)
                )
                if ours:
                    hidden.append(f"{path.relative_to(SOURCE)}:{node.lineno}")
        if any(isinstance(n, ast.Name) and n.id == "TYPE_CHECKING" for n in nodes):
            hidden.append(f"{path.relative_to(SOURCE)}: TYPE_CHECKING")
    assert hidden == []


def test_no_module_is_named_for_a_role() -> None:
    roles = re.compile(r"(^|_)(service|utils?|helpers?|manager|common|misc)(_|$)")
    assert [str(p.relative_to(SOURCE)) for p in modules() if roles.search(p.stem)] == []

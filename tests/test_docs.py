"""The user pages say what the code says: tables written from it, links that lead somewhere, commands that exist."""

import contextlib
import hashlib
import importlib.util
import json
import re
import shlex
import sqlite3
from collections import Counter
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from truecast.cli import COMMANDS, load
from truecast.kit.metrics import exposition
from truecast.kit.settings import Settings, variable_of

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)|!\[[^\]]*\]\(([^)\s]+)\)|(?:src|srcset)=\"([^\"]+)\"")
FENCE = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)


@cache
def reference() -> ModuleType:
    spec = importlib.util.spec_from_file_location("reference", ROOT / "scripts" / "reference.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def page(name: str) -> str:
    return (ROOT / "docs" / name).read_text()


def test_every_table_is_up_to_date() -> None:
    assert [str(p.relative_to(ROOT)) for p in reference().outdated()] == [], "run `make docs`"


def test_a_table_that_is_out_of_date_is_noticed() -> None:
    text = page("errors.md").replace("unknown_symbol", "other_symbol")
    assert reference().rewritten(text) != text


def test_every_setting_is_documented() -> None:
    text = page("configuration.md")
    for name, field in Settings.model_fields.items():
        assert f"`{variable_of(name)}`" in text
        for alias in getattr(field.validation_alias, "choices", ()):
            assert f"`{alias}`" in text


def test_every_error_has_a_code_of_its_own_and_is_documented() -> None:
    errors = reference().all_errors()
    assert len(errors) > 30
    assert [code for code, n in Counter(e.code for e in errors).items() if n > 1] == []
    text = page("errors.md")
    for error in errors:
        assert re.fullmatch(r"[a-z][a-z0-9_]*", error.code), error
        assert f"| `{error.code}` | {error.status} | {error.exit_code} |" in text
        assert 400 <= error.status <= 599, error
        assert error.__doc__, error


def test_metrics_named_in_the_pages_exist() -> None:
    exposed = exposition().decode()
    for path in PAGES:
        for name in re.findall(r"\btruecast_\w+(?:_total|_seconds|_waiting)\b", path.read_text()):
            assert f"# TYPE {name}" in exposed or f"# TYPE {name.removesuffix('_total')} " in exposed, (path.name, name)


def test_every_command_and_subcommand_has_a_section() -> None:
    text = page("cli.md")
    for name in COMMANDS:
        command = load(name)
        for path in [f"{name} {sub}" for sub in getattr(command, "commands", {})] or [name]:
            assert f"## truecast {path}\n" in text


@pytest.mark.parametrize("path", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_lead_somewhere(path: Path) -> None:
    for groups in LINK.findall(path.read_text()):
        target = next(filter(None, groups))
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        file = (path.parent / name).resolve() if name else path
        assert file.exists(), f"{path.name} links to {target}"
        if anchor:
            assert anchor in anchors(file.read_text()), f"{path.name} links to {target}"


def anchors(text: str) -> set[str]:
    titles = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def blocks(*languages: str) -> list[tuple[str, str]]:
    return [
        (f"{path.relative_to(ROOT)}", body)
        for path in PAGES
        for language, body in FENCE.findall(path.read_text())
        if language in languages
    ]


def test_every_block_names_its_language() -> None:
    for path in PAGES:
        fences = re.findall(r"^```(.*)$", path.read_text(), re.MULTILINE)
        assert all(fences[::2]), path


@pytest.mark.parametrize(("where", "body"), blocks("json"))
def test_json_blocks_parse(where: str, body: str) -> None:
    json.loads(body.replace("…", ""))


@pytest.mark.parametrize(("where", "body"), blocks("console"))
def test_commands_shown_exist_with_the_options_shown(where: str, body: str) -> None:
    for line in body.splitlines():
        if not line.startswith("$ "):
            continue
        words = shlex.split(line[2:].split(" | ")[0], comments=True)
        if words[0] == "truecast":
            check_command(words[1:])
        elif words[0] == "make":
            assert re.search(rf"^{words[1]}:", (ROOT / "Makefile").read_text(), re.MULTILINE), line


def check_command(words: list[str]) -> None:
    command: Any = load(words[0])
    rest = words[1:]
    while getattr(command, "commands", None):
        command = command.commands[rest.pop(0)]
    known = {name for option in command.params for name in (*option.opts, *option.secondary_opts)} | {"--help"}
    used = {word.partition("=")[0] for word in rest if re.match(r"--?[a-z]", word)}
    assert used <= known, f"{' '.join(words)}: {used - known}"


def test_the_program_that_checks_a_ledger_without_us_works(tmp_path: Path) -> None:
    """On a chain written by the recipe in the page, intact and broken."""
    (program,) = [body for where, body in blocks("python") if where == "docs/ledger.md"]
    names: dict[str, Any] = {}
    exec(program, names)
    path = tmp_path / "chain.db"
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE ledger (seq, kind, ref, recorded_at, body, prev_hash, hash)")
    before = "0" * 64
    for seq in (1, 2, 3):
        body, ref = f'{{"a":{seq}}}', f"r{seq}"
        text = f'{{"body":{body},"kind":"forecast","recorded_at":{seq * 10},"ref":"{ref}","seq":{seq}}}'
        digest = hashlib.sha256((before + text).encode()).hexdigest()
        db.execute("INSERT INTO ledger VALUES (?,?,?,?,?,?,?)", (seq, "forecast", ref, seq * 10, body, before, digest))
        before = digest
    db.commit()
    assert names["verify"](path) == before
    db.execute("UPDATE ledger SET body = ? WHERE seq = 2", ('{"a":9}',))
    db.commit()
    with pytest.raises(AssertionError, match="row 2 was changed"):
        names["verify"](path)
    db.close()


def test_it_agrees_with_us_on_a_real_chain(made_installation: Path) -> None:
    (program,) = [body for where, body in blocks("python") if where == "docs/ledger.md"]
    names: dict[str, Any] = {}
    exec(program, names)
    with contextlib.closing(sqlite3.connect(made_installation)) as db:
        (head,) = db.execute("SELECT hash FROM ledger ORDER BY seq DESC LIMIT 1").fetchone()
    assert names["verify"](made_installation) == head

"""Writes the part of `truecast.client` that follows from the OpenAPI document: shapes, calls and problems.

`--check` only says which files are out of date. What is written by hand stands beside it in src/truecast/client; what
is written here begins with HEADER and lies in the folders of FOLDERS.
"""

import builtins
import importlib
import json
import re
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from api_document import Document, Operation, Schema, camel, choices, refs

from truecast.api.app import describe
from truecast.kit.errors import TruecastError

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src" / "truecast"
CLIENT = SOURCE / "client"
BESIDE = {"api", "accounts"}  # whose errors any route may answer
FOLDERS = ("shapes", "calls", "problems")
HEADER = "Written by scripts/write_client.py from the OpenAPI document; run `make docs` after a change of the API."
LISTS = {"symbols", "topics"}  # texts with commas, which a program has as lists
BY_HAND = {"rate_limited", "no_live_source"}  # problems with facts of their own, in problem.py
TABULAR = {"Candles", "ForecastBody", "Forecasts", "PastForecast", "PastForecasts", "Features", "Prices"}
PROBLEM_FILES = {"refused": (401, 403, 429), "missing": (404,), "state": (409,), "failed": range(500, 600)}
STATUS_CLASSES = {401: "Unauthorized", 403: "Forbidden", 404: "NotFound", 409: "Conflict", 429: "TooManyRequests"}


def main() -> int:
    """Write what is out of date; with --check, 1 if anything is."""
    wanted = files()
    there = {path: path.read_text() for folder in FOLDERS for path in (CLIENT / folder).glob("*.py")}
    stale = sorted(path for path in wanted.keys() | there.keys() if wanted.get(path) != there.get(path))
    for path in stale:
        if "--check" not in sys.argv:
            if path in wanted:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(wanted[path])
            else:
                path.unlink()
        print(f"{path.relative_to(ROOT)} {'is out of date: run `make docs`' if '--check' in sys.argv else 'rewritten'}")
    return bool(stale) and "--check" in sys.argv


def files() -> dict[Path, str]:
    """Every file as it should be."""
    document = Document(describe())
    raw = {
        **{f"shapes/{name}": text for name, text in shapes(document).items()},
        **{f"calls/{name}": text for name, text in calls(document).items()},
        **{f"problems/{name}": text for name, text in problems(document).items()},
    }
    return formatted({f"{name}.py": text for name, text in raw.items()})


def formatted(raw: Mapping[str, str]) -> dict[Path, str]:
    """As ruff leaves them: without imports that nobody uses, and in order."""
    ruff = [str(Path(sys.executable).parent / "ruff")]
    with tempfile.TemporaryDirectory() as folder:
        for name, text in raw.items():
            path = Path(folder, name)
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
        config = ["--config", str(ROOT / "pyproject.toml"), "--no-cache", "--quiet", folder]
        first = ["--config", "lint.isort.known-first-party = ['truecast']", "--config", "lint.per-file-ignores = {}"]
        subprocess.run([*ruff, "check", "--select", "I,F401", "--fix", *first, *config], check=True, cwd=ROOT)
        subprocess.run([*ruff, "format", *config], check=True, cwd=ROOT)
        return {CLIENT / name: Path(folder, name).read_text() for name in raw}


def doc(text: str, indent: str, *, more: Sequence[str] = ()) -> str:
    """A docstring of lines that fit."""
    paragraphs = [" ".join(one.split()) for one in text.strip().split("\n\n")]
    lines: list[str] = []
    for paragraph in paragraphs:
        lines += ["", *textwrap.wrap(paragraph, 118 - len(indent) - (0 if lines else 4))]
    for one in more:
        lines += ["", one] if one is more[0] else [one]
    lines = lines[1:]
    if len(lines) == 1:
        return f'{indent}"""{lines[0]}"""\n'
    rest = "".join(f"{indent}{line}".rstrip() + "\n" for line in lines[1:])
    return f'{indent}"""{lines[0]}\n{rest}{indent}"""\n'


def module(first: str, imports: Sequence[str], *parts: str, ruff: str = "") -> str:
    noqa = f"\n# ruff: noqa: {ruff}\n" if ruff else ""
    return f'"""{first}\n\n{HEADER}\n"""\n{noqa}\n' + "\n".join(imports) + "\n\n\n" + "\n\n".join(parts)


# Shapes


def shapes(document: Document) -> dict[str, str]:
    modules: dict[str, list[str]] = {}
    for name in ordered(document):
        modules.setdefault(document.homes[name], []).append(shape(document, name))
    found = {"words": words(document)}
    for home, parts in split(modules).items():
        names = [name for name, where in document.homes.items() if where == "shared"] if home != "shared" else []
        imports = [
            "from collections.abc import Sequence",
            "from datetime import datetime",
            "from typing import Any",
            "import msgspec",
            "from truecast.client.ask import Time",
            "from truecast.client.errors import Problem",
            "from truecast.client.shape import Asked, Shape",
            "from truecast.client.tabular import Tabular",
            f"from truecast.client.shapes.words import {', '.join(exported_words(document))}",
            *([f"from truecast.client.shapes.shared import {', '.join(names)}"] if names else []),
            *(
                [f"from truecast.client.shapes.{home[:-5]} import {', '.join(first_half(modules[home[:-5]]))}"]
                if home.endswith("_more")
                else []
            ),
        ]
        found[home] = module(
            f"Shapes of the answers about {home.replace('_', ' ')}."
            if home != "shared"
            else "Shapes that several kinds of answers share.",
            imports,
            *parts,
        )
    listed = {}
    for home, parts in split(modules).items():
        listed |= {part[6:].partition("(")[0]: home for part in parts}
    listed |= dict.fromkeys(exported_words(document), "words")
    imports = [f"from truecast.client.shapes.{home} import {name} as {name}" for name, home in listed.items()]
    found["__init__"] = module("The shapes of all answers.", imports)
    return found


LINES_MAX = 330  # of a module, before its imports


def split(modules: Mapping[str, list[str]]) -> dict[str, list[str]]:
    """No module longer than one sitting: what is too long goes on in another, which may use what came before."""
    found: dict[str, list[str]] = {}
    for home, parts in modules.items():
        rest = parts[len(first_half(parts)) :]
        found[home] = parts[: len(parts) - len(rest)]
        if rest:
            found[f"{home}_more"] = rest
    return found


def first_half(parts: Sequence[str]) -> list[str]:
    """Names of the shapes that stand in the first module."""
    names, lines = [], 0
    for part in parts:
        lines += part.count("\n") + 2
        if lines <= LINES_MAX:
            names.append(part[6:].partition("(")[0])
    return names


def wanted_shape(document: Document, name: str) -> bool:
    return name not in document.bodies or name in document.sent


def ordered(document: Document) -> list[str]:
    """Every shape after those it is made of."""
    done: list[str] = []

    def visit(name: str) -> None:
        if name in done or name not in document.homes:
            return
        for inner in refs(document.schemas[name]):
            visit(inner)
        if wanted_shape(document, name):
            done.append(name)

    for name in sorted(document.homes):
        visit(name)
    return done


def shape(document: Document, name: str) -> str:
    schema, given = document.schemas[name], name in document.sent
    base = "Asked" if given else "Tabular" if name in TABULAR else "Shape"
    text = f"class {name}({base}, frozen=True, kw_only=True):\n"
    text += doc(schema.get("description", f"{name}."), "    ") + "\n"
    required = schema.get("required", ())
    for prop, one in schema.get("properties", {}).items():
        kind = document.type_of(one, given=given)
        attribute = f"{prop}_" if prop == "from" else prop
        default = f' = msgspec.field(name="{prop}")' if attribute != prop else ""
        if prop not in required:
            kind, default = kind if kind.endswith("None") else f"{kind} | None", " = None"
        text += f"    {attribute}: {kind}{default}\n"
        if said := described(one):
            text += doc(said, "    ")
    return text


def described(schema: Schema) -> str:
    return str(schema.get("description", ""))


def exported_words(document: Document) -> list[str]:
    likes = sorted(f"{name}Like" for name in document.words if name in given_words(document))
    return [name for name in sorted(document.words) if name in answered_words(document)] + likes


@cache
def given_words(document: Document) -> set[str]:
    """Sets of words that a user may choose from."""
    schemas = [one["schema"] for operation in document.operations for one in operation.parameters]
    schemas += [document.schemas[name] for name in document.bodies | document.sent]
    return {name for schema in schemas for name in words_in(document, schema)}


@cache
def answered_words(document: Document) -> set[str]:
    answered = {name for one in document.operations if one.answer for name in document.reach(list(refs(one.answer)))}
    return {word for name in answered for word in words_in(document, document.schemas[name])} | given_words(document)


def words_in(document: Document, schema: Any) -> Iterator[str]:
    if isinstance(schema, Mapping):
        name = str(schema.get("$ref", "")).rsplit("/", 1)[-1]
        if name in document.words:
            yield name
        if values := choices(schema):
            yield document.word(values)
        else:
            for one in schema.values():
                yield from words_in(document, one)
    elif isinstance(schema, list):
        for one in schema:
            yield from words_in(document, one)


def words(document: Document) -> str:
    parts = []
    for name in sorted(answered_words(document)):
        values = document.words[name]
        said = document.schemas.get(name, {}).get("description") or f"One of: {', '.join(values)}."
        text = f"class {name}(Word):\n" + doc(said, "    ") + "\n"
        text += "".join(f'    {member(value)} = "{value}"\n' for value in values)
        parts.append(text)
    likes = [
        f"{name}Like = {name} | Literal[{', '.join(map(json.dumps, document.words[name]))}]"
        for name in sorted(given_words(document))
    ]
    imports = ["from typing import Literal", "from truecast.client.shape import Word"]
    return module(
        "Sets of words. What a user gives may be a plain text: those types end in `Like`.",
        imports,
        *parts,
        "\n".join(likes) + "\n",
    )


def member(value: str) -> str:
    """`1mo` -> MO1, `delayed_15m` -> DELAYED_15M."""
    found = re.fullmatch(r"(\d+)([a-z]+)", value)
    return (found[2] + found[1] if found else value).upper()


# Calls


def calls(document: Document) -> dict[str, str]:
    tags: dict[str, list[Operation]] = {}
    for operation in document.operations:
        tags.setdefault(operation.tag, []).append(operation)
    found = {}
    for tag, operations in tags.items():
        for waits in (False, True):
            prefix = "Async" if waits else ""
            text = f"class {prefix}{camel(tag)}Calls({prefix}Asker):\n"
            text += doc(f"Everything about {tag.replace('_', ' ')}.", "    ") + "\n"
            text += "\n".join(part for one in operations for part in call(document, one, waits=waits))
            imports = [
                "from collections.abc import AsyncIterator, Iterator, Sequence",
                "from truecast.client.ask import Ask, Names, Time, part",
                f"from truecast.client.asker import {prefix}Asker",
                "from truecast.client.pages import pages, pages_async",
                f"from truecast.client.shapes import {', '.join([*exported_words(document), *ordered(document)])}",
            ]
            name = f"{tag}_async" if waits else tag
            said = f"Calls about {tag.replace('_', ' ')}{', awaited' if waits else ''}."
            shadows = any(
                one.name in dir(builtins) for operation in operations for one in arguments(document, operation)
            )
            found[name] = module(said, imports, text, ruff="A002" if shadows else "")
    for waits in (False, True):
        prefix, suffix = ("Async", "_async") if waits else ("", "")
        imports = [f"from truecast.client.calls.{tag}{suffix} import {prefix}{camel(tag)}Calls" for tag in sorted(tags)]
        bases = ", ".join(f"{prefix}{camel(tag)}Calls" for tag in sorted(tags))
        said = "Every call of the API."
        found[f"every{suffix}"] = module(said, imports, f'class {prefix}Calls({bases}):\n    """{said}"""\n')
    found["__init__"] = f'"""The calls of the API, by area.\n\n{HEADER}\n"""\n'
    return found


@dataclass(frozen=True)
class Argument:
    """One argument of a call."""

    name: str
    kind: str
    required: bool
    said: str
    at: str  # path, query or body


def arguments(document: Document, operation: Operation) -> list[Argument]:
    found = []
    for one in operation.parameters:
        kind = document.type_of(one["schema"], given=True)
        if one["name"] in LISTS and one["in"] == "query":
            kind = kind.replace("str", "Names")
        required = one.get("required", False)
        said = one.get("description") or described(one["schema"])
        found.append(Argument(one["name"], optional(kind, required), required, said, one["in"]))
    if operation.body is not None:
        schema = document.schemas[next(refs(operation.body))]
        for name, one in schema["properties"].items():
            required = name in schema.get("required", ())
            kind = optional(document.type_of(one, given=True), required)
            found.append(Argument(name, kind, required, described(one), "body"))
    if operation.takes_key:
        said = "Yours, to repeat this call from another process; otherwise one is made for each call."
        found.append(Argument("idempotency_key", "str | None", False, said, "key"))
    return found


def optional(kind: str, required: bool) -> str:
    return kind if required or kind.endswith("None") else f"{kind} | None"


def call(document: Document, operation: Operation, *, waits: bool) -> Iterator[str]:
    given = arguments(document, operation)
    answer = operation.answer
    kind = "None" if answer is None else document.type_of(answer) if answer else "str"
    yield method(operation, given, kind, ask(operation, given, "type(None)" if kind == "None" else kind), waits=waits)
    if any(one.name == "cursor" for one in given):
        schema = document.schemas[kind]
        item = document.type_of(schema["properties"]["items"]["items"])
        rest = [one for one in given if one.name not in ("cursor", "limit")]
        (limit,) = [one["schema"]["maximum"] for one in operation.parameters if one["name"] == "limit"]
        words = [f"{one.name}={one.name}" if not one.required else one.name for one in rest]
        asked = f"self.{operation.name}({', '.join([*words, 'cursor=cursor', f'limit={limit}'])})"
        many, turn = ("AsyncIterator", "pages_async") if waits else ("Iterator", "pages")
        text = f"    def iter_{operation.name}({signature(rest)}) -> {many}[{item}]:\n"
        text += doc(f"The items of all pages of `{operation.name}`, each asked for when it is needed.", "        ")
        yield text + f"        return {turn}(lambda cursor: {asked})\n"


def method(operation: Operation, given: Sequence[Argument], kind: str, asked: str, *, waits: bool) -> str:
    text = f"    {'async ' if waits else ''}def {operation.name}({signature(given)}) -> {kind}:\n"
    text += documentation(operation, given)
    return text + f"        {'' if kind == 'None' else 'return '}{'await ' if waits else ''}self._ask({asked})\n"


def signature(given: Sequence[Argument]) -> str:
    first = [f"{one.name}: {one.kind}" for one in given if one.required]
    rest = [f"{one.name}: {one.kind} = None" for one in given if not one.required]
    return ", ".join(["self", *first, *(["*"] if rest else []), *rest])


def documentation(operation: Operation, given: Sequence[Argument]) -> str:
    said = operation.said.get("description") or operation.said.get("summary") or operation.name
    more = []
    for one in given:
        if one.said:
            more += textwrap.wrap(f"{one.name}: {' '.join(one.said.split())}", 108, subsequent_indent="    ")
    codes = [
        code
        for status, answer in operation.said["responses"].items()
        if not status.startswith("2")
        for code in re.findall(r"`(\w+)`", answer["description"])
        if code not in USUAL
    ]
    if codes:
        more += textwrap.wrap(f"Raises: {', '.join(camel(code) for code in codes)}.", 108, subsequent_indent="    ")
    return doc(said, "        ", more=more)


USUAL = {  # of any call: not said for each
    "key_missing",
    "key_refused",
    "scope_missing",
    "rate_limited",
    "malformed_request",
    "starting",
    "internal",
    "method_not_allowed",
    "body_too_large",
    "foreign_host",
    "foreign_origin",
    "unsupported_media_type",
    "unknown_query_parameter",
    "repeated_query_parameter",
    "no_such_path",
}


def ask(operation: Operation, given: Sequence[Argument], kind: str) -> str:
    path = re.sub(r"\{(\w+)\}", r"{part(\1)}", operation.path)
    words = [f'"{operation.method}"', f'{"f" if "{" in path else ""}"{path}"', kind]
    for at in ("query", "body"):
        if at == "body" and operation.body is None:
            continue
        pairs = ", ".join(f'"{one.name}": {one.name}' for one in given if one.at == at)
        if pairs or at == "body":
            words.append(f"{at}={{{pairs}}}")
    if operation.repeat != "never":
        words.append(f'repeat="{operation.repeat}"')
    if operation.takes_key:
        words.append("key=idempotency_key")
    return f"Ask({', '.join(words)})"


# Problems


def problems(document: Document) -> dict[str, str]:
    documented = {
        code
        for one in document.operations
        for status, answer in one.said["responses"].items()
        if not status.startswith("2")
        for code in re.findall(r"`(\w+)`", answer["description"])
    }
    told = sorted(errors_of(documented | ALSO), key=lambda error: error.code)
    found, listed = {}, {}
    for home in (*PROBLEM_FILES, "malformed"):
        parts, bases = [], set()
        for error in told:
            if home_of(error.status) != home or error.code in BY_HAND:
                continue
            base = base_of(error.status)
            bases.add(base)
            listed[camel(error.code)] = home
            facts = list(dict.fromkeys(re.findall(r"\{(\w+)", error.template)))
            said = (error.__doc__ or "").split("\n\n")[0]
            more = [f"Facts: {', '.join(f'`{one}`' for one in facts)}."] if facts else []
            text = f"class {camel(error.code)}({base}):\n" + doc(said, "    ", more=more)
            parts.append(text + f'\n    code = "{error.code}"\n')
        imports = [f"from truecast.client.errors import {', '.join(sorted(bases))}"]
        found[home] = module(f"Problems with a status of {STATUSES[home]}, one class for each code.", imports, *parts)
    listed |= {"NoLiveSource": "", "RateLimited": ""}
    imports = [
        f"from truecast.client.problem{f's.{home}' if home else ''} import {name} as {name}"
        for name, home in listed.items()
    ]
    found["__init__"] = module("Every problem that the server may name.", imports)
    return found


ALSO = {
    "compute_busy",
    "database_busy",
    "model_unavailable",
    "horizon_out_of_range",
    "level_out_of_range",
    "horizon_beyond_training",
    "unknown_interval",
    "too_few_positions",
}
STATUSES = {
    "refused": "401, 403 or 429",
    "missing": "404",
    "state": "409",
    "failed": "5xx",
    "malformed": "any other 4xx",
}


def errors_of(codes: set[str]) -> set[type[TruecastError]]:
    """The classes of these codes, and all that stand beside the API. Loads only the modules that they stand in."""
    for path in sorted(SOURCE.rglob("*.py")):
        said = set(re.findall(r'^    code = "(\w+)"', path.read_text(), re.MULTILINE))
        at = path.relative_to(SOURCE)
        if said & codes or (said and at.parts[0] in BESIDE):
            importlib.import_module(".".join(("truecast", *at.with_suffix("").parts)))
    found = {error for error in descend(TruecastError) if error.__module__.startswith("truecast.")}
    return {e for e in found if e.code in codes or e.__module__.split(".")[1] in BESIDE}


def descend(error: type[TruecastError]) -> Iterator[type[TruecastError]]:
    for child in error.__subclasses__():
        yield child
        yield from descend(child)


def home_of(status: int) -> str:
    return next((home for home, statuses in PROBLEM_FILES.items() if status in statuses), "malformed")


def base_of(status: int) -> str:
    if status in STATUS_CLASSES:
        return STATUS_CLASSES[status]
    return "Unavailable" if status == 503 else "ServerFailed" if status >= 500 else "Malformed"


if __name__ == "__main__":
    sys.exit(main())

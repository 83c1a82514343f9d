"""The client says what the OpenAPI document says: every operation, every argument, every type. Stale is red.

What is compared here is read from the classes themselves, not from the program that wrote them.
"""

import importlib
import inspect
import sys
import types
import typing
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

import msgspec
import pytest

from truecast.api.app import describe
from truecast.client import AsyncClient, Client, Problem, problems, shapes
from truecast.client.ask import Names, Time
from truecast.client.shape import Asked, Word

ROOT = Path(__file__).resolve().parents[2]
WITHOUT_A_CALL = {"stream_sse"}  # the client follows streams over WebSockets
PLAIN = {"string": str, "integer": int, "number": float, "boolean": bool, "null": type(None)}


@cache
def document() -> dict[str, Any]:
    return describe()


def operations() -> dict[str, tuple[str, dict[str, Any]]]:
    return {
        said["operationId"]: (method, said)
        for methods in document()["paths"].values()
        for method, said in methods.items()
    }


def schema(name: str) -> dict[str, Any]:
    found: dict[str, Any] = document()["components"]["schemas"][name]
    return found


CALLS = sorted(operations().keys() - WITHOUT_A_CALL)


def test_every_file_is_as_the_document_says() -> None:
    sys.path.insert(0, str(ROOT / "scripts"))
    try:
        writer = importlib.import_module("write_client")
    finally:
        sys.path.remove(str(ROOT / "scripts"))
    wanted = writer.files()
    there = {path for folder in writer.FOLDERS for path in (writer.CLIENT / folder).glob("*.py")}
    stale = [
        str(path.relative_to(ROOT)) for path, text in wanted.items() if not path.exists() or path.read_text() != text
    ]
    assert stale == [], "run `make docs`"
    assert there - wanted.keys() == set(), "nothing writes these any more"


def test_every_operation_has_a_call_and_nothing_else_is_one() -> None:
    for client in (Client, AsyncClient):
        named = {
            name
            for name in dir(client)
            if not name.startswith(("_", "iter_")) and name not in {"close", "stream", "url"}
        }
        assert named == set(CALLS)


def given_of(said: Mapping[str, Any]) -> dict[str, tuple[dict[str, Any], bool]]:
    """Every argument: its schema, and whether it must be given."""
    found = {
        one["name"]: (one["schema"], one.get("required", False))
        for one in said.get("parameters", ())
        if one["in"] in ("path", "query")
    }
    body = said.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
    if body is not None:
        ref = body.get("$ref") or next(one["$ref"] for one in body["anyOf"] if "$ref" in one)
        inner = schema(ref.rsplit("/", 1)[1])
        found |= {name: (one, name in inner.get("required", ())) for name, one in inner["properties"].items()}
    if any(one["name"].lower() == "idempotency-key" for one in said.get("parameters", ())):
        found["idempotency_key"] = ({"type": "string"}, False)
    return found


@pytest.mark.parametrize("name", CALLS)
def test_a_call_takes_what_the_operation_takes(name: str) -> None:
    _, said = operations()[name]
    for client in (Client, AsyncClient):
        call = getattr(client, name)
        hints, parameters = get_type_hints(call), inspect.signature(call).parameters
        given = given_of(said)
        assert (
            list(parameters)[1:] and set(parameters) - {"self"} == set(given) if given else set(parameters) == {"self"}
        )
        for argument, (one, required) in given.items():
            assert (parameters[argument].default is inspect.Parameter.empty) == required, argument
            expected = accepted(one, argument)
            if not required:
                expected = expected | {type(None)}
            assert parts_of(hints[argument]) == expected, argument


@pytest.mark.parametrize("name", CALLS)
def test_a_call_answers_what_the_operation_answers(name: str) -> None:
    _, said = operations()[name]
    good = [answer.get("content", {}) for status, answer in said["responses"].items() if status.startswith("2")]
    for client, content in ((client, content) for client in (Client, AsyncClient) for content in good):
        answer = get_type_hints(getattr(client, name))["return"]
        if not content:
            assert answer is type(None)
        elif "application/json" in content:
            assert answer.__name__ == content["application/json"]["schema"]["$ref"].rsplit("/", 1)[1]
        else:
            assert answer is str


def test_the_answers_have_the_fields_of_the_document_and_their_types() -> None:
    seen = set()
    waiting = [get_type_hints(getattr(Client, name))["return"] for name in CALLS]
    while waiting:
        shape = waiting.pop()
        if shape in seen or not (isinstance(shape, type) and issubclass(shape, msgspec.Struct)):
            continue
        seen.add(shape)
        said = schema(shape.__name__)
        fields = {one.encode_name: one for one in msgspec.structs.fields(shape)}
        assert fields.keys() == said["properties"].keys(), shape
        hints = get_type_hints(shape)
        for name, one in said["properties"].items():
            assert fields[name].required == (name in said.get("required", ())), (shape, name)
            assert answered(one) == parts_of(hints[fields[name].name]), (shape, name)
        waiting += [inner for hint in hints.values() for inner in classes_in(hint)]
    assert len(seen) > 100


def test_what_is_sent_inside_a_body_has_the_fields_of_the_document() -> None:
    sent = [one for one in vars(shapes).values() if isinstance(one, type) and issubclass(one, Asked)]
    assert {one.__name__ for one in sent} >= {"ForecastRequest", "PositionIn"}
    for shape in sent:
        said, hints = schema(shape.__name__), get_type_hints(shape)
        assert hints.keys() == said["properties"].keys()
        for name, one in said["properties"].items():
            required = name in said.get("required", ())
            assert parts_of(hints[name]) == accepted(one, name) | (set() if required else {type(None)}), name


def test_every_list_in_pages_can_be_read_as_one() -> None:
    paged = [name for name, (_, said) in operations().items() if "cursor" in given_of(said)]
    assert len(paged) >= 4
    for name in paged:
        item = get_type_hints(getattr(Client, name))["return"]
        (kind,) = get_args(get_type_hints(item)["items"])
        assert get_type_hints(getattr(Client, f"iter_{name}"))["return"] == Iterator[kind]
        assert get_type_hints(getattr(AsyncClient, f"iter_{name}"))["return"] == AsyncIterator[kind]


def test_every_documented_problem_has_a_class_with_its_status() -> None:
    import re

    by_code = {one.code: one for one in vars(problems).values() if isinstance(one, type) and issubclass(one, Problem)}
    for name, (_, said) in operations().items():
        for status, answer in said["responses"].items():
            for code in re.findall(r"`(\w+)`", answer["description"]) if not status.startswith("2") else ():
                assert code in by_code, (name, code)
                known = by_code[code].known_status
                assert (
                    known == int(status)
                    or known == int(status) // 100 * 100
                    or (known == 422 and 400 < int(status) < 500)
                )


# The types that follow from a schema, told apart from how the client's writer does it.


def accepted(one: Mapping[str, Any], name: str) -> set[Any]:  # noqa: PLR0911 one line a kind of schema
    """What may be given for it."""
    if words := words_of(one):
        (word,) = [kind for kind in word_classes() if {str(member.value) for member in kind} == set(words)]
        return {word, Literal[words]}
    if "anyOf" in one:
        return {kind for inner in one["anyOf"] for kind in accepted(inner, name)}
    if "$ref" in one:
        return {getattr(shapes, one["$ref"].rsplit("/", 1)[1])}
    if one.get("format") == "date-time":
        return set(get_args(Time))
    if name in ("symbols", "topics") and one.get("type") == "string":
        return set(get_args(Names))
    if one.get("type") == "array":
        kinds = accepted(one["items"], name)
        return {Sequence[united(kinds)]}
    return {PLAIN[one["type"]]}


def answered(one: Mapping[str, Any]) -> set[Any]:  # noqa: PLR0911 one line a kind of schema
    """What is answered for it."""
    if words := words_of(one):
        return {kind for kind in word_classes() if {str(member.value) for member in kind} == set(words)}
    if "anyOf" in one:
        return {kind for inner in one["anyOf"] for kind in answered(inner)}
    if "$ref" in one:
        name = one["$ref"].rsplit("/", 1)[1]
        return {Problem if name == "Problem" else getattr(shapes, name)}
    if one.get("format") == "date-time":
        return {datetime}
    match one.get("type"):
        case "array":
            return {list[united(answered(one["items"]))]}
        case "object":
            inner = one.get("additionalProperties", True)
            return {dict[str, Any if inner is True else united(answered(inner))]}
        case None:
            return {Any}
        case kind:
            return {PLAIN[kind]}


def words_of(one: Mapping[str, Any]) -> tuple[str, ...]:
    name = one.get("$ref", "").rsplit("/", 1)[-1]
    if name and "enum" in schema(name):
        return tuple(schema(name)["enum"])
    if "enum" in one or "const" in one:
        return tuple(one.get("enum", (one.get("const"),)))
    parts = [words_of(inner) for inner in one.get("anyOf", ())]
    return tuple(word for part in parts for word in part) if parts and all(parts) else ()


@cache
def word_classes() -> tuple[type[Word], ...]:
    return tuple(one for one in vars(shapes).values() if isinstance(one, type) and issubclass(one, Word))


def parts_of(hint: Any) -> set[Any]:
    return set(get_args(hint)) if get_origin(hint) in (typing.Union, types.UnionType) else {hint}


def united(kinds: set[Any]) -> Any:
    return typing.Union[tuple(kinds)]  # noqa: UP007 of as many as there are


def classes_in(hint: Any) -> list[type]:
    inner = [one for part in get_args(hint) for one in classes_in(part)]
    return [*inner, *([hint] if isinstance(hint, type) and hint not in (date, datetime) else [])]

"""Everything in the OpenAPI document has an example that is right: every body, every answer, every problem by its code."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from truecast.api import examples
from truecast.api.app import describe

DOCUMENT = describe()
OPERATIONS = {
    operation["operationId"]: operation for methods in DOCUMENT["paths"].values() for operation in methods.values()
}
BY_NAME = pytest.mark.parametrize("name", OPERATIONS)
PROBLEM = "application/problem+json"


def fits(schema: dict[str, Any], example: Any) -> None:
    """Raise unless the example is what the schema promises."""
    whole = {**schema, "components": DOCUMENT["components"]}
    jsonschema_rs.Draft202012Validator(whole, validate_formats=True).validate(example)


def answers(name: str) -> Iterator[tuple[str, str, dict[str, Any], str]]:
    for status, answer in OPERATIONS[name]["responses"].items():
        for kind, content in answer.get("content", {}).items():
            yield status, kind, content, answer["description"]


@BY_NAME
def test_every_answer_has_an_example_of_its_shape(name: str) -> None:
    for status, kind, content, _ in answers(name):
        if kind == PROBLEM:
            continue
        assert "example" in content, (name, status, "run scripts/write_examples.py")
        if kind == "application/json":
            fits(content["schema"], content["example"])
        else:
            assert len(content["example"]) > 20


@BY_NAME
def test_every_body_has_an_example_of_its_shape(name: str) -> None:
    body = OPERATIONS[name].get("requestBody")
    if body is not None:
        content = body["content"]["application/json"]
        assert ("example" in content) != ("examples" in content)
        found = [content["example"]] if "example" in content else [one["value"] for one in content["examples"].values()]
        for example in found:
            fits(content["schema"], example)


@BY_NAME
def test_every_problem_that_is_named_has_an_example(name: str) -> None:
    for status, kind, content, description in answers(name):
        if kind != PROBLEM:
            continue
        codes = re.findall(r"`(\w+)`", description)
        assert codes and list(content["examples"]) == codes, (name, status)


@pytest.mark.parametrize("code", DOCUMENT["components"]["examples"])
def test_an_example_of_a_problem_is_one(code: str) -> None:
    example = DOCUMENT["components"]["examples"][code]["value"]
    fits({"$ref": "#/components/schemas/Problem"}, example)
    assert example["code"] == code
    statuses = {
        status
        for name in OPERATIONS
        for status, kind, _, said in answers(name)
        if kind == PROBLEM and f"`{code}`" in said
    }
    assert statuses <= {str(example["status"])}


def test_no_example_is_of_something_that_is_gone() -> None:
    files = {path.stem for path in Path(examples.__file__).parent.glob("*.[jt]*") if not path.name.startswith("_")}
    assert files - {"_requests", "_problems"} <= OPERATIONS.keys()
    assert json.loads((Path(examples.__file__).parent / examples.REQUESTS).read_text()).keys() <= OPERATIONS.keys()

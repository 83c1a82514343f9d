"""The examples in the OpenAPI document are what the API answers: each has the shape that its route promises."""

import json
from pathlib import Path

import pytest
from fastapi.routing import APIRoute

from truecast.api import examples
from truecast.api.app import describe, routes

FILES = {path.stem: path for path in sorted(Path(examples.__file__).parent.glob("*.json"))}
ROUTES = {route.operation_id or route.name: route for route in routes() if isinstance(route, APIRoute)}


@pytest.mark.parametrize("name", FILES)
def test_an_example_has_the_shape_that_is_promised(name: str) -> None:
    shape = ROUTES[name].response_model
    said = json.loads(FILES[name].read_text())
    if name == "get_candles":  # a block's `from` is a word of Python
        for span in (*said["blocks"], *said["gaps"]):
            span["from_"] = span.pop("from")
    shape.model_validate_json(json.dumps(said))


def test_every_example_is_in_the_document() -> None:
    found = {
        operation["operationId"]
        for methods in describe()["paths"].values()
        for operation in methods.values()
        for answer in operation["responses"].values()
        if "example" in answer.get("content", {}).get("application/json", {})
    }
    assert found >= set(FILES)
    assert {"latest_prices", "get_statistics", "market_summary", "list_jobs", "search_symbols"} <= found

"""Examples for the OpenAPI document: real requests, answers and problems; see scripts/write_examples.py.

`<operation>.json` or `.txt` is an answer, `_requests.json` has bodies by operation, `_problems.json` problems by code.
"""

import json
import re
from collections.abc import Iterator, Mapping
from importlib import resources
from typing import Any

REQUESTS, PROBLEMS = "_requests.json", "_problems.json"
_CODE = re.compile(r"`([a-z_]+)`")


def put_into(document: dict[str, Any]) -> None:
    """Beside the schema of each body, answer and problem that there is an example of."""
    files = {file.name: file.read_text("utf-8") for file in resources.files(__name__).iterdir() if file.is_file()}
    requests, problems = (json.loads(files.get(name, "{}")) for name in (REQUESTS, PROBLEMS))
    document["components"]["examples"] = {
        code: {"summary": problem["title"], "value": problem} for code, problem in problems.items()
    }
    for name, operation in _operations(document):
        body = operation.get("requestBody", {}).get("content", {}).get("application/json")
        if body is not None and name in requests and "examples" not in body:
            body["example"] = requests[name]
        for status, answer in operation["responses"].items():
            for kind, content in answer.get("content", {}).items():
                if kind == "application/problem+json":
                    codes = _CODE.findall(answer["description"])
                    content["examples"] = {
                        code: {"$ref": f"#/components/examples/{code}"} for code in codes if code in problems
                    }
                elif status.startswith("2") and f"{name}.json" in files and kind == "application/json":
                    content["example"] = json.loads(files[f"{name}.json"])
                elif status.startswith("2") and f"{name}.txt" in files:
                    content["example"] = files[f"{name}.txt"]


def _operations(document: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for methods in document["paths"].values():
        for operation in methods.values():
            yield operation["operationId"], operation

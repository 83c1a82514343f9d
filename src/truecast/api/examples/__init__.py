"""Examples of answers for the OpenAPI document: real ones, `<operation>.json`; see scripts/write_examples.py."""

import json
from importlib import resources
from typing import Any


def put_into(document: dict[str, Any]) -> None:
    """Beside the schema of each answer that there is an example of."""
    known = {file.name.removesuffix(".json"): file for file in resources.files(__name__).iterdir()}
    for methods in document["paths"].values():
        for operation in methods.values():
            found = known.get(operation.get("operationId", ""))
            if found is None:
                continue
            for status, answer in operation["responses"].items():
                if str(status).startswith("2") and "application/json" in answer.get("content", {}):
                    answer["content"]["application/json"]["example"] = json.loads(found.read_text("utf-8"))

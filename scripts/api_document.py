"""The OpenAPI document as the client sees it: operations, shapes, sets of words, and the types of Python they are."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

# Asked again on the same bars these say the same: a forecast is sealed once, risk is only measured. A key would cost
# the server two rows for nothing.
SAFE = {"create_forecast", "create_forecasts", "measure_risk"}
NO_CALL = {"stream_sse": "the client follows streams over WebSockets"}
WORDS = {  # names of sets of words that have none in the document
    ("positive", "none", "negative"): "Verdict",
    ("ledger", "walk_forward"): "RecordKind",
    ("series", "class", "promotion"): "EvidenceKind",
    ("raw", "split", "all"): "Adjust",
    ("ok", "degraded", "down"): "HealthStatus",
    ("open", "filling", "filled", "unfillable"): "GapState",
    ("ready", "stale", "training", "unavailable"): "ModelStatus",
    ("ready", "unavailable"): "LoadedStatus",
    ("live", "replay"): "Mode",
    ("realtime", "delayed_15m", "eod", "monthly"): "Delay",
    ("system", "fixed", "replay"): "ClockKind",
    ("champion", "challenger", "unavailable"): "VersionStatus",
    ("none", "naive"): "Fallback",
    ("running", "done", "failed"): "RunState",
    ("refused", "held", "released", "rejected"): "QuarantineState",
    ("fraction", "price"): "VolatilityUnit",
    ("closed", "open", "half_open"): "BreakerState",
    ("prices", "candles", "forecasts", "history", "performance", "said"): "AnswerKind",
    ("sqlite", "postgresql"): "DatabaseKind",
}

PLAIN = {"string": "str", "integer": "int", "number": "float", "boolean": "bool", "null": "None"}

Schema = Mapping[str, Any]


@dataclass(frozen=True)
class Operation:
    """One route."""

    name: str
    method: str
    path: str
    tag: str
    said: Schema

    @cached_property
    def parameters(self) -> list[Schema]:
        return [one for one in self.said.get("parameters", ()) if one["in"] in ("path", "query")]

    @cached_property
    def takes_key(self) -> bool:
        headers = [one["name"].lower() for one in self.said.get("parameters", ()) if one["in"] == "header"]
        return "idempotency-key" in headers

    @cached_property
    def repeat(self) -> str:
        """Whether it may be asked again when nobody knows what became of it; a GET always may."""
        if self.name in SAFE:
            return "freely"
        return "by_key" if self.takes_key else "never"

    @cached_property
    def answer(self) -> Schema | None:
        """The schema of its answer; None for a route that answers nothing, `{}` for plain text."""
        good = [said for status, said in self.said["responses"].items() if status.startswith("2")]
        schemas = [one.get("schema", {}) for said in good for one in said.get("content", {}).values()]
        assert all(one == schemas[0] for one in schemas), f"{self.name} answers in several shapes"
        return schemas[0] if schemas else None

    @cached_property
    def body(self) -> Schema | None:
        content = self.said.get("requestBody", {}).get("content", {})
        if not content:
            return None
        schema = content["application/json"]["schema"]
        return next((one for one in schema.get("anyOf", [schema]) if "$ref" in one), schema)


@dataclass(eq=False)
class Document:
    """The OpenAPI document, and what follows from it."""

    said: Schema
    words: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, schema in self.schemas.items():
            if "enum" in schema:
                self.words[name] = tuple(schema["enum"])
        for name, schema in self.schemas.items():
            for prop, one in schema.get("properties", {}).items():
                self._note(one, name, prop)
        for operation in self.operations:
            for parameter in operation.parameters:
                self._note(parameter["schema"], operation.name, parameter["name"])

    def _note(self, schema: Schema, owner: str, prop: str) -> None:
        if (values := choices(schema)) and values not in self.words.values():
            self.words[WORDS.get(values, f"{camel(owner)}{camel(prop)}")] = values
        for inner in (schema.get("items"), *schema.get("anyOf", ())):
            if isinstance(inner, Mapping) and not choices(schema):
                self._note(inner, owner, prop)

    @cached_property
    def schemas(self) -> Mapping[str, Schema]:
        found: Mapping[str, Schema] = self.said["components"]["schemas"]
        return found

    @cached_property
    def operations(self) -> list[Operation]:
        return [
            Operation(said["operationId"], method.upper(), path, said["tags"][0].replace("-", "_"), said)
            for path, methods in self.said["paths"].items()
            for method, said in methods.items()
            if said["operationId"] not in NO_CALL
        ]

    def word(self, values: tuple[str, ...]) -> str:
        return next(name for name, known in self.words.items() if known == values)

    @cached_property
    def homes(self) -> dict[str, str]:
        """Schema -> the module it stands in: that of the only tag that uses it, else `shared`."""
        users: dict[str, set[str]] = {}
        for operation in self.operations:
            roots = [name for one in (operation.answer, operation.body) if one for name in refs(one)]
            for name in self.reach(roots):
                users.setdefault(name, set()).add(operation.tag)
        return {
            name: next(iter(tags)) if len(tags) == 1 else "shared"
            for name, tags in users.items()
            if name not in self.words and name != "Problem"
        }

    def reach(self, names: Sequence[str]) -> set[str]:
        found: set[str] = set()
        waiting = list(names)
        while waiting:
            if (name := waiting.pop()) not in found:
                found.add(name)
                waiting.extend(refs(self.schemas[name]))
        return found

    @cached_property
    def sent(self) -> set[str]:
        """Schemas that stand inside bodies; the bodies themselves are spelled out as arguments."""
        bodies = [name for one in self.operations if one.body for name in refs(one.body)]
        return {name for body in bodies for inner in refs(self.schemas[body]) for name in self.reach([inner])}

    @cached_property
    def bodies(self) -> set[str]:
        return {name for one in self.operations if one.body for name in refs(one.body)}

    def type_of(self, schema: Schema, *, given: bool = False) -> str:
        """As Python says it. `given`: what a user may give, which is more than what is answered."""
        if values := choices(schema):
            name = self.word(values)
            return f"{name}Like" if given else name
        if "$ref" in schema:
            name = str(schema["$ref"]).rsplit("/", 1)[1]
            return f"{name}Like" if given and name in self.words else name
        if "anyOf" in schema:
            parts = [self.type_of(one, given=given) for one in schema["anyOf"]]
            return " | ".join(dict.fromkeys([p for p in parts if p != "None"] + [p for p in parts if p == "None"]))
        return self._plain(schema, given=given)

    def _plain(self, schema: Schema, *, given: bool) -> str:
        match schema.get("type"):
            case "array":
                kind = "Sequence" if given else "list"
                return f"{kind}[{self.type_of(schema['items'], given=given)}]"
            case "object":
                inner = schema.get("additionalProperties", True)
                return f"dict[str, {'Any' if inner is True else self.type_of(inner, given=given)}]"
            case "string" if schema.get("format") == "date-time":
                return "Time" if given else "datetime"
            case kind:
                return PLAIN.get(str(kind), "Any")


def choices(schema: Schema) -> tuple[str, ...]:
    """The words of an enumeration; of a union of such, all of them."""
    if "enum" in schema:
        return tuple(schema["enum"])
    if "const" in schema:
        return (schema["const"],)
    parts = [choices(one) for one in schema.get("anyOf", ())]
    return tuple(word for part in parts for word in part) if len(parts) > 1 and all(parts) else ()


def refs(schema: Any) -> Iterator[str]:
    """Names of all schemas that are named in it."""
    if isinstance(schema, Mapping):
        if "$ref" in schema:
            yield str(schema["$ref"]).rsplit("/", 1)[1]
        for name, one in schema.items():
            if name not in ("example", "examples"):
                yield from refs(one)
    elif isinstance(schema, list):
        for one in schema:
            yield from refs(one)


def camel(name: str) -> str:
    return "".join(word[:1].upper() + word[1:] for word in re.split(r"[_-]", name))

"""Every operation of the OpenAPI document as a request that can be sent: what the tests generated from it share."""

import json
from dataclasses import dataclass
from typing import Any

import httpx

from truecast.api.app import describe

DOCUMENT = describe()
# Names that exist in the tests' installation, where the example in the document does not.
NAMES = {"number": "1", "id": "0123456789ab", "name": "database", "job": "resolve", "source": "ecb", "symbol": "SPY"}
NEEDED = {
    "latest_prices": {"symbols": "SPY"},
    "get_volatility": {"symbols": "SPY,AAPL", "window": "90d"},
    "get_correlation": {"symbols": "SPY,AAPL", "window": "90d"},
    "stream_snapshot": {"topics": "quotes:SPY"},
    "stream_sse": {"topics": "quotes:SPY"},
}


@dataclass(frozen=True, slots=True)
class Operation:
    """One of them. `query` are its parameters there."""

    id: str
    method: str
    template: str
    scope: str | None
    query: frozenset[str]
    body: Any
    statuses: frozenset[str]
    schemas: dict[str, Any]

    @property
    def path(self) -> str:
        """With names in the place of the braces."""
        path = self.template
        if "/models/{name}" in path:
            path = path.replace("{name}", "naive")
        for name, text in NAMES.items():
            path = path.replace(f"{{{name}}}", text)
        return path

    async def ask(
        self, client: httpx.AsyncClient, headers: dict[str, str] | None = None, **query: str
    ) -> httpx.Response:
        """Send it."""
        content = None if self.body is None else json.dumps(self.body)
        kind = {} if self.body is None else {"Content-Type": "application/json"}
        params = {**NEEDED.get(self.id, {}), **query}
        return await client.request(
            self.method, self.path, params=params or None, content=content, headers={**kind, **(headers or {})}
        )


def _operation(path: str, verb: str, said: dict[str, Any]) -> Operation:
    query = {p["name"]: p["schema"] for p in said.get("parameters", ()) if p["in"] == "query"}
    content = said.get("requestBody", {}).get("content", {}).get("application/json", {})
    body = content.get("example", next((one["value"] for one in content.get("examples", {}).values()), None))
    return Operation(
        said["operationId"],
        verb.upper(),
        path,
        said.get("x-scope"),
        frozenset(query),
        body,
        frozenset(said["responses"]),
        query,
    )


OPERATIONS = [_operation(path, verb, said) for path, verbs in DOCUMENT["paths"].items() for verb, said in verbs.items()]

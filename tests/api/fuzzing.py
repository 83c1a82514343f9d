"""The whole OpenAPI document against the API by schemathesis, all checks on, over an installation of its own.

python -m tests.api.fuzzing --examples 100      # a long run; prints every failure, ends with 1 when there are any

The application runs in this process with its lifespan, wants keys and is asked with one of an administrator, so routes
that change something really do: keys are made and revoked, jobs run, backups are written, models begin to train.
"""

import argparse
import asyncio
import contextlib
import itertools
import json
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import schemathesis
from schemathesis.checks import CheckContext
from schemathesis.config import SchemathesisConfig
from schemathesis.core.failures import Failure
from schemathesis.core.transport import Response
from schemathesis.engine import events, from_schema
from schemathesis.generation.case import Case
from schemathesis.python import asgi
from starlette.types import ASGIApp, Receive, Scope, Send

from tests import installation
from truecast.accounts.principal import Scope as Right
from truecast.api.access import RATE_CLASSES
from truecast.api.app import App, create_app, describe
from truecast.kit.clock import FixedClock
from truecast.models.registry.training import TrainingOutcome, TrainingRequest
from truecast.services import Services
from truecast.wiring import Role, build

# The document names the code of every problem; how a single field can be wrong is in its schema and has one of these.
MALFORMED = re.compile(r"malformed_|idempotency_|unknown_|horizon_|level_|stream_|as_of_in_future|cursor_invalid")

# What a well-formed request may be told although the document promises nothing better. Each line says why no pattern
# in the document could have told the generator.
REFUSED_BY_NATURE = {
    "idempotency_key_reused": "a key names one request: which it has named is not in a schema",
    "cursor_invalid": "a cursor is opaque: only this list knows which it gave out",
    "unknown_columns": "which columns there are depends on the set that another parameter names",
    "as_of_in_future": "what time it is, no schema says",
    "contradictory_request": "what excludes what, and what is past already, no schema of single fields says",
}
# A 5xx that is an honest answer of a server that is well.
UNAVAILABLE_BY_NATURE = {
    "no_live_source": "the sandbox has the bundled data alone, and says so",
    "topic_not_available": "501: the protocol has a place for it, this release has nothing to say there",
}
# Wrong items are answered in their place, so that the others are not lost.
ANSWERED_ITEM_BY_ITEM = frozenset({"POST /api/v1/forecasts/batch"})
# Reading goes on after DELETE where that means something else than destroying.
READABLE_AFTER_DELETE = {
    "DELETE /api/v1/symbols/{symbol}": "ends asking sources for it; what is stored stays and can be read",
}


@dataclass(slots=True)
class Outcome:
    """What a run found. `failures` by what failed, with the request that shows it."""

    cases: int = 0
    operations: set[str] = field(default_factory=set)
    statuses: Counter[int] = field(default_factory=Counter)
    checks: Counter[str] = field(default_factory=Counter)
    excused: Counter[str] = field(default_factory=Counter)
    failures: dict[str, str] = field(default_factory=dict)


@contextlib.contextmanager
def sandbox(folder: Path) -> Iterator[tuple[App, str]]:
    """An application over the installation in `folder`, and a key of its administrator."""
    rates = dict.fromkeys(RATE_CLASSES, 0)
    settings = installation.settings_in(folder, require_keys=True, rate_limits=rates)
    services = build(settings, Role.SERVE, clock=FixedClock(installation.NOW))
    services.models._trainer = _too_little  # training itself has its own tests; here it would only take the cores
    key = asyncio.run(_key(services))
    app = _sparing(create_app(services), key.split("_")[1])
    with asgi.get_client(app) as client:  # starts it
        headers = {"Authorization": f"Bearer {key}"}
        while (answer := client.get("http://127.0.0.1/api/v1/symbols?limit=1", headers=headers)).status_code == 503:
            assert answer.json()["code"] == "starting", answer.text
            time.sleep(0.05)
        assert answer.status_code == 200, answer.text
    try:
        yield app, key
    finally:
        asgi.shutdown_lifespans()


def _sparing(app: App, id_: str) -> ASGIApp:
    """The application, made to survive.

    Whoever lists keys finds the one it is let in with; revoked, it would end the run. And a generator that likes one
    Idempotency-Key would be told for ever that it was used: three of four requests get one of their own from it.
    """
    numbers = itertools.count()

    async def spared(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] == f"/api/v1/api-keys/{id_}":
            scope = {**scope, "path": "/api/v1/api-keys/000000000000"}
        if scope["type"] == "http" and (number := next(numbers)) % 4:
            ours = b"%d" % number
            named = {b"idempotency-key": lambda text: text + ours if 0 < len(text) < 200 else text}
            scope = {**scope, "headers": [(n, named.get(n, bytes)(text)) for n, text in scope["headers"]]}
        await app(scope, receive, send)

    return spared


async def _too_little(_request: TrainingRequest) -> TrainingOutcome:
    await asyncio.sleep(0.05)
    raise RuntimeError("a sandbox trains nothing")


async def _key(services: Services) -> str:
    _, text = await services.keys.create("fuzzing", [Right.ADMIN], None)
    await services.db.close()  # its connections belong to the loop that ends here
    return text


def run(app: App, key: str, *, examples: int, steps: int, phases: str = "all", only: str | None = None) -> Outcome:
    """All phases over all operations."""
    found = Outcome()
    schema = schemathesis.openapi.from_dict(
        json.loads(json.dumps(describe())), config=_config(key, examples, steps, phases)
    )
    schema.app = app

    @schema.hook("filter_failure")
    def by_nature(_context: Any, failure: Failure, case: Case, response: Response) -> bool:
        excuse = _excuse(failure, response)
        if excuse is not None:
            found.excused[excuse] += 1
        return excuse is None

    chosen = schema if only is None else schema.include(operation_id=only)
    for event in from_schema(chosen).execute():
        match event:
            case events.ScenarioFinished():
                _note(event, found)
            case events.NonFatalError():
                found.failures[f"{event.label}: error"] = str(
                    event.info.message if hasattr(event.info, "message") else event.value
                )
            case events.FatalError():
                raise event.exception
    return found


@schemathesis.check
def problem_code_documented(_context: CheckContext, response: Response, case: Case) -> None:
    """Programs decide by the code: each that comes is in the document, under the status it comes with."""
    if "application/problem+json" not in response.headers.get("content-type", [""])[0]:
        return
    code = json.loads(response.content)["code"]
    named = case.operation.definition.raw["responses"].get(str(response.status_code), {}).get("description", "")
    if f"`{code}`" not in named and not (response.status_code == 422 and MALFORMED.match(code)):
        raise AssertionError(f"{response.status_code} {code} is not in the document of {case.operation.label}")


def _config(key: str, examples: int, steps: int, phases: str) -> SchemathesisConfig:
    def on(name: str) -> bool:
        return phases == "all" or name in phases.split(",")

    return SchemathesisConfig.from_dict(
        {
            "base-url": "http://127.0.0.1",
            "seed": 1,
            "continue-on-failure": True,
            "max-stream-events": 1,
            "request-timeout": 120,
            "suppress-health-check": ["all"],
            "warnings": False,
            "generation": {
                "max-examples": examples,
                "deterministic": True,
                "database": "none",
                "no-shrink": True,
            },
            "phases": {
                "examples": {"enabled": on("examples"), "fill-missing": True},
                "coverage": {"enabled": on("coverage")},
                "fuzzing": {"enabled": on("fuzzing")},
                "stateful": {"enabled": on("stateful"), "max-steps": steps},
            },
            "auth": {"openapi": {"key": {"bearer": key}}},
            "cache": {"enabled": False},
        }
    )


def _excuse(failure: Failure, response: Response) -> str | None:
    kind = type(failure).__name__
    with contextlib.suppress(ValueError):
        code = json.loads(response.content or b"null")
        code = code.get("code") if isinstance(code, dict) else None
        if kind == "RejectedPositiveData" and code in REFUSED_BY_NATURE:
            return str(code)
        if kind == "ServerError" and code in UNAVAILABLE_BY_NATURE:
            return str(code)
    if kind == "AcceptedNegativeData" and failure.operation in ANSWERED_ITEM_BY_ITEM:
        items = json.loads(response.content)["items"]
        if any(item["status"] == "error" for item in items):
            return failure.operation
    if kind == "UseAfterFree" and failure.operation in READABLE_AFTER_DELETE:
        return failure.operation
    return None


def _note(event: events.ScenarioFinished, found: Outcome) -> None:
    recorder = event.recorder
    found.cases += len(recorder.cases)
    for id_, node in recorder.cases.items():
        found.operations.add(node.value.operation.label)
        shown = recorder.interactions.get(id_)
        if shown is not None and shown.response is not None:
            found.statuses[shown.response.status_code] += 1
    for id_, checked in recorder.checks.items():
        shown = recorder.interactions.get(id_)
        answer = (
            ""
            if shown is None or shown.response is None
            else (shown.response.content or b"")[:400].decode(errors="replace")
        )
        for check in checked:
            found.checks[check.name] += 1
            if check.failure_info is not None:
                failure = check.failure_info.failure
                title = f"{failure.operation}: {check.name}: {failure.title}: {failure.message.splitlines()[-1] if failure.message else ''}"
                found.failures.setdefault(title[:240], f"{failure.message}\n{check.failure_info.code_sample}\n{answer}")


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--examples", type=int, default=50, help="of each operation and phase")
    parser.add_argument("--steps", type=int, default=6, help="of each sequence of operations")
    parser.add_argument("--phases", default="all", help="examples,coverage,fuzzing,stateful")
    parser.add_argument("--only", help="one operation, by its id")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        installation.make(folder)
        with sandbox(folder) as (app, key):
            found = run(app, key, examples=given.examples, steps=given.steps, phases=given.phases, only=given.only)
    for title, shown in found.failures.items():
        print(f"--- {title}\n{shown}\n")
    print(f"{found.cases} cases over {len(found.operations)} operations, {sum(found.checks.values())} checks")
    print("statuses:", dict(sorted(found.statuses.items())))
    print("checks:", dict(sorted(found.checks.items())))
    print("excused:", dict(found.excused))
    print(f"{len(found.failures)} failures")
    return 1 if found.failures else 0


if __name__ == "__main__":
    sys.exit(main())

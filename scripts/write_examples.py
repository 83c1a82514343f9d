"""Writes the OpenAPI examples: real requests, answers and problems of a small installation, cut short.

python scripts/write_examples.py        # rewrites src/truecast/api/examples/

The installation is the tests' own: the bundled data, an exchange and a central bank played back on this machine, and
models that are trained small. What it has no way to run into (a full disk, say) is made from the error's own class.
"""

import asyncio
import contextlib
import functools
import json
import re
import sys
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests import installation  # noqa: E402 the tests' own small installation
from tests.api.test_market import doubtful  # noqa: E402
from tests.api.test_sources import serve  # noqa: E402
from tests.api.test_universe import exchange  # noqa: E402
from tests.http_source import http_source  # noqa: E402
from tests.models.registry.house import SMALL  # noqa: E402
from tests.wire import wire_server  # noqa: E402

from truecast.accounts.principal import Scope  # noqa: E402
from truecast.api.app import create_app  # noqa: E402
from truecast.api.errors import problem_body, problem_json  # noqa: E402
from truecast.api.examples import PROBLEMS, REQUESTS  # noqa: E402
from truecast.kit.clock import FixedClock  # noqa: E402
from truecast.kit.errors import TruecastError  # noqa: E402
from truecast.models.registry.training import TrainingOutcome, TrainingRequest, learn  # noqa: E402
from truecast.services import Services  # noqa: E402
from truecast.wiring import Role, build  # noqa: E402

FOLDER = ROOT / "src" / "truecast" / "api" / "examples"
API = "/api/v1"
_LIST_MAX = 3
_STREAM_BYTES = 900
FORECAST = {"symbol": "EUR-USD", "interval": "1d", "horizon": 2, "model": "naive", "levels": [0.8]}
RISK = {"symbol": "SPY", "levels": [0.95], "bootstrap": False, "include_benchmark": True}
TRAIN = {"asset_class": "fx", "interval": "1d"}


@dataclass(frozen=True, slots=True)
class Ask:
    """A request whose answer is the example of an operation, or of a problem."""

    name: str
    method: str
    path: str
    params: dict[str, str] = field(default_factory=dict)
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)


ASKED = (
    Ask("get_live", "GET", "/health/live"),
    Ask("get_ready", "GET", "/health/ready"),
    Ask("get_info", "GET", f"{API}/info"),
    Ask("get_health", "GET", f"{API}/health"),
    Ask("get_component", "GET", f"{API}/health/components/database"),
    Ask("get_health_trends", "GET", f"{API}/health/trends"),
    Ask("search_symbols", "GET", f"{API}/symbols", {"query": "apple", "limit": "2"}),
    Ask("add_symbol", "POST", f"{API}/symbols", body={"symbol": "ETH-BTC"}),
    Ask("get_symbol", "GET", f"{API}/symbols/AAPL"),
    Ask("remove_symbol", "DELETE", f"{API}/symbols/AIG"),
    Ask("latest_prices", "GET", f"{API}/prices", {"symbols": "EUR-USD,SPY,NOPE"}),
    Ask("get_consensus", "GET", f"{API}/prices/EUR-USD/consensus"),
    Ask("get_candles", "GET", f"{API}/prices/SPY/candles", {"interval": "1d", "limit": "2"}),
    Ask("get_statistics", "GET", f"{API}/prices/SPY/statistics", {"period": "30d"}),
    Ask("get_volatility", "GET", f"{API}/prices/volatility", {"symbols": "SPY,AAPL", "window": "90d"}),
    Ask("get_correlation", "GET", f"{API}/prices/correlation", {"symbols": "SPY,AAPL,EUR-USD", "window": "1y"}),
    Ask("market_summary", "GET", f"{API}/market/summary", {"asset_class": "etf"}),
    Ask("list_gaps", "GET", f"{API}/market/gaps", {"symbol": "EUR-USD", "limit": "1"}),
    Ask("list_quarantine", "GET", f"{API}/market/quarantine", {"symbol": "EUR-USD", "limit": "1"}),
    Ask("release_quarantined", "POST", f"{API}/market/quarantine/{{held}}/release", body={"note": "checked by hand"}),
    Ask("list_feature_sets", "GET", f"{API}/features/sets"),
    Ask("get_features", "GET", f"{API}/features/SPY", {"limit": "2"}),
    Ask("create_forecast", "POST", f"{API}/forecasts", body=FORECAST),
    Ask(
        "create_forecasts", "POST", f"{API}/forecasts/batch", body={"items": [FORECAST, {**FORECAST, "symbol": "NOPE"}]}
    ),
    Ask("latest_forecasts", "GET", f"{API}/forecasts", {"symbols": "SPY", "model": "naive", "horizon": "1"}),
    Ask("get_forecast", "GET", f"{API}/forecasts/by-id/{{forecast}}"),
    Ask("get_explanation", "GET", f"{API}/forecasts/SPY/explanation"),
    Ask("forecast_history", "GET", f"{API}/forecasts/SPY/history", {"limit": "1"}),
    Ask("get_performance", "GET", f"{API}/performance", {"symbol": "SPY", "model": "naive", "horizon": "1"}),
    Ask("get_leaderboard", "GET", f"{API}/performance/leaderboard", {"asset_class": "etf"}),
    Ask("get_calibration", "GET", f"{API}/performance/calibration", {"symbol": "SPY", "model": "naive"}),
    Ask("get_trends", "GET", f"{API}/performance/trends/SPY", {"model": "naive"}),
    Ask("get_coverage", "GET", f"{API}/performance/coverage"),
    Ask("get_resolved", "GET", f"{API}/performance/resolved", {"limit": "2"}),
    Ask("verify_ledger", "GET", f"{API}/ledger/verify"),
    Ask("list_models", "GET", f"{API}/models"),
    Ask("train_model", "POST", f"{API}/models/lightgbm/train", body=TRAIN),
    Ask("get_models_status", "GET", f"{API}/models/status"),
    Ask("get_model", "GET", f"{API}/models/lightgbm"),
    Ask("promote_model", "POST", f"{API}/models/lightgbm/promote", body=TRAIN),
    Ask("reload_models", "POST", f"{API}/models/reload"),
    Ask("roll_back_model", "POST", f"{API}/models/lightgbm/rollback", body=TRAIN),
    Ask("measure_risk", "POST", f"{API}/risk", body=RISK),
    Ask("list_jobs", "GET", f"{API}/jobs"),
    Ask("get_job", "GET", f"{API}/jobs/resolve"),
    Ask("run_job", "POST", f"{API}/jobs/resolve/run"),
    Ask("list_runs", "GET", f"{API}/jobs/resolve/runs", {"limit": "2"}),
    Ask("enable_job", "POST", f"{API}/jobs/resolve/enable"),
    Ask("disable_job", "POST", f"{API}/jobs/issue/disable"),
    Ask("list_sources", "GET", f"{API}/sources"),
    Ask("recommend_sources", "GET", f"{API}/sources/recommendations"),
    Ask("get_source", "GET", f"{API}/sources/ecb"),
    Ask("create_api_key", "POST", f"{API}/api-keys", body={"name": "notebook", "scopes": ["read", "forecast"]}),
    Ask("redeem_invitation", "POST", f"{API}/api-keys/redeem", body={"invitation": "{invitation}"}),
    Ask("list_api_keys", "GET", f"{API}/api-keys"),
    Ask("get_cache", "GET", f"{API}/admin/cache"),
    Ask("refresh_cache", "POST", f"{API}/admin/cache/refresh"),
    Ask("invalidate_cache", "POST", f"{API}/admin/cache/invalidate", body={"symbol": "SPY"}),
    Ask("clear_cache", "POST", f"{API}/admin/cache/clear"),
    Ask("get_database", "GET", f"{API}/admin/database"),
    Ask("make_backup", "POST", f"{API}/admin/backup"),
    Ask("stream_snapshot", "GET", f"{API}/stream/snapshot", {"topics": "quotes:SPY"}),
    Ask("stream_sse", "GET", f"{API}/stream/sse", {"topics": "quotes:SPY"}),
    Ask("create_stream_ticket", "POST", f"{API}/stream/ticket"),
    Ask("get_metrics", "GET", "/metrics"),
)
BEFORE = (Ask("nothing_to_roll_back", "POST", f"{API}/models/lightgbm/rollback"),)
PROVOKED = (
    Ask("ambiguous_symbol", "GET", f"{API}/symbols/BTC"),
    Ask("as_of_in_future", "GET", f"{API}/prices/SPY/candles", {"as_of": "2100-01-01"}),
    Ask("body_too_large", "POST", f"{API}/symbols", headers={"Content-Length": "99999999"}, body={}),
    Ask("contradictory_request", "POST", f"{API}/risk", body={}),
    Ask("cursor_invalid", "GET", f"{API}/symbols", {"cursor": "nope"}),
    Ask("foreign_host", "GET", f"{API}/info", headers={"Host": "example.com"}),
    Ask("foreign_origin", "POST", f"{API}/models/reload", headers={"Origin": "https://example.com"}),
    Ask("history_too_short", "POST", f"{API}/forecasts", body={**FORECAST, "model": "ets", "as_of": "1999-01-20"}),
    Ask("interval_not_available", "GET", f"{API}/prices/SPY/candles", {"interval": "1m"}),
    Ask("invitation_refused", "POST", f"{API}/api-keys/redeem", body={"invitation": "used-before"}),
    Ask("key_refused", "GET", f"{API}/symbols", headers={"X-API-Key": "tc_revoked"}),
    Ask("malformed_period", "GET", f"{API}/prices/SPY/statistics", {"period": "soon"}),
    Ask("malformed_request", "POST", f"{API}/forecasts", body={**FORECAST, "colour": "red"}),
    Ask("method_not_allowed", "PUT", f"{API}/forecasts"),
    Ask("no_bars", "GET", f"{API}/features/SPY", {"as_of": "1980-01-01"}),
    Ask("no_such_path", "GET", f"{API}/nope"),
    Ask("no_live_source", "GET", f"{API}/prices/AAPL/consensus"),
    Ask("not_at_any_source", "POST", f"{API}/symbols", body={"symbol": "NOPE-NOPE"}),
    Ask("not_trainable", "POST", f"{API}/models/naive/train"),
    Ask("price_too_old", "GET", f"{API}/prices", {"symbols": "SPY", "max_age_s": "1", "cached_only": "true"}),
    Ask("repeated_query_parameter", "GET", f"{API}/symbols?limit=1&limit=2"),
    Ask("sample_too_small", "POST", f"{API}/risk", body={**RISK, "period_days": 5}),
    Ask("ticket_invalid", "GET", f"{API}/stream/sse", {"topics": "quotes:SPY", "ticket": "used"}),
    Ask(
        "too_many_subscriptions",
        "GET",
        f"{API}/stream/snapshot",
        {"topics": ",".join(f"quotes:S{i}" for i in range(300))},
    ),
    Ask("topic_not_available", "GET", f"{API}/stream/snapshot", {"topics": "alerts"}),
    Ask("unknown_columns", "GET", f"{API}/features/SPY", {"columns": "colour"}),
    Ask("unknown_component", "GET", f"{API}/health/components/engine"),
    Ask("unknown_feature_set", "GET", f"{API}/features/SPY", {"set": "tree/0"}),
    Ask("unknown_forecast", "GET", f"{API}/forecasts/by-id/nope"),
    Ask("unknown_job", "GET", f"{API}/jobs/nope"),
    Ask("unknown_key", "DELETE", f"{API}/api-keys/0123456789ab"),
    Ask("unknown_model", "GET", f"{API}/models/nope"),
    Ask("unknown_period", "GET", f"{API}/performance", {"period": "soon"}),
    Ask("unknown_quarantine", "POST", f"{API}/market/quarantine/99999/release"),
    Ask("not_releasable", "POST", f"{API}/market/quarantine/{{refused}}/release"),
    Ask("unknown_query_parameter", "GET", f"{API}/symbols", {"quary": "apple"}),
    Ask("unknown_source", "GET", f"{API}/sources/nope"),
    Ask("unknown_symbol", "GET", f"{API}/symbols/EUR-USX"),
    Ask("unknown_topic", "GET", f"{API}/stream/snapshot", {"topics": "colours:red"}),
    Ask("unknown_version", "POST", f"{API}/models/lightgbm/promote", body={**TRAIN, "version": "v0"}),
    Ask("nothing_to_promote", "POST", f"{API}/models/xgboost/promote"),
    Ask("model_unavailable", "POST", f"{API}/forecasts", body={**FORECAST, "model": "random_forest"}),
    Ask("not_forecast_yet", "GET", f"{API}/forecasts/ETH-BTC/explanation"),
    Ask("unsupported_media_type", "POST", f"{API}/symbols", headers={"Content-Type": "text/plain"}, body={}),
)
# What the sandbox cannot run into: the facts with which its own code raises them.
FACTS: dict[str, dict[str, Any]] = {
    "artifact_refused": {"model": "lightgbm", "reason": "trees-5.txt is not what its checksum says"},
    "backup_elsewhere": {"where": "postgresql://db/truecast"},
    "database_busy": {"database": "/var/lib/truecast/truecast.db", "reason": "database is locked"},
    "database_unavailable": {"database": "/var/lib/truecast/truecast.db", "reason": "unable to open database file"},
    "disk_full": {"database": "/var/lib/truecast/truecast.db", "reason": "database or disk is full"},
    "answer_not_kept": {"reason": "it held the secret of 0123456789ab", "id": "0123456789ab"},
    "exchange_rate_missing": {
        "symbol": "BTC-USDT",
        "currency": "USDT",
        "base": "USD",
        "interval": "1d",
        "pair": "USDT-USD",
    },
    "out_of_scope": {"model": "lightgbm", "symbol": "BTC-USDT", "reason": "nothing of its class was learned"},
    "idempotency_key_invalid": {"reason": "invalid", "chars_max": 255},
    "idempotency_key_reused": {"reason": "reused"},
    "request_under_way": {"retry_after_s": 1},
    "internal": {},
    "key_in_url": {"reason": "a key in the address", "parameter": "api_key"},
    "no_price": {"symbol": "ETH-BTC"},
    "not_explained": {"id": "019a1c3e-6f0a-7c11-8d5e-3b7a0f9e2d41"},
    "not_ready": {"reasons": "job:resolve: late by 912 s", "components": []},
    "nothing_in_period": {
        "symbol": "SPY",
        "interval": "1h",
        "period": "24h",
        "as_of": "2021-01-10T12:00:00Z",
        "last": "2021-01-08T21:00:00Z",
    },
    "portfolio_lost": {"at": "2020-03-16T00:00:00Z"},
    "promotion_refused": {"model": "lightgbm", "version": "20210106-1", "reason": "no better than the random walk"},
    "rate_limited": {"amount": 100, "window_s": 60.0, "kind": "prices", "retry_after_s": 12},
    "returns_undefined": {"symbol": "FRED:DCOILWTICO", "price": -36.98, "at": "2020-04-20T00:00:00Z"},
    "too_many_followed": {"count": 1000, "most": 1000},
    "too_many_streams": {"limit": 20000, "retry_after_s": 30},
    "training_under_way": {"model": "lightgbm", "scope": "fx 1d"},
}


async def main() -> None:
    for old in (*FOLDER.glob("*.json"), *FOLDER.glob("*.txt")):
        old.unlink()
    problems: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        await asyncio.to_thread(installation.make, folder)
        async with house(folder) as (services, client):
            known = await doubts(client)
            known["invitation"] = str(await services.keys.invitation())
            for ask in BEFORE:
                problems[ask.name] = (await answered(client, ask, known)).json()
            requests: dict[str, Any] = {}
            for ask in ASKED:
                if ask.body is not None:
                    requests[ask.name] = ask.body
                await example(services, client, ask, known, folder)
            for ask in PROVOKED:
                got = (await answered(client, ask, known)).json()
                if got.get("code") != ask.name:
                    print(f"{ask.name}: provoked {str(got.get('code', got))[:80]} instead")
                    continue
                problems[ask.name] = got
            problems |= await behind_the_gate(services)
    for code, facts in FACTS.items():
        error = classes()[code](**facts)
        body = problem_body(error, instance=f"{API}/…", request_id="019a1c3e-6f0a-7c11-8d5e-3b7a0f9e2d41")
        problems.setdefault(code, json.loads(problem_json(body)))
    write(PROBLEMS, dict(sorted((code, cut(body)) for code, body in problems.items())), folder)
    write(REQUESTS, requests | {"redeem_invitation": {"invitation": "…"}}, folder)


@contextlib.asynccontextmanager
async def house(folder: Path) -> AsyncIterator[tuple[Services, httpx.AsyncClient]]:
    async with http_source() as bank, wire_server() as wire:
        serve(bank, "1.2345")
        wire.make("binance", exchange)
        live = {
            "sources": ("sample", "ecb", "binance", "tiingo"),
            "source_urls": {"ecb": bank.base_url, "binance": wire.base_url("binance")},
            "http_timeout_s": 5.0,
        }
        settings = installation.settings_in(folder).model_copy(update=live)
        services = build(settings, Role.SERVE, clock=FixedClock(installation.NOW))
        services.told.process = "server:4711:0f3a9c5d7e21"
        services.models._trainer = quick  # noqa: SLF001 as tests/api/test_models.py
        await services.models.load()
        services.loading.ready = True
        await doubtful.__wrapped__(services)
        transport = httpx.ASGITransport(app=create_app(services))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", timeout=120) as client:
            yield services, client
        await services.background.close()


async def quick(request: TrainingRequest) -> TrainingOutcome:
    frames = [frame[-1500:] for frame in request.frames if frame.symbol == "EUR-USD"]
    small = replace(request, frames=frames, anchors=(1, 5))
    return await asyncio.to_thread(functools.partial(learn, small, SMALL))


async def doubts(client: httpx.AsyncClient) -> dict[str, str]:
    rows = (await client.get(f"{API}/market/quarantine", params={"symbol": "EUR-USD"})).json()["items"]
    return {row["state"]: str(row["id"]) for row in rows}


async def answered(client: httpx.AsyncClient, ask: Ask, known: dict[str, str]) -> httpx.Response:
    body = None if ask.body is None else json.dumps(ask.body).replace("{invitation}", known.get("invitation", ""))
    headers = ({} if body is None else {"Content-Type": "application/json"}) | ask.headers
    path = functools.reduce(lambda text, name: text.replace(f"{{{name}}}", known[name]), known, ask.path)
    return await client.request(ask.method, path, params=ask.params or None, content=body, headers=headers)


async def example(services: Services, client: httpx.AsyncClient, ask: Ask, known: dict[str, str], folder: Path) -> None:
    if ask.name == "stream_sse":
        (FOLDER / f"{ask.name}.txt").write_text(await beginning_of(client, ask))
        return
    if ask.name == "get_models_status":
        while services.training.last is None or services.training.last.state == "running":
            await asyncio.sleep(0.1)
    if ask.name == "get_health_trends":
        await client._transport.app.state.vitals.look()  # noqa: SLF001
    got = await answered(client, ask, known)
    if got.is_error:
        raise SystemExit(f"{ask.name}: {got.status_code} {got.text[:500]}")
    if ask.name == "create_forecast":
        known["forecast"] = got.json()["id"]
    if "json" in got.headers["Content-Type"]:
        write(f"{ask.name}.json", cut(got.json()), folder)
    else:
        (FOLDER / f"{ask.name}.txt").write_text("".join(got.text.splitlines(keepends=True)[:6]))


async def beginning_of(client: httpx.AsyncClient, ask: Ask) -> str:
    """The first messages of a stream, which does not end by itself."""
    enough, said = asyncio.Event(), b""
    query = "&".join(f"{name}={value}" for name, value in ask.params.items()).encode()

    async def receive() -> dict[str, Any]:
        await enough.wait()
        return {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        nonlocal said
        said += message.get("body", b"")
        if said.count(b"\n\n") >= 3:
            enough.set()

    scope = {
        "type": "http", "http_version": "1.1", "method": ask.method, "path": ask.path, "raw_path": ask.path.encode(),
        "query_string": query, "root_path": "", "scheme": "http", "headers": [(b"host", b"127.0.0.1")],
        "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80),
    }  # fmt: skip
    await asyncio.wait_for(client._transport.app(scope, receive, send), 60)  # noqa: SLF001
    return said.decode()[:_STREAM_BYTES]


async def behind_the_gate(services: Services) -> dict[str, Any]:
    """What a server says that wants keys, and one that has not started."""
    settings = services.settings.model_copy(update={"require_keys": True})
    app = create_app(replace(services, settings=settings))
    _, text = await services.keys.create("reader", [Scope.READ], None)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://127.0.0.1") as client:
        missing = (await client.get(f"{API}/symbols")).json()
        scope = (await client.post(f"{API}/models/reload", headers={"X-API-Key": text})).json()
        services.loading.ready = False
        starting = (await client.get(f"{API}/symbols", headers={"X-API-Key": text})).json()
        services.loading.ready = True
    return {got["code"]: got for got in (missing, scope, starting)}


def classes() -> dict[str, type[TruecastError]]:
    found: dict[str, type[TruecastError]] = {}
    waiting = [TruecastError]
    while waiting:
        one = waiting.pop()
        found.setdefault(one.code, one)
        waiting += one.__subclasses__()
    return found


def cut(value: Any) -> Any:
    """Lists of a few items; a histogram stays whole."""
    if isinstance(value, list) and not all(isinstance(one, int | float) for one in value):
        return [cut(one) for one in value[:_LIST_MAX]]
    if isinstance(value, dict):
        return {key: cut(one) for key, one in value.items()}
    return value[:32] if isinstance(value, list) else value


def write(name: str, said: Any, folder: Path) -> None:
    """Without what belongs to this machine, and without anything that looks like a secret."""
    text = json.dumps(said, indent=1, ensure_ascii=False).replace(str(folder), "/var/lib/truecast")
    text = re.sub(r"tc_[0-9a-f]{12}_[\w-]{43}", "tc_0123456789ab_…", text)
    text = re.sub(r'("ticket": )"[^"]+"', r'\1"…"', text)
    text = re.sub(r"http://127\.0\.0\.1:\d+", "https://api.example.com", text)
    (FOLDER / name).write_text(text + "\n")


if __name__ == "__main__":
    asyncio.run(main())

"""Canary secrets through every endpoint, the streams, the sources and a start that fails: none comes out anywhere."""

import asyncio
import contextlib
import io
import json
import logging
import re
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import APIRouter
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from tests import installation
from tests.api.stream_house import open_house
from tests.collectors import Collected, collecting
from tests.servers import free_port
from tests.wire import wire_server
from truecast.accounts.principal import Scope
from truecast.api.app import create_app, describe
from truecast.api.vitals import Vitals
from truecast.commands.voice import start_voice
from truecast.kit import telemetry
from truecast.kit.clock import FixedClock, SystemClock
from truecast.kit.errors import TruecastError
from truecast.kit.known_secrets import known_secrets
from truecast.kit.logs import configure_logs
from truecast.kit.settings import Settings
from truecast.services import Services
from truecast.wiring import Role, build

OF_SETTINGS = {
    "secret key": "canary-secret-key-0123456789-0123456789",
    "key of a source": "canaryfredkey0123456789abcdef0123",
    "first part of a key": "canarypartone7777",
    "second part of a key": "canaryparttwo8888",
    "password of a mirror": "canary-mirror-9999",
    "public part of the DSN": "c0ffee00canary00c0ffee00",
    "header of the collector": "canary-collector-5555",
}
FOREIGN = {"authorization": "canary-bearer-of-somebody", "cookie": "canary-cookie-value"}


@dataclass
class World:
    """A server with every secret there is, and everywhere it could say one."""

    services: Services
    settings: Settings
    json_log: io.StringIO
    console_log: io.StringIO
    collector: Collected
    sentry: Collected
    canaries: dict[str, str]

    def leaks(self, **more: str) -> list[str]:
        """Which canaries came out where. Closes what sends."""
        telemetry.close()
        for handler in logging.getLogger().handlers:
            handler.flush()
        places = {
            "json log": self.json_log.getvalue(),
            "console log": self.console_log.getvalue(),
            "traces": self.collector_bodies(),
            "sentry": b"\n".join(body for _, _, body in self.sentry.posts).decode("utf-8", "replace"),
            **more,
        }
        assert places["json log"]
        assert places["console log"]
        found = []
        for where, text in places.items():
            for what, canary in self.canaries.items():
                if canary in text:
                    at = text.index(canary)
                    found.append(f"{what} in {where}: …{text[max(at - 120, 0) : at + 20]}…")
        return found

    def collector_bodies(self) -> str:
        return b"\n".join(body for _, _, body in self.collector.posts).decode("utf-8", "replace")


@pytest.fixture(autouse=True)
def quiet_root() -> Iterator[None]:
    """Logging is left as it was found, and nothing reports any more."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    telemetry.close()
    root.handlers[:] = handlers
    root.setLevel(level)


@contextlib.contextmanager
def two_logs(settings: Settings) -> Iterator[tuple[io.StringIO, io.StringIO]]:
    """Both formats at once, at the level that says most."""
    root = logging.getLogger()
    handlers = root.handlers[:]
    first, second = io.StringIO(), io.StringIO()
    secrets = known_secrets(settings)
    configure_logs("debug", "console", secrets=secrets, stream=second)
    console = next(h for h in root.handlers if h not in handlers)
    configure_logs("debug", "json", secrets=secrets, stream=first)
    root.addHandler(console)
    yield first, second


def settings_in(folder: Path, collector: Collected, sentry: Collected, **more: Any) -> Settings:
    dsn = sentry.url.replace("http://", f"http://{OF_SETTINGS['public part of the DSN']}@") + "/7"
    given = {
        "require_keys": True,
        "secret_key": OF_SETTINGS["secret key"],
        "source_keys": {
            "fred": OF_SETTINGS["key of a source"],
            "tiingo": OF_SETTINGS["key of a source"],
            "finnhub": OF_SETTINGS["key of a source"],
            "massive": OF_SETTINGS["key of a source"],
            "cryptocompare": OF_SETTINGS["key of a source"],
            "alpaca": f"{OF_SETTINGS['first part of a key']}:{OF_SETTINGS['second part of a key']}",
            "oanda": f"{OF_SETTINGS['first part of a key']}:{OF_SETTINGS['second part of a key']}",
        },
        "source_urls": {"kraken": f"http://me:{OF_SETTINGS['password of a mirror']}@127.0.0.1:9/x"},
        "otlp_endpoint": collector.url,
        "otlp_headers": {"authorization": f"Basic {OF_SETTINGS['header of the collector']}"},
        "sentry_dsn": dsn,
        "rate_limits": {"failed": 0, "prices": 0, "history": 0, "statistics": 0, "forecast": 0, "batch": 0, "other": 0},
        **more,
    }
    return Settings(_env_file=None, data_dir=folder, **{"sources": ("sample",), **given})


@pytest.fixture
async def world(made_installation: Path, tmp_path: Path) -> AsyncIterator[World]:
    folder = installation.copy(made_installation, tmp_path / "data")
    with collecting() as collector, collecting() as sentry:
        settings = settings_in(folder, collector, sentry)
        start_voice(settings)
        with two_logs(settings) as (json_log, console_log):
            logging.getLogger().addHandler(telemetry._on.reports)
            services = build(settings, Role.SERVE, clock=FixedClock(installation.NOW))
            services.loading.ready = True
            yield World(services, settings, json_log, console_log, collector, sentry, {**OF_SETTINGS, **FOREIGN})
            await services.background.close()
            telemetry.close()


def operations() -> list[tuple[str, str, Mapping[str, Any]]]:
    document = describe()
    return [
        (method.upper(), path, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        if not path.startswith("/api/v1/stream/sse")  # a stream; see below
    ]


def filled(schema: Mapping[str, Any], shapes: Mapping[str, Any], canary: str, depth: int = 0) -> Any:
    """A body of that shape with the canary in every text."""
    if "$ref" in schema:
        return filled(shapes[schema["$ref"].rpartition("/")[2]], shapes, canary, depth + 1)
    for several in ("anyOf", "oneOf", "allOf"):
        if several in schema:
            return filled(schema[several][0], shapes, canary, depth + 1)
    if "properties" in schema and depth < 6:
        return {name: filled(inner, shapes, canary, depth + 1) for name, inner in schema["properties"].items()}
    if schema.get("type") == "array":
        return [filled(schema["items"], shapes, canary, depth + 1)]
    return canary


async def own_canaries(world: World, client: httpx.AsyncClient) -> str:
    """An administrator's key, which is a canary itself, a ticket and an invitation; the key is given."""
    invitation = await world.services.keys.invitation()
    _, key = await world.services.keys.create("canary", (Scope.ADMIN,), None)
    ticket = (await client.post("/api/v1/stream/ticket", headers={"authorization": f"Bearer {key}"})).json()["ticket"]
    assert invitation is not None
    # Of a key the part that names it is public.
    world.canaries |= {"API key": key[len("tc_") + 12 :], "ticket": ticket[4:], "invitation": invitation[4:]}
    world.whole = {"API key": key, "ticket": ticket, "invitation": invitation}  # type: ignore[attr-defined]
    return key


async def test_no_secret_that_is_sent_to_an_endpoint_comes_out_of_another_or_of_the_logs(world: World):
    app = create_app(world.services)
    broken = APIRouter()

    @broken.get("/api/v1/broken/{said}")
    async def fail(said: str) -> None:
        raise RuntimeError(f"a fault that quotes {said}")

    app.router.routes[0:0] = broken.routes
    shapes = describe()["components"]["schemas"]
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://127.0.0.1") as client:
        key = await own_canaries(world, client)
        admin = {"authorization": f"Bearer {key}"}
        foreign = {"authorization": f"Bearer {FOREIGN['authorization']}", "cookie": f"session={FOREIGN['cookie']}"}
        texts = [*world.whole.values(), *OF_SETTINGS.values()]  # type: ignore[attr-defined]
        sent = 0
        for number, (method, path, operation) in enumerate(operations()):
            if path == "/api/v1/admin/backup":
                continue  # writes into the data folder
            for headers in (admin, foreign):
                canary = texts[(number + sent) % len(texts)]
                named = {p["name"]: canary for p in operation.get("parameters", []) if p["in"] == "query"}
                url = re.sub(r"\{[^}]+\}", canary, path)
                content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
                body = filled(content["schema"], shapes, canary) if content else None
                more = {"x-request-id": canary, "x-api-key": canary, "user-agent": canary, "referer": canary}
                extra = {"cookie": f"k={canary}", "x-forwarded-for": canary, "traceparent": canary}
                for params in (named, {"api_key": canary, "token": canary, canary: canary}):
                    await client.request(
                        method, url, params=params, headers={**more, **extra, **headers}, json=body, timeout=60
                    )
                    sent += 1
        for canary in texts:
            await client.get(f"/api/v1/broken/{canary}", headers=admin)
        _, other = await world.services.keys.create("other", (Scope.READ, Scope.ADMIN), None)
        seen = await looked_at(client, {"authorization": f"Bearer {other}"})
    assert sent > 150
    assert world.sentry.posts or not telemetry.is_tracing()
    assert world.leaks(**seen) == []
    assert world.sentry.events()
    assert len(world.collector.spans()) > 100


async def looked_at(client: httpx.AsyncClient, headers: Mapping[str, str]) -> dict[str, str]:
    """What somebody else sees."""
    paths = [
        "/metrics",
        "/health/live",
        "/health/ready",
        "/openapi.json",
        *(f"/api/v1/{name}" for name in ("info", "health", "health/trends", "sources", "jobs", "symbols", "models")),
        *(f"/api/v1/{name}" for name in ("api-keys", "admin/database", "sources/recommendations", "models/status")),
        "/api/v1/symbols/NO-SUCH",
    ]
    return {path: (await client.get(path, headers=headers)).text for path in paths}


async def test_no_secret_that_opens_a_stream_comes_out(world: World):
    async with open_house(world.services) as house, httpx.AsyncClient(base_url=house.http) as client:
        key = await own_canaries(world, client)
        secrets = [*world.whole.values(), *OF_SETTINGS.values()]  # type: ignore[attr-defined]
        async with house.client(additional_headers={"authorization": f"Bearer {key}"}) as listener:
            for canary in secrets:
                await listener.ask(action="subscribe", topics=[canary, f"quotes:{canary}"], since={canary: 1})
                await listener.ask(action=canary, **{canary: canary})
                await listener.socket.send(canary)
        for canary in secrets:
            for url in (f"{house.url}?api_key={canary}", f"{house.url}?ticket={canary}x"):
                with contextlib.suppress(WebSocketException):
                    async with connect(url, subprotocols=[f"truecast.key.{canary}", "truecast"]) as socket:
                        await socket.recv()
            sio = f"ws://127.0.0.1:{house.port}/socket.io/?EIO=4&transport=websocket&token={canary}"
            with contextlib.suppress(WebSocketException):
                async with connect(sio) as socket:
                    await socket.recv()
                    await socket.send("40" + json.dumps({"token": canary, "ticket": canary, "api_key": canary}))
                    await socket.recv()
            await client.get("/api/v1/stream/sse", params={"topics": canary, "ticket": canary})
            await client.get("/api/v1/stream/snapshot", params={"topics": canary}, headers={"x-api-key": key})
        ticket = await house.app.state.streams.gate.ticket(await world.services.keys.principal(key))
        world.canaries["another ticket"] = ticket[4:]
        async with client.stream("GET", "/api/v1/stream/sse", params={"topics": "health", "ticket": ticket}) as answer:
            assert answer.status_code == 200
        _, other = await world.services.keys.create("other", (Scope.READ, Scope.ADMIN), None)
        seen = await looked_at(client, {"authorization": f"Bearer {other}"})
    assert world.leaks(**seen) == []


async def test_no_key_of_a_source_comes_out_when_sources_are_asked(made_installation: Path, tmp_path: Path):
    """Sources that answer, that refuse and quote the key, that are not there, and one behind a password."""
    folder = installation.copy(made_installation, tmp_path / "data")
    keyed = ("fred", "tiingo", "finnhub", "massive", "cryptocompare", "alpaca", "oanda")
    with collecting() as collector, collecting() as sentry:
        async with wire_server() as wire, quoting() as quoter:
            nobody = f"127.0.0.1:{free_port()}"
            for place in (wire.base_url, lambda key: f"http://{quoter}/{key}", lambda key: f"http://{nobody}/{key}"):
                password = OF_SETTINGS["password of a mirror"]
                urls = {key: place(key).replace("http://", f"http://me:{password}@") for key in keyed}
                settings = settings_in(folder, collector, sentry, sources=("sample", *keyed), source_urls=urls)
                start_voice(settings)
                with two_logs(settings) as (json_log, console_log):
                    logging.getLogger().addHandler(telemetry._on.reports)
                    services = build(settings, Role.SERVE, clock=SystemClock())
                    services.loading.ready = True
                    said = await ask_all(services, keyed)
                    canaries = dict(OF_SETTINGS)
                    world = World(services, settings, json_log, console_log, collector, sentry, canaries)
                    logging.getLogger("truecast.test").error("so it went: %s", said)
                    app = create_app(services)
                    async with httpx.AsyncClient(
                        transport=httpx.ASGITransport(app=app), base_url="http://127.0.0.1"
                    ) as client:
                        _, other = await services.keys.create("other", (Scope.READ, Scope.ADMIN), None)
                        seen = await looked_at(client, {"authorization": f"Bearer {other}"})
                    await services.background.close()
                    assert len(said) >= len(keyed)
                    assert world.leaks(errors="\n".join(said), **seen) == []
        assert collector.spans()


async def ask_all(services: Services, keyed: tuple[str, ...]) -> list[str]:
    """Ask each for bars and quotes; what the errors say, as an API would show them."""
    said = []
    for key in keyed:
        source = services.providers[key]
        offers = list(source.offers())[:1]
        for offer in offers:
            symbol = offer.instrument.symbol
            for question in (
                source.bars(symbol, offer.interval, SystemClock().now()),
                source.quotes([symbol]) if hasattr(source, "quotes") else None,
            ):
                if question is None:
                    continue
                try:
                    await question
                    said.append(f"{key}: answered")
                except TruecastError as error:
                    said.append(f"{key}: {error.code} {error.detail} {error.facts}")
                    logging.getLogger("truecast.test").exception("a source failed")
    return said


@contextlib.asynccontextmanager
async def quoting() -> AsyncIterator[str]:
    """A server that refuses everything and repeats what it was asked, headers and all."""
    from tests.listening import listening

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            try:
                head = await reader.readuntil(b"\r\n\r\n")
            except (asyncio.IncompleteReadError, ConnectionError):
                writer.close()
                return
            body = json.dumps({"error": "your key is wrong", "message": head.decode("latin-1")}).encode()
            writer.write(b"HTTP/1.1 401 No\r\ncontent-length: %d\r\ncontent-type: application/json\r\n\r\n" % len(body))
            writer.write(body)
            await writer.drain()

    async with listening(refuse) as address:
        yield address


@pytest.mark.parametrize("what", ["database", "redis"])
async def test_no_password_of_a_database_or_a_redis_that_is_away_comes_out(
    made_installation: Path, tmp_path: Path, what: str
):
    folder = installation.copy(made_installation, tmp_path / "data")
    password = "canary-password%40of-a-store"
    address = f"me:{password}@127.0.0.1:{free_port()}"
    given = {"database_url": f"postgresql://{address}/truecast"} if what == "database" else {}
    given |= {"redis_url": f"redis://{address}/0"} if what == "redis" else {}
    with collecting() as collector, collecting() as sentry:
        settings = settings_in(folder, collector, sentry, require_keys=False, **given)
        start_voice(settings)
        with two_logs(settings) as (json_log, console_log):
            logging.getLogger().addHandler(telemetry._on.reports)
            services = build(settings, Role.SERVE, clock=FixedClock(installation.NOW))
            services.loading.ready = True
            with contextlib.suppress(TruecastError):
                async with asyncio.timeout(20):
                    await services.background.prepare(services.loading)
            logging.getLogger("truecast.test").error("opening %s", settings.database_url)
            services.loading.ready = True
            app = create_app(services)
            async with httpx.AsyncClient(
                transport=httpx.ASGITransport(app=app), base_url="http://127.0.0.1", timeout=60
            ) as client:
                await Vitals(services).look()
                seen = await looked_at(client, {})
            await services.background.close()
            canaries = {**OF_SETTINGS, "password": password, "password as meant": "canary-password@of-a-store"}
            world = World(services, settings, json_log, console_log, collector, sentry, canaries)
            assert world.leaks(settings=repr(settings), **seen) == []


def test_settings_are_shown_without_their_secrets(tmp_path: Path):
    with collecting() as collector:
        settings = settings_in(tmp_path, collector, collector)
    shown = repr(settings) + str(settings) + settings.model_dump_json()
    for what, canary in OF_SETTINGS.items():
        if what != "password of a mirror":
            assert canary not in shown, what

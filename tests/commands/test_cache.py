"""`truecast cache`: the answers that a running server keeps, over its API."""

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests import installation
from tests.api.stream_house import open_house
from tests.commands.conftest import Command
from tests.servers import free_port
from truecast.kit.clock import FixedClock
from truecast.wiring import Role, build

WAIT_S = 60.0


@contextlib.contextmanager
def serving(folder: Path, **given: object) -> Iterator[str]:
    """A server on a real socket in a thread of its own; its address, and of a key where it wants one."""
    told: list[str] = []
    ready, over = threading.Event(), threading.Event()

    async def serve() -> None:
        services = build(
            installation.settings_in(folder).model_copy(update=given), Role.SERVE, clock=FixedClock(installation.NOW)
        )
        services.loading.ready = True
        async with open_house(services) as house:
            told.append(house.http)
            ready.set()
            await asyncio.to_thread(over.wait)
        await services.background.close()

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    try:
        assert ready.wait(WAIT_S)
        yield told[0]
    finally:
        over.set()
        thread.join()


@pytest.fixture
def url(installed: Path) -> Iterator[str]:
    with serving(installed) as url:
        yield url


def ask(url: str, path: str) -> None:
    assert httpx.get(f"{url}/api/v1{path}", timeout=WAIT_S).status_code == 200


def kept(truecast: Command, url: str) -> dict[str, int]:
    """Entries by kind."""
    found = truecast("cache", "show", "--json", "--url", url).json
    return {one["kind"]: one["entries"] for one in found["kinds"] if one["entries"]}


def test_shows_what_is_kept(truecast: Command, url: str) -> None:
    for _ in range(2):
        ask(url, "/forecasts?symbols=SPY")
    ran = truecast("cache", "show", "--url", url)
    assert ran.code == 0, ran.err
    line = next(line for line in ran.out.splitlines() if line.startswith("forecasts "))
    assert line.split() == ["forecasts", "5", "s", "1", *line.split()[4:5], "1", "0", "0", "1", "50.0%"]
    assert "1 answers" in ran.out and "not shared" in ran.out


def test_drops_what_is_named(truecast: Command, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRUECAST_URL", url)
    for path in ("/performance", "/forecasts/SPY/history", "/forecasts/AAPL/history"):
        ask(url, path)
    assert kept(truecast, url) == {"performance": 1, "history": 2}
    assert truecast("cache", "invalidate", "SPY", "--kind", "history").out == "1 answers dropped\n"
    assert kept(truecast, url) == {"performance": 1, "history": 1}
    assert truecast("cache", "invalidate", "--kind", "history", "--json").json == {"dropped": 1}
    assert truecast("cache", "refresh").out == "1 answers made anew, 0 can no longer be given\n"
    assert truecast("cache", "refresh", "--json").json == {"refreshed": 1, "failed": 0}
    assert truecast("cache", "clear", "--json").json == {"dropped": 1}
    assert truecast("cache", "clear").out == "0 answers dropped\n"
    assert kept(truecast, url) == {}


def test_a_problem_of_the_server_is_told_with_its_code(truecast: Command, url: str) -> None:
    ran = truecast("cache", "invalidate", "NOPE", "--url", url)
    assert (ran.code, "unknown_symbol" in ran.err) == (1, True)


def test_a_server_that_is_away_is_told_with_its_address(truecast: Command) -> None:
    ran = truecast("cache", "show", "--url", f"http://127.0.0.1:{free_port()}")
    assert (ran.code, "server_away" in ran.err) == (69, True)
    assert "truecast up" in ran.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("invalidate",), "name a symbol"),
        (("invalidate", "--kind", "nope"), "there is no kind 'nope'"),
        (("show", "--url", "nope"), "'nope' is not an address"),
    ],
)
def test_nonsense_is_refused_without_asking_anybody(truecast: Command, words: tuple[str, ...], said: str) -> None:
    ran = truecast("cache", *words)
    assert (ran.code, said in ran.err) == (64, True)


def test_a_server_that_wants_a_key_gets_that_of_the_environment(
    truecast: Command, installed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = truecast("keys", "create", "operator", "--scope", "admin").out.strip()
    with serving(installed, require_keys=True) as url:
        ran = truecast("cache", "show", "--url", url)
        assert (ran.code, "key_missing" in ran.err) == (1, True)
        monkeypatch.setenv("TRUECAST_API_KEY", key)
        assert truecast("cache", "show", "--url", url).code == 0

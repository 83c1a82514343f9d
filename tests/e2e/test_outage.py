"""A source that fails in the middle, a server that ends and another in its place, a key that is revoked: for real."""

import contextlib
import json
import os
import re
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.e2e.conftest import WEB_DIR, Watch
from tests.e2e.test_states import Opened, _patient, inaccessible, opened, priced
from tests.servers import cannot_run, free_port

__all__ = ["_patient", "opened"]  # fixtures

ROOT = Path(__file__).parents[2]
START_TIMEOUT_S = 90.0


@contextlib.contextmanager
def running(folder: Path, port: int, *arguments: str, **environment: str) -> Iterator[str]:
    """A server of our own, ready."""
    if not (WEB_DIR / "index.html").is_file():
        cannot_run("the page is not built: make web")
    mine = {"PATH": os.environ["PATH"], "HOME": str(folder), "TRUECAST_DATA_DIR": str(folder / "data")}  # noqa: TID251
    log = folder / f"log{time.monotonic_ns()}"
    with log.open("wb") as out:
        command = [sys.executable, "-m", *arguments]
        process = subprocess.Popen(command, stdout=out, stderr=out, env=mine | environment, cwd=ROOT)
    url = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + START_TIMEOUT_S
        while not _ready(url):
            if process.poll() is not None or time.monotonic() > deadline:
                pytest.fail(f"{arguments} is not ready:\n{log.read_text()[-3000:]}")
            time.sleep(0.2)
        yield url
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(5)


def _ready(url: str) -> bool:
    with contextlib.suppress(OSError), urllib.request.urlopen(f"{url}/api/v1/info", timeout=5) as answer:
        return bool(json.load(answer)["ready"])
    return False


def tell(url: str) -> None:
    """Order the exchange to do something."""
    with urllib.request.urlopen(url, timeout=10) as answer:
        assert answer.status == 200


def of(url: str, watch: Watch) -> str:
    """The one whom pages may ask."""
    watch.host = url.removeprefix("http://")
    return url


def test_a_source_that_fails_is_shown_and_its_prices_age_until_it_is_back(
    opened: Opened, tmp_path: Path, watch: Watch
) -> None:
    watch.expected = ("status of 404", "status of 409", "status of 503")  # of instruments that have no prices yet
    port, wire = free_port(), free_port()
    (tmp_path / "data").mkdir()
    exchange = f"http://127.0.0.1:{wire}/_wire/coinbase"
    with running(tmp_path, port, "tests.e2e.outage", str(port), str(wire), str(tmp_path / "data")) as url:
        page = opened(of(url, watch))
        row = page.locator('#markets tr[data-symbol="BTC-USDT"]')
        expect(row.locator("td").first).to_have_text(re.compile(r"\d"))
        expect(row.locator(".age")).to_be_visible()
        expect(row.locator(".age.stale")).to_have_count(0)
        tell(f"{exchange}/misbehave?status=503")
        expect(row.locator(".age.stale")).to_be_visible()
        row.locator(".number").first.focus()
        page.keyboard.press("ArrowRight")
        page.keyboard.press("ArrowLeft")
        expect(row.get_by_role("tooltip")).to_contain_text("Nothing newer has come from this source")
        assert inaccessible(page) == []
        health = opened(f"{url}/data")
        source = health.locator('tr[data-source="coinbase"]')
        expect(source).to_contain_text(re.compile("503|open|unavailable|fail", re.IGNORECASE))
        assert inaccessible(health) == []
        tell(f"{exchange}/behave")
        expect(row.locator(".age.stale")).to_have_count(0, timeout=90_000)
        health.context.close()
        page.context.close()


def test_a_server_that_ends_is_waited_for_and_another_in_its_place_is_believed(
    opened: Opened, tmp_path: Path, watch: Watch
) -> None:
    watch.expected = ("WebSocket", "net::ERR_", "status of 503")
    port = free_port()
    up = ("truecast", "up", "--port", str(port), "--replay", "2021-01-04", "--speed", "600")
    with running(tmp_path, port, *up) as url:
        page = opened(of(url, watch))
        priced(page)
        state = page.locator("[data-stream]")
        expect(state).to_have_attribute("data-stream", "live")
    expect(state).to_have_attribute("data-stream", "reconnecting")
    expect(page.get_by_role("alert").filter(has_text="Connection lost")).to_be_visible()
    with running(tmp_path, port, *up):
        expect(state).to_have_attribute("data-stream", "live", timeout=60_000)
        expect(page.get_by_text("Connection lost")).to_have_count(0)
        priced(page)
        page.context.close()


def keys_of(folder: Path) -> Callable[..., str]:
    """`truecast keys …` beside the server whose data are in that folder; what it printed."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "TRUECAST_DATA_DIR": str(folder / "data")}  # noqa: TID251

    def keys(*arguments: str) -> str:
        command = [sys.executable, "-m", "truecast", "keys", *arguments]
        return subprocess.run(command, env=environment, check=True, capture_output=True, text=True, cwd=ROOT).stdout

    return keys


def made(keys: Callable[..., str], name: str, *more: str) -> tuple[str, str]:
    """A new key, and its id."""
    found = re.search(r"tc_([0-9a-z]+)_\S+", keys("create", name, *more))
    assert found is not None
    return found[0], found[1]


def using(key: str) -> str:
    """What the browser keeps."""
    return f"localStorage.getItem('truecast.key') ?? localStorage.setItem('truecast.key', {json.dumps(key)})"


def test_a_key_that_ends_while_the_page_is_open_is_told_and_another_lets_it_go_on(
    opened: Opened, tmp_path: Path, watch: Watch
) -> None:
    watch.expected = ("WebSocket", "status of 401", "status of 403")
    port = free_port()
    keys = keys_of(tmp_path)
    with running(tmp_path, port, "truecast", "up", "--port", str(port), TRUECAST_REQUIRE_KEYS="true") as url:
        keyless = opened(of(url, watch))
        expect(keyless.get_by_role("heading", name="This server asks for a key")).to_be_visible()
        assert inaccessible(keyless) == []
        keyless.context.close()

        key, id_ = made(keys, "revoked")
        page = opened(url, script=using(key))
        priced(page)
        expect(page.locator("[data-stream]")).to_have_attribute("data-stream", "live")
        keys("revoke", id_)
        expect(page.get_by_role("heading", name="The key is not accepted any more")).to_be_visible()
        assert inaccessible(page) == []
        page.context.close()

        key, id_ = made(keys, "expires", "--days", "1")
        page = opened(f"{url}/?class=equity", script=using(key))
        priced(page)
        expect(page.locator("[data-stream]")).to_have_attribute("data-stream", "live")
        with contextlib.closing(sqlite3.connect(tmp_path / "data" / "truecast.db", timeout=30)) as db, db:
            soon_us = (time.time_ns() + 2_000_000_000) // 1_000  # nobody waits here for a day
            assert db.execute("update api_keys set expires_at = ? where id = ?", (soon_us, id_)).rowcount == 1
        expect(page.get_by_role("heading", name="The key is not accepted any more")).to_be_visible()
        expect(page.get_by_text("It may have expired or been revoked")).to_be_visible()
        expect(page.get_by_text("Connection lost")).to_have_count(0)

        another, _ = made(keys, "another")
        page.get_by_role("link", name="Enter a key").click()
        expect(page.get_by_text("This key is not accepted: unknown, expired or revoked")).to_be_visible()
        assert inaccessible(page) == []
        page.get_by_role("textbox", name="API key").fill(another)
        page.get_by_role("button", name="Use this key").click()
        expect(page.get_by_text("Kept in this browser only")).to_be_visible()
        page.go_back()
        priced(page)
        assert "class=equity" in page.url
        expect(page.locator("[data-stream]")).to_have_attribute("data-stream", "live")
        page.reload()  # the new one is kept
        priced(page)
        page.context.close()

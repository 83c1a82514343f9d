"""A real `truecast up --replay` in a temporary folder, and a real browser that may not make a single sound."""

import json
import os
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, sync_playwright

from tests.servers import cannot_run, free_port

REPLAY_FROM = "2021-01-04"
SPEED = "3600"  # an hour a second: an hourly bar closes, and a forecast resolves, about every second
START_TIMEOUT_S = 90.0
CHROMIUM_FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
WEB_DIR = Path(__file__).parents[2] / "src" / "truecast" / "web"


AXE = WEB_DIR.parents[2] / "web" / "node_modules" / "axe-core" / "axe.min.js"
WIDTHS = (390, 1440, 2560)
ZOOMED = 640  # 1280 pixels with text and all at 200 %


def violations(page: Page) -> list[str]:
    """What axe finds wrong, on a phone, on a desk and on a wall; and what is wider than the page."""
    if not AXE.is_file():
        cannot_run("axe-core is not installed: scripts/web ci")
    page.evaluate(AXE.read_text())
    found: list[str] = []
    for width in (*WIDTHS, ZOOMED):
        page.set_viewport_size({"width": width, "height": 900})
        page.get_by_role("heading", level=1).wait_for()
        if (wide := page.evaluate("document.documentElement.scrollWidth")) > width:
            found.append(f"the page is {wide} wide at {width}")
        if width == ZOOMED:
            continue
        found += page.evaluate("axe.run().then(said => said.violations.map(v => `${v.id}: ${v.nodes[0].html}`))")
    return found


@pytest.fixture(scope="package")  # it works all the time, and would slow down whatever runs after these tests
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a replay. TRUECAST_TEST_URL names one that already runs."""
    given = os.environ.get("TRUECAST_TEST_URL")  # noqa: TID251 tests have no Settings
    if given:
        yield given.rstrip("/")
        return
    if not (WEB_DIR / "index.html").is_file():
        cannot_run("the page is not built: make web")
    folder = tmp_path_factory.mktemp("truecast")
    port = free_port()
    # A clean environment: what the developer has set must not change what is tested.
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "TRUECAST_DATA_DIR": str(folder / "data")}  # noqa: TID251
    environment["TRUECAST_RATE_LIMITS"] = (
        "prices=100000"  # the user of this machine has none: then there is none to see
    )
    arguments = ["up", "--replay", REPLAY_FROM, "--speed", SPEED, "--port", str(port)]
    log = folder / "log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "truecast", *arguments], stdout=out, stderr=out, env=environment, cwd=folder
        )
    url = f"http://127.0.0.1:{port}"
    try:
        _wait_until_ready(url, process, log)
        yield url
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(5)


def _wait_until_ready(url: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            pytest.fail(f"truecast up ended with {process.returncode}:\n{log.read_text()[-4000:]}")
        try:
            with closing(urllib.request.urlopen(f"{url}/api/v1/info", timeout=2)) as answer:
                if json.load(answer)["ready"]:
                    return
        except (urllib.error.URLError, OSError):
            pass
        time.sleep(0.2)
    pytest.fail(f"truecast up was not ready after {START_TIMEOUT_S} s:\n{log.read_text()[-4000:]}")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium. Per module: while it lives, no test of ours can run an event loop of its own."""
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        if path is None and not Path(playwright.chromium.executable_path).exists():
            cannot_run("no Chromium is installed")
        browser = playwright.chromium.launch(executable_path=path, args=CHROMIUM_FLAGS)
        yield browser
        browser.close()


class Watch:
    """What a page said and asked for. A test that provokes an answer other than 2xx names its status."""

    def __init__(self, url: str) -> None:
        self.host = urlsplit(url).netloc
        self.errors: list[str] = []
        self.foreign: list[str] = []
        self.expected: tuple[str, ...] = ()

    def on_console(self, message: ConsoleMessage) -> None:
        """Errors and warnings count, except the browser's own line about an answer that the test provoked."""
        if message.type in {"error", "warning"} and not any(text in message.text for text in self.expected):
            self.errors.append(f"{message.type}: {message.text}")

    def on_request(self, request: Request) -> None:
        """Nothing but our own server may be asked."""
        if urlsplit(request.url).netloc != self.host:
            self.foreign.append(request.url)


OpenPage = Callable[..., Page]


@pytest.fixture
def watch(server: str) -> Watch:
    """What the pages of this test say and ask for."""
    return Watch(server)


@pytest.fixture
def open_page(browser: Browser, server: str, watch: Watch) -> Iterator[OpenPage]:
    """Opens `/?query` in a fresh context. Afterwards: no console error, no request to anybody else."""
    contexts = []

    def opened(
        query: str = "", *, width: int = 1440, height: int = 900, theme: str = "light", goto: bool = True
    ) -> Page:
        context = browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme="dark" if theme == "dark" else "light",
            reduced_motion="reduce",
            timezone_id="Europe/Berlin",
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(20_000)
        page.on("console", watch.on_console)
        page.on("pageerror", lambda error: watch.errors.append(f"uncaught: {error}"))
        page.on("request", watch.on_request)
        if goto:
            page.goto(f"{server}/{query}")
        return page

    yield opened
    for context in contexts:
        context.close()
    assert watch.errors == []
    assert watch.foreign == []

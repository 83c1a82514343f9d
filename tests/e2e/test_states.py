"""What the page is when not all is well: cut off, refused, slow, starting, without storage, zoomed, far from home."""

import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route, WebSocket, expect

from tests.e2e.conftest import AXE, Watch
from tests.e2e.line import Line
from tests.servers import cannot_run

ROOMS = ("", "?symbol=EUR-USD", "record", "compare", "risk", "models", "data", "settings", "developers")
RECORD_VIOLATIONS = """
window.broken = [];
document.addEventListener('securitypolicyviolation', e => broken.push(`${e.violatedDirective}: ${e.blockedURI}`));
"""
BLOCK_STORAGE = """
for (const name of ['localStorage', 'sessionStorage'])
  Object.defineProperty(window, name, { get() { throw new DOMException('denied', 'SecurityError'); } });
"""
OVERLAPPING = """
() => {
  const seen = [...document.querySelectorAll('main button, main a, main input, main select, header a, header button')]
    .filter(e => e.checkVisibility({ visibilityProperty: true, opacityProperty: true }) && !e.closest('.sr-only, [hidden]'));
  const boxes = seen.filter(e => e.getClientRects().length === 1)  // a link that goes over two lines has no box
    .map(e => [e, e.getBoundingClientRect()]).filter(([, b]) => b.width > 4 && b.height > 4);
  const found = [];
  for (const [i, [a, x]] of boxes.entries()) for (const [b, y] of boxes.slice(i + 1)) {
    if (a.contains(b) || b.contains(a)) continue;
    const wide = Math.min(x.right, y.right) - Math.max(x.left, y.left);
    const high = Math.min(x.bottom, y.bottom) - Math.max(x.top, y.top);
    if (wide > 3 && high > 3) found.push(`${a.textContent || a.className} over ${b.textContent || b.className}`);
  }
  return found;
}
"""

Opened = Callable[..., Page]


@pytest.fixture(autouse=True)
def _patient() -> Iterator[None]:
    """A replay at this speed leaves little of two cores."""
    expect.set_options(timeout=30_000)
    yield
    expect.set_options(timeout=5_000)


@pytest.fixture
def opened(browser: Browser, watch: Watch) -> Iterator[Opened]:
    """Opens an address in a context of its own. Afterwards: nothing unexpected was said, nobody else was asked."""
    contexts = []

    def open_(url: str | None, *, script: str = "", width: int = 1440, **about: Any) -> Page:
        settings = {"timezone_id": "Europe/Berlin", "reduced_motion": "reduce", **about}
        context = browser.new_context(viewport={"width": width, "height": 900}, **settings)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(30_000)
        page.add_init_script(script)
        page.on("console", watch.on_console)
        page.on("pageerror", lambda error: watch.errors.append(f"uncaught: {error}"))
        page.on("request", watch.on_request)
        if url is not None:
            page.goto(url)
        return page

    yield open_
    for context in contexts:
        context.close()
    assert watch.errors == []
    assert watch.foreign == []


def inaccessible(page: Page) -> list[str]:
    """What axe finds wrong in this state: on a desk in the light, on a phone in the dark."""
    if not AXE.is_file():
        cannot_run("axe-core is not installed: scripts/web ci")
    size = page.viewport_size
    page.evaluate(AXE.read_text())
    found: list[str] = []
    for theme, width in (("light", 1440), ("dark", 390)):
        page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
        page.set_viewport_size({"width": width, "height": 900})
        found += page.evaluate("axe.run().then(said => said.violations.map(v => `${v.id}: ${v.nodes[0].html}`))")
    page.emulate_media(color_scheme="light")
    page.set_viewport_size(size or {"width": 1440, "height": 900})
    return found


def priced(page: Page) -> None:
    """The markets have prices."""
    expect(page.locator("#markets td:nth-child(2) .number").first).to_be_visible()


def problem(code: str, status: int, **more: Any) -> dict[str, Any]:
    """A refusal as the server writes it."""
    title = code.replace("_", " ").capitalize()
    return {"type": "x", "title": title, "status": status, "code": code, "detail": "Not now", "instance": "/", **more}


def first_time(answer: Callable[[Route], None]) -> Callable[[Route], None]:
    """Answers the first request so, and lets the others through."""
    asked: list[Route] = []

    def handle(route: Route) -> None:
        asked.append(route)
        if len(asked) == 1:
            answer(route)
        else:
            route.fallback()

    return handle


def test_nothing_is_inline_and_nobody_else_is_asked(opened: Opened, server: str) -> None:
    page = opened(None, script=RECORD_VIOLATIONS)
    for room in (*ROOMS, "docs", "redoc"):
        answer = page.goto(f"{server}/{room}")
        assert answer is not None
        assert "unsafe" not in answer.headers["content-security-policy"]
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        expect(page.locator(".bone")).to_have_count(0)
        assert page.evaluate("broken") == [], room
    assert page.evaluate("getComputedStyle(document.body).maxWidth") == "960px"  # the reference has its style


def test_prices_come_by_themselves_and_are_not_asked_for(opened: Opened, server: str) -> None:
    page = opened(None)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(server)
    priced(page)
    expect(page.locator("[data-stream]")).to_have_attribute("data-stream", "live")
    cell = page.locator('#markets tr[data-symbol="SOL-USDT"] td').first
    expect(cell).not_to_have_text(cell.inner_text())
    known = len(asked)  # what was asked for before the stream told anything does not count
    for _ in range(3):
        expect(cell).not_to_have_text(cell.inner_text())
    assert [url for url in asked[known:] if "/prices?" in url or "/forecasts?" in url] == []


def test_a_stream_cut_off_goes_on_without_a_hole(opened: Opened, server: str, watch: Watch) -> None:
    watch.expected = ("WebSocket", "net::ERR_")
    heard: list[list[dict[str, Any]]] = []
    said: list[dict[str, Any]] = []

    def listen(socket: WebSocket) -> None:
        mine: list[dict[str, Any]] = []
        heard.append(mine)
        socket.on("framereceived", lambda text: mine.append(json.loads(text)))
        socket.on("framesent", lambda text: said.append(json.loads(text)))

    with Line(server) as line:
        watch.host = line.url.removeprefix("http://")
        page = opened(None)
        page.on("websocket", listen)
        page.goto(line.url)
        priced(page)
        state = page.locator("[data-stream]")
        expect(state).to_have_attribute("data-stream", "live")
        while sum(message.get("topic", "").startswith("forecasts:") for message in heard[0]) < 60:
            page.wait_for_timeout(200)  # hourly bars of all instruments close every second of this replay
        line.cut()
        expect(state).to_have_attribute("data-stream", "reconnecting")
        expect(page.get_by_role("alert").filter(has_text="Connection lost")).to_be_visible()
        assert inaccessible(page) == []
        line.mend()
        expect(state).to_have_attribute("data-stream", "live")
        expect(page.get_by_text("Connection lost")).to_have_count(0)
        again = [one for one in said if one.get("since")]
        assert again, "nothing was resumed"
        place = {topic: since for one in again for topic, since in one["since"].items()}
        while not (
            joined := [m for m in heard[-1] if m.get("event") == "subscribed" and "forecasts:" in str(m["topics"])]
        ):
            page.wait_for_timeout(100)
        page.wait_for_timeout(3_000)
    recovered = {one["topic"] for m in joined for one in m["topics"] if one["recovered"]}
    assert recovered
    offsets: dict[str, list[int]] = defaultdict(list)
    for message in heard[-1]:
        if message.get("topic") in recovered and "data" in message:
            offsets[message["topic"]].append(message["offset"])
    followed = [topic for topic in offsets if topic.startswith("forecasts:")]
    assert followed
    for topic in followed:
        epoch, last = place[topic]
        assert offsets[topic] == list(range(last + 1, last + 1 + len(offsets[topic]))), f"{topic} after {epoch} {last}"


def test_where_websockets_do_not_get_through_the_page_asks(opened: Opened, server: str, watch: Watch) -> None:
    watch.expected = ("WebSocket",)
    page = opened(None)
    page.route_web_socket(re.compile("/stream/ws"), lambda ws: ws.close(code=1011, reason="no"))
    page.goto(server)
    priced(page)
    expect(page.locator("[data-stream]")).to_have_attribute("data-stream", "polling")
    cell = page.locator('#markets tr[data-symbol="SOL-USDT"] td').first
    expect(cell).not_to_have_text(cell.inner_text())
    assert inaccessible(page) == []


def test_an_api_that_is_down_is_said_and_found_again(opened: Opened, server: str, watch: Watch) -> None:
    watch.expected = ("net::ERR_FAILED",)
    page = opened(None)
    page.route("**/api/v1/**", lambda route: route.abort())
    page.goto(server)
    expect(page.get_by_role("heading", name="Truecast is not answering")).to_be_visible()
    assert inaccessible(page) == []
    page.unroute("**/api/v1/**")
    page.get_by_role("button", name="Try now").click()
    priced(page)


def test_a_slow_api_is_waited_for_with_shapes_in_place(opened: Opened, server: str) -> None:
    page = opened(None)
    held: list[Route] = []
    page.route("**/api/v1/prices?*", lambda route: held.append(route))  # noqa: PLW0108 the browser marks what it calls
    page.goto(server)
    expect(page.locator("#markets td .bone").first).to_be_visible()
    assert inaccessible(page) == []
    page.unroute("**/api/v1/prices?*")
    for route in held:
        route.fallback()
    priced(page)
    expect(page.locator("#markets .bone")).to_have_count(0)


@pytest.mark.parametrize(
    ("status", "code", "said"), [(429, "rate_limited", "Too many requests"), (503, "starting", "Starting")]
)
def test_a_refusal_is_waited_out_as_long_as_it_says(
    opened: Opened, server: str, watch: Watch, *, status: int, code: str, said: str
) -> None:
    watch.expected = (f"status of {status}",)
    page = opened(None)
    asked_at: list[float] = []
    page.on("request", lambda request: "/symbols?" in request.url and asked_at.append(page.evaluate("Date.now()")))
    refuse = first_time(
        lambda route: route.fulfill(
            status=status,
            json=problem(code, status),
            content_type="application/problem+json",
            headers={"Retry-After": "4"},
        )
    )
    page.route("**/api/v1/symbols?*", refuse)
    page.goto(server)
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text(said)
    expect(alert).to_contain_text("Asking again in 4 s")
    assert inaccessible(page) == []
    priced(page)
    expect(alert).to_have_count(0)


def test_without_storage_everything_works_for_as_long_as_the_page_is_open(opened: Opened, server: str) -> None:
    page = opened(server, script=BLOCK_STORAGE)
    priced(page)
    page.get_by_role("button", name=re.compile("^Theme")).click()
    expect(page.locator("html")).to_have_attribute("data-theme", "light")
    page.goto(f"{server}/settings")
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    assert inaccessible(page) == []


def test_at_twice_the_size_nothing_is_lost(opened: Opened, server: str) -> None:
    page = opened(None, width=640)  # 1280 pixels at 200 %
    for room in ROOMS:
        page.goto(f"{server}/{room}")
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        expect(page.locator(".bone")).to_have_count(0)
        assert page.evaluate("document.documentElement.scrollWidth") <= 640, room
        assert page.evaluate(OVERLAPPING) == [], room


def test_a_clock_half_an_hour_off_is_told_in_its_own_time(opened: Opened, server: str) -> None:
    page = opened(f"{server}/data", timezone_id="Asia/Kolkata")
    moment = page.locator("main time[title]").first
    expect(moment).to_be_visible()
    shown, utc = moment.inner_text(), moment.get_attribute("title") or ""
    local, other = (int(h) * 60 + int(m) for h, m in (re.findall(r"(\d\d):(\d\d)", text)[0] for text in (shown, utc)))
    assert (local - other) % (24 * 60) == 5 * 60 + 30
    assert inaccessible(page) == []


def test_a_model_that_was_never_trained_is_said_and_replaced(opened: Opened, server: str, watch: Watch) -> None:
    watch.expected = ("status of 4", "status of 503")
    page = opened(f"{server}/?symbol=SPY&interval=1d&model=lightgbm")
    alert = page.locator(".outlook").get_by_role("alert")
    expect(alert).to_be_visible()
    assert inaccessible(page) == []
    alert.get_by_role("button", name="Use auto").click()
    expect(page.get_by_test_id("interval")).to_be_visible()


def test_the_rows_are_walked_by_keyboard_and_every_number_answers(opened: Opened, server: str) -> None:
    page = opened(f"{server}/?class=equity")
    priced(page)
    rows = page.locator("#markets tbody tr")
    rows.first.get_by_role("link").focus()
    page.keyboard.press("ArrowDown")
    expect(rows.nth(1).get_by_role("link")).to_be_focused()
    page.keyboard.press("ArrowRight")
    answer = rows.nth(1).get_by_role("tooltip")
    expect(answer).to_contain_text("Origin")
    expect(answer).to_contain_text("As of")
    assert inaccessible(page) == []
    page.keyboard.press("Escape")
    expect(answer).to_have_count(0)
    page.keyboard.press("End")
    page.keyboard.press("ArrowLeft")
    symbol = rows.last.get_attribute("data-symbol") or ""
    expect(rows.last.get_by_role("link")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text(symbol)

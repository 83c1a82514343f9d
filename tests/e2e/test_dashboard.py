"""The page as a person uses it: over a replay of real data, in Chromium."""

import re
import time
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.e2e.conftest import OpenPage, Watch, violations

HOURLY = "?symbol=SOL-USDT&interval=1h"


def fan(page: Page) -> tuple[str, str, str, str]:
    """What the fan draws at its end: level, lower, upper, steps."""
    chart = page.locator(".chart")
    expect(chart).not_to_have_attribute(
        "data-fan-upper", "", timeout=30_000
    )  # the first one of a macro series fits models
    values = [chart.get_attribute(f"data-fan-{name}") for name in ("level", "lower", "upper", "steps")]
    assert all(value is not None for value in values)
    return tuple(values)  # type: ignore[return-value]


def table_rows(page: Page) -> list[list[str]]:
    """The fan as the accessible table shows it."""
    return page.locator("#forecast-steps tbody tr").evaluate_all(
        "rows => rows.map(row => [...row.cells].map(cell => cell.textContent))"
    )


def found(page: Page, name: str = "") -> Locator:
    """What the search offers."""
    return page.get_by_role("listbox", name="Symbols").get_by_role("option", name=re.compile(re.escape(name)))


def number(text: str) -> float:
    """A number as the page writes it."""
    return float(text.replace(",", "").replace("\u2212", "-"))


def eventually(read: Callable[[], Any], wanted: Callable[[Any], bool], timeout_s: float = 20.0) -> Any:
    """The first value read that is wanted."""
    deadline = time.monotonic() + timeout_s
    while not wanted(value := read()):
        assert time.monotonic() < deadline, f"still {value!r} after {timeout_s} s"
        time.sleep(0.1)
    return value


def test_shows_price_fan_record_and_source(open_page: OpenPage) -> None:
    page = open_page("?symbol=EUR-USD")
    expect(page.get_by_role("heading", name="EUR-USD", level=1)).to_be_visible()
    expect(page.get_by_test_id("price")).to_contain_text(
        re.compile(r"1\.\d{5} USD"), timeout=20_000
    )  # the server has just begun
    _, lower, upper, steps = fan(page)
    assert number(lower) < number(upper)
    assert steps == "10"
    expect(page.locator("#walk-forward")).to_contain_text("Recomputed over history")
    badge = page.get_by_role("button", name=re.compile("^Source "))
    badge.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_text("European Central Bank").first).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("region", name=re.compile("^Source "))).to_be_hidden()


def test_searches_by_keyboard(open_page: OpenPage) -> None:
    page = open_page("?symbol=EUR-USD")
    expect(page.get_by_role("heading", level=1)).to_have_text("EUR-USD")
    page.keyboard.press("/")
    expect(page.get_by_role("combobox", name="Search symbols")).to_be_focused()
    page.keyboard.type("solana")
    expect(found(page)).to_have_count(1)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("SOL-USDT")
    assert "symbol=SOL-USDT" in page.url
    page.go_back()
    expect(page.get_by_role("heading", level=1)).to_have_text("EUR-USD")


def test_lists_candidates_of_an_ambiguous_name(open_page: OpenPage, watch: Watch) -> None:
    watch.expected = ("status of 409",)
    page = open_page("?symbol=EUR-USD")
    box = page.get_by_role("combobox", name="Search symbols")
    box.fill("BTC")
    expect(found(page, "BTC-USDT").first).to_be_visible()
    box.press("Enter")
    expect(page.get_by_text("may be any of these")).to_be_visible()
    expect(found(page, "BTC-USD")).not_to_have_count(0)


def test_a_longer_horizon_widens_the_fan(open_page: OpenPage) -> None:
    page = open_page("?symbol=SPY&interval=1d")
    _, lower, upper, steps = fan(page)
    page.get_by_role("spinbutton", name="Horizon").fill("40")
    expect(page.locator(".chart")).to_have_attribute("data-fan-steps", "40")
    _, lower_40, upper_40, _ = fan(page)
    assert steps == "10"
    assert number(lower_40) < number(lower)
    assert number(upper_40) > number(upper)
    assert "horizon=40" in page.url
    expect(page.locator("#outlook-title")).to_contain_text("40 trading days")
    assert len(table_rows(page)) == 40


def test_the_model_picker_tells_what_each_may_claim(open_page: OpenPage) -> None:
    page = open_page("?symbol=SPY&interval=1d")
    fan(page)
    picker = page.get_by_role("button", name=re.compile("^Model "))
    picker.click()
    sheet = page.get_by_role("region", name="Models")
    expect(sheet.get_by_role("radio", name=re.compile("^LightGBM"))).to_be_disabled()  # nothing is trained yet
    expect(sheet.locator(".model", has_text="Random walk").locator(".badge").first).to_have_text("reference")
    sheet.get_by_role("radio", name=re.compile("^EWMA walk")).check(force=True)
    expect(picker).to_have_text("EWMA walk")
    assert "model=ewma_walk" in page.url
    page.keyboard.press("Escape")
    expect(sheet).to_be_hidden()
    expect(picker).to_be_focused()


def test_says_why_and_how_models_compare(open_page: OpenPage) -> None:
    page = open_page("?symbol=SOL-USDT&interval=1h&model=ewma_walk")
    fan(page)
    expect(page.get_by_role("region", name="What made the interval this wide")).to_be_visible()
    expect(page.get_by_role("region", name="What moved the median")).to_be_visible()
    board = page.locator("#leaderboard")
    expect(board.get_by_role("heading")).to_contain_text("Leaderboard")
    board.get_by_role("radio", name=re.compile("^Forecasts that were in the ledger")).check(force=True)
    expect(board).not_to_have_attribute("aria-busy", "true")
    curve = page.locator("#calibration")
    expect(curve.get_by_role("img", name=re.compile("promised"))).to_be_visible(timeout=20_000)


def test_a_higher_level_widens_the_interval_and_any_level_can_be_asked(open_page: OpenPage) -> None:
    page = open_page("?symbol=SPY&interval=1d&level=0.5")
    _, lower_50, upper_50, _ = fan(page)
    page.get_by_role("radio", name="95").check(force=True)
    expect(page.locator(".chart")).to_have_attribute("data-fan-level", "0.95")
    _, lower_95, upper_95, _ = fan(page)
    assert number(lower_95) < number(lower_50)
    assert number(upper_95) > number(upper_50)
    own = page.get_by_role("textbox", name=re.compile("Another confidence level"))
    own.fill("72.5")
    own.press("Enter")
    expect(page.locator(".chart")).to_have_attribute("data-fan-level", "0.725")
    _, lower_own, upper_own, _ = fan(page)
    assert number(lower_95) < number(lower_own) < number(lower_50)
    assert number(upper_50) < number(upper_own) < number(upper_95)
    assert "level=0.725" in page.url


def test_the_table_says_what_the_fan_draws(open_page: OpenPage) -> None:
    page = open_page("?symbol=SPY&interval=1d&level=0.8")
    _, lower, upper, _ = fan(page)
    assert table_rows(page)[-1][4] == f"{lower} \u2013 {upper}"
    expect(page.get_by_test_id("interval")).to_have_text(f"{lower} \u2013 {upper}")


def test_the_url_restores_the_view(open_page: OpenPage) -> None:
    page = open_page("?symbol=AAPL&interval=1d&horizon=24&level=0.9&model=naive&adjust=raw")
    level, _, _, steps = fan(page)
    assert (level, steps) == ("0.9", "24")
    expect(page.get_by_role("button", name="Model Random walk")).to_be_visible()
    expect(page.get_by_role("radio", name="As traded")).to_be_checked()


def test_a_forecast_resolves_before_ones_eyes(open_page: OpenPage) -> None:
    page = open_page(HOURLY)
    chart = page.locator(".chart")
    expect(page.get_by_text("Replay", exact=True)).to_be_visible()
    bar = eventually(lambda: chart.get_attribute("data-last-bar"), bool)
    table = page.locator("#resolved")
    before = eventually(lambda: int(table.get_attribute("data-resolved") or 0), lambda n: n >= 1, 40)
    newest = table.locator("tr[data-state=resolved]").first.inner_text()
    eventually(lambda: chart.get_attribute("data-last-bar"), lambda now: now > bar)
    eventually(table.locator("tr[data-state=resolved]").first.inner_text, lambda text: text != newest)
    assert int(table.get_attribute("data-resolved") or 0) >= before
    expect(page.locator("#ledger")).to_contain_text("Written to the ledger before the outcome was known")


def test_the_chart_is_read_with_the_arrow_keys(open_page: OpenPage) -> None:
    page = open_page("?symbol=SPY&interval=1d")
    fan(page)
    page.locator(".chart").focus()
    page.keyboard.press("ArrowLeft")
    first = page.locator(".readout").inner_text()
    page.keyboard.press("ArrowLeft")
    expect(page.locator(".readout")).not_to_have_text(first)
    for _ in range(4):
        page.keyboard.press("ArrowRight")
    expect(page.locator(".readout")).to_contain_text("median")


def test_the_crosshair_reads_the_past_and_the_forecast(open_page: OpenPage) -> None:
    page = open_page("?symbol=SPY&interval=1d&horizon=24")
    fan(page)
    box = page.locator(".chart").bounding_box()
    assert box is not None
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + 60, middle)
    expect(page.locator(".readout")).to_contain_text("O ")
    past = page.locator(".readout").inner_text()
    page.mouse.move(box["x"] + box["width"] - 130, middle)
    expect(page.locator(".readout")).to_contain_text("median")
    assert page.locator(".readout").inner_text() != past


def test_an_unknown_symbol_in_the_url_offers_the_nearest(open_page: OpenPage, watch: Watch) -> None:
    watch.expected = ("status of 404",)
    page = open_page("?symbol=EURUSX")
    expect(page.get_by_role("alert")).to_contain_text("No instrument is called “EURUSX”")
    page.get_by_role("button", name="EUR-USD").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("EUR-USD")


def test_an_ambiguous_symbol_in_the_url_asks_which(open_page: OpenPage, watch: Watch) -> None:
    watch.expected = ("status of 409",)
    page = open_page("?symbol=BTC")
    expect(page.get_by_role("alert")).to_contain_text("Which one?")


def test_an_interval_that_the_source_lacks_offers_those_it_has(open_page: OpenPage, watch: Watch) -> None:
    watch.expected = ("status of 409",)
    page = open_page("?symbol=US.CPI&interval=1h")
    expect(page.locator(".chart-card").get_by_role("alert")).to_be_visible()
    page.locator(".chart-card").get_by_role("button", name="1mo").first.click()
    fan(page)


def test_an_unknown_model_in_the_url_offers_auto(open_page: OpenPage, watch: Watch) -> None:
    watch.expected = ("status of 404",)
    page = open_page("?symbol=SPY&interval=1d&model=oracle")
    page.locator(".outlook").get_by_role("button", name="Use auto").click()
    fan(page)


def test_macro_values_are_a_line_and_prices_are_candles(open_page: OpenPage) -> None:
    page = open_page("?symbol=US.CPI")
    expect(page.locator(".chart")).to_have_attribute("data-kind", "line")
    page.goto(page.url.replace("US.CPI", "SPY"))
    expect(page.locator(".chart")).to_have_attribute("data-kind", "candles")


def test_a_lost_server_is_said_and_found_again(open_page: OpenPage, watch: Watch) -> None:
    watch.expected = ("net::ERR_INTERNET_DISCONNECTED",)
    page = open_page("?symbol=SPY&interval=1d")
    fan(page)
    page.context.set_offline(True)
    expect(page.get_by_role("alert").filter(has_text="Connection lost")).to_be_visible()
    expect(page.get_by_role("heading", level=1)).to_have_text("SPY")
    page.context.set_offline(False)
    page.get_by_role("button", name="Retry now").click()
    expect(page.get_by_text("Connection lost")).to_have_count(0)


@pytest.mark.parametrize(
    ("status", "code", "said"),
    [
        (429, "rate_limited", "Too many requests"),
        (503, "no_live_source", "No source can answer"),
        (500, "internal", "Internal error"),
    ],
)
def test_a_refused_forecast_is_explained_and_asked_again(
    open_page: OpenPage, watch: Watch, server: str, *, status: int, code: str, said: str
) -> None:
    watch.expected = (f"status of {status}",)
    page = open_page(goto=False)
    refusing = True

    def answer(route: Route) -> None:
        if route.request.method != "POST" or not refusing:
            route.fallback()
            return
        problem = {
            "type": "x",
            "title": "Internal error",
            "status": status,
            "code": code,
            "detail": "Not now",
            "instance": "/",
        }
        route.fulfill(
            status=status, json=problem, content_type="application/problem+json", headers={"Retry-After": "1"}
        )

    page.route("**/api/v1/forecasts", answer)
    page.goto(f"{server}/?symbol=SPY&interval=1d")
    expect(page.locator(".outlook").get_by_role("alert")).to_contain_text(said)
    refusing = False
    expect(page.get_by_test_id("interval")).to_be_visible()


def test_a_server_that_is_starting_shows_how_far_it_is(open_page: OpenPage, server: str) -> None:
    page = open_page(goto=False)
    loading = {"stage": "Loading sample data", "done": 12, "total": 46}
    started = False

    def answer(route: Route) -> None:
        body = route.fetch().json()
        route.fulfill(json=body if started else {**body, "ready": False, "loading": loading})

    page.route("**/api/v1/info", answer)
    page.goto(f"{server}/?symbol=EUR-USD")
    expect(page.get_by_role("heading", name="Loading sample data")).to_be_visible()
    expect(page.get_by_text("12 of 46")).to_be_visible()
    started = True
    fan(page)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_nothing_sticks_out_sideways(open_page: OpenPage, theme: str) -> None:
    page = open_page("?symbol=SPY&interval=1d", theme=theme)
    fan(page)
    for width in (390, 768, 1440, 2560):
        page.set_viewport_size({"width": width, "height": 900})
        page.wait_for_timeout(100)
        assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_nobody_is_shut_out(open_page: OpenPage, theme: str) -> None:
    page = open_page(HOURLY, theme=theme)
    fan(page)
    expect(page.locator("#resolved")).to_be_visible()
    page.evaluate("document.querySelectorAll('details').forEach(fold => { fold.open = true })")
    assert violations(page) == []


def test_the_first_load_is_small_on_the_wire(open_page: OpenPage) -> None:
    page = open_page("?symbol=SPY&interval=1d")
    fan(page)
    sent = page.evaluate(
        "performance.getEntriesByType('resource').filter(e => !e.name.includes('/api/')).map(e => e.encodedBodySize)"
    )
    assert len(sent) >= 3
    assert 0 < sum(sent) <= 150 * 1024


def test_the_theme_is_chosen_and_remembered(open_page: OpenPage) -> None:
    page = open_page("?symbol=SPY")
    button = page.get_by_role("button", name=re.compile("^Theme"))
    button.click()
    button.click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.reload()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")

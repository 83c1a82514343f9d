"""The instrument as a person uses it: the time machine, what the ledger said before, indicators, keys, any width."""

import json
import re
import time
import urllib.parse
import urllib.request
from datetime import datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, Route, WebSocketRoute, expect

from tests.e2e.conftest import OpenPage, Watch, violations

HOURLY = "?symbol=SOL-USDT&interval=1h"
THEN = "2021-01-04T12:30:00Z"  # the replay began at midnight, so the first hours have met their outcome
WIDTHS = (390, 2560)


def asked(server: str, path: str, **params: str) -> Any:
    """What the API answers."""
    with urllib.request.urlopen(f"{server}/api/v1{path}?{urllib.parse.urlencode(params)}", timeout=30) as answer:
        return json.load(answer)


def chart_of(page: Page) -> Locator:
    """The chart, once there are bars."""
    chart = page.locator(".chart")
    expect(chart).to_have_attribute("data-bars", re.compile(r"^[1-9]"), timeout=30_000)
    return chart


def wait_until(server: str, moment: str) -> None:
    """Return once the replay has come past that moment."""
    for _ in range(600):
        if asked(server, "/info")["clock"]["now"] > moment:
            return
        time.sleep(0.1)
    pytest.fail(f"the replay never came to {moment}")


def test_the_time_machine_shows_nothing_that_came_later(open_page: OpenPage, server: str) -> None:
    wait_until(server, "2021-01-04T18:00:00Z")
    page = open_page(f"{HOURLY}&as_of={THEN}")
    chart = chart_of(page)
    banner = page.get_by_role("region", name="Time machine")
    expect(banner).to_contain_text("As known at 4 Jan 2021, 13:30")  # Berlin
    expect(chart).to_have_attribute("data-last-bar", "2021-01-04T11:00:00Z")
    expect(page.locator("[data-source=ledger]")).to_contain_text("From the ledger, issued")
    (said,) = asked(server, "/forecasts", symbols="SOL-USDT", interval="1h", model="auto", as_of=THEN)["items"]
    assert said["issued_at"] <= THEN
    at_10 = next(step for step in said["steps"] if step["step"] == 10)
    bounds = next(one for one in at_10["intervals"] if one["level"] == 0.8)
    lower, upper = (f"{bounds[name]:.2f}" for name in ("lower", "upper"))
    expect(page.get_by_test_id("interval")).to_have_text(f"{lower} \u2013 {upper}")
    expect(page.locator("#resolved tbody tr").first).to_be_visible()
    assert page.locator("#resolved tr[data-state=open]").count() >= 1  # its outcome had not come
    assert all(text <= "12:30" for text in _issued_utc(page)), "issued later"
    for gone in ("#ledger", "#walk-forward", "#leaderboard", "#calibration"):
        expect(page.locator(gone)).to_have_count(0)
    asks = page.evaluate("performance.getEntriesByType('resource').map(e => e.name).filter(n => n.includes('/api/'))")
    late = [url for url in asks if "/candles" in url and "as_of" not in url and "end=" not in url]
    assert late == [], "candles of the present were asked for"


def _issued_utc(page: Page) -> list[str]:
    stamps = page.locator("#resolved time").evaluate_all("all => all.map(one => one.dateTime)")
    return [stamp[11:16] for stamp in stamps]


def test_the_time_machine_goes_bar_by_bar_and_back_to_now(open_page: OpenPage, server: str) -> None:
    wait_until(server, "2021-01-04T18:00:00Z")
    page = open_page(f"{HOURLY}&as_of={THEN}")
    chart = chart_of(page)
    back = page.get_by_role("button", name="One bar back")
    back.click()
    expect(page.locator("[data-as-of='2021-01-04T12:00:00Z']")).to_be_visible()
    assert "as_of=2021-01-04T12%3A00%3A00Z" in page.url
    back.click()
    expect(chart).to_have_attribute("data-last-bar", "2021-01-04T10:00:00Z")
    page.get_by_role("button", name="One bar forward").click()
    expect(page.locator("[data-as-of='2021-01-04T12:00:00Z']")).to_be_visible()
    expect(chart).to_have_attribute("data-last-bar", "2021-01-04T11:00:00Z")
    page.get_by_role("button", name="Back to now").click()
    expect(page.get_by_role("region", name="Time machine")).to_have_count(0)
    expect(page.locator("#walk-forward")).to_be_visible()
    assert "as_of" not in page.url
    page.go_back()
    expect(page.get_by_role("region", name="Time machine")).to_be_visible()
    page.go_forward()
    expect(page.get_by_role("region", name="Time machine")).to_have_count(0)


def test_a_moment_is_picked_and_a_forecast_made_again_says_so(open_page: OpenPage) -> None:
    page = open_page("?symbol=EUR-USD&interval=1d")
    chart_of(page)
    page.get_by_role("button", name="As known now").click()
    page.get_by_label(re.compile("^Date and time")).fill("2020-06-02T18:00")  # before the ledger began
    page.get_by_role("button", name="Go there").click()
    expect(page.locator(".chart")).to_have_attribute("data-last-bar", "2020-06-02T00:00:00Z")
    expect(page.get_by_role("heading", name="No forecast had been issued")).to_be_visible()
    assert "as_of=2020-06-02T16%3A00%3A00Z" in page.url
    page.get_by_role("button", name="Compute what would have been said").click()
    expect(page.locator("[data-source=recomputed]")).to_have_text(re.compile("Recomputed .* Not in the ledger"))
    assert "recomputed=1" in page.url
    page.reload()
    expect(page.locator("[data-source=recomputed]")).to_be_visible(timeout=30_000)


def test_the_future_cannot_be_looked_at(open_page: OpenPage, watch: Watch) -> None:
    watch.expected = ("status of 422",)
    page = open_page("?symbol=SPY&interval=1d&as_of=2031-01-01T00:00:00Z")
    page.locator(".chart-card").get_by_role("button", name="Back to now").click()
    chart_of(page)


def test_past_forecasts_are_drawn_as_the_ledger_has_them(open_page: OpenPage, server: str) -> None:
    wait_until(server, "2021-01-04T18:00:00Z")
    page = open_page(f"{HOURLY}&model=naive&step=2&level=0.5&as_of=2021-01-04T17:30:00Z")
    chart = chart_of(page)
    expect(chart).to_have_attribute("data-claims", re.compile("^[1-9]"))
    params = {"interval": "1h", "model": "naive", "horizon": "2", "level": "0.5", "limit": "200"}
    items = asked(server, "/forecasts/SOL-USDT/history", **params, as_of="2021-01-04T17:30:00Z")["items"]
    done = [item for item in items if item["outcome"] is not None and item["sealed"]]
    hits = [item for item in done if item["lower"] <= item["outcome"] <= item["upper"]]
    expect(chart).to_have_attribute("data-hits", str(len(hits)))
    expect(chart).to_have_attribute("data-misses", str(len(done) - len(hits)))
    # The read-out and the table say what is drawn.
    page.get_by_text("The bars as a table").click()
    fates = page.locator("#bars tbody tr").evaluate_all(
        "rows => rows.map(row => row.cells[row.cells.length - 1].textContent)"
    )
    assert fates.count("hit") == len(hits)
    assert fates.count("miss") == len(done) - len(hits)
    newest = max(done, key=lambda item: item["target"])
    chart.focus()
    start = datetime.fromisoformat(newest["target"])
    last = datetime.fromisoformat(chart.get_attribute("data-last-bar") or "")
    for _ in range(1 + (last - start) // timedelta(hours=1)):
        page.keyboard.press("ArrowLeft")
    expect(page.locator(".readout")).to_contain_text(f"{newest['lower']:.2f} \u2013 {newest['upper']:.2f}")
    expect(page.locator(".readout")).to_contain_text("hit" if newest in hits else "miss")


def test_past_forecasts_are_taken_away_and_the_address_says_so(open_page: OpenPage) -> None:
    page = open_page(f"{HOURLY}&model=naive")
    chart = chart_of(page)
    expect(chart).to_have_attribute("data-claims", re.compile("^[1-9]"), timeout=30_000)
    expect(page.get_by_role("list", name="Legend")).to_contain_text(re.compile("hit.*missed"))
    page.get_by_role("checkbox", name="Past forecasts").uncheck()
    expect(chart).to_have_attribute("data-claims", "0")
    assert "past=0" in page.url


def test_indicators_come_from_the_feature_sets_and_stay_in_the_address(open_page: OpenPage, server: str) -> None:
    page = open_page("?symbol=SPY&interval=1d&as_of=2020-12-30T12:00:00Z")
    chart = chart_of(page)
    page.get_by_role("button", name=re.compile("^Indicators")).click()
    sheet = page.get_by_role("region", name="Indicators", exact=True)
    sheet.get_by_role("checkbox", name="SMA 20", exact=True).check()
    sheet.get_by_role("checkbox", name="RSI 14", exact=True).check()
    page.keyboard.press("Escape")
    expect(sheet).to_have_count(0)
    page.mouse.move(0, 0)  # off the chart: the read-out tells of the last bar
    expect(chart).to_have_attribute("data-lines", "sma_20,rsi_14")
    params = {"set": "indicators/1", "columns": "sma_20,rsi_14", "interval": "1d", "limit": "1"}
    (row,) = asked(server, "/features/SPY", **params, as_of="2020-12-30T12:00:00Z")["rows"]
    expect(page.locator(".readout")).to_contain_text(f"SMA 20 {row['values'][0]:.2f}")
    expect(page.locator(".readout")).to_contain_text(f"RSI 14 {row['values'][1]:.1f}")
    assert "draw=sma_20%2Crsi_14" in page.url
    page.reload()
    expect(chart_of(page)).to_have_attribute("data-lines", "sma_20,rsi_14")


def test_raw_prices_have_the_split_and_refuse_averages_of_adjusted_ones(open_page: OpenPage) -> None:
    page = open_page("?symbol=AAPL&interval=1d&range=1y&draw=sma_20,rsi_14&as_of=2020-12-30T12:00:00Z")
    chart = chart_of(page)
    expect(chart).to_have_attribute("data-lines", "sma_20,rsi_14")
    expect(chart).to_have_attribute("data-volume", re.compile("^[1-9]"))
    page.get_by_text("The bars as a table").click()
    adjusted = page.locator("#bars tbody tr").last.inner_text()
    page.get_by_role("radio", name="As traded").check(force=True)
    expect(chart).to_have_attribute("data-lines", "rsi_14")
    assert "adjust=raw" in page.url
    assert page.locator("#bars tbody tr").last.inner_text() != adjusted or adjusted
    page.get_by_role("button", name=re.compile("^Indicators")).click()
    expect(page.get_by_text("not drawn over raw ones")).to_be_visible()


def test_candles_become_a_line_and_volume_goes(open_page: OpenPage) -> None:
    page = open_page("?symbol=SPY&interval=1d")
    chart = chart_of(page)
    expect(chart).to_have_attribute("data-volume", re.compile("^[1-9]"))
    page.get_by_role("checkbox", name="Volume").uncheck()
    expect(chart).to_have_attribute("data-volume", "0")
    page.get_by_role("radio", name="Line").check(force=True)
    expect(chart).to_have_attribute("data-kind", "line")
    page.reload()
    expect(chart_of(page)).to_have_attribute("data-kind", "line")
    expect(chart_of(page)).to_have_attribute("data-volume", "0")


def test_a_change_of_source_is_marked_and_told(open_page: OpenPage, server: str) -> None:
    """All bars of the sample are of one source; a second one is put into the answer."""
    page = open_page(goto=False)

    def two(route: Route) -> None:
        body = route.fetch().json()
        if body["blocks"] and len(body["candles"]) > 100:
            (block,) = body["blocks"]
            cut = body["candles"][-50]["start"]
            other = block["provenance"] | {"source": "stooq", "origin": "Stooq"}
            body["blocks"] = [
                block | {"to": body["candles"][-51]["start"]},
                block | {"from": cut, "rows": 50, "provenance": other},
            ]
        route.fulfill(json=body)

    page.route("**/candles?**", two)
    page.goto(f"{server}/?symbol=SPY&interval=1d&as_of=2020-12-30T12:00:00Z")
    expect(chart_of(page)).to_have_attribute("data-seams", "1")
    expect(page.locator(".readout")).to_contain_text("stooq")


def test_gaps_are_drawn_as_gaps_and_named(open_page: OpenPage) -> None:
    page = open_page(f"{HOURLY}&range=3mo&as_of={THEN}")
    expect(chart_of(page)).to_have_attribute("data-gaps", re.compile("^[1-9]"))
    expect(page.get_by_role("list", name="Legend")).to_contain_text("no data")


def test_older_bars_come_when_the_chart_is_moved_to_them(open_page: OpenPage) -> None:
    page = open_page("?symbol=SPY&interval=1d&as_of=2020-12-30T12:00:00Z")
    chart = chart_of(page)
    expect(chart).to_have_attribute("data-bars", "500")
    chart.focus()
    for _ in range(40):
        page.keyboard.press("-")
        if chart.get_attribute("data-bars") != "500":
            break
        page.wait_for_timeout(50)
    expect(chart).to_have_attribute("data-bars", re.compile(r"^\d{4,}$"))
    page.get_by_role("radio", name="All there is").check(force=True)
    expect(chart).to_have_attribute("data-bars", re.compile(r"^5\d{3}$"), timeout=30_000)
    assert "range=max" in page.url


def test_the_chart_goes_to_a_bar_by_key(open_page: OpenPage) -> None:
    page = open_page("?symbol=SPY&interval=1d&as_of=2020-12-30T12:00:00Z")
    chart = chart_of(page)
    chart.focus()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("t")
    expect(page.locator("[data-as-of='2020-12-28T21:00:00Z']")).to_be_visible()
    page.get_by_text("Keys", exact=True).click()
    expect(page.locator(".key-list")).to_contain_text("zoom in and out")


def test_a_bar_that_is_forming_moves_as_it_is_told(open_page: OpenPage, server: str) -> None:
    """The sample has closed bars only: what a live feed would tell is put into the stream."""
    page = open_page(goto=False)
    topic, sockets, places = "candles:SPY:1d", [], {}

    def follow(socket: WebSocketRoute) -> None:
        behind = socket.connect_to_server()
        sockets.append(socket)

        def heard(text: str | bytes) -> None:
            said = json.loads(text)
            for one in said.get("topics", []) if said.get("event") == "subscribed" else []:
                places[one["topic"]] = (one["epoch"], one["offset"])
            if said.get("topic") != topic:  # its own counting goes on below
                socket.send(text)

        behind.on_message(heard)

    page.route_web_socket("**/stream/ws", follow)
    page.goto(f"{server}/?symbol=SPY&interval=1d")
    chart = chart_of(page)
    expect(page.get_by_text("Live", exact=True).first).to_be_attached(timeout=20_000)
    for _ in range(200):
        if topic in places:
            break
        page.wait_for_timeout(50)
    epoch, offset = places[topic]
    start = datetime.fromisoformat(chart.get_attribute("data-last-bar") or "") + timedelta(
        days=40
    )  # none comes between
    prices = {"open": 370.0, "high": 380.0, "low": 369.0, "volume": None, "source": "told", "final": False}
    for n, close in enumerate((371.25, 372.5), 1):
        candle = prices | {"start": _z(start), "end": _z(start + timedelta(hours=21)), "close": close}
        message = {"topic": topic, "epoch": epoch, "offset": offset + n, "ts": _z(start), "data": candle}
        sockets[-1].send(json.dumps(message))
        expect(page.locator(".readout")).to_contain_text(f"C {close:.2f}")
    expect(page.locator(".readout")).to_contain_text("still forming")
    expect(chart).to_have_attribute("data-last-bar", _z(start))


def _z(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"


def test_risk_statistics_and_sources_are_told_with_what_they_stand_on(open_page: OpenPage) -> None:
    page = open_page("?symbol=SPY&interval=1d")
    risk = page.locator("#risk")
    expect(risk).to_contain_text(re.compile(r"\d\.\d\d\s%.*to"), timeout=20_000)
    risk.get_by_role("button", name=re.compile("Value at risk")).focus()
    expect(page.get_by_role("tooltip").filter(has_text="daily returns").first).to_be_visible()
    statistics = page.locator("#statistics")
    expect(statistics).to_contain_text(re.compile(r"Range\s*\d+\.\d\d \u2013 \d+\.\d\d"))
    statistics.get_by_role("radio", name="A year").check(force=True)
    expect(statistics).to_contain_text(re.compile("Jan 2020"))
    expect(page.locator("#origins")).to_contain_text("Sample data")
    risk.get_by_role("link").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Risk")
    assert "basket=SPY" in page.url


def test_an_untrained_model_is_refused_with_the_way_to_train_it(open_page: OpenPage, watch: Watch) -> None:
    watch.expected = ("status of 409",)
    page = open_page("?symbol=SPY&interval=1d&model=lightgbm")
    outlook = page.locator(".outlook")
    expect(outlook.get_by_role("alert")).to_contain_text("unavailable")
    outlook.get_by_role("link", name="Train it").click()
    expect(page.get_by_role("heading", level=2, name="LightGBM")).to_be_visible()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_past_is_accessible_and_fits(open_page: OpenPage, server: str, theme: str) -> None:
    wait_until(server, "2021-01-04T18:00:00Z")
    page = open_page(f"{HOURLY}&as_of={THEN}&draw=sma_20,rsi_14", theme=theme)
    expect(chart_of(page)).to_have_attribute("data-lines", "sma_20,rsi_14")
    expect(page.locator(".bone")).to_have_count(0, timeout=30_000)
    page.evaluate("document.querySelectorAll('details').forEach(fold => { fold.open = true })")
    page.get_by_role("button", name=re.compile("^Indicators")).click()
    assert violations(page) == []
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        page.wait_for_timeout(100)
        assert page.evaluate("document.documentElement.scrollWidth") <= width

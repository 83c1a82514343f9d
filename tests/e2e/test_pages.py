"""The other pages, as a person uses them: over a replay of real data, in Chromium."""

import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.e2e.conftest import WEB_DIR, OpenPage, Watch, violations
from tests.servers import cannot_run


def test_the_markets_lead_to_an_instrument_and_back(open_page: OpenPage) -> None:
    page = open_page()
    row = page.locator('#markets tr[data-symbol="EUR-USD"]')
    expect(row).to_contain_text(re.compile(r"1\.\d{5}"), timeout=20_000)  # the server has just begun
    row.scroll_into_view_if_needed()
    expect(row.get_by_role("img", name=re.compile("^EUR-USD, last"))).to_be_attached()
    row.get_by_role("link").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("EUR-USD")
    page.go_back()
    expect(page.get_by_role("heading", level=1)).to_have_text("Markets")


def test_the_markets_are_sorted_and_filtered_by_the_address(open_page: OpenPage) -> None:
    page = open_page()
    page.get_by_role("link", name="Currencies").click()
    expect(page.locator('#markets tr[data-symbol="SPY"]')).to_have_count(0)
    expect(page.locator('#markets tr[data-symbol="EUR-USD"]')).to_contain_text(re.compile(r"1\.\d{5}"))
    page.get_by_role("button", name="Last").click()
    expect(page.locator("#markets .bone")).to_have_count(0)
    prices = page.locator("#markets tbody td:nth-child(2)").all_inner_texts()
    numbers = [float(text.replace(",", "")) for text in prices if text != "no price"]
    assert numbers == sorted(numbers)
    assert len(numbers) > 10
    page.get_by_role("searchbox", name="Filter by name").fill("yen")
    expect(page.locator('#markets tr[data-symbol="USD-CAD"]')).to_have_count(0)
    assert "class=fx" in page.url
    assert "filter=yen" in page.url
    page.reload()
    expect(page.locator('#markets tr[data-symbol="USD-JPY"]')).to_be_visible()
    expect(page.locator('#markets tr[data-symbol="USD-CAD"]')).to_have_count(0)


def test_the_track_record_of_a_class_is_in_the_address(open_page: OpenPage) -> None:
    page = open_page("record?interval=1h&model=naive")  # hours are the first to be resolved
    expect(page.locator("#leaderboard")).to_contain_text("Currencies")
    page.locator("label", has_text="Stocks").click()
    expect(page.locator("#leaderboard h3")).to_have_text("Leaderboard: Stocks")
    assert "class=equity" in page.url
    expect(page.locator("#calibration .curve-plot")).to_be_visible(timeout=60_000)
    expect(page.get_by_role("heading", name="The ledger")).to_be_visible()
    expect(page.locator("#ledger")).to_contain_text("Nothing has been changed")


def test_the_track_record_is_said_in_sentences_and_proven_in_figures(open_page: OpenPage) -> None:
    page = open_page("record?interval=1h&model=naive&kind=ledger")
    held = page.locator("#held")
    expect(held).to_contain_text(re.compile(r"outcomes fell inside the interval that promised 80\s%"), timeout=60_000)
    held.locator("label", has_text="95").click()
    expect(held).to_contain_text(re.compile(r"promised 95\s%"))
    held.get_by_text("The same in figures").click()
    held.locator("tbody .answer button").first.focus()
    expect(page.locator("[role=tooltip]:visible")).to_contain_text("Standard error")
    page.keyboard.press("Escape")
    expect(page.locator("[role=tooltip]:visible")).to_have_count(0)
    singles = page.locator("#singles")
    singles.locator("label", has_text="Worst").click()
    assert "order=worst" in page.url
    expect(singles).to_contain_text("Farthest from what happened")
    expect(singles).to_have_attribute("aria-busy", "false")
    row = singles.locator("tbody tr").first
    expect(row).to_contain_text("moves")
    row.locator(".answer button").focus()
    expect(page.locator("[role=tooltip]:visible")).to_contain_text("Random walk")
    page.reload()
    expect(singles.get_by_role("radio", name="Worst")).to_be_checked()


def test_a_job_is_run_and_switched_from_the_page(open_page: OpenPage) -> None:
    page = open_page("data")
    row = page.locator('tr[data-job="resolve"]')
    row.get_by_role("button", name="Run now resolve").click()
    expect(row.get_by_role("status").first).to_have_text(re.compile("ok|skipped"), timeout=20_000)
    row.get_by_role("button", name="Switch off resolve").click()
    expect(row).to_contain_text("switched off")
    row.get_by_role("button", name="Switch on resolve").click()
    expect(row).not_to_contain_text("switched off")
    row.get_by_role("button", name=re.compile("^resolve")).click()
    expect(page.locator("#jobs .runs li").first).to_contain_text(re.compile("ok|skipped"))


def test_sources_and_gaps_are_shown_with_their_state(open_page: OpenPage) -> None:
    page = open_page("data")
    expect(page.locator('tr[data-source="sample"]')).to_contain_text("on this machine")
    page.get_by_role("button", name=re.compile("switched off$")).click()
    expect(page.locator('tr[data-source="binance"]')).to_contain_text("switched off")
    expect(page.locator("#gaps tbody tr").first).to_contain_text("not delivered")


def test_a_model_shows_its_card(open_page: OpenPage) -> None:
    page = open_page("models")
    page.get_by_role("link", name=re.compile("^EWMA walk")).click()
    expect(page.get_by_role("heading", level=2, name="EWMA walk")).to_be_visible()
    assert "model=ewma_walk" in page.url


def test_an_unknown_model_and_an_unknown_page_are_said(open_page: OpenPage, watch: Watch) -> None:
    watch.expected = ("status of 404",)
    page = open_page("models?model=oracle")
    expect(page.get_by_role("alert")).to_be_visible()
    assert page.goto(page.url.split("/models")[0] + "/nowhere").status == 404  # type: ignore[union-attr]


PATHS = [
    "",
    "record?interval=1h&model=naive&kind=ledger",
    "compare",
    "compare?of=models",
    "risk",
    "data",
    "models?model=lightgbm",
    "developers",
    "settings",
]


@pytest.mark.parametrize("path", PATHS)
def test_every_page_is_accessible_in_both_themes_at_every_width(open_page: OpenPage, path: str) -> None:
    page = open_page(path)
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    expect(page.locator(".bone")).to_have_count(0, timeout=30_000)
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
        assert violations(page) == [], theme


def test_a_key_is_made_and_revoked_on_the_page(open_page: OpenPage) -> None:
    page = open_page("settings")
    page.get_by_label("Name of the new key").fill("from the page")
    page.get_by_role("button", name="Make a key").click()
    expect(page.locator(".made code")).to_have_text(re.compile("^tc_"))
    row = page.locator('tr[data-key="from the page"]').first
    row.get_by_role("button", name=re.compile("^Revoke")).click()
    row.get_by_role("button", name=re.compile("^Really revoke")).click()
    expect(row).to_contain_text("revoked")


def test_a_basket_lives_in_the_address_and_its_risk_has_intervals(open_page: OpenPage) -> None:
    page = open_page("risk?basket=SPY:60,QQQ:40")
    losses = page.locator("#losses tbody tr").first
    expect(losses).to_contain_text(re.compile(r"\d\.\d\d\s%.* to "), timeout=20_000)
    page.get_by_role("textbox", name="Symbol to add").fill("iwm")
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.get_by_role("textbox", name="Weight of IWM")).to_have_value("10")
    assert "IWM" in page.url
    page.get_by_role("button", name="Remove SPY").click()
    expect(page.get_by_role("textbox", name="Weight of SPY")).to_have_count(0)


def test_a_basket_of_something_unknown_is_refused_with_the_reason(open_page: OpenPage, watch: Watch) -> None:
    watch.expected = ("status of 404",)
    page = open_page("risk?basket=EURUSX:1")
    expect(page.get_by_role("alert")).to_contain_text("No instrument is called “EURUSX”")


def test_instruments_are_compared(open_page: OpenPage) -> None:
    page = open_page("compare?symbols=SPY,QQQ,EUR-USD")
    cell = page.locator(".heat tbody tr").first.locator("td").nth(1)
    expect(cell).to_have_text(re.compile(r"0\.\d\d"))
    cell.get_by_role("button").focus()
    expect(page.locator("[role=tooltip]:visible")).to_contain_text("Spearman")
    expect(page.locator("#volatility tbody tr")).to_have_count(3)
    expect(page.locator("#lines")).to_contain_text(re.compile(r"QQQ [+\u2212]\d"))


def test_models_are_compared_side_by_side(open_page: OpenPage) -> None:
    page = open_page("compare?of=models&models=ewma_walk,ensemble")
    heads = page.locator("#contest thead th")
    expect(heads).to_have_text(["Class", "EWMA walk", "Ensemble"], timeout=60_000)
    expect(page.locator("#contest tbody tr").first).to_contain_text(re.compile(r"[01]\.\d\d\d"))
    page.get_by_role("checkbox", name="Volatility walk").check()
    expect(heads).to_have_count(4)
    assert "vol_walk" in page.url


def test_an_untrained_model_can_be_trained_and_others_cannot(open_page: OpenPage) -> None:
    page = open_page("models?model=lightgbm")
    expect(page.get_by_role("button", name="Train LightGBM")).to_be_enabled()
    expect(page.get_by_text("Nothing is trained yet")).to_be_visible()
    page.get_by_role("link", name=re.compile("^EWMA walk")).click()
    expect(page.get_by_role("heading", level=2, name="EWMA walk")).to_be_visible()
    expect(page.get_by_role("button", name=re.compile("^Train"))).to_have_count(0)


def test_an_example_of_the_api_is_tried_on_the_page(open_page: OpenPage) -> None:
    page = open_page("developers?symbol=%5EVIX")
    price = page.locator("#example-price")
    price.get_by_role("button", name=re.compile("^Try it")).click()
    expect(price.get_by_role("status").filter(has_text="200")).to_contain_text("bytes")
    expect(price).to_contain_text("ratelimit-policy")
    expect(price.get_by_role("region", name=re.compile("^Answer"))).to_contain_text('"symbol": "^VIX"')


def node() -> str:
    """The Node that builds the page: the system's, or the one that scripts/web has put beside Python."""
    found = shutil.which("node", path=f"{os.environ['PATH']}:{WEB_DIR.parents[2] / '.venv' / 'node'}")  # noqa: TID251
    if found is None:
        cannot_run("there is no Node: scripts/web ci")
    return str(found)


LANGUAGES = [
    ("curl", lambda text: ["sh", "-ec", text]),
    ("python", lambda text: [sys.executable, "-uc", text]),
    ("httpx", lambda text: [sys.executable, "-uc", text]),
    ("javascript", lambda text: [node(), "--input-type=module", "-e", text]),
]


@pytest.mark.parametrize(("language", "command"), LANGUAGES, ids=[name for name, _ in LANGUAGES])
def test_examples_of_the_api_run_as_they_stand(
    open_page: OpenPage, language: str, command: Callable[[str], list[str]]
) -> None:
    page = open_page(f"developers?symbol=%5EVIX&language={language}")
    for example in ("price", "candles", "forecast", "now", "history", "record"):
        text = page.locator(f"#example-{example} pre").first.inner_text()
        done = subprocess.run(command(text), check=False, capture_output=True, text=True, timeout=60)
        assert (done.returncode, "problem+json" in done.stdout) == (0, False), (text, done.stderr)
        assert done.stdout.strip() or example in ("forecast", "history", "record"), text
    text = page.locator("#stream pre").first.inner_text()
    if language == "javascript":  # of a page: sockets there can set no header
        with page.expect_console_message(lambda said: "quotes:^VIX" in str([one.json_value() for one in said.args])):
            page.evaluate(f"() => {{ {text} }}")
        return
    with subprocess.Popen(command(text), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as following:
        assert following.stdout is not None
        ending = threading.Timer(60, following.kill)
        ending.start()
        heard = []
        for line in following.stdout:
            heard.append(line)
            if "quotes:^VIX" in line:
                break
        ending.cancel()
        following.kill()
    assert "quotes:^VIX" in "".join(heard[-1:]), heard


def test_times_and_numbers_follow_the_settings(open_page: OpenPage) -> None:
    page = open_page("settings")
    page.get_by_label("Time zone").select_option("Asia/Kathmandu")
    expect(page.locator("#sample")).to_contain_text("UTC+5:45")
    page.get_by_role("radio", name="1.234,56").check(force=True)
    expect(page.locator("#sample")).to_contain_text("1.234,56")
    page.locator("#first").get_by_role("radio", name="Currencies").check(force=True)
    page.get_by_label("Symbol to show first").fill("usdjpy")
    page.locator("#first").get_by_role("button", name="Add").click()
    expect(page.locator("#first").get_by_role("button", name=re.compile("USD-JPY"))).to_be_visible()
    page.get_by_role("link", name="Markets").click()
    first = page.locator("#markets tbody tr").first
    expect(first).to_have_attribute("data-symbol", "USD-JPY")
    expect(first).to_contain_text(re.compile(r"\d{3},\d"))
    expect(page.locator('#markets tr[data-symbol="SPY"]')).to_have_count(0)
    page.get_by_role("link", name="All", exact=True).click()
    expect(page.locator('#markets tr[data-symbol="SPY"]')).to_have_count(1)
    page.get_by_role("link", name="Settings").click()
    page.get_by_role("button", name="Reset look and markets").click()
    expect(page.locator("#sample")).to_contain_text("1,234.56")
    expect(page.locator("#sample")).to_contain_text("Europe/Berlin")


BLOCKED = "Object.defineProperty(window, 'localStorage', { get() { throw new DOMException('no', 'SecurityError') } })"


def test_a_browser_that_keeps_nothing_works_and_says_so(open_page: OpenPage, server: str) -> None:
    page = open_page(goto=False)
    page.add_init_script(BLOCKED)
    page.goto(f"{server}/settings")
    expect(page.get_by_text("This browser keeps nothing for this page")).to_be_visible()
    page.get_by_label("Time zone").select_option("Asia/Kolkata")
    page.get_by_role("radio", name="Dark").check(force=True)
    expect(page.locator("#sample")).to_contain_text("UTC+5:30")
    page.get_by_role("link", name="Data health").click()
    page.get_by_role("link", name="Settings").click()
    expect(page.locator("#sample")).to_contain_text("UTC+5:30")


def test_the_help_lists_the_keys_and_keeps_the_focus(open_page: OpenPage) -> None:
    page = open_page("data")
    expect(page.get_by_role("heading", level=1)).to_have_text("Data health")
    page.keyboard.press("?")
    dialog = page.get_by_role("dialog", name="Keys")
    expect(dialog).to_contain_text("The table of Markets")
    expect(dialog).to_contain_text("The chart")
    for _ in range(4):
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.closest('dialog') !== null")
    assert violations(page) == []
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    page.keyboard.type("go")  # the letter must follow within 1.5 s, on a busy machine too
    expect(page.get_by_role("heading", level=1)).to_have_text("Models")
    page.get_by_role("combobox", name="Search symbols").press("?")
    expect(dialog).to_have_count(0)


def test_the_first_stop_of_the_tab_key_skips_to_the_page(open_page: OpenPage) -> None:
    page = open_page("risk")
    expect(page.get_by_role("heading", level=1)).to_have_text("Risk")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the page")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('main') !== null")

"""The other pages, as a person uses them: over a replay of real data, in Chromium."""

import re

import pytest
from playwright.sync_api import expect

from tests.e2e.conftest import OpenPage, Watch, violations


def test_the_markets_lead_to_an_instrument_and_back(open_page: OpenPage) -> None:
    page = open_page()
    row = page.locator('#markets tr[data-symbol="EUR-USD"]')
    expect(row).to_contain_text(re.compile(r"1\.\d{5}"))
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


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("path", ["", "record", "compare", "risk", "data", "models?model=ewma_walk", "settings"])
def test_every_page_is_accessible(open_page: OpenPage, path: str, theme: str) -> None:
    page = open_page(path, theme=theme)
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    expect(page.locator(".bone")).to_have_count(0, timeout=30_000)
    assert violations(page) == []


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
    expect(cell).to_have_attribute("title", re.compile("SPY and QQQ: .* returns"))
    expect(page.locator("#volatility tbody tr")).to_have_count(3)

"""What becomes of a model, clicked through on its page: trained, refused, promoted, rolled back."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, expect

from tests.e2e.conftest import Watch
from tests.e2e.test_outage import of, running
from tests.e2e.test_states import Opened, _patient, inaccessible, opened
from tests.e2e.test_zoom import LOST
from tests.servers import free_port

__all__ = ["_patient", "opened"]  # fixtures


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """The address of a replay whose trainings are small, and the folder in which they wait for `go`."""
    folder = tmp_path_factory.mktemp("trainer")
    port = free_port()
    with running(folder, port, "tests.e2e.trainer", str(port), str(folder)) as url:
        yield url, folder


def train(page: Page, name: str, asset_class: str = "fx") -> None:
    """On daily bars of one class."""
    page.get_by_label("Class to train on").select_option(asset_class)
    page.get_by_label("Interval to train on").select_option("1d")
    page.get_by_role("button", name=f"Train {name}").click()


def test_a_model_is_trained_promoted_and_rolled_back_from_its_page(
    opened: Opened, house: tuple[str, Path], watch: Watch
) -> None:
    watch.expected = ("status of 409",)
    url, folder = house
    page = opened(f"{of(url, watch)}/models?model=lightgbm")
    other = opened(f"{url}/models?model=random_forest")
    expect(other.get_by_role("button", name="Train Random forest")).to_be_enabled()
    unheard: list[Route] = []
    other.route("**/models/status", lambda route: unheard.append(route))  # noqa: PLW0108 the browser marks what it calls
    train(page, "LightGBM")
    expect(page.locator("[data-state=running]")).to_contain_text("Currencies, 1d")
    expect(page.get_by_role("button", name="Train LightGBM")).to_be_disabled()

    # The other page has not heard of it: the server refuses, and the page says why. Then it hears, and offers it no more.
    train(other, "Random forest")
    expect(other.locator(".training .act-said.bad")).to_contain_text("lightgbm")
    assert inaccessible(other) == []
    other.unroute("**/models/status")
    other.reload()
    expect(other.get_by_text("Training LightGBM now")).to_be_visible()
    expect(other.get_by_role("button", name="Train Random forest")).to_be_disabled()

    (folder / "go").touch()
    expect(page.locator("[data-state=done]")).to_contain_text(re.compile("Currencies 1d: "), timeout=90_000)
    version = page.locator("details.version")
    expect(version.locator("summary")).to_contain_text("challenger")
    expect(version.get_by_role("table").first).to_contain_text("CRPS ratio")
    expect(page.get_by_role("button", name="Roll back LightGBM")).to_have_count(0)

    version.get_by_role("button", name=re.compile("^Promote")).click()
    expect(version.locator("summary")).to_contain_text("champion")
    serves = page.get_by_role("region", name="What serves").get_by_role("row", name=re.compile("Currencies 1d"))
    expect(serves).to_contain_text("ready")
    if version.get_attribute("open") is None:
        version.locator("summary").click()
    for width in (1440, 390):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate(LOST) == [], width
    page.set_viewport_size({"width": 1440, "height": 900})

    # To roll back is asked twice, and Escape takes it back.
    page.get_by_label("Class to train on").select_option("fx")
    page.get_by_label("Interval to train on").select_option("1d")
    page.get_by_role("button", name="Roll back LightGBM").click()
    sure = page.get_by_role("button", name="Really roll back Currencies, 1d?")
    expect(sure).to_be_visible()
    assert inaccessible(page) == []
    page.keyboard.press("Escape")
    expect(sure).to_have_count(0)
    expect(version.locator("summary")).to_contain_text("champion")
    page.get_by_role("button", name="Roll back LightGBM").click()
    sure.click()
    expect(version.locator("summary")).not_to_contain_text("champion")
    expect(page.locator(".runs").last).to_contain_text("rolled_back")


def test_a_promotion_without_evidence_and_a_training_without_data_are_refused_with_the_reason(
    opened: Opened, house: tuple[str, Path], watch: Watch
) -> None:
    watch.expected = ("status of 409",)
    url, folder = house
    (folder / "go").touch()
    page = opened(f"{of(url, watch)}/models?model=random_forest")
    train(page, "Random forest", "macro")
    failed = page.locator("[data-state=failed]")
    expect(failed).to_contain_text("0 rows", timeout=90_000)
    train(page, "Random forest")
    expect(page.locator("[data-state=done]")).to_contain_text("Currencies 1d: ", timeout=90_000)
    version = page.locator("details.version")
    version.get_by_role("button", name=re.compile("^Promote")).click()
    expect(version.locator(".act-said.bad")).to_contain_text(re.compile("moments were judged, it takes"))
    expect(version.locator("summary")).to_contain_text("challenger")
    assert inaccessible(page) == []

"""The whole product live, as processes: `truecast up` over `python -m tests.wire --live`, cut off and back again."""

import json
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.commands.test_up import get, url_of, wait_until_ready

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def world() -> Iterator[str]:
    """The address of Binance in a world of its own."""
    command = [sys.executable, "-m", "tests.wire", "--live"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        told = next(line for line in process.stdout if line.startswith("TRUECAST_SOURCE_URLS="))
        found = re.search(r"[=,]binance=(http[^,\s]+)", told)
        assert found is not None
        try:
            yield found[1]
        finally:
            process.kill()


def until(ask: Callable[[], Any], seconds: float = 60.0) -> Any:
    """What it gives as soon as that is something."""
    end_s = time.monotonic() + seconds
    while time.monotonic() < end_s:
        if found := ask():
            return found
        time.sleep(0.2)
    pytest.fail("it did not come about")


def test_live_prices_candles_a_cut_and_a_clean_end(truecast_process, data_dir: Path, world: str, monkeypatch) -> None:
    monkeypatch.setenv("TRUECAST_SOURCES", "binance")
    monkeypatch.setenv("TRUECAST_SOURCE_URLS", f"binance={world}")
    process = truecast_process("up", "--port", "0")
    url = url_of(process)
    wait_until_ready(url)

    def feed() -> dict[str, Any]:
        return get(url, "/api/v1/sources/binance")["feed"]

    def order(what: str) -> None:
        root, _, _ = world.rpartition("/")
        with urllib.request.urlopen(f"{root}/_wire/binance/{what}", timeout=10) as answer:
            assert json.load(answer) == {"done": True}

    def price() -> dict[str, Any] | None:
        try:
            items = get(url, "/api/v1/prices?symbols=BTC-USDT")["items"]
        except urllib.error.HTTPError as error:
            error.close()
            return None  # not known yet: the store was empty a second ago
        return items[0] if items and items[0]["bid"] is not None else None

    until(lambda: feed()["state"] == "live")
    assert feed()["symbols"] == 10
    shown = until(price)
    assert shown["bid"] < shown["price"] < shown["ask"]
    assert (shown["provenance"]["source"], shown["provenance"]["stale"]) == ("binance", False)
    assert shown["provenance"]["age_s"] < 30

    order("misbehave?reset=1&path=/stream")
    until(lambda: feed()["state"] != "live")
    order("behave")
    until(lambda: feed()["state"] == "live")
    assert feed()["reconnects"] >= 1
    assert feed()["last_error"].startswith("socket_")
    before = shown["provenance"]["as_of"]
    until(lambda: (now := price()) and now["provenance"]["as_of"] > before)

    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=20)
    assert (process.returncode, out) == (0, "")
    assert "Traceback" not in err

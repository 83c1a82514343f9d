"""A table of more instruments than a connection follows: what is on the screen is live, and no limit is hit."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from playwright.sync_api import WebSocket, expect

from tests.e2e.conftest import Watch
from tests.e2e.crowd import SYMBOLS, fill
from tests.e2e.test_outage import ROOT, of, running
from tests.e2e.test_states import Opened, _patient, opened
from tests.servers import free_port

__all__ = ["_patient", "opened"]  # fixtures

SUBSCRIPTIONS_MAX = 256  # of a connection, docs/streaming.md


def test_of_very_many_instruments_those_on_the_screen_are_live(opened: Opened, tmp_path: Path, watch: Watch) -> None:
    fill(tmp_path / "csv")
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "TRUECAST_DATA_DIR": str(tmp_path / "data")}  # noqa: TID251
    arguments = ["import", str(tmp_path / "csv"), "--class", "crypto", "--currency", "USD", "--calendar", "24/7"]
    command = [sys.executable, "-m", "truecast", *arguments, "--timezone", "UTC"]
    subprocess.run(command, check=True, env=environment, capture_output=True, cwd=ROOT)
    followed: set[str] = set()
    most = 0

    def said(text: str | bytes) -> None:
        nonlocal most
        message: dict[str, Any] = json.loads(text)
        if message["action"] == "subscribe":
            followed.update(message["topics"])
        elif message["action"] == "unsubscribe":
            followed.difference_update(message["topics"])
        most = max(most, len(followed))

    def listen(socket: WebSocket) -> None:
        followed.clear()
        socket.on("framesent", said)

    port = free_port()
    with running(tmp_path, port, "tests.e2e.crowd", str(port), str(tmp_path)) as url:
        page = opened(None)
        page.on("websocket", listen)
        page.goto(f"{of(url, watch)}/?class=crypto&filter=w")
        rows = page.locator("#markets tbody tr")
        expect(rows).to_have_count(len(SYMBOLS))
        expect(page.locator("[data-stream]")).to_have_attribute("data-stream", "live")
        page.route("**/api/v1/prices?*", lambda route: None)  # whatever moves from now on has come over the stream
        first, last = (page.locator(f'tr[data-symbol="{symbol}"] td').first for symbol in (SYMBOLS[0], SYMBOLS[-1]))
        for cell in (first, last, first):
            cell.scroll_into_view_if_needed()
            expect(cell).to_have_text(re.compile(r"^\d"))
            for _ in range(3):
                expect(cell).not_to_have_text(cell.inner_text())
        last.scroll_into_view_if_needed()
        expect(last).not_to_have_text(last.inner_text())
        assert f"quotes:{SYMBOLS[-1]}" in followed
        assert f"quotes:{SYMBOLS[0]}" not in followed
        for share in range(20):  # through all of it, quickly: the server would end a connection that asks too much
            page.evaluate(f"scrollTo(0, {share / 20} * document.body.scrollHeight)")
            page.wait_for_timeout(60)
        first.scroll_into_view_if_needed()
        expect(first).not_to_have_text(first.inner_text())
        expect(page.locator("[data-stream]")).to_have_attribute("data-stream", "live")
        assert 0 < most <= SUBSCRIPTIONS_MAX
        page.context.close()

"""docs/source-map.md: nothing that other servers offered is missing, and no target is dead."""

import re
from pathlib import Path

import pytest
from starlette.routing import WebSocketRoute

from truecast.api.app import create_app
from truecast.api.deps import PREFIX
from truecast.kit.settings import Settings
from truecast.wiring import Role, build

ROOT = Path(__file__).parents[1]
ROW = re.compile(r"\| `(?P<there>[^|`]+)` \| (?P<here>[^|]+) \|")
TARGET = re.compile(r"`(?P<verb>GET|POST|PUT|PATCH|DELETE|WS|event) (?P<what>\S+)`(?P<root> \(root\))?")
AREAS = {"news", "accounts", "alerts", "watchlists", "trading"}


def rows() -> list[tuple[str, str]]:
    found = [ROW.match(line) for line in (ROOT / "docs" / "source-map.md").read_text().splitlines()]
    return [(match["there"], match["here"]) for match in found if match]


def test_every_endpoint_and_event_of_other_servers_has_a_line():
    asked = (ROOT / "tests" / "answers" / "other_servers.txt").read_text().splitlines()
    assert [there for there, _ in rows()] == asked
    assert len(asked) > 120


async def test_no_target_is_dead(tmp_path: Path):
    services = build(Settings(data_dir=tmp_path, _env_file=None), Role.TOOL)
    app = create_app(services)
    await services.background.close()
    served = {
        (method, re.sub(r":path}", "}", route.path))
        for route in app.router.routes
        for method in getattr(route, "methods", None) or (["WS"] if isinstance(route, WebSocketRoute) else [])
    }
    api = ROOT / "src" / "truecast" / "api"
    events = "".join(path.read_text() for path in sorted(api.glob("stream_socketio*.py")))
    for there, here in rows():
        if here.startswith("waits: "):
            assert here.removeprefix("waits: ").split(" ")[0].rstrip(",;") in AREAS, there
            continue
        if here.startswith(("made ", "not offered: ")):
            continue
        target = TARGET.match(here)
        assert target is not None, (there, here)
        if target["verb"] == "event":
            assert re.search(rf"\b{target['what']}\b", events), f"{there}: no event {target['what']}"
            continue
        path = target["what"] if target["root"] else PREFIX + target["what"]
        assert (target["verb"], path) in served, f"{there}: {here} is not served"


@pytest.mark.parametrize("area", sorted(AREAS))
def test_an_area_that_is_waited_for_is_still_waited_for(area: str):
    assert any(f"waits: {area}" in here for _, here in rows()), f"nothing waits for {area} any more: take it from AREAS"

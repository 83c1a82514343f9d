"""The page in Chromium: how soon it is there, what it costs to keep it moving, how smoothly a long chart moves.

    python benchmarks/page.py [--parts load,bus,blunt,chart] [--minutes 1] [--loads 5] [--write]

`truecast`'s own server over a store of 60 made-up walks (see page_server.py) on the same two cores. Headless Chromium
with --disable-gpu: everything is drawn by software, which a graphics card would not leave to these cores. Busy is the
processor time of the page's main thread (the browser's own count) over the time that passed. A frame is the time
between two animation frames. `bus` publishes 600 prices a second through the bus, of which the server sends each symbol
at most four times a second, because the page asks for no more; `blunt` sends all 600. `quiet`, the same page with
nothing coming, is the reference. Interactive: the first price is in the table and no task longer than 50 ms follows it
for half a second. The heap is what is left after collections, once
a minute; medians of thirds are compared.
"""

import argparse
import contextlib
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from page_server import LONG, LONG_BARS, SYMBOLS, fill
from playwright.sync_api import Browser, CDPSession, Page, sync_playwright
from result_file import keep

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.servers import free_port  # noqa: E402

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--js-flags=--expose-gc"]
START_S = 60.0
WARM_S = 5.0
QUIET_S = 10.0
PAN_S = 6.0
WATCH = """
window.seen = { firstPrice: null, tasks: [] };
new PerformanceObserver(list => {
  for (const e of list.getEntries()) seen.tasks.push([e.startTime, e.startTime + e.duration]);
}).observe({ type: 'longtask', buffered: true });
new MutationObserver((_, me) => {
  const cell = document.querySelector('#markets td .number, [data-testid=price] .amount, .chart[data-bars]');
  if (cell) { seen.firstPrice = performance.now(); me.disconnect(); }
}).observe(document, { childList: true, subtree: true });
"""
READY = "seen.tasks.reduce((at, [from, to]) => from < at + 500 ? Math.max(at, to) : at, seen.firstPrice)"
PRICED = f"() => document.querySelectorAll('#markets td:nth-child(2) .number').length >= {len(SYMBOLS)}"
LONG_SHOWN = f"() => +document.querySelector('.chart').dataset.bars >= {LONG_BARS - 100}"
FRAMES = """
() => { window.frames_ = []; let last = performance.now();
  const next = now => { frames_.push(now - last); last = now; window.framing = requestAnimationFrame(next); };
  window.framing = requestAnimationFrame(next); }
"""


@dataclass(frozen=True, slots=True)
class Load:
    """One cold load, in seconds since it was asked for."""

    painted_s: float
    interactive_s: float


@dataclass(frozen=True, slots=True)
class Stretch:
    """A page left to itself."""

    busy: float
    messages_s: float
    frame_ms_max: float
    frames_over: int
    heap_mb: tuple[float, ...]
    changed_s: float  # changes of a price in the table


@contextlib.contextmanager
def server(folder: Path, mode: str) -> Iterator[str]:
    """The address of a running server."""
    port = free_port()
    command = [sys.executable, str(ROOT / "benchmarks" / "page_server.py"), str(port), str(folder), mode]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError), urllib.request.urlopen(f"{url}/health/ready", timeout=5):
                break  # 200; until then it is refused with 503
            if process.poll() is not None:
                raise SystemExit(f"the server ended with {process.returncode}")
            time.sleep(0.2)
        yield url
    finally:
        process.terminate()
        process.wait(20)


def filled(folder: Path) -> Path:
    """A store of walks, by `truecast import`."""
    (folder / "csv").mkdir()
    fill(folder / "csv")
    arguments = ["import", str(folder / "csv"), "--class", "crypto", "--currency", "USD", "--calendar", "24/7"]
    environment = {**os.environ, "TRUECAST_DATA_DIR": str(folder / "data")}  # noqa: TID251 no Settings of ours
    command = [sys.executable, "-m", "truecast", *arguments, "--timezone", "UTC"]
    subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL)
    return folder / "data"


def opened(browser: Browser, url: str) -> tuple[Page, CDPSession]:
    """A page of its own, with nothing kept from any other."""
    page = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
    page.add_init_script(WATCH)
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})
    page.goto(url)
    return page, session


def loaded(browser: Browser, url: str) -> Load:
    """One cold load."""
    page, _ = opened(browser, url)
    page.wait_for_function("() => seen.firstPrice !== null")
    page.wait_for_function("() => performance.now() - Math.max(seen.firstPrice, ...seen.tasks.map(t => t[1])) > 500")
    painted = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
    # A task that begins more than half a second later is none of the load's.
    ready = page.evaluate(
        "seen.tasks.reduce((at, [from, to]) => from < at + 500 ? Math.max(at, to) : at, seen.firstPrice)"
    )
    page.context.close()
    return Load(painted / 1e3, ready / 1e3)


def left_alone(browser: Browser, url: str, seconds: float) -> Stretch:
    """The markets, for so long."""
    page, session = opened(browser, url)
    heard = [0]
    page.on("websocket", lambda ws: ws.on("framereceived", lambda _: heard.__setitem__(0, heard[0] + 1)))
    page.reload()
    page.wait_for_function(PRICED)
    page.wait_for_timeout(WARM_S * 1e3)
    page.evaluate(
        "() => { window.changes = 0; new MutationObserver(all => changes += all.length)"
        ".observe(document.querySelector('#markets tbody'), { subtree: true, characterData: true, childList: true }) }"
    )
    page.evaluate(FRAMES)
    heaps = [_heap_mb(session)]
    heard[0], began_s, busy_s = 0, time.monotonic(), _busy_s(session)
    page.evaluate("() => { frames_.length = 0 }")
    slices = max(1, round(seconds / 60))
    over, worst = 0, 0.0
    for _ in range(slices):
        page.wait_for_timeout(seconds / slices * 1e3)
        frames = page.evaluate("() => frames_.splice(0)")
        over, worst = over + sum(ms > 100 for ms in frames), max(worst, *frames)
        if slices > 1:
            heaps.append(_heap_mb(session))
            page.evaluate("() => { frames_.length = 0 }")  # a collection is ours, not the page's
    took_s, spent_s = time.monotonic() - began_s, _busy_s(session) - busy_s
    changes = page.evaluate("changes")
    heaps.append(_heap_mb(session))
    page.context.close()
    return Stretch(spent_s / took_s, heard[0] / took_s, worst, over, tuple(heaps), changes / took_s)


def panned(browser: Browser, url: str) -> tuple[int, float, float]:
    """Bars in the chart, frames a second while it is dragged to and fro, and the longest frame in ms."""
    page, _ = opened(browser, f"{url}/?symbol={LONG}&interval=1m&range=max")
    chart = page.locator(".chart[data-bars]")
    chart.wait_for()
    with contextlib.suppress(Exception):
        page.wait_for_function(LONG_SHOWN, timeout=60_000)
    bars = int(chart.get_attribute("data-bars") or 0)
    page.wait_for_timeout(WARM_S * 1e3)
    box = chart.bounding_box()
    assert box is not None
    y, left, right = box["y"] + box["height"] / 2, box["x"] + 100, box["x"] + box["width"] - 200
    page.mouse.move(left, y)
    page.mouse.down()
    page.evaluate(FRAMES)
    began_s = time.monotonic()
    while time.monotonic() - began_s < PAN_S:
        page.mouse.move(right, y, steps=30)
        page.mouse.move(left, y, steps=30)
    frames = page.evaluate("frames_.slice(1)")
    page.mouse.up()
    page.context.close()
    return bars, 1e3 * len(frames) / sum(frames), max(frames)


def _busy_s(session: CDPSession) -> float:
    metrics = {one["name"]: one["value"] for one in session.send("Performance.getMetrics")["metrics"]}
    return float(metrics["TaskDuration"])


def _heap_mb(session: CDPSession) -> float:
    for _ in range(3):  # what the first one finds unreachable may hold more
        session.send("HeapProfiler.collectGarbage")
    metrics = {one["name"]: one["value"] for one in session.send("Performance.getMetrics")["metrics"]}
    return float(metrics["JSHeapUsedSize"]) / 2**20


def _row(what: str, found: str, budget: str, *, kept: bool) -> str:
    return f"| {what} | {found} | {budget} | {'yes' if kept else 'NO'} |"


def measure(browser: Browser, data: Path, parts: set[str], loads: int, minutes: float) -> list[str]:
    """The rows of the table."""
    rows: list[str] = []
    quiet: Stretch | None = None
    with server(data, "quiet") as url:
        for path, name in (("/", "markets"), (f"/?symbol={LONG}&interval=1d", "instrument")):
            if "load" in parts:
                all_ = [loaded(browser, url + path) for _ in range(loads + 1)][
                    1:
                ]  # the server's own first is not counted
                painted = statistics.median(one.painted_s for one in all_)
                ready = statistics.median(one.interactive_s for one in all_)
                rows.append(_row(f"first contentful paint, {name}", f"{painted:.2f} s", "1.0 s", kept=painted <= 1))
                rows.append(_row(f"interactive, {name}", f"{ready:.2f} s", "1.5 s", kept=ready <= 1.5))
        if parts & {"bus", "blunt"}:
            quiet = left_alone(browser, url, QUIET_S)
        if "chart" in parts:
            bars, rate, worst = panned(browser, url)
            about = f"{rate:.0f} a second (longest {worst:.0f} ms)"
            rows.append(_row(f"frames while a chart of {bars:,} bars is dragged", about, "50", kept=rate >= 50))
    for mode in ("bus", "blunt"):
        if mode in parts and quiet is not None:
            with server(data, mode) as url:
                rows += _of_stretch(mode, left_alone(browser, url, minutes * 60), quiet, minutes)
    return rows


def _of_stretch(mode: str, found: Stretch, quiet: Stretch, minutes: float) -> list[str]:
    heap = found.heap_mb
    third = max(len(heap) // 3, 1)
    grown = statistics.median(heap[-third:]) / statistics.median(heap[-2 * third : -third]) - 1
    times = f"{found.busy / quiet.busy:.1f} times `quiet`" if quiet.busy else ""
    frames = f"{found.frames_over} (longest {found.frame_ms_max:.0f} ms)"
    size = f"{' '.join(f'{one:.2f}' for one in heap)} MiB, last third {grown:+.1%} over the one before"
    return [
        f"| **{mode}**: messages received a second | {found.messages_s:.0f} | | |",
        f"| changes in the table a second | {found.changed_s:.0f} | | |",
        _row("main thread busy", f"{found.busy:.1%} ({times})", "30 %", kept=found.busy <= 0.3),
        _row("frames over 100 ms", frames, "0", kept=not found.frames_over),
        _row(f"heap over {minutes:g} min", size, "flat (±5 %)", kept=grown <= 0.05),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--parts", default="load,bus,blunt,chart")
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--loads", type=int, default=5)
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        path = shutil.which("chromium") or shutil.which("google-chrome")
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        data = filled(Path(folder))
        rows = measure(browser, data, set(given.parts.split(",")), given.loads, given.minutes)
        version = browser.version
        browser.close()
    table = ["| what | measured | budget | kept |", "|---|---|---|---|", *rows]
    print("\n".join(table))
    if given.write:
        load = f"{os.getloadavg()[0]:.1f}"
        about = (
            f"{__doc__}\n\n{time.strftime('%Y-%m-%d')}, two cores, load average {load} at the end, Chromium {version}."
        )
        options = f"--parts {given.parts} --minutes {given.minutes:g} --write"
        keep(__file__, "The page", about, table, options=options)


if __name__ == "__main__":
    main()

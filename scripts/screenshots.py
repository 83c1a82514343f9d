"""Takes the pictures in docs/images from a real replay: `python scripts/screenshots.py [page ...]`, after `make web`.

The replay runs from the start of 2021 as fast as it can until weeks of forecasts have met their outcome. Every page is
taken light and dark, on a desk and on a phone; some on a wall.
"""

import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, expect, sync_playwright

ROOT = Path(__file__).parents[1]
IMAGES = ROOT / "docs" / "images"
PORT = 8377
URL = f"http://127.0.0.1:{PORT}"
FROM = "2021-01-04"
SPEED = 14_400.0
SHOT_AT = "2021-01-22T15:00:00Z"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
SIZE_BYTES_MAX = 200_000
TOTAL_BYTES_MAX = 3_000_000
QUALITY = 72
WAIT_MS = 60_000
# What a page is asked for, and what must be there before it is taken.
PAGES = {
    "markets": ("", "#markets tbody tr"),
    "instrument": ("?symbol=EUR-USD&interval=1h&horizon=24", "#walk-forward .calibration"),
    "record": ("record?class=crypto&interval=1h&kind=ledger&order=worst", "#held .held-plot"),
    "compare": ("compare", ".heat tbody td"),
    "compare-models": ("compare?of=models", "#contest tbody tr"),
    "risk": ("risk?basket=SPY:60,QQQ:20,EUR-USD:20", "#losses tbody tr"),
    "models": ("models?model=ewma_walk", "#model-title"),
    "data": ("data", "#jobs tbody tr"),
    "api": ("developers", "#example-price pre"),
    "settings": ("settings", "#sample"),
}
DESK, PHONE, WALL = (1440, 1080), (390, 844), (2560, 1440)
SCALES = {DESK: 1.25, PHONE: 1.5, WALL: 0.75}
ON_A_WALL = ("markets", "instrument", "record")


def main() -> None:
    """Start the replay, wait, take the pictures, stop."""
    wanted = sys.argv[1:] or list(PAGES)
    if unknown := [name for name in wanted if name not in PAGES]:
        raise SystemExit(f"no page is called {', '.join(unknown)}; there are {', '.join(PAGES)}")
    with tempfile.TemporaryDirectory() as folder, (Path(folder) / "log").open("wb") as log:
        environment = {"PATH": os.environ["PATH"], "HOME": folder, "TRUECAST_DATA_DIR": f"{folder}/data"}  # noqa: TID251
        arguments = ["up", "--replay", FROM, "--speed", str(SPEED), "--port", str(PORT)]
        process = subprocess.Popen(
            [sys.executable, "-m", "truecast", *arguments], env=environment, cwd=folder, stdout=log, stderr=log
        )
        try:
            wait_for(SHOT_AT, process)
            take_all(wanted)
        except BaseException:
            print(f"\n{(Path(folder) / 'log').read_text()[-2000:]}", file=sys.stderr)
            raise
        finally:
            process.terminate()
            process.wait(20)


def wait_for(when: str, process: "subprocess.Popen[bytes]") -> None:
    """Until the replayed clock shows that time."""
    while True:
        if process.poll() is not None:
            raise SystemExit(f"truecast up ended with {process.returncode}")
        try:
            with urllib.request.urlopen(f"{URL}/api/v1/info", timeout=5) as answer:
                now = json.load(answer)["clock"]["now"]
        except OSError:
            now = ""
        print(f"\r{now or 'starting'} (until {when})", end="", file=sys.stderr)
        if now >= when:
            return
        time.sleep(2)


def take_all(wanted: list[str]) -> None:
    """Every picture of the pages that are wanted."""
    path = shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        for name in wanted:
            for size in (DESK, PHONE, *([WALL] if name in ON_A_WALL else [])):
                for theme in ("light", "dark"):
                    picture = take(browser, name, size, theme)
                    file = IMAGES / f"{name}-{theme}-{size[0]}.webp"
                    print(f"\n{file.name}: {save(picture, file) // 1000} KB", file=sys.stderr, end="")
        browser.close()
    total = sum(file.stat().st_size for file in IMAGES.iterdir())
    print(f"\n{total // 1000} KB in all", file=sys.stderr)
    if total > TOTAL_BYTES_MAX:
        raise SystemExit(f"the pictures have {total} bytes, more than {TOTAL_BYTES_MAX}")


def take(browser: Browser, name: str, size: tuple[int, int], theme: str) -> bytes:
    """The page when everything on it has arrived."""
    address, there = PAGES[name]
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]},
        color_scheme="dark" if theme == "dark" else "light",
        device_scale_factor=SCALES[size],
        reduced_motion="reduce",
        timezone_id="Europe/Berlin",
    )
    page = context.new_page()
    page.goto(f"{URL}/{address}")
    page.wait_for_selector(there, timeout=WAIT_MS)
    page.wait_for_selector(".ledger button", timeout=WAIT_MS)
    expect(page.locator(".bone")).to_have_count(0, timeout=WAIT_MS)
    page.wait_for_timeout(800)
    picture = page.screenshot()
    context.close()
    return picture


def save(picture: bytes, path: Path) -> int:
    """As few bytes as it takes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.open(io.BytesIO(picture)).convert("RGB").save(path, "WEBP", quality=QUALITY, method=6)
    size = path.stat().st_size
    if size > SIZE_BYTES_MAX:
        raise SystemExit(f"{path.name} has {size} bytes, more than {SIZE_BYTES_MAX}")
    return size


if __name__ == "__main__":
    main()

"""Takes the pictures in docs/images from a real replay: `python scripts/screenshots.py`, after `make web`.

The replay runs from the start of 2021 as fast as it can until a week of forecasts has met its outcome.
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
from playwright.sync_api import Browser, sync_playwright

ROOT = Path(__file__).parents[1]
IMAGES = ROOT / "docs" / "images"
PORT = 8377
URL = f"http://127.0.0.1:{PORT}"
FROM = "2021-01-04"
SPEED = 14_400.0
SHOT_AT = "2021-01-11T15:00:00Z"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
SIZE_BYTES_MAX = 300_000
SHOTS = (
    ("dashboard-light", "?symbol=EUR-USD&interval=1h&horizon=24", 1440, 1245, "light", 1.5),
    ("dashboard-dark", "?symbol=EUR-USD&interval=1h&horizon=24", 1440, 1245, "dark", 1.5),
    ("mobile-light", "?symbol=SOL-USDT&interval=1h&horizon=24", 390, 1400, "light", 2.0),
    ("mobile-dark", "?symbol=USD-JPY&interval=1d&horizon=10", 390, 1400, "dark", 2.0),
)


def main() -> None:
    """Start the replay, wait, take the pictures, stop."""
    with tempfile.TemporaryDirectory() as folder, (Path(folder) / "log").open("wb") as log:
        environment = {"PATH": os.environ["PATH"], "HOME": folder, "TRUECAST_DATA_DIR": f"{folder}/data"}  # noqa: TID251
        arguments = ["up", "--replay", FROM, "--speed", str(SPEED), "--port", str(PORT)]
        process = subprocess.Popen(
            [sys.executable, "-m", "truecast", *arguments], env=environment, cwd=folder, stdout=log, stderr=log
        )
        try:
            wait_for(SHOT_AT, process)
            take_all()
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


def take_all() -> None:
    """Every picture."""
    path = shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        for name, query, width, height, theme, scale in SHOTS:
            picture = take(browser, f"{URL}/{query}", (width, height), theme, scale)
            size = save(picture, IMAGES / f"{name}.png")
            print(f"\n{name}: {size // 1000} KB", file=sys.stderr, end="")
        browser.close()


def take(browser: Browser, url: str, size: tuple[int, int], theme: str, scale: float) -> bytes:
    """The page when everything on it has arrived."""
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]},
        color_scheme="dark" if theme == "dark" else "light",
        device_scale_factor=scale,
        reduced_motion="reduce",
        timezone_id="Europe/Berlin",
    )
    page = context.new_page()
    page.goto(url)
    page.wait_for_selector("#resolved tr[data-state=resolved]", timeout=60_000)
    page.wait_for_selector("#ledger .calibration", timeout=60_000)
    page.wait_for_selector("#walk-forward .calibration", timeout=60_000)
    page.wait_for_selector(".ledger button", timeout=60_000)
    page.wait_for_timeout(600)
    picture = page.screenshot()
    context.close()
    return picture


def save(picture: bytes, path: Path) -> int:
    """As few bytes as it takes: a palette is enough for flat colours."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.open(io.BytesIO(picture)).convert("RGB")
    image.quantize(colors=128, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE).save(path, optimize=True)
    size = path.stat().st_size
    if size > SIZE_BYTES_MAX:
        raise SystemExit(f"{path.name} has {size} bytes, more than {SIZE_BYTES_MAX}")
    return size


if __name__ == "__main__":
    main()

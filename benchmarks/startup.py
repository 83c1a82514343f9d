"""How long does it take until there is an answer, and how much memory does the whole product hold?

    python benchmarks/startup.py        prints a table and writes benchmarks/results/startup.md

Three figures: importing the command line; `truecast forecast` on a store with the sample loaded, from the shell's
call to the end of the process; resident memory of `truecast up` with the sample loaded, after every endpoint of the
page has been asked. Each time is the median of RUNS fresh processes that take turns with an interpreter that does
nothing and one that imports numpy, so that a busy machine shows. The CPU time of the process is given, too: it moves
less.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

import psutil
from result_file import keep

RUNS = 15
CALLS = {
    "an interpreter that does nothing": (["-c", "pass"], None),
    "import numpy, as a yardstick": (["-c", "import numpy"], None),
    "import truecast.cli": (["-c", "import truecast.cli"], 0.3),
    "truecast --version": (["-m", "truecast", "--version"], None),
    "truecast forecast EUR-USD --horizon 10": (["-m", "truecast", "forecast", "EUR-USD", "--horizon", "10"], 1.5),
    "truecast forecast SOL-USDT -i 1h -h 24": (["-m", "truecast", "forecast", "SOL-USDT", "-i", "1h", "-h", "24"], 1.5),
    "truecast forecast US.CPI": (["-m", "truecast", "forecast", "US.CPI", "-i", "1mo"], 1.5),
    "truecast forecast SPY --json": (["-m", "truecast", "forecast", "SPY", "--json"], 1.5),
}
RESIDENT_MIB_MAX = 350
STATISTICS = (("US.CPI", "1mo"), ("US.10Y", "1mo"), ("US.GDP", "1q"))
ASKED = (
    "/api/v1/info",
    "/api/v1/symbols?limit=200",
    "/api/v1/prices?symbols=EUR-USD,SPY,AAPL,SOL-USDT,WTI,US.CPI",
    "/api/v1/prices/EUR-USD/candles?interval=1h&limit=5000",
    "/api/v1/prices/SPY/candles?limit=5000&adjust=all",
    "/api/v1/performance?symbol=EUR-USD&interval=1d",
    "/api/v1/performance?symbol=SOL-USDT&interval=1h",
    "/api/v1/forecasts",
    "/api/v1/market/gaps",
    "/api/v1/ledger/verify",
    "/health/ready",
    "/metrics",
    "/openapi.json",
    "/docs",
)


def once(arguments: list[str], env: dict[str, str]) -> tuple[float, float]:
    """Wall and CPU seconds of one fresh process."""
    began = time.perf_counter()
    process = subprocess.Popen([sys.executable, *arguments], env=env, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    wall_s = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, arguments
    return wall_s, usage.ru_utime + usage.ru_stime


def times(env: dict[str, str]) -> list[str]:
    """One row per call; the calls take turns, so that all of them meet the same machine."""
    seen: dict[str, list[tuple[float, float]]] = {name: [] for name in CALLS}
    for _ in range(RUNS):
        for name, (arguments, _limit) in CALLS.items():
            seen[name].append(once(arguments, env))
    rows = []
    for name, (_, limit_s) in CALLS.items():
        wall_s, cpu_s = (statistics.median(column) for column in zip(*seen[name], strict=True))
        least_s = min(wall for wall, _ in seen[name])
        goal = "" if limit_s is None else f"<= {limit_s} s"
        rows.append(f"| {name} | {wall_s:.2f} s | {least_s:.2f} s | {cpu_s:.2f} s | {goal} |")
    return rows


def resident_mib(env: dict[str, str]) -> tuple[float, float, float, float]:
    """Memory of `truecast up` when the sample is loaded, after everything was asked, and after forecasts of statistics
    by every model; seconds until it was ready.
    """
    command = [sys.executable, "-m", "truecast", "up", "--port", "0"]
    began = time.perf_counter()
    process = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        url = process.stdout.readline().split()[1]
        while b'"ready":true' not in urllib.request.urlopen(url + "/api/v1/info").read():
            time.sleep(0.1)
        ready_s = time.perf_counter() - began
        watched = psutil.Process(process.pid)
        loaded = watched.memory_info().rss
        for _ in range(3):
            for path in ASKED:
                urllib.request.urlopen(url + path).read()
        asked = watched.memory_info().rss
        for symbol, interval in STATISTICS:
            for model in ("auto", "ensemble", "ets", "theta", "arima"):
                body = {"symbol": symbol, "interval": interval, "horizon": 12, "model": model}
                headers = {"Content-Type": "application/json"}
                question = urllib.request.Request(url + "/api/v1/forecasts", json.dumps(body).encode(), headers)
                urllib.request.urlopen(question).read()
        return loaded / 2**20, asked / 2**20, watched.memory_info().rss / 2**20, ready_s
    finally:
        process.terminate()
        process.communicate()


def main() -> None:
    """Measure, print, write."""
    with tempfile.TemporaryDirectory() as folder:
        env = {**os.environ, "TRUECAST_DATA_DIR": folder, "TRUECAST_SOURCES": "sample"}  # noqa: TID251
        env.pop("PYTHONDONTWRITEBYTECODE", None)  # else every process compiles every module anew, which no user's does
        loaded, asked, statistics_mib, ready_s = resident_mib(env)  # also fills the store for the rest
        rows = times(env)
    load = os.getloadavg()[1]
    lines = [
        "| what | wall, median | wall, least | CPU, median | goal |",
        "|---|---|---|---|---|",
        *rows,
        "",
        "| what | measured | goal |",
        "|---|---|---|",
        f"| `truecast up` on an empty folder until the store is ready | {ready_s:.1f} s | <= 10 s |",
        f"| resident memory of `truecast up`, sample loaded | {loaded:.0f} MiB | <= {RESIDENT_MIB_MAX} MiB |",
        f"| the same after {3 * len(ASKED)} requests of every kind | {asked:.0f} MiB | <= {RESIDENT_MIB_MAX} MiB |",
        f"| and after forecasts of statistics by every model | {statistics_mib:.0f} MiB | <= {RESIDENT_MIB_MAX} MiB |",
    ]
    print("\n".join(lines))
    about = f"{RUNS} processes taking turns; {os.cpu_count()} cores, load average {load:.1f}."
    keep(__file__, "Start", about, lines, options="")


if __name__ == "__main__":
    main()

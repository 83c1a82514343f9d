"""How long columns take: `build` over a panel, `build_last` for the last row alone, one series on demand.

    python benchmarks/features.py [--write]

1,000 made-up hourly series of 1,000 bars (open, high, low, close, FX sessions), tree/1. One thread, medians of ROUNDS
in the same run; processor time, because machines are shared, and wall time beside it. The floor is what anybody
computes with plain numpy: an EWMA variance of log returns over the same panel by a loop over time.
"""

import one_thread  # noqa: F401, I001 before numpy is loaded
import argparse
import os
import statistics
import time
from collections.abc import Callable

import numpy as np

from result_file import keep
from truecast.domain.interval import Interval
from truecast.features.build import FEATURE_SETS, build, build_last
from truecast.features.context import Context
from truecast.features.frame import Frame

SERIES, BARS, MANY, ROUNDS = 1_000, 1_000, 10_000, 7
HOUR_US = 3_600_000_000
START_US = 1_609_718_400_000_000


def made_up(series: int) -> list[Frame]:
    rng = np.random.default_rng(1)
    end = START_US + np.arange(1, BARS + 1) * HOUR_US
    frames = []
    for s in range(series):
        close = 100 * np.exp(np.cumsum(rng.standard_normal(BARS) * 0.01))
        opens = close * np.exp(rng.standard_normal(BARS) * 0.002)
        high = np.maximum(opens, close) * (1 + rng.random(BARS) * 0.01)
        low = np.minimum(opens, close) * (1 - rng.random(BARS) * 0.01)
        volume = np.full(BARS, np.nan)
        frames.append(Frame(f"S{s}", Interval.H1, end, opens, high, low, close, volume, calendar="FX"))
    return frames


def timed(work: Callable[[], object], rounds: int = ROUNDS) -> tuple[float, float]:
    """Seconds of the processor and on the wall, medians; once before, to fill caches."""
    work()
    cpu, wall = [], []
    for _ in range(rounds):
        c, w = time.process_time(), time.perf_counter()
        work()
        cpu.append(time.process_time() - c)
        wall.append(time.perf_counter() - w)
    return statistics.median(cpu), statistics.median(wall)


def floor(close: np.ndarray) -> np.ndarray:
    squares = np.diff(np.log(close), axis=1).T ** 2
    variance = squares[0]
    for square in squares[1:]:
        variance = 0.97 * variance + 0.03 * square
    return variance


def main() -> None:
    frames = made_up(SERIES)
    many = [frames[s % SERIES] for s in range(MANY)]
    groups = Context({frame.symbol: "all" for frame in frames})
    close = np.stack([frame.close for frame in frames])
    works: list[tuple[str, int, int, Callable[[], object]]] = [
        ("`build` tree/1, 1,000 x 1,000", SERIES, ROUNDS, lambda: build(frames, "tree/1")),
        ("`build` indicators/1, 1,000 x 1,000", SERIES, ROUNDS, lambda: build(frames, "indicators/1")),
        ("`build` tree-peers/1, one group of 1,000", SERIES, 3, lambda: build(frames, "tree-peers/1", groups)),
        ("`build_last` tree/1, 1,000 series", SERIES, ROUNDS, lambda: build_last(frames, "tree/1")),
        ("`build_last` tree/1, 10,000 series", MANY, 3, lambda: build_last(many, "tree/1")),
        (
            "`build_last` tree-peers/1, one group of 1,000",
            SERIES,
            3,
            lambda: build_last(frames, "tree-peers/1", groups),
        ),
        ("`build` tree/1, one series alone", 1, 31, lambda: build(frames[:1], "tree/1")),
        ("`build_last` tree/1, one series alone", 1, 31, lambda: build_last(frames[:1], "tree/1")),
        ("floor: numpy EWMA variance, 1,000 x 1,000", SERIES, ROUNDS, lambda: floor(close)),
    ]
    lines = ["| what | cpu s | wall s | cpu µs per series |", "|---|---|---|---|"]
    for name, count, rounds, work in works:
        cpu, wall = timed(work, rounds)
        lines.append(f"| {name} | {cpu:.4f} | {wall:.4f} | {cpu / count * 1e6:,.1f} |")
        print(lines[-1], flush=True)
    parser = argparse.ArgumentParser()
    parser.add_argument("--write", action="store_true")
    if parser.parse_args().write:
        load = f"{os.getloadavg()[0]:.1f}"
        columns = len(FEATURE_SETS["tree/1"])
        about = (
            f"Made-up hourly bars, {columns} columns of tree/1, one thread, medians in one run. 2 cores shared with "
            f"other work, load average {load}: wall times are several times those of an idle machine.\n"
            "Goals: `build` under 2 s; `build_last` at most 100 µs per series in a panel."
        )
        keep(__file__, "Features", about, lines)


if __name__ == "__main__":
    main()

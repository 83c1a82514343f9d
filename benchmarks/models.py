"""How long a forecast takes: one series, an update, and a thousand series at once.

    python benchmarks/models.py [--write]

One thread. Medians over repetitions in this run, in wall and processor time, and the least processor time, which a
busy machine distorts least. The panel stands next to two yardsticks of the same run: sorting the same numbers once,
and the bare floor of a forecast (EWMA variance by a loop over bars, 24 steps x 19 Gaussian quantiles, nothing
calibrated).
"""

import one_thread  # noqa: F401, I001 before numpy is loaded
import argparse
import itertools
import statistics
import time
from collections.abc import Callable
from statistics import NormalDist

import numpy as np

from result_file import keep
from truecast.domain.quantiles import GRID, INNER
from truecast.features.frame import frame_of_closes
from truecast.models.backtest import walk_forward
from truecast.models.catalog import MODELS

SERIES, BARS, STEPS = 512, 1_000, 24


def measured(work: Callable[[], object], repeat: int) -> tuple[float, float, float]:
    """Seconds: median wall, median processor, least processor."""
    work()
    wall, cpu = [], []
    for _ in range(repeat):
        w, c = time.perf_counter(), time.process_time()
        work()
        wall.append(time.perf_counter() - w)
        cpu.append(time.process_time() - c)
    return statistics.median(wall), statistics.median(cpu), min(cpu)


def floor(closes: np.ndarray) -> np.ndarray:
    squared = np.diff(np.log(closes), axis=1).T ** 2
    variance = squared[0]
    for row in squared[1:]:
        variance = 0.97 * variance + 0.03 * row
    z = np.array([NormalDist().inv_cdf(p) for p in GRID[INNER]])
    sigma = np.sqrt(variance[:, None] * np.arange(1, STEPS + 1))
    return closes[:, -1, None, None] * np.exp(sigma[..., None] * z)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help="write benchmarks/results/models.md")
    given = parser.parse_args()
    rng = np.random.default_rng(0)
    closes = 100 * np.exp(np.cumsum(0.01 * rng.standard_t(4, (SERIES, BARS)), axis=1))
    frames = [frame_of_closes(row, symbol=f"S{i}") for i, row in enumerate(closes)]
    long = frame_of_closes(100 * np.exp(np.cumsum(0.01 * rng.standard_t(4, 2001))), symbol="LONG")
    lines = [
        "| what | wall, median | processor, median | processor, least | least per series |",
        "|---|---|---|---|---|",
    ]

    def add(label: str, wall: float, cpu: float, least: float, n: int = 1) -> None:
        times = " | ".join(f"{seconds * 1e3:.2f} ms" for seconds in (wall, cpu, least))
        lines.append(f"| {label} | {times} | {least / n * 1e6:.1f} us |")

    # the others have benchmarks of their own
    walks = {name: MODELS[name] for name in ("naive", "ewma_walk", "vol_walk")}
    shape = f"{SERIES} series x {BARS} bars"
    for name, model in walks.items():
        others = itertools.cycle([frames, [frame[:] for frame in frames]])  # what was just forecast is remembered
        times = measured(lambda model=model, others=others: model.predict_many(next(others), STEPS), 15)
        add(f"{name}: fit + {STEPS} steps x {len(GRID)} calibrated quantiles, {shape}", *times, SERIES)
    add(f"yardstick: np.sort of {shape}", *measured(lambda: np.sort(closes, axis=1), 15), SERIES)
    add(
        f"yardstick: EWMA + Gaussian, {STEPS} steps x 19 quantiles, {shape}",
        *measured(lambda: floor(closes), 15),
        SERIES,
    )
    for name, model in walks.items():
        fitted = model.fit(long[:2000])
        add(f"{name}: fit, 2,000 bars", *measured(lambda model=model: model.fit(long[:2000]), 31))
        add(f"{name}: predict {STEPS} steps with record", *measured(lambda fitted=fitted: fitted.predict(STEPS), 31))
        add(f"{name}: predict 168 steps with record", *measured(lambda fitted=fitted: fitted.predict(168), 15))
        add(f"{name}: update with one bar", *measured(lambda fitted=fitted: fitted.update(long[2000:]), 31))
        add(
            f"{name}: walk-forward, 400 origins x horizons 1, 5, 10, 24, with naive beside it",
            *measured(lambda model=model: walk_forward(model, long, [1, 5, 10, 24], 400), 5),
        )
    print("\n".join(lines))
    if given.write:
        keep(__file__, "Speed of the models", __doc__, lines)


if __name__ == "__main__":
    main()

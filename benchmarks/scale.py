"""What volatility costs: the blend over a panel, GARCH refits, updates with one bar.

    python benchmarks/scale.py [--write]

One thread, seeded GARCH returns. Medians over repetitions in this run, processor time next to wall time because the
machine may be busy; yardsticks of the same run: a bare EWMA over the same panel, and `arch` where it is installed.
"""

import one_thread  # noqa: F401, I001 before numpy is loaded
import argparse
import importlib
import importlib.util
import itertools
import statistics
import time
from collections.abc import Callable

import numpy as np

from result_file import keep
from truecast.features.frame import frame_of_closes
from truecast.models.ewma_walk import EwmaWalk, ewma
from truecast.models.scale.base import Scale, Series
from truecast.models.scale.blend import blended
from truecast.models.scale.ewma import Ewma
from truecast.models.scale.garch import Garch
from truecast.models.scale.har import Har
from truecast.models.scale.likelihood import backcast, fit_rows, variances
from truecast.models.vol_walk import VolWalk

SERIES, BARS, STEPS = 1_000, 1_000, 24


def measured(work: Callable[[], object], repeat: int) -> tuple[float, float]:
    """(wall, processor) seconds: medians."""
    work()
    wall, cpu = [], []
    for _ in range(repeat):
        w, c = time.perf_counter(), time.process_time()
        work()
        wall.append(time.perf_counter() - w)
        cpu.append(time.process_time() - c)
    return statistics.median(wall), statistics.median(cpu)


def returns(series: int, bars: int) -> np.ndarray:
    """GARCH(1,1)-t with alpha .08, beta .9, nu 5. (S, T)"""
    rng = np.random.default_rng(0)
    z = rng.standard_t(5, (series, bars)) * np.sqrt(3 / 5)
    r, h = np.empty((series, bars)), np.ones(series)
    for t in range(bars):
        r[:, t] = np.sqrt(h) * z[:, t]
        h = 0.02 + 0.08 * r[:, t] ** 2 + 0.9 * h
    return 0.01 * r


def in_blocks(work: Callable[[np.ndarray], object], rows: np.ndarray) -> None:
    for first in range(0, len(rows), 256):
        work(rows[first : first + 256])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help="write benchmarks/results/scale.md")
    given = parser.parse_args()
    lines = ["| what | wall | processor | per series |", "|---|---|---|---|"]

    def add(label: str, wall: float, cpu: float, n: int = 1) -> None:
        lines.append(f"| {label} | {wall * 1e3:.2f} ms | {cpu * 1e3:.2f} ms | {cpu / n * 1e6:.0f} us processor |")
        print(lines[-1], flush=True)

    r = returns(SERIES, BARS)
    moved = np.abs(r)
    moved[:, 0] = 0.0
    shape = f"{SERIES:,} series x {BARS:,} bars"
    add(f"bare EWMA, {shape}", *measured(lambda: in_blocks(lambda m: ewma(m**2, np.array([23.0])), moved), 5), SERIES)
    add(
        f"blend of four views, all horizons (vol_walk's scale), {shape}",
        *measured(lambda: in_blocks(blended, moved), 3),
        SERIES,
    )
    half = np.full(SERIES, 0.01)
    params = 1e-6 * np.ones(SERIES), 8 * half, 90 * half

    def recursion() -> None:
        for first in range(0, SERIES, 256):
            some = slice(first, first + 256)
            variances(r[some] ** 2, backcast(r[some] ** 2, np.full(len(r[some]), BARS)), *(one[some] for one in params))

    add(f"GARCH variances with given parameters, {shape}", *measured(recursion, 3), SERIES)
    few = 64
    for student in (False, True):
        kind = "Student t" if student else "normal"
        n = np.full(few, BARS)
        add(
            f"GARCH fit, {kind}, {few} x {BARS:,} bars at once",
            *measured(lambda n=n, s=student: fit_rows(r[:few], n, student=s), 1),
            few,
        )
        add(f"GARCH fit, {kind}, one series", *measured(lambda n=n, s=student: fit_rows(r[:1], n[:1], student=s), 9))
    frames = [frame_of_closes(100 * np.exp(np.cumsum(row)), symbol=f"S{i}") for i, row in enumerate(r[:256])]
    others = itertools.cycle([frames, [frame[:] for frame in frames]])  # what was just forecast is remembered
    for model in (EwmaWalk(), VolWalk()):
        add(
            f"{model.name}: {STEPS} steps x 27 calibrated quantiles, 256 x {BARS:,} bars",
            *measured(lambda model=model, others=others: model.predict_many(next(others), STEPS), 3),
            256,
        )
        add(
            f"{model.name}: fit one series and predict {STEPS} steps with record",
            *measured(lambda model=model: model.fit(frames[0]).predict(STEPS), 9),
        )
        fitted = model.fit(frames[0][: BARS - 1])
        add(
            f"{model.name}: update with one bar, {BARS:,} bars",
            *measured(lambda fitted=fitted: fitted.update(frames[0][BARS - 1 :]), 31),
        )
    ranges = frames[0]
    ranges = type(ranges)(
        "R",
        ranges.interval,
        ranges.end,
        ranges.close,
        ranges.close * 1.01,
        ranges.close * 0.99,
        ranges.close,
        ranges.volume,
    )
    x = np.log(ranges.close)
    scales: list[Scale] = [Ewma(), Garch(), Har()]
    for scale in scales:
        fitted_scale = scale.fit(x[: BARS - 2], ranges[: BARS - 2])
        add(f"scale {scale.name}: fit, {BARS:,} bars", *measured(lambda scale=scale: scale.fit(x, ranges), 9))
        add(
            f"scale {scale.name}: update with one bar, no refit",
            *measured(lambda f=fitted_scale: f.update(ranges[BARS - 2 : BARS - 1]), 31),
        )
    panel = [Series(np.log(frame.close), frame) for frame in frames[:16]]
    add(
        f"scale garch_t: 16 series with their four refits each, {BARS:,} bars",
        *measured(lambda: Garch().fit_many(panel), 1),
        16,
    )
    if importlib.util.find_spec("arch"):
        arch_model = importlib.import_module("arch").arch_model
        for dist in ("normal", "t"):
            model = arch_model(100 * r[0], mean="Zero", vol="GARCH", p=1, q=1, dist=dist, rescale=False)
            add(f"yardstick: arch {dist} fit, one series", *measured(lambda model=model: model.fit(disp="off"), 9))
    if given.write:
        keep(__file__, "Cost of volatility", __doc__, lines)


if __name__ == "__main__":
    main()

"""What trees cost: training over 50 instruments x 5,000 bars, and a forecast.

    python benchmarks/trees.py [--write]

One thread. Seeded walks with fat tails; what is learned from them is nothing, what it costs is the same.
"""

import one_thread  # noqa: F401, I001 before numpy is loaded
import argparse
import time

import numpy as np

from result_file import keep
from truecast.features.frame import Frame, frame_of_closes
from truecast.models.location.boosted import LightGbm, RandomForest, XgBoost
from truecast.models.location.trees import Trees
from truecast.models.located import Located
from truecast.models.training import train

SERIES, BARS, PANEL, LENGTH, STEPS = 50, 5_000, 200, 1_000, 24
DAY_US = 86_400_000_000


def walk(rng: np.random.Generator, bars: int, first: int) -> Frame:
    close = 100 * np.exp(np.cumsum(0.01 * rng.standard_t(4, bars)))
    return frame_of_closes(close, symbol="X", end=np.arange(first, first + bars, dtype=np.int64) * DAY_US)


def timed(work) -> tuple[object, float, float]:
    wall, cpu = time.perf_counter(), time.process_time()
    made = work()
    return made, time.perf_counter() - wall, time.process_time() - cpu


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help="write benchmarks/results/trees.md")
    given = parser.parse_args()
    rng = np.random.default_rng(0)
    frames = [walk(rng, BARS, -BARS) for _ in range(SERIES)]
    asked = [walk(rng, LENGTH, 1) for _ in range(PANEL)]
    lines = [
        "| model | training, wall | training, processor | artifact | one of 200, shrink 0 | one of 200, all believed |",
        "|---|---|---|---|---|---|",
    ]
    for grower in (LightGbm(), XgBoost(), RandomForest()):
        artifact, wall, cpu = timed(lambda grower=grower: train(grower, frames, asset_class="fx"))
        size = sum(map(len, artifact.files().values()))
        costs = []
        for shrink in (0.0, 0.1):
            one = type(artifact)(
                **{name: getattr(artifact, name) for name in artifact.__slots__}
                | {"shrink": tuple(shrink for _ in artifact.anchors)}
            )
            model = Located(Trees(grower, {("fx", "1d"): one}, {"X": "fx"}))
            model.predict_many(asked[:8], STEPS)
            costs.append(timed(lambda model=model: model.predict_many(asked, STEPS))[2] / PANEL * 1e3)
        training = f"{wall:.1f} s | {cpu:.1f} s | {size / 1e6:.2f} MB"
        lines.append(f"| {grower.name} | {training} | {costs[0]:.2f} ms | {costs[1]:.2f} ms |")
        print(lines[-1], flush=True)
    if given.write:
        title = "Trees: training over 50 instruments x 5,000 bars, 11 anchors; 200 series x 1,000 bars x 24 steps"
        about = "One thread; forecasts include the calibrated walk around them, in processor time per series."
        keep(__file__, title, about, lines)


if __name__ == "__main__":
    main()

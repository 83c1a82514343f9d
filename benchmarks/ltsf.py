"""LTSF Exchange: point forecasts of eight daily exchange rates, 96 to 720 steps ahead, on the published protocol.

    python benchmarks/ltsf.py [--write]

Protocol (4-forecasting.md, reference 1): 7,588 rows in order, the first 5,311 for training, 760 for validation, 1,517
for test. Every column is standardised by the mean and deviation of its training rows; MSE and MAE are over all steps of
all test windows, stride 1, none dropped. The point forecast of a model is its median. A model sees at each window the
last 2,000 rows (up to 100 more, because neighbouring windows are computed together) and nothing later.
Medians are asked at 24 steps from 1 to 168, the product's farthest, and are linear between; beyond 168 steps the slope
of the first 168 goes on. `last value` is the naive forecast of the literature. The served choice is the
product's `auto` on the evidence of each column's own past; no member was trained.
"""

import one_thread  # noqa: F401, I001 before numpy is loaded
import argparse
import sys
import time

import market_series
import numpy as np

from result_file import keep
from truecast.domain.interval import Interval
from truecast.domain.quantiles import GRID
from truecast.features.frame import frame_of_closes
from truecast.kit.limits import HISTORY_BARS_MAX, HORIZON_STEPS_MAX
from truecast.models.auto import Auto, members_of
from truecast.models.base import Model
from truecast.models.catalog import MODELS, UNTRAINED

TRAIN, VALIDATION = 5_311, 760
HORIZONS = (96, 192, 336, 720)
KNOWN = {96: (0.0811, 0.1964), 192: (0.1671, 0.2887), 336: (0.3057, 0.3978), 720: (0.8101, 0.6764)}
TOGETHER = 100
MEDIAN = GRID.index(0.5)


def medians(model: Model, close: np.ndarray, origins: np.ndarray) -> np.ndarray:
    """(O, the longest of HORIZONS)"""
    asked = np.unique([1, 2, 4, *range(8, HORIZON_STEPS_MAX + 1, 8)])
    steps = np.arange(1, HORIZONS[-1] + 1)
    said = np.empty((len(origins), len(steps)))
    for first in range(0, len(origins), TOGETHER):
        block = origins[first : first + TOGETHER]
        start = max(0, block[0] + 1 - HISTORY_BARS_MAX)
        fitted = model.fit(frame_of_closes(close[start : block[-1] + 1]))
        moved = fitted.quantiles(block - start, asked)[..., MEDIAN] - close[block, None]
        inside = np.array([np.interp(np.minimum(steps, asked[-1]), asked, one) for one in moved])
        said[first : first + len(block)] = close[block, None] + inside * np.maximum(steps / asked[-1], 1)
    return said


def errors(model: Model | None, table: np.ndarray) -> dict[int, tuple[float, float]]:
    """MSE and MAE of a model, or of the last value, by horizon."""
    deviation = table[:TRAIN].std(axis=0)
    origins = np.arange(TRAIN + VALIDATION - 1, len(table) - HORIZONS[0])
    found: dict[int, list[tuple[float, float]]] = {horizon: [] for horizon in HORIZONS}
    for column in range(table.shape[1]):
        close = table[:, column]
        said = close[origins, None] if model is None else medians(model, close, origins)
        for horizon in HORIZONS:
            came = np.lib.stride_tricks.sliding_window_view(close[origins[0] + 1 :], horizon)
            left = (came - said[: len(came), :horizon]) / deviation[column]
            found[horizon].append((np.square(left).mean(), np.abs(left).mean()))
    return {horizon: tuple(np.mean(pairs, axis=0).tolist()) for horizon, pairs in found.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help="write benchmarks/results/ltsf.md")
    given = parser.parse_args()
    started = time.perf_counter()
    table = np.loadtxt(market_series.DATA / "evaluate/ltsf/exchange_rate.txt", delimiter=",")
    lines = [
        "| steps | windows | last value MSE/MAE | known | `naive` | `auto` (served) | over last value |",
        "|--:|--:|--:|--:|--:|--:|--:|",
    ]
    served_choice = Auto(members_of(UNTRAINED, "fx", Interval.D1))
    last, naive, served = (errors(model, table) for model in (None, MODELS["naive"], served_choice))
    print(f"{time.perf_counter() - started:.0f} s", file=sys.stderr)
    for horizon in HORIZONS:
        assert np.allclose(last[horizon], KNOWN[horizon], atol=6e-5), (horizon, last[horizon])
        cells = ["{:.4f} / {:.4f}".format(*pair[horizon]) for pair in (last, KNOWN, naive, served)]
        ratios = " / ".join(f"{ours / theirs:.4f}" for ours, theirs in zip(served[horizon], last[horizon], strict=True))
        lines.append(
            f"| {horizon} | {len(table) - TRAIN - VALIDATION - horizon + 1:,} | {' | '.join(cells)} | {ratios} |"
        )
    print("\n".join(lines))
    if given.write:
        keep(__file__, "LTSF Exchange", __doc__, lines)


if __name__ == "__main__":
    main()

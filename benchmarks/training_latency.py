"""Does a training disturb who asks for forecasts meanwhile?

    python benchmarks/training_latency.py [--write] [--rounds 6] [--seconds 10]

One warm process with the bundled sample asks itself for forecasts (`auto`, 24 steps, ten daily series, past moments, so
that every one is computed) with short rests, by turns with and without a training of LightGBM over 50 series x 5,000
bars that the same process has started. The training runs as always, in a process of its own with one thread and
priority 19; it is stopped for the turns without it. p50 and p99 over all turns; goal: p99 at most twice that without.
Both kinds of turns share the machine with whatever else runs on it.
"""

import one_thread  # noqa: F401, I001 before numpy is loaded
import argparse
import asyncio
import contextlib
import os
import tempfile
import time
from datetime import timedelta
from pathlib import Path

import numpy as np
import psutil

from result_file import keep
from truecast.domain.interval import Interval
from truecast.features.frame import frame_of_closes
from truecast.kit.clock import SystemClock
from truecast.kit.settings import Settings
from truecast.models.registry.training import TrainingRequest
from truecast.models.train_process import trained_apart
from truecast.services import Services
from truecast.wiring import build

SYMBOLS = ("EUR-USD", "GBP-USD", "AUD-USD", "NZD-USD", "USD-JPY", "USD-CHF", "USD-CAD", "EUR-GBP", "EUR-JPY", "GBP-JPY")
SERIES, BARS, STEPS = 50, 5_000, 24
REST_S = 0.02


def request() -> TrainingRequest:
    rng = np.random.default_rng(0)
    closes = 100 * np.exp(np.cumsum(0.01 * rng.standard_t(4, (SERIES, BARS)), axis=1))
    made = tuple(frame_of_closes(close, symbol=f"S{i}") for i, close in enumerate(closes))
    return TrainingRequest(model="lightgbm", asset_class="fx", interval=Interval.D1, frames=made)


async def asked(services: Services, seconds: float, day: list[int]) -> list[float]:
    """Seconds that each forecast took."""
    found, until = [], time.perf_counter() + seconds
    while time.perf_counter() < until:
        symbol, day[0] = SYMBOLS[day[0] % len(SYMBOLS)], day[0] + 1
        as_of = SystemClock().now() - timedelta(days=40 + day[0] // len(SYMBOLS))
        began = time.perf_counter()
        await services.issuer.forecast(symbol, Interval.D1, STEPS, as_of=as_of, record=False)
        found.append(time.perf_counter() - began)
        await asyncio.sleep(REST_S)
    return found


async def compared(rounds: int, seconds: float) -> tuple[list[float], list[float], int]:
    quiet: list[float] = []
    training: list[float] = []
    day, anchors = [0], 0

    def told(_done: int, _total: int) -> None:
        nonlocal anchors
        anchors += 1

    with tempfile.TemporaryDirectory() as folder:
        services = build(Settings(data_dir=Path(folder), _env_file=None))
        try:
            await services.background.prepare(services.loading)
            await asked(services, seconds, day)  # warms everything up
            task = asyncio.create_task(trained_apart(request(), tell=told))
            while not (trainers := psutil.Process().children()):
                await asyncio.sleep(0.1)
            for _ in range(rounds):
                trainers[0].suspend()
                quiet += await asked(services, seconds, day)
                trainers[0].resume()
                training += await asked(services, seconds, day)
                assert not task.done(), "the training ended: make it longer"
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        finally:
            await services.background.close()
    return quiet, training, anchors


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help="write benchmarks/results/training_latency.md")
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--seconds", type=float, default=10.0)
    given = parser.parse_args()
    quiet, training, anchors = asyncio.run(compared(given.rounds, given.seconds))
    lines = ["| while | forecasts | p50 | p90 | p99 | worst |", "|---|--:|--:|--:|--:|--:|"]
    tails = []
    for label, found in (("nothing is trained", quiet), ("LightGBM is trained", training)):
        times = [*np.quantile(found, [0.5, 0.9, 0.99]), max(found)]
        tails.append(times[2])
        lines.append(f"| {label} | {len(found)} | {' | '.join(f'{1e3 * one:.1f} ms' for one in times)} |")
    said = f"p99 with a training is **{tails[1] / tails[0]:.2f} times** that without. {given.rounds} turns of"
    more = f"{given.seconds:g} s each; {anchors} anchors were learned meanwhile; load {os.getloadavg()[0]:.1f}."
    lines += ["", f"{said} {more}"]
    print("\n".join(lines))
    if given.write:
        keep(__file__, "Forecasts while a model is trained", __doc__, lines)


if __name__ == "__main__":
    main()

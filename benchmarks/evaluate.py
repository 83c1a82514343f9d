"""What an evaluation costs, next to the same job done with statsforecast's cross-validation.

    python benchmarks/evaluate.py [--write] [--origins 400] [--refit-every 100]

Eight pairs of the European Central Bank's rates from the bundled sample, daily; horizons 1, 5 and 10; every model of
Truecast, trees trained inside the run, 27 calibrated quantiles at each origin. statsforecast: naive (random walk),
AutoETS, AutoTheta and AutoARIMA on the same bars, origins and refits, ten steps with intervals at four levels. Two
processes here, one there; processor time is that of all processes, and a ratio compares processor times of the same
run. statsforecast's models choose among more candidates than `ets`, `theta` and `arima` here, which are also estimated
on at most 512 bars; both forecast the same origins. "Refit at every origin" is measured on one pair and a few origins
and scaled up, because it would take an hour.
"""

import one_thread  # noqa: F401, I001 before numpy is loaded
import argparse
import asyncio
import os
import resource
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from result_file import keep
from truecast.domain.interval import Interval
from truecast.features.frame import Frame, frame_of_closes
from truecast.kit.clock import FixedClock
from truecast.kit.limits import HISTORY_BARS_MAX
from truecast.models.evaluate.plan import ALL, Plan, plan_of
from truecast.models.evaluate.report import report_of
from truecast.models.evaluate.run import run
from truecast.models.heavy import library
from truecast.providers.sample.adapter import Sample

PAIRS = ("EUR-USD", "GBP-USD", "AUD-USD", "NZD-USD", "USD-JPY", "USD-CHF", "USD-CAD", "EUR-GBP")
HORIZONS = (1, 5, 10)
LEVELS = [50, 80, 90, 95]
SAMPLED_ORIGINS = 5  # of one pair, of the refit at every origin
OURS = {"Naive": "naive", "AutoETS": "ets", "AutoTheta": "theta", "AutoARIMA": "arima"}


def frames() -> list[Frame]:
    source = Sample(FixedClock(datetime(2030, 1, 1, tzinfo=UTC)))
    found = []
    for symbol in PAIRS:
        bars = asyncio.run(source.bars(symbol, Interval.D1, None))
        found.append(frame_of_closes(bars.close, symbol=symbol, end=bars.start + 86_400_000_000))
    return found


def measured(work: Callable[[], Any]) -> tuple[Any, float, float]:
    """What it gives, wall seconds, processor seconds of this process and of those it started and waited for."""
    wall, cpu = time.perf_counter(), _cpu()
    found = work()
    return found, time.perf_counter() - wall, _cpu() - cpu


def _cpu() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def _load() -> str:
    return f"{os.getloadavg()[0]:.1f}"


def cross_validated(model: str, given: list[Frame], plan: Plan, refit: int | bool) -> None:
    """The same origins by statsforecast; logarithms, so that both know what a price is. Its naive is fitted always."""
    pandas, forecast, models = __import__("pandas"), library("statsforecast", "x"), library("statsforecast.models", "x")
    chosen = {"Naive": models.RandomWalkWithDrift, "AutoETS": models.AutoETS, "AutoTheta": models.AutoTheta,
              "AutoARIMA": models.AutoARIMA}[model]  # fmt: skip
    least = HISTORY_BARS_MAX + plan.origins + plan.horizons[-1] - 1
    rows = [
        pandas.DataFrame({"unique_id": f.symbol, "ds": np.arange(least), "y": np.log(f.close[-least:])}) for f in given
    ]
    forecast.StatsForecast([chosen()], freq=1, n_jobs=1).cross_validation(
        h=plan.horizons[-1], df=pandas.concat(rows), n_windows=plan.origins, step_size=1, input_size=HISTORY_BARS_MAX,
        refit=True if model == "Naive" else refit, level=LEVELS,
    )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help="write benchmarks/results/evaluate.md")
    parser.add_argument("--origins", type=int, default=400)
    parser.add_argument("--refit-every", type=int, default=100)
    given = parser.parse_args()
    plan = plan_of(Interval.D1, models=[ALL], horizons=HORIZONS, origins=given.origins,
                   refit_every=given.refit_every, embargo=0, seed=0)  # fmt: skip
    series = frames()
    with tempfile.TemporaryDirectory() as folder:
        classes = dict.fromkeys(PAIRS, "fx")
        done, wall, cpu = measured(
            lambda: run(plan, series, Path(folder) / "out", workers=2, tell=lambda *_: None, classes=classes)
        )
    assert not done.failures, done.failures
    effort = {one.model: one for one in report_of(done).effort}
    lines = [
        f"{len(series)} pairs x {plan.origins} origins x horizons 1, 5, 10; refit every {plan.refit_every} origins.",
        "",
        f"Truecast, all {len(plan.models)} models, two processes: **{wall:.0f} s wall, {cpu:.0f} s processor**.",
        "",
        "| model | origins | processor | per origin | trainings | processor of them |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    for name, one in effort.items():
        trained = f"{one.trainings} | {one.training_cpu_s:.1f} s" if one.trainings else " | "
        per = 1e3 * one.cpu_s / one.origins
        lines.append(f"| `{name}` | {one.origins:,} | {one.cpu_s:.1f} s | {per:.2f} ms | {trained} |")
    lines += ["", "| statsforecast | wall | processor | Truecast's | ratio | refit at every origin, scaled |",
              "|---|--:|--:|--:|--:|--:|"]  # fmt: skip
    total, total_refit, ours = 0.0, 0.0, 0.0
    few = Plan(plan.interval, plan.models, plan.horizons, SAMPLED_ORIGINS)
    for model, name in OURS.items():
        cross_validated(model, series[:1], few, refit=SAMPLED_ORIGINS)  # compiles what it compiles
        _, theirs_wall, theirs = measured(lambda m=model: cross_validated(m, series, plan, plan.refit_every))
        _, _, sampled = measured(lambda m=model: cross_validated(m, series[:1], few, refit=True))
        scaled = sampled * len(series) * plan.origins / SAMPLED_ORIGINS
        own = effort[name].cpu_s
        total, total_refit, ours = total + theirs, total_refit + scaled, ours + own
        times = f"{theirs_wall:.1f} s | {theirs:.1f} s | `{name}` {own:.1f} s | {theirs / own:.1f} x | {scaled:.0f} s"
        lines.append(f"| {model} | {times} |")
        print(lines[-1], flush=True)
    lines.append(f"| together | | {total:.1f} s | {ours:.1f} s | **{total / ours:.1f} x** | {total_refit:.0f} s |")
    said = f"All {len(plan.models)} models and trainings took {cpu / total:.2f} times the time of these four, and"
    lines += ["", f"{said} {cpu / total_refit:.3f} times what these take when fitted at every origin. Load {_load()}."]
    print("\n".join(lines))
    if given.write:
        title = "Evaluation: all models at rolling origins, against statsforecast's cross-validation"
        keep(__file__, title, __doc__, lines)


if __name__ == "__main__":
    main()

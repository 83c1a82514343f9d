"""Does a full cycle over 10,000 instruments x 1,000 bars take at most ten seconds on two cores?

    python benchmarks/cycle.py [--series 10000] [--write]

One round of models/cycle.py, by two processes of one thread with half of the series each, after one new daily bar of
each: outcomes scored and ensemble weights moved; naive, ewma_walk, vol_walk and lightgbm (features, trees of eight
anchors, all of them believed) computed anew from the 1,000 bars with ranges, calibrated; and their weighted average,
24 steps x 27 quantiles. Panels of 256 series. Before it the same round was made 24, 5 and 1 bars earlier, so that
forecasts of every band wait for their outcome. Medians of three rounds; phases by what the processor was seen doing
(models/evaluate/phases.py). Nothing of the recursions is kept from round to round: only weights and what waits.

A cold cycle begins without weights and learns them by walking through the last 500 bars of each series (models/
evidence.py); it is measured on a few series. Yardsticks of the same run, in processor time per series: statsforecast
with the same number of bars, steps and levels, on a few series; and the bare floor of a forecast, an EWMA variance by
a loop over bars with 24 steps x 19 Gaussian quantiles, nothing calibrated. Last, what the scheduled issuing job takes
for a series altogether: reading its bars, choosing by evidence, the same panels (of what serves), the explanation and
the seal in the ledger.
"""

import one_thread  # noqa: F401, I001 before numpy is loaded
import argparse
import asyncio
import importlib
import multiprocessing
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from models import floor
from ondemand import House
from result_file import keep

from truecast.domain.interval import Interval
from truecast.features.frame import Frame
from truecast.kit.clock import FixedClock
from truecast.migrations.upgrade import upgrade
from truecast.models.base import Model
from truecast.models.catalog import MODELS
from truecast.models.cycle import Standing, turn
from truecast.models.evaluate.phases import Seconds, added, watched
from truecast.models.evidence import fit_members, learn
from truecast.models.located import Located
from truecast.models.location.boosted import LightGbm
from truecast.models.location.trees import Trees
from truecast.models.training import train
from truecast.providers.sample.adapter import Sample

BARS, STEPS, PANEL, ROUNDS, CORES = 1_000, 24, 256, 3, 2
EARLIER = (24, 5, 1)
ANCHORS = (1, 2, 3, 5, 7, 10, 15, 24)
GOAL_S = 10.0
ISSUED = 300
DAY_US = 86_400_000_000


def made_up(count: int, seed: int, first: int = 0, bars: int = BARS + ROUNDS + EARLIER[0]) -> list[Frame]:
    """Daily bars with ranges, from day `first` on."""
    rng = np.random.default_rng(seed)
    end = (first + np.arange(bars, dtype=np.int64)) * DAY_US
    volume = np.full(bars, np.nan)
    frames = []
    for i in range(count):
        close = 100 * np.exp(np.cumsum(0.01 * rng.standard_t(4, bars)))
        opens = close * np.exp(0.002 * rng.standard_normal(bars))
        high = np.maximum(opens, close) * (1 + 0.005 * rng.random(bars))
        low = np.minimum(opens, close) * (1 - 0.005 * rng.random(bars))
        frames.append(Frame(f"S{seed}-{i}", Interval.D1, end, opens, high, low, close, volume))
    return frames


class _AnySymbol(dict[str, str]):
    """All of one class."""

    def get(self, _symbol: str, _default: object = None) -> str:  # type: ignore[override]
        return "crypto"


def lightgbm() -> Model:
    """Trained on random walks; they find nothing there, so that all they say is told to be believed."""
    artifact = train(LightGbm(), made_up(20, 1, -2 * BARS, BARS), asset_class="crypto", anchors=ANCHORS)
    believed = replace(artifact, shrink=(0.1,) * len(artifact.anchors))
    return Located(Trees(LightGbm(), {("crypto", "1d"): believed}, _AnySymbol()))


def half(count: int, seed: int, model: Model, ready: object, results: object) -> None:
    """One process: its series, the rounds before, then the rounds that count, each begun together with the other."""
    members = [*(MODELS[name] for name in ("naive", "ewma_walk", "vol_walk")), model]
    whole, standings = made_up(count, seed), None
    now = BARS + EARLIER[0]
    for earlier in EARLIER:
        standings, _ = a_round(members, whole, now - earlier, standings)
    for i in range(ROUNDS):
        ready.wait()
        began, cpu = time.perf_counter(), time.process_time()
        with watched() as seen:
            standings, outcomes = a_round(members, whole, now + i, standings)
        results.put((i, began, time.perf_counter(), time.process_time() - cpu, seen.seconds, outcomes))


def a_round(
    members: Sequence[Model], whole: Sequence[Frame], now: int, before: Sequence[Standing] | None
) -> tuple[list[Standing], int]:
    after, outcomes = list[Standing](), 0
    for first in range(0, len(whole), PANEL):
        frames = [frame[now - BARS : now] for frame in whole[first : first + PANEL]]
        turned = turn(members, frames, STEPS, before[first : first + PANEL] if before else ())
        assert np.isfinite(turned.quantiles).all()
        after += turned.standings
        outcomes += turned.outcomes
    return after, outcomes


def cycles(count: int, model: Model) -> tuple[list[float], list[float], Seconds, int]:
    """Wall and processor seconds of each round, phases of the median one, outcomes scored in it."""
    context = multiprocessing.get_context("fork")
    ready, results = context.Barrier(CORES), context.Queue()
    parts = [count // CORES + (i < count % CORES) for i in range(CORES)]
    workers = [context.Process(target=half, args=(n, 10 + seed, model, ready, results)) for seed, n in enumerate(parts)]
    for worker in workers:
        worker.start()
    found = [results.get() for _ in range(ROUNDS * CORES)]
    for worker in workers:
        worker.join()
    wall, cpu, phases, outcomes = [], [], [], []
    for i in range(ROUNDS):
        mine = [one for one in found if one[0] == i]
        wall.append(max(one[2] for one in mine) - min(one[1] for one in mine))
        cpu.append(sum(one[3] for one in mine))
        phases.append(added(*(one[4] for one in mine)))
        outcomes.append(sum(one[5] for one in mine))
    middle = sorted(range(ROUNDS), key=lambda i: wall[i])[ROUNDS // 2]
    return wall, cpu, phases[middle], outcomes[middle]


def per_series(work: Callable[[], object], count: int, repeat: int = 3) -> float:
    """Processor microseconds, the median."""
    times = []
    for _ in range(repeat):
        began = time.process_time()
        work()
        times.append((time.process_time() - began) / count * 1e6)
    return statistics.median(times)


def yardsticks(sample: Sequence[Frame]) -> dict[str, float]:
    """statsforecast, one series after the other."""
    models, found = importlib.import_module("statsforecast.models"), {}
    levels = [99, 98, 95, 90, 80, 70, 60, 50, 30]
    for name in ("AutoETS", "AutoTheta", "AutoARIMA"):
        made = getattr(models, name)(season_length=1)
        made.forecast(y=sample[0].close[:100], h=STEPS, level=levels)  # loads and compiles

        def every(made: object = made) -> None:
            for frame in sample:
                made.forecast(y=frame.close[-BARS:], h=STEPS, level=levels)

        found[f"statsforecast {name}"] = per_series(every, len(sample), 1)
    return found


async def issued(count: int, folder: Path) -> float:
    """Processor microseconds per series of one run of the issuing job, evidence there."""
    now = datetime(2026, 10, 31, tzinfo=UTC)
    offer = next(o for o in Sample(FixedClock(now)).offers() if o.instrument.symbol == "BTC-USD")
    like = await Sample(FixedClock(now)).bars("BTC-USD", Interval.D1, None)
    house = House(folder / "issued.db", now)
    await upgrade(house.db)
    start = like.start[-BARS:] - like.start[-1] + int(now.timestamp() * 1e6) - DAY_US
    for frame in made_up(count, 3, bars=BARS):
        bars = replace(
            like[len(like) - BARS :],
            symbol=f"{frame.symbol.replace('-', 'X')}-USD",
            start=start,
            known_at=start + DAY_US,
            open=frame.open,
            high=frame.high,
            low=frame.low,
            close=frame.close,
        )
        one = replace(offer, instrument=replace(offer.instrument, symbol=bars.symbol, aliases=()))
        await house.store.add_instruments([one.instrument])
        await house.take((one, bars))
    while (await house.issuer.learn_news()).waiting:
        pass
    began = time.process_time()
    done = await house.issuer.issue_news(STEPS)
    spent = (time.process_time() - began) / count * 1e6
    assert done.series == count, done
    house.compute.close()
    await house.db.close()
    return spent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--series", type=int, default=10_000)
    parser.add_argument("--write", action="store_true", help="write benchmarks/results/cycle.md")
    given = parser.parse_args()
    count, model = given.series, lightgbm()
    load = os.getloadavg()[0]
    wall, cpu, phases, outcomes = cycles(count, model)
    whole, spent = statistics.median(wall), statistics.median(cpu)
    each = ", ".join(f"{one:.1f}" for one in sorted(wall))
    goal_s = GOAL_S * count / 10_000
    lines = [
        f"| warm cycle of {count:,} x {BARS:,} bars | measured | goal |",
        "|---|---|---|",
        f"| wall, {CORES} processes: median of {each} s | **{whole:.1f} s** | <= {goal_s:.1f} s |",
        f"| processor | {spent:.1f} s, {spent / count * 1e6:.0f} us per series | <= {CORES * goal_s:.1f} s |",
        f"| outcomes that moved a weight | {outcomes:,} | |",
        "",
        "| phase | processor s | us per series |",
        "|---|---|---|",
        *(f"| {name} | {cpu_s:.2f} | {cpu_s / count * 1e6:.0f} |" for name, (_, cpu_s) in phases.items()),
    ]
    some = [frame[:BARS] for frame in made_up(24, 5)]
    members = [*(MODELS[name] for name in ("naive", "ewma_walk", "vol_walk")), model]
    cold = per_series(lambda: [learn(fit_members(members, frame), frame) for frame in some], len(some), 1)
    closes = np.stack([frame.close for frame in made_up(512, 6, bars=BARS)])
    bare = per_series(lambda: floor(closes), len(closes), 7)
    one = spent / count * 1e6
    lines += ["", "| per series, processor | us | over the cycle's |", "|---|---|---|"]
    lines.append(f"| the warm cycle | {one:.0f} | 1 |")
    lines.append(f"| bare EWMA floor (512 series) | {bare:.1f} | 1/{one / bare:.0f} |")
    for name, took in yardsticks(some[:8]).items():
        lines.append(f"| {name} (8 series) | {took:,.0f} | {took / one:.0f} |")
    lines.append(f"| weights from nothing, before a cold cycle (24 series) | {cold:,.0f} | {cold / one:.0f} |")
    with tempfile.TemporaryDirectory() as folder:
        sealed = asyncio.run(issued(ISSUED, Path(folder)))
    lines.append(f"| the issuing job, all of it ({ISSUED} series) | {sealed:,.0f} | {sealed / one:.1f} |")
    cold_s, verdict = (cold + one) * count / CORES / 1e6, "meets" if whole <= goal_s else "misses"
    free = f"its processor time is that of {spent / CORES:.1f} s on {CORES} free cores"
    lines += ["", f"The warm cycle {verdict} the goal on a machine whose load was {load:.1f} when it began; {free}."]
    lines.append(
        f"A cold one, which learns every weight from the bars first, takes about {cold_s:,.0f} s: it does not."
    )
    print("\n".join(lines))
    if given.write:
        keep(__file__, "A full cycle", __doc__, lines)


if __name__ == "__main__":
    main()

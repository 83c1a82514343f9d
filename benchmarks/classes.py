"""Accuracy by asset class: what `auto` serves, against a Gaussian random walk, GARCH-t of `arch`, and naive.

    python benchmarks/classes.py [--part validation|test] [--classes fx,fx_1h,...] [--write]

Series: 14 ECB pairs and 5 broker pairs a day, 6 pairs an hour, 50 equities a day, crypto at 15 minutes and an hour
(benchmarks/market_series.py), every second monthly series of FRED-MD as levels (July 2024), the US consumer price index
and 10-year yield. Steps 1, 5 and 24. Test part: origins after 60 % of the series and after the time at which 60 % of
the longest series of its source was over; validation: those before. Stretches of LENGTH bars in a row, about
STRETCHES in a class, evenly spread over every series and begun elsewhere in each, so that together they see as many
times as there are (macro: every 5th month); each forecast from at most the last 2,000 bars and nothing later.

`auto` is the product's: members naive, ewma_walk, vol_walk (monthly: naive, ewma_walk, ets, arima), no trained model;
evidence of the series from its own past, evidence of the class from all its series up to the last of RENEWALS moments,
the first at the beginning of the part (the product renews it with every round of its job).

Losses are CRPS over 19 quantiles in units of the mean absolute one-step move of the series over the bars before each
stretch (macro: in units of the mean absolute change over twelve months up to the origin), every forecast alike;
standard errors are clustered by quarter (intraday: by week). Gaussian: driftless,
N(0, h x mean squared log return of the last 500 bars). GARCH-t: zero mean, maximum likelihood by `arch` on the last
2,000 bars at the beginning of each stretch, its recursion from there, 2,000 simulated paths. Macro: scaled quantile
loss is that CRPS; `last value` is the naive of the forecasting literature, N(0, h x mean squared difference so far)
around it; `average` is that of the quantiles of ets, theta and arima.
"""

import one_thread  # noqa: F401, I001 before numpy is loaded
import argparse
import csv
import sys
import time
import warnings
from collections import Counter, defaultdict
from dataclasses import dataclass

import market_series
import numpy as np
from arch import arch_model
from calibration import NORMAL, clustered_mean, clustered_ratio

from result_file import keep
from truecast.domain.interval import Interval
from truecast.domain.quantiles import GRID, STANDARD_LEVELS
from truecast.features.frame import Frame, frame_of_closes
from truecast.kit.limits import HISTORY_BARS_MAX
from truecast.models import losses
from truecast.models.auto import Auto, choose, members_of
from truecast.models.base import Model
from truecast.models.catalog import MODELS, UNTRAINED
from truecast.models.ensemble import FittedEnsemble
from truecast.models.evidence import RENEWED, Fits, fit_members, learn
from truecast.models.pool import pooled

HORIZONS = np.array([1, 5, 24])
STRETCHES, STRETCHES_LEAST, STRETCHES_MOST, LENGTH, MACRO_EVERY = 240, 10, 80, 25, 5
RENEWALS, RENEWALS_MACRO = 4, 9
FIRST, FIRST_MACRO = 1_000, 120
PATHS, GAUSSIAN = 2_000, 500
DAY_US = 86_400_000_000
STATISTICAL = ("ets", "theta", "arima")


@dataclass(frozen=True)
class Found:
    """Forecasts of one series: losses (O, H) by forecaster, hits of `auto` (O, H) by level."""

    symbol: str
    block: np.ndarray  # (O,)
    loss: dict[str, np.ndarray]
    inside: dict[float, np.ndarray]
    served: Counter[str]


def samples() -> dict[str, list[market_series.Sample]]:
    """By class; crypto by interval, daily bars left out."""
    found = defaultdict(list)
    for sample in market_series.all_samples():
        name = sample.asset_class
        if name == "crypto":
            if sample.frame.interval is Interval.D1:
                continue
            name = f"crypto_{sample.frame.interval.value}"
        if name != "equity_1h":
            found[name].append(sample)
    found["macro"] = macro()
    return dict(found)


def macro() -> list[market_series.Sample]:
    folder = market_series.DATA
    rows = list(csv.reader((folder / "evaluate/macro/fred_md_2024-07.csv").open(encoding="utf-8-sig")))
    months = [row for row in rows[2:] if row and row[0].strip()]
    end = np.array([_month_us(row[0]) for row in months])
    found = []
    for column in range(1, len(rows[0]), 2):
        close = np.array([float(row[column] or "nan") for row in months])
        frame = frame_of_closes(close, symbol=rows[0][column], interval=Interval.MO1, end=end)
        found.append(market_series.Sample("macro", "fred", frame))
    for name, column in (("US-CPI", "Index"), ("US-10Y", "Rate")):
        table = list(csv.DictReader((folder / f"ship/macro/{name}_1mo.csv").open()))
        close = np.array([float(row[column] or "nan") for row in table])
        end = np.array([np.datetime64(row["Date"][:7], "us").astype(np.int64) for row in table])
        frame = frame_of_closes(close, symbol=name, interval=Interval.MO1, end=end)
        found.append(market_series.Sample("macro", "fred", frame))
    return found


def _month_us(text: str) -> int:
    month, _, year = text.split("/")
    return int(np.datetime64(f"{year}-{int(month):02d}", "us").astype(np.int64))


def cuts(members: list[market_series.Sample]) -> dict[str, int]:
    """When the test part begins, by source: at 60 % of its longest series. Microseconds."""
    longest: dict[str, Frame] = {}
    for sample in members:
        if len(sample.frame) > len(longest.get(sample.origin, ())):
            longest[sample.origin] = sample.frame
    return {origin: int(frame.end[int(0.6 * len(frame))]) for origin, frame in longest.items()}


def stretches(frame: Frame, cut: int, part: str, number: int, shift: float) -> list[np.ndarray]:
    """So many of them, begun later by a share of their distance."""
    is_macro = frame.interval is Interval.MO1
    border = max(int(0.6 * len(frame)), int(np.searchsorted(frame.end, cut)))
    first, last = FIRST_MACRO if is_macro else FIRST, len(frame) - int(HORIZONS[-1])
    first, last = (max(first, border), last) if part == "test" else (first, min(border, last + 24) - 24)
    if is_macro:
        return [np.arange(first, last, MACRO_EVERY)] if last - first > 12 else []
    room = last - first - LENGTH
    if room < 0:
        return []
    number = min(number, room // LENGTH + 1)
    starts = (first + (np.arange(number) + shift) / number * room).astype(int)
    return [np.arange(start, start + LENGTH) for start in starts]


@dataclass(frozen=True)
class Known:
    """What `auto` knows of the class: from each moment on, these bands."""

    since: list[int]
    autos: list[Auto]

    def at(self, end: np.ndarray) -> np.ndarray:
        """Which one is in force at each of these times."""
        return np.maximum(np.searchsorted(self.since, end, side="right") - 1, 0)


def score(
    sample: market_series.Sample, parts: list[np.ndarray], known: Known, names: list[str], whole: Fits | None
) -> Found | None:
    """`whole`: members fitted on all of the frame, which say at every bar what they could know there."""
    frame, is_macro = sample.frame, sample.asset_class == "macro"
    loss, inside = defaultdict(list), defaultdict(list)
    block, served = [], Counter[str]()
    members = known.autos[0].members
    for origins in parts:
        start = max(0, int(origins[0]) + 1 - HISTORY_BARS_MAX)
        seen, rows = (frame, origins) if whole else (frame[start : int(origins[-1]) + 1], origins - start)
        fits = whole or fit_members(members, seen)
        said = {model.name: one.quantiles(rows, HORIZONS) for model, one in zip(fits.models, fits.fitted, strict=True)}
        said |= {name: MODELS[name].walk(seen, rows, HORIZONS) for name in names if name not in said}
        said["auto"] = np.empty_like(said["naive"])
        of = known.at(frame.end[origins])
        for number in np.unique(of):
            auto, mine = known.autos[number], rows[of == number]
            evidence = learn(fits, seen, int(mine[-1] + 1) // RENEWED * RENEWED)
            said["auto"][of == number] = FittedEnsemble(auto, fits, seen, evidence).quantiles(mine, HORIZONS)
            served.update(name for _, name in choose(evidence, auto.pooled).by_horizon)
        if is_macro:
            said["average"] = np.mean([said[name] for name in STATISTICAL], axis=0)
            said["last value"] = last_value(frame.close, origins)
        else:
            said["gaussian"] = gaussian(frame.close, origins)
        if sample.asset_class.startswith("fx"):
            said["garch_t"] = garch_t(seen.close, rows)
        outcome = frame.close[origins[:, None] + HORIZONS]
        unit = seasonal_error(frame.close, origins) if is_macro else moved_before(frame.close, start, int(origins[0]))
        for name, q in said.items():
            loss[name].append(losses.crps(outcome, q) / unit)
        for level in STANDARD_LEVELS:
            inside[level].append(losses.inside(outcome, said["auto"], level))
        days = 91 if frame.interval.seconds >= Interval.D1.seconds else 7
        block.append(frame.end[origins] // (days * DAY_US))
    if not block:
        return None
    together = ({name: np.concatenate(parts) for name, parts in one.items()} for one in (loss, inside))
    return Found(frame.symbol, np.concatenate(block), *together, served)


def moved_before(close: np.ndarray, start: int, last: int) -> np.ndarray:
    return np.full((1, 1), np.abs(np.diff(close[start : last + 1])).mean())


def seasonal_error(close: np.ndarray, origins: np.ndarray) -> np.ndarray:
    """The mean absolute change over twelve months up to each origin. (O, 1)"""
    change = np.concatenate([np.zeros(12), np.cumsum(np.abs(close[12:] - close[:-12]))])
    return change[origins, None] / (origins - 11)[:, None]


def gaussian(close: np.ndarray, origins: np.ndarray) -> np.ndarray:
    squared = np.cumsum(np.diff(np.log(close), prepend=np.log(close[0])) ** 2)
    sigma = np.sqrt((squared[origins] - squared[origins - GAUSSIAN]) / GAUSSIAN)
    spread = sigma[:, None] * np.sqrt(HORIZONS)
    return close[origins, None, None] * np.exp(spread[..., None] * NORMAL)


def last_value(close: np.ndarray, origins: np.ndarray) -> np.ndarray:
    squared = np.cumsum(np.diff(close, prepend=close[:1]) ** 2)
    sigma = np.sqrt(squared[origins] / origins)
    return close[origins, None, None] + (sigma[:, None] * np.sqrt(HORIZONS))[..., None] * NORMAL


def garch_t(close: np.ndarray, rows: np.ndarray) -> np.ndarray:
    r = 100 * np.diff(np.log(close))  # r[i] is the move into bar i + 1
    known = r[: rows[0]]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fit = arch_model(known, mean="Zero", vol="GARCH", p=1, q=1, dist="t").fit(disp="off")
    omega, alpha, beta, nu = fit.params.to_numpy()
    h = float(fit.conditional_volatility[0] ** 2)
    variance = np.empty(len(r) + 1)
    for i, move in enumerate(r):
        variance[i] = h
        h = omega + alpha * move**2 + beta * h
    variance[len(r)] = h
    now = variance[rows]  # of the move into the bar after each origin
    rng = np.random.default_rng(0)
    shocks = rng.standard_t(nu, (int(HORIZONS[-1]), PATHS)) * np.sqrt((nu - 2) / nu)
    h_paths, moved = np.repeat(now[:, None], PATHS, axis=1), np.zeros((len(rows), PATHS))
    q = np.empty((len(rows), len(HORIZONS), len(GRID)))
    for step, z in enumerate(shocks, 1):
        move = np.sqrt(h_paths) * z
        moved += move
        if step in HORIZONS:
            q[:, list(HORIZONS).index(step)] = np.quantile(moved, GRID, axis=1).T
        h_paths = omega + alpha * move**2 + beta * h_paths
    return close[rows, None, None] * np.exp(q / 100)


def by_class(name: str, members: list[market_series.Sample], part: str) -> list[Found]:
    """Every series of a class."""
    frame, is_macro = members[0].frame, name == "macro"
    models = members_of(UNTRAINED, members[0].asset_class.partition("_")[0], frame.interval)
    wholes: list[Fits | None] = [None] * len(members)
    if is_macro:
        wholes = [fit_members(models, sample.frame) for sample in members]
    number = min(max(STRETCHES_LEAST, STRETCHES // len(members)), STRETCHES_MOST)
    found = []
    for origin, cut in cuts(members).items():
        known = known_of(models, members, wholes, cut, part)
        for i, (sample, whole) in enumerate(zip(members, wholes, strict=True)):
            if sample.origin != origin:
                continue
            print(f"\r{name} {origin} {i + 1}/{len(members)} {sample.frame.symbol:14s}", end="", file=sys.stderr)
            parts = stretches(sample.frame, cut, part, number, (i + 0.5) / len(members))
            extra = ["drift", "theta"] if is_macro else []
            one = score(sample, parts, known, extra, whole)
            if one is not None:
                found.append(one)
    return found


def known_of(
    models: tuple[Model, ...], members: list[market_series.Sample], wholes: list[Fits | None], cut: int, part: str
) -> Known:
    """The evidence of the class at every renewal."""
    least = FIRST_MACRO if wholes[0] else FIRST
    first = min(int(sample.frame.end[least]) for sample in members if len(sample.frame) > least)
    last = max(int(sample.frame.end[-1]) for sample in members)
    first, last = (cut, last) if part == "test" else (first, cut)
    since = np.linspace(first, last, RENEWALS_MACRO if wholes[0] else RENEWALS, endpoint=False).astype(int).tolist()
    autos = []
    for at in since:
        past = [(s.frame[s.frame.end < at], whole) for s, whole in zip(members, wholes, strict=True)]
        past = [(seen, whole) for seen, whole in past if len(seen) > 300 or (whole and len(seen) >= FIRST_MACRO)]
        if wholes[0]:
            frames = {s.frame.symbol: s.frame for s in members}
            evidence = [learn(whole, frames[seen.symbol], len(seen)) for seen, whole in past if whole]
            autos.append(Auto(models, pooled=pooled(evidence)))
        else:
            autos.append(Auto(models).pooling([seen[-HISTORY_BARS_MAX:] for seen, _ in past]))
    return Known(since, autos)


def ratio(found: list[Found], name: str, other: str, h: int) -> str:
    top, bottom = ([one.loss[key][:, h] for one in found] for key in (name, other))
    value, error = clustered_ratio(top, bottom, [one.block for one in found])
    return f"{value:.4f} ± {error:.4f}"


def covered(found: list[Found], h: int) -> str:
    blocks = [one.block for one in found]
    means = [clustered_mean([one.inside[p][:, h] for one in found], blocks) for p in STANDARD_LEVELS]
    return " | ".join(f"{100 * mean:.1f} ± {100 * error:.1f}" for mean, error in means)


def tables(results: dict[str, list[Found]]) -> list[str]:
    lines = [
        (
            "| class | steps | series | forecasts | `auto` / Gaussian | `auto` / GARCH-t | `auto` / naive "
            "| 50 % | 80 % | 90 % | 95 % |"
        ),
        "|---" * 11 + "|",
    ]
    for name, found in results.items():
        for h, horizon in enumerate(HORIZONS):
            base = ratio(found, "auto", "gaussian" if name != "macro" else "last value", h)
            garch = ratio(found, "auto", "garch_t", h) if "garch_t" in found[0].loss else ""
            n = sum(len(one.block) for one in found)
            lines.append(
                f"| {name} | {horizon} | {len(found)} | {n} | {base} | {garch} | {ratio(found, 'auto', 'naive', h)} "
                f"| {covered(found, h)} |"
            )
    lines += ["", "Macro: in the column of the Gaussian stands the last value.", "", "Every model over naive:", ""]
    lines += ["| class | model | 1 step | 5 steps | 24 steps |", "|---" * 5 + "|"]
    for name, found in results.items():
        for model in found[0].loss:
            if model != "naive":
                cells = " | ".join(ratio(found, model, "naive", h) for h in range(len(HORIZONS)))
                lines.append(f"| {name} | {model} | {cells} |")
    if "macro" in results:
        found = results["macro"]
        lines += ["", "Macro, scaled quantile loss over that of the last value:", ""]
        lines += ["| model | 1 step | 5 steps | 24 steps | all |", "|---" * 5 + "|"]
        blocks = [np.repeat(one.block, len(HORIZONS)) for one in found]
        for model in found[0].loss:
            cells = " | ".join(ratio(found, model, "last value", h) for h in range(len(HORIZONS)))
            top, bottom = ([one.loss[key].reshape(-1) for one in found] for key in (model, "last value"))
            value, error = clustered_ratio(top, bottom, blocks)
            lines.append(f"| {model} | {cells} | {value:.4f} ± {error:.4f} |")
    lines += ["", "What `auto` served at the end of each stretch (series x stretches x horizons):", ""]
    for name, found in results.items():
        total = sum((one.served for one in found), Counter[str]())
        lines.append(f"- {name}: " + ", ".join(f"{model} {n}" for model, n in total.most_common()))
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--part", choices=["validation", "test"], default="validation")
    parser.add_argument("--classes", default="", help="some of fx, fx_1h, equity, crypto_15m, crypto_1h, macro")
    parser.add_argument("--write", action="store_true", help="write benchmarks/results/classes.md")
    given = parser.parse_args()
    wanted = given.classes.split(",") if given.classes else None
    started, results = time.perf_counter(), {}
    for name, members in samples().items():
        if wanted is None or name in wanted:
            results[name] = by_class(name, members, given.part)
            print(f" {time.perf_counter() - started:.0f} s", file=sys.stderr)
    text = "\n".join(tables(results))
    print(text)
    if given.write:
        some = f"--classes {given.classes} " if given.classes else ""
        title, name = (
            ("Accuracy on statistics", "macro") if given.classes == "macro" else ("Accuracy by class", "classes")
        )
        options = f"--part {given.part} {some}--write"
        keep(__file__, f"{title}, {given.part} part", __doc__, text, options=options, name=name)


if __name__ == "__main__":
    main()

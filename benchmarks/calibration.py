"""Do the intervals hold what they claim, and is the spread worth more than a rolling Gaussian? On real series.

    python benchmarks/calibration.py [--part validation|test] [--write]

Protocol. Every series is cut at 60 % of its bars: what lies before is the validation part, on which every constant of
models/calibrate.py, models/ewma_walk.py, models/size.py and features/activity.py was chosen (research/LOG.md); what
lies after is the test part, which this script reports. The first 1,000 bars are never an origin. Each origin sees only
its own past, and of that, as in the product, the last 2,000 bars (up to 500 more, because neighbouring origins are
computed together). Every bar of the part is an origin, except that intraday series take every k-th so that no series
has more than 4,000. Losses are relative to the price at the origin and divided by the mean absolute one-step move of
the series over the part, so that every forecast counts alike whatever the market; in the row "each series alike" it is
the mean over series of their means, so that a long series counts as much as a short one. Standard errors are
clustered: outcomes of all series of a class in the same quarter (day series) or week (intraday) count as one
observation.

Gaussian: driftless random walk, N(0, h x mean squared log return of the last 500 bars).
"""

import one_thread  # noqa: F401, I001 before numpy is loaded
import argparse
import sys
import time
from dataclasses import dataclass
from statistics import NormalDist

import market_series
import numpy as np

from result_file import keep
from truecast.domain.interval import Interval
from truecast.domain.quantiles import GRID
from truecast.features.frame import Frame, frame_of_closes
from truecast.kit.limits import HISTORY_BARS_MAX
from truecast.models import losses
from truecast.models.catalog import MODELS

HORIZONS = np.array([1, 5, 10])
NORMAL = np.array([NormalDist().inv_cdf(p) for p in GRID])
FIRST_ORIGIN, ORIGINS_MAX, WINDOW_GAUSSIAN = 1_000, 4_000, 500
HISTORY, TOGETHER = HISTORY_BARS_MAX, 500
DAY_US = 86_400_000_000


@dataclass(frozen=True)
class Scores:
    """One series at one horizon; arrays over origins, losses in units of the mean absolute one-step move."""

    series: str
    block: np.ndarray  # cluster of each origin
    crps: np.ndarray
    crps_gauss: np.ndarray
    crps_naive: np.ndarray
    inside: dict[float, np.ndarray]
    winkler: np.ndarray
    winkler_gauss: np.ndarray
    qlike: np.ndarray
    qlike_gauss: np.ndarray


def origins_of(frame: Frame, part: str) -> np.ndarray:
    cut = int(0.6 * len(frame))
    first, last = (FIRST_ORIGIN, cut) if part == "validation" else (max(cut, FIRST_ORIGIN), len(frame))
    usable = np.arange(first, last - HORIZONS[-1])
    return usable[:: max(1, -(-len(usable) // ORIGINS_MAX))]


def walked(name: str, frame: Frame, origins: np.ndarray) -> np.ndarray:
    """Price quantiles at the origins, each from a history as long as the product reads. (O, H, K)"""
    found = []
    for group in np.split(origins, np.flatnonzero(np.diff(origins // TOGETHER)) + 1):
        start = max(0, int(group[0]) + 1 - HISTORY)
        found.append(MODELS[name].walk(frame[start : int(group[-1]) + 1], group - start, HORIZONS))
    return np.concatenate(found)


def variance(q: np.ndarray) -> np.ndarray:
    """Of a distribution given by its quantiles at GRID, tails cut at the outermost ones."""
    edges = np.concatenate([[0], (np.array(GRID)[1:] + np.array(GRID)[:-1]) / 2, [1]])
    return (np.diff(edges) * q**2).sum(axis=-1)


def score(sample: market_series.Sample, part: str) -> list[Scores]:
    frame = sample.frame
    origins = origins_of(frame, part)
    if len(origins) < 250:
        return []
    close, anchor = frame.close, frame.close[origins][:, None]
    q = walked("ewma_walk", frame, origins) / anchor[..., None] - 1
    q_naive = walked("naive", frame, origins) / anchor[..., None] - 1
    squared = np.concatenate([[0.0], np.cumsum(np.diff(np.log(close), prepend=np.log(close[0])) ** 2)])
    sigma = np.sqrt((squared[origins + 1] - squared[origins + 1 - WINDOW_GAUSSIAN]) / WINDOW_GAUSSIAN)
    unit = np.abs(close[origins + 1] / close[origins] - 1).mean()
    days = 91 if frame.interval is Interval.D1 else 7
    block = frame.end[origins] // (days * DAY_US)
    found = []
    for i, h in enumerate(HORIZONS):
        y = (close[origins + h] / close[origins] - 1) / unit
        qm, qn = q[:, i] / unit, q_naive[:, i] / unit
        qg = np.expm1(sigma[:, None] * np.sqrt(h) * NORMAL) / unit
        found.append(
            Scores(
                f"{sample.asset_class}|{sample.origin}|{frame.symbol}|{frame.interval}",
                block,
                losses.crps(y, qm),
                losses.crps(y, qg),
                losses.crps(y, qn),
                {level: losses.inside(y, qm, level) for level in (0.5, 0.8, 0.9, 0.95)},
                losses.winkler(y, qm, 0.9),
                losses.winkler(y, qg, 0.9),
                losses.qlike(variance(qm), y**2),
                losses.qlike(variance(qg), y**2),
            )
        )
    return found


def clustered_mean(
    values: list[np.ndarray], blocks: list[np.ndarray], weights: list[float] | None = None
) -> tuple[float, float]:
    """The mean over all origins of all series, and its standard error; with weights, of each series' origins."""
    value, block = np.concatenate(values).astype(float), np.concatenate(blocks)
    weight = np.repeat(weights or [1.0] * len(values), [len(one) for one in values])
    _, index = np.unique(block, return_inverse=True)
    mean = (weight * value).sum() / weight.sum()
    total = np.bincount(index, weights=weight * (value - mean))
    return float(mean), float(np.sqrt((total**2).sum()) / weight.sum())


def clustered_ratio(
    top: list[np.ndarray], bottom: list[np.ndarray], blocks: list[np.ndarray], weights: list[float] | None = None
) -> tuple[float, float]:
    below, _ = clustered_mean(bottom, blocks, weights)
    ratio = clustered_mean(top, blocks, weights)[0] / below
    _, se = clustered_mean([a - ratio * b for a, b in zip(top, bottom, strict=True)], blocks, weights)
    return ratio, se / below


HEADER = (
    "| class | h | series | origins | 50 % | 80 % | 90 % ± se | 95 % | worst 250 mean (least) | CRPS / Gaussian ± se"
    " | CRPS / naive ± se | Winkler 90 / Gaussian | QLIKE - Gaussian |\n" + "|---" * 13 + "|"
)


def row(label: str, horizon: int, scores: list[Scores], *, series_alike: bool = False) -> str:
    blocks = [s.block for s in scores]
    weights = [1 / len(block) for block in blocks] if series_alike else None
    cover = {p: clustered_mean([s.inside[p] for s in scores], blocks, weights) for p in (0.5, 0.8, 0.9, 0.95)}
    worst = [losses.worst_rolling(s.inside[0.9], 250) for s in scores]
    gauss = clustered_ratio([s.crps for s in scores], [s.crps_gauss for s in scores], blocks, weights)
    naive = clustered_ratio([s.crps for s in scores], [s.crps_naive for s in scores], blocks, weights)
    winkler = clustered_ratio([s.winkler for s in scores], [s.winkler_gauss for s in scores], blocks, weights)
    qlike = clustered_mean([s.qlike - s.qlike_gauss for s in scores], blocks, weights)
    cells = [
        label,
        f"{horizon} | {len(scores)} | {sum(map(len, blocks))} | {cover[0.5][0]:.3f} | {cover[0.8][0]:.3f}",
        f"**{cover[0.9][0]:.4f}** ± {cover[0.9][1]:.4f} | {cover[0.95][0]:.4f}",
        f"{np.mean(worst):.3f} ({min(worst):.3f})",
        f"**{gauss[0]:.4f}** ± {gauss[1]:.4f} | {naive[0]:.4f} ± {naive[1]:.4f} | {winkler[0]:.4f} | {qlike[0]:+.4f}",
    ]
    return "| " + " | ".join(cells) + " |"


def ltsf_reference() -> list[str]:
    """4-forecasting.md, reference 3: one day, nominal 90 %, last 1,517 days, the pegged column left out."""
    table = np.loadtxt(market_series.DATA / "evaluate/ltsf/exchange_rate.txt", delimiter=",")
    still = (np.diff(table, axis=0) == 0).mean(axis=0)
    cover, worst, winkler, qlike = [], [], [], []
    for column in np.flatnonzero(still < 0.25):
        frame = frame_of_closes(table[:, column])
        origins = np.arange(len(frame) - 1518, len(frame) - 1)
        q = 100 * np.log(walked("ewma_walk", frame, origins)[:, 0] / frame.close[origins, None])
        y = 100 * np.log(frame.close[origins + 1] / frame.close[origins])
        hit = losses.inside(y, q, 0.9)
        cover.append(hit.mean())
        worst.append(losses.worst_rolling(hit, 250))
        winkler.append(losses.winkler(y, q, 0.9).mean())
        qlike.append(2 * losses.qlike(variance(q), y**2).mean())
    return [
        f"Reference 3 of the design (LTSF exchange, {len(cover)} of {table.shape[1]} columns, pegged ones left out,",
        f"one day, last 1,517 days, returns in %): coverage of 90 % {np.mean(cover):.4f}, worst 250 days",
        f"{np.mean(worst):.3f} on average and {min(worst):.3f} at least, Winkler {np.mean(winkler):.3f},",
        f"QLIKE (log s2 + r2/s2) {np.mean(qlike):+.3f}.",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--part", choices=["validation", "test"], default="test")
    parser.add_argument("--write", action="store_true", help="write benchmarks/results/calibration.md")
    given = parser.parse_args()
    started = time.perf_counter()
    samples = market_series.all_samples()
    found: dict[str, list[list[Scores]]] = {}
    for done, sample in enumerate(samples, 1):
        print(f"\r{done}/{len(samples)} {sample.frame.symbol:12s}", end="", file=sys.stderr)
        if scores := score(sample, given.part):
            found.setdefault(sample.asset_class, []).append(scores)
    print("\r" + " " * 40 + "\r", end="", file=sys.stderr)
    lines = [HEADER]
    for asset_class, series in found.items():
        lines += [row(asset_class, int(h), [s[i] for s in series]) for i, h in enumerate(HORIZONS)]
    daily, hourly = found.get("fx", []), found.get("fx_1h", [])
    further = (
        ("**all FX**, daily and hourly, each series alike", daily + hourly, True),
        ("all FX, daily and hourly, each forecast alike", daily + hourly, False),
        ("fx daily, 14 ECB pairs (fixings, no ranges)", [s for s in daily if "|ecb|" in s[0].series], False),
        ("fx daily, 5 broker pairs (with ranges)", [s for s in daily if "|ecb|" not in s[0].series], False),
    )
    for label, pooled, alike in further:
        lines += [row(label, int(h), [s[i] for s in pooled], series_alike=alike) for i, h in enumerate(HORIZONS)]
    lines += ["", *ltsf_reference()] if given.part == "test" else []
    print("\n".join(lines))
    print(f"{time.perf_counter() - started:.0f} s", file=sys.stderr)
    if given.write:
        options = f"--part {given.part} --write"
        keep(__file__, f"Calibration and accuracy of `ewma_walk`, {given.part} part", __doc__, lines, options=options)


if __name__ == "__main__":
    main()

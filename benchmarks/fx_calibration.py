"""Two public protocols on the exchange-rate file: calibration of one-day intervals, and CRPS over thirty days.

    python benchmarks/fx_calibration.py [--part validation|test] [--write]

Calibration, one day ahead, nominal 90 %, the last 1,517 days (test) or the 760 before them (validation), the pegged
column left out. Returns in per cent. Coverage and Winkler score are means over the seven columns, `worst 250` is the
mean over columns of the lowest coverage in 250 consecutive days, QLIKE is the mean of log s2 + r2/s2, once over all
outcomes and once without those of column 0 in rows 6620 and 6621 (+15.1 % and -15.0 %: a misprint of the file), which
are 2 of 10,619 and decide the sum. Every forecast
sees only the days before it. Standard errors: the seven outcomes of a day count as one, and blocks of 20 days.

Thirty days ahead, as GluonTS scores `exchange_rate_nips`: mean over the quantiles .1 … .9 of 2 x pinball loss summed
over series and days / sum of |outcome|. Origins 6071 + 30 k of all eight columns: k < 5 are the 40 forecasts of the
public split, k < 50 the dense set. Validation: the 25 origins before 6071. Standard errors are clustered by origin.

`GARCH` rows are the product's own maximum likelihood (equal to the package `arch`, tests/answers/scale): parameters
from everything before the part (calibration) or the last 3,000 days before each origin (thirty days; 2,000 simulated
paths, seeded), long recursions in between.
"""

import one_thread  # noqa: F401, I001 before numpy is loaded
import argparse
from pathlib import Path
from statistics import NormalDist

import numpy as np
from scipy.stats import t

from result_file import keep
from truecast.domain.quantiles import GRID
from truecast.features.frame import frame_of_closes
from truecast.features.returns import level
from truecast.models import losses
from truecast.models.catalog import MODELS
from truecast.models.ewma_walk import ewma
from truecast.models.scale.blend import blended
from truecast.models.scale.likelihood import backcast, fit_rows, variances

FILE = Path(__file__).resolve().parents[2] / "shared" / "data" / "evaluate" / "ltsf" / "exchange_rate.txt"
MISPRINT = (6620, 6621)
PEGGED, TRAIN, VALIDATION, TEST = 4, 5311, 6071, 7588
NINE = [GRID.index(p) for p in (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)]
NORMAL = np.array([NormalDist().inv_cdf(p) for p in GRID])
HALF_LIFE_97 = float(np.log(0.5) / np.log(0.97))
WALKS = {name: MODELS[name] for name in ("naive", "ewma_walk", "vol_walk")}


def blocks_se(values: np.ndarray, size: int) -> float:
    """Standard error of the mean of (days,) values whose blocks of `size` are independent."""
    n = len(values) // size * size
    means = values[:n].reshape(-1, size).mean(axis=1)
    return float(means.std(ddof=1) / np.sqrt(len(means)))


# One day ahead ------------------------------------------------------------------------------------------------------


def ewma_variance(r: np.ndarray) -> np.ndarray:
    return ewma(r**2, np.array([HALF_LIFE_97]))[0]


def garch(r: np.ndarray, first: int, *, student: bool) -> tuple[np.ndarray, np.ndarray]:
    """Variance of the next day at each day (7, T), and nu (7,); parameters from the days before `first`."""
    n = np.full(len(r), first - 1)
    found = fit_rows(r[:, 1:first], n, student=student)
    before = backcast(r[:, 1:first] ** 2, n)
    h = variances(r[:, 1:] ** 2, before, found.omega, found.alpha, found.beta)
    return h, found.nu


def student_quantiles(nu: np.ndarray) -> np.ndarray:
    return np.array([t.ppf(GRID, one) * np.sqrt((one - 2) / one) for one in nu])


def tracked(r: np.ndarray, q: np.ndarray, days: np.ndarray, step: float = 0.02, warm: int = 1000) -> np.ndarray:
    """A tracker (Angelopoulos et al. 2023) moves both ends of the 90 % interval by what they missed. (7, days)"""
    factor = np.ones((len(r), len(days)))
    state = np.ones(len(r))
    for i, day in enumerate(range(days[0] - warm, days[-1] + 1)):
        if day >= days[0]:
            factor[:, day - days[0]] = state
        unit = q[:, i, 22]
        missed = np.abs(r[:, day]) > state * unit
        state = np.maximum(state + step * (missed - 0.1), 0.1)
    return factor


def one_day(part: str) -> list[str]:
    closes = np.loadtxt(FILE, delimiter=",")
    closes = np.delete(closes, PEGGED, axis=1)
    r = np.zeros(closes.T.shape)
    r[:, 1:] = 100 * np.diff(np.log(closes), axis=0).T
    first, last = (TRAIN, VALIDATION) if part == "validation" else (VALIDATION, TEST)
    days = np.arange(first, last)
    y = r[:, days]
    rows = []

    def add(name: str, q: np.ndarray, s2: np.ndarray) -> None:
        hit, wide = losses.inside(y, q, 0.9), losses.winkler(y, q, 0.9)
        worst = np.mean([losses.worst_rolling(one, 250) for one in hit])
        printed = np.array([[row not in MISPRINT or column > 0 for row in days] for column in range(len(r))])
        qlike, crps = np.log(s2) + y**2 / s2, losses.crps(y, q)
        rows.append(
            f"| {name} | {hit.mean():.4f} ± {blocks_se(hit.mean(axis=0), 20):.4f} | {worst:.3f} "
            f"| {wide.mean():.3f} ± {blocks_se(wide.mean(axis=0), 20):.3f} "
            f"| {qlike.mean():.3f} ± {blocks_se(qlike.mean(axis=0), 20):.3f} "
            f"| {qlike[printed].mean():.3f} | {crps.mean():.5f} ± {blocks_se(crps.mean(axis=0), 20):.5f} "
            f"| {' '.join(f'{losses.inside(y, q, p).mean():.3f}' for p in (0.5, 0.8, 0.95))} |"
        )

    s2 = ewma_variance(r)[:, days - 1]
    add("EWMA(.97), Gaussian", np.sqrt(s2)[..., None] * NORMAL, s2)
    for student in (False, True):
        h, nu = garch(r, first, student=student)
        shape = student_quantiles(nu) if student else np.tile(NORMAL, (len(r), 1))
        s2 = h[:, days - 1]
        q = np.sqrt(s2)[..., None] * shape[:, None]
        add("GARCH(1,1), " + ("Student t" if student else "normal"), q, s2)
        if student:
            long = np.sqrt(h[:, days[0] - 1001 : days[-1]])[..., None] * shape[:, None]
            add("GARCH(1,1), Student t, tracked", q * tracked(r, long, days)[..., None], s2)
    for name in WALKS:
        q = np.stack([walked(name, one, days) for one in closes.T])
        add(name, q, served_variance(name, r, q, days))
    return [
        (
            "| forecast | coverage 90 ± se | worst 250 | Winkler ± se | QLIKE ± se | without misprint | CRPS ± se "
            "| coverage 50 80 95 |"
        ),
        "|---" * 8 + "|",
        *rows,
    ]


def walked(name: str, close: np.ndarray, days: np.ndarray) -> np.ndarray:
    """Quantiles of the log move in per cent. (days, K)"""
    frame = frame_of_closes(close)
    q = WALKS[name].walk(frame, days - 1, np.array([1]))[:, 0]
    return np.asarray(100 * (np.log(q) - level(frame)[days - 1][:, None]))


def served_variance(name: str, r: np.ndarray, q: np.ndarray, days: np.ndarray) -> np.ndarray:
    """vol_walk has one; for the others, that of the quantiles, tails cut at the outermost."""
    if name.startswith("vol_walk"):
        return blended(np.abs(r)).variance(1)[:, days - 1]
    edges = np.concatenate([[0], (np.array(GRID)[1:] + np.array(GRID)[:-1]) / 2, [1]])
    return np.asarray((np.diff(edges) * q**2).sum(axis=-1))


# Thirty days ahead --------------------------------------------------------------------------------------------------


def thirty_days(part: str) -> list[str]:
    closes = np.loadtxt(FILE, delimiter=",")
    count = 50 if part == "test" else 25
    origins = (VALIDATION if part == "test" else VALIDATION - 30 * count) + 30 * np.arange(count) - 1
    steps = np.arange(1, 31)
    y = np.stack([close[origins[:, None] + steps] for close in closes.T])  # (8, O, H)
    rows = []

    def add(name: str, q: np.ndarray) -> None:
        loss = 2 * losses.pinball(y, q, np.array(GRID)[NINE]).mean(axis=-1).sum(axis=(0, 2))  # (O,)
        size = np.abs(y).sum(axis=(0, 2))
        found = []
        for n in (5, count):
            ratio = loss[:n].sum() / size[:n].sum()
            left = loss[:n] - ratio * size[:n]
            found.append(f"{ratio:.5f} ± {np.sqrt((left**2).sum()) / size[:n].sum():.5f}")
        rows.append(f"| {name} | {found[0] if part == 'test' else ''} | {found[1]} |")

    last = closes.T[:, origins]
    r = np.zeros(closes.T.shape)
    r[:, 1:] = np.diff(np.log(closes), axis=0).T
    root = np.sqrt(steps)[:, None]
    add("last price as every quantile", np.broadcast_to(last[..., None, None], (*y.shape, 9)))
    constant = np.stack([r[:, 1 : o + 1].std(axis=1) for o in origins], axis=1)[..., None, None]
    add("random walk, constant variance", last[..., None, None] * np.exp(constant * root * NORMAL[NINE]))
    s = np.sqrt(ewma_variance(r))[:, origins, None, None]
    add("random walk, EWMA(.97)", last[..., None, None] * np.exp(s * root * NORMAL[NINE]))
    add("random walk, GARCH(1,1)-t", last[..., None, None] * np.exp(garch_paths(r, origins, steps)))
    for name in WALKS:
        add(name, np.stack([WALKS[name].walk(frame_of_closes(one), origins, steps) for one in closes.T])[..., NINE])
    return ["| forecast | CRPS9, public split ± se | CRPS9, dense ± se |", "|---|---|---|", *rows]


def garch_paths(r: np.ndarray, origins: np.ndarray, steps: np.ndarray, window: int = 3000) -> np.ndarray:
    """Nine quantiles of the log move over each of `steps`. (8, O, H, 9)"""
    rng = np.random.default_rng(0)
    found = np.empty((len(r), len(origins), len(steps), 9))
    n = np.full(len(r), window)
    for i, origin in enumerate(origins):
        seen = r[:, origin + 1 - window : origin + 1]
        fitted = fit_rows(seen, n, student=True)
        h = variances(seen**2, backcast(seen**2, n), fitted.omega, fitted.alpha, fitted.beta)[:, -1:]
        nu = fitted.nu[:, None]
        z = rng.standard_t(nu[..., None], (len(r), len(steps), 2000)) * np.sqrt((nu - 2) / nu)[..., None]
        h, moved = np.repeat(h, 2000, axis=1), np.zeros((len(r), 2000))
        for k in range(len(steps)):
            move = np.sqrt(h) * z[:, k]
            moved = moved + move
            found[:, i, k] = np.quantile(moved, np.array(GRID)[NINE], axis=1).T
            h = fitted.omega[:, None] + fitted.alpha[:, None] * move**2 + fitted.beta[:, None] * h
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--part", choices=["validation", "test"], default="test")
    parser.add_argument("--write", action="store_true", help="write benchmarks/results/fx_calibration.md")
    given = parser.parse_args()
    first, second = one_day(given.part), thirty_days(given.part)
    text = "\n".join(["## One day ahead, 90 %", "", *first, "", "## Thirty days ahead", "", *second])
    print(text)
    if given.write:
        options = f"--part {given.part} --write"
        keep(__file__, "Calibration and CRPS on eight exchange rates", __doc__, text, options=options)


if __name__ == "__main__":
    main()

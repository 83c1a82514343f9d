"""GARCH(1,1), normal or Student t: refitted on a schedule, updated by its recursion in between.

    h[t+1] = omega + alpha r[t]^2 + beta h[t]
    E (x[t+h] - x[t])^2 = h v + (h[t+1] - v) (1 - p^h) / (1 - p)        p = alpha + beta, v = omega / (1 - p)

Bollerslev (1986). Parameters are those of the last refit: at bars FIRST - 1, FIRST - 1 + every, … of the frame, each on
the last `window` moves up to that bar (models/scale/likelihood.py), and the recursion starts with that window. So an
update between refits costs one step, and one on a refit bar a fit; both equal fitting the whole frame. Before the
first refit the parameters are DEFAULT, with the long-run variance of the moves so far.
"""

from dataclasses import dataclass

import numpy as np

from truecast.domain.bar import FloatArray, IntArray
from truecast.features.frame import Frame
from truecast.models.scale.base import Series
from truecast.models.scale.likelihood import Parameters, backcast, fit_rows, variances

DEFAULT_ALPHA, DEFAULT_BETA = 0.06, 0.92
FIRST = 250  # bars before the first fit: with fewer, the estimates say more about noise than about the market


@dataclass(frozen=True, slots=True)
class Garch:
    """The recipe."""

    student: bool = True
    every: int = 250
    window: int = 1000

    @property
    def name(self) -> str:
        """garch, or garch_t."""
        return "garch_t" if self.student else "garch"

    def fit(self, x: FloatArray, frame: Frame) -> "FittedGarch":
        """Learn from a series."""
        return self.fit_many([Series(x, frame)])[0]

    def fit_many(self, panel: list[Series]) -> list["FittedGarch"]:
        """Learn from each series; all windows of all of them are fitted at once."""
        moves = [series.moves() for series in panel]
        owner, refit = self._schedule([len(one) for one in moves])
        rows, n = np.zeros((len(owner), self.window)), np.zeros(len(owner), np.int64)
        for i, (one, bar) in enumerate(zip(owner, refit, strict=True)):
            seen = _window(moves[one], bar, self.window)
            rows[i, : len(seen)], n[i] = seen, len(seen)
        fitted = fit_rows(rows, n, student=self.student) if owner else _nothing()
        return [
            self._carried(series, one, fitted, owner, i)
            for i, (series, one) in enumerate(zip(panel, moves, strict=True))
        ]

    def _schedule(self, lengths: list[int]) -> tuple[list[int], list[int]]:
        pairs = [(i, bar) for i, length in enumerate(lengths) for bar in range(FIRST - 1, length, self.every)]
        return [i for i, _ in pairs], [bar for _, bar in pairs]

    def _carried(
        self, series: Series, r: FloatArray, fitted: Parameters, owner: list[int], which: int
    ) -> "FittedGarch":
        """The recursion over the whole series, each stretch with the parameters of the refit before it."""
        h, of = _default(r), np.full(len(r), -1)
        table: list[tuple[float, ...]] = [(0.0, DEFAULT_ALPHA, DEFAULT_BETA, np.inf)]
        for bar, row in zip(
            range(FIRST - 1, len(r), self.every), np.flatnonzero(np.array(owner) == which), strict=True
        ):
            one = tuple(float(getattr(fitted, name)[row]) for name in ("omega", "alpha", "beta", "nu"))
            last = min(bar + self.every, len(r))
            h[bar:last] = _stretch(r, bar, last, self.window, one)
            of[bar:last] = len(table)
            table.append(one)
        of[of < 0] = 0
        return FittedGarch(self, series, h, of, tuple(table))


@dataclass(frozen=True, slots=True)
class FittedGarch:
    """The variances so far and the parameters they came from."""

    recipe: Garch
    series: Series
    h: FloatArray  # (T,) of the next bar
    fit_of: IntArray  # (T,) which row of `fits` was in force
    fits: tuple[tuple[float, ...], ...]  # (omega, alpha, beta, nu); the first one is DEFAULT, without omega

    @property
    def variance(self) -> FloatArray:
        """Of the next bar. (T,)"""
        return np.maximum(self.h, self.series.floor())

    @property
    def params(self) -> dict[str, float]:
        """Of the last refit; nu is infinite where shocks are normal."""
        return dict(zip(("omega", "alpha", "beta", "nu"), self.fits[self.fit_of[-1]], strict=True))

    def ahead(self, origins: IntArray, horizons: IntArray) -> FloatArray:
        """Returns to the long-run variance at the rate alpha + beta. (O, H)"""
        omega, alpha, beta, _ = np.array(self.fits)[self.fit_of[origins]].T
        p = (alpha + beta)[:, None]
        now = self.variance[origins][:, None]
        mean = np.where(self.fit_of[origins] == 0, self._mean_square(origins), omega / (1 - p[:, 0]))[:, None]
        return np.asarray(horizons * mean + (now - mean) * (1 - p**horizons) / (1 - p))

    def update(self, new: Frame) -> "FittedGarch":
        """One step of the recursion per bar; a fit on refit bars."""
        series = self.series.followed_by(new)
        known, every = len(self.h), self.recipe.every
        turned = not np.array_equal(series.x[known - 1 : known], self.series.x[-1:])
        refits = any(bar >= FIRST - 1 and (bar - FIRST + 1) % every == 0 for bar in range(known, len(series.x)))
        if turned or refits or known < FIRST:
            return self.recipe.fit(series.x, series.frame)
        omega, alpha, beta, _ = self.fits[self.fit_of[-1]]
        h = np.concatenate([self.h, np.empty(len(new))])
        for t in range(known, len(h)):
            h[t] = omega + alpha * (series.x[t] - series.x[t - 1]) ** 2 + beta * h[t - 1]
        of = np.concatenate([self.fit_of, np.full(len(new), self.fit_of[-1])])
        return FittedGarch(self.recipe, series, h, of, self.fits)

    def _mean_square(self, origins: IntArray) -> FloatArray:
        total = np.cumsum(self.series.moves() ** 2)
        return np.asarray(total[origins] / np.maximum(origins, 1))


def _window(r: FloatArray, bar: int, window: int) -> FloatArray:
    """The last `window` moves up to the bar; the first bar of a series has none."""
    return r[max(1, bar + 1 - window) : bar + 1]


def _stretch(r: FloatArray, bar: int, last: int, window: int, fit: tuple[float, ...]) -> FloatArray:
    """h of the bars from a refit to the next, the recursion starting with the window of the refit."""
    seen = _window(r, bar, window)[None] ** 2
    before = backcast(seen, np.array([seen.shape[1]]))
    omega, alpha, beta = (np.array([one]) for one in fit[:3])
    squared = np.concatenate([seen, r[None, bar + 1 : last] ** 2], axis=1)
    return np.asarray(variances(squared, before, omega, alpha, beta)[0, seen.shape[1] :])


def _default(r: FloatArray) -> FloatArray:
    """h with DEFAULT parameters around the mean square so far. (T,)"""
    squared = r**2
    mean = np.cumsum(squared) / np.maximum(np.arange(len(r)), 1)
    h = np.empty(len(r))
    h[0] = 0.0
    for t in range(1, min(len(r), FIRST)):
        before = h[t - 1] if t > 1 else squared[1]
        h[t] = (1 - DEFAULT_ALPHA - DEFAULT_BETA) * mean[t] + DEFAULT_ALPHA * squared[t] + DEFAULT_BETA * before
    return h


def _nothing() -> Parameters:
    return Parameters(*(np.empty(0) for _ in range(5)))

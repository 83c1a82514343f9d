"""Bernstein online aggregation: how much each member of an ensemble is believed, from how all of them did so far.

    r[j]     = sum_i w[i] l[i] - l[j]                              l: loss over the usual loss of the reference
    R[j]    += (r - eta r^2 - B 1{eta r < -1/2}) / 2               B[j] = max |r|, V[j] = sum r^2
    eta[j]   = min(1 / B[j], sqrt(log 4 / V[j]))
    w[j]     ~ eta[j] exp(eta[j] R[j])

Wintenberger (2017), Optimal learning with Bernstein online aggregation, in the adaptive, second-order form with a rate
per member. Regret against the best member grows like the root of its own variance, so members that differ little are
told apart late, and a lucky one is not believed at once. A member that says nothing of an outcome sleeps: it neither
gains nor loses. The share ALIKE of the weight is not learned but the same for all, because what few outcomes taught is
worth no more than that (Claeskens et al. 2016); the first member is the reference, and keeps at least FLOOR.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from truecast.domain.bar import BoolArray, FloatArray

FLOOR = 0.05
ALIKE = 0.5
REGRET_MOST = 2.0  # usual losses: one outcome, a misprint perhaps, says no more than that
USUAL_OUTCOMES = 100  # the reference's usual loss is the mean over about so many
_LOG_M = math.log(4)  # of about so many members; a constant, so that one more member does not change the others' rates


@dataclass(frozen=True, slots=True)
class Boa:
    """What M members' losses have taught. Small, immutable, and nothing else is needed to go on."""

    regret: tuple[float, ...]  # R
    variance: tuple[float, ...]  # V
    most: tuple[float, ...]  # B
    usual: float  # loss of the reference
    n: int  # outcomes

    def raw(self) -> list[float]:
        """Weights before the floor, summing to 1."""
        return _raw(self.regret, [_rate(v, b) for v, b in zip(self.variance, self.most, strict=True)])

    def weights(self) -> FloatArray:
        """What each member is believed. (M,)"""
        return shares(np.array(self.raw()), np.ones(len(self.regret), np.bool_))

    def updated(self, losses: Sequence[float]) -> "Boa":
        """After one more outcome; NaN for members that said nothing of it. The reference always says something."""
        return learned(self, [losses])[0]

    def plain(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "regret": list(self.regret),
            "variance": list(self.variance),
            "most": list(self.most),
            "usual": self.usual,
            "n": self.n,
        }


def fresh(members: int) -> Boa:
    """Before any outcome: all are believed alike."""
    return Boa((0.0,) * members, (0.0,) * members, (0.0,) * members, 0.0, 0)


def read_boa(said: dict[str, Any]) -> Boa:
    """The state that `plain` said."""
    regret, variance, most = (tuple(map(float, said[name])) for name in ("regret", "variance", "most"))
    return Boa(regret, variance, most, usual=float(said["usual"]), n=int(said["n"]))


def learned(state: Boa, losses: Sequence[Sequence[float]]) -> tuple[Boa, list[list[float]]]:
    """The state after N more outcomes of M members, and the raw weights before the first and after each: N + 1."""
    regret, variance, most = list(state.regret), list(state.variance), list(state.most)
    usual, n = state.usual, state.n
    rates = [_rate(v, b) for v, b in zip(variance, most, strict=True)]
    raw = _raw(regret, rates)
    weights = [raw]
    for row in losses:
        n += 1
        usual += (row[0] - usual) / min(n, USUAL_OUTCOMES)
        said = [j for j, loss in enumerate(row) if loss == loss]  # noqa: PLR0124 NaN is not itself
        mass = sum([raw[j] for j in said])
        together = sum([raw[j] * row[j] for j in said]) / mass if mass > 0 else row[0]
        for j in said if usual > 0 else ():
            r = (together - row[j]) / usual
            r = min(max(r, -REGRET_MOST), REGRET_MOST)
            variance[j] += r * r
            most[j] = max(most[j], abs(r))
            rates[j] = rate = _rate(variance[j], most[j])
            if r:
                regret[j] += (r - rate * r * r - (most[j] if rate * r < -0.5 else 0.0)) / 2
        raw = _raw(regret, rates)
        weights.append(raw)
    return Boa(tuple(regret), tuple(variance), tuple(most), usual, n), weights


def shares(raw: FloatArray, awake: BoolArray) -> FloatArray:
    """Weights of the members that are awake (..., M): ALIKE of them not learned, the reference's at least FLOOR."""
    believed = np.where(awake, raw, 0.0)
    total = believed.sum(axis=-1, keepdims=True)
    believed = np.divide(believed, total, out=np.zeros_like(believed), where=total > 0)
    believed += ALIKE * (awake / np.maximum(awake.sum(axis=-1, keepdims=True), 1) - believed)
    believed *= 1 - FLOOR
    believed[..., 0] += 1 - believed.sum(axis=-1)
    return np.asarray(believed)


def _rate(variance: float, most: float) -> float:
    """0: the member never differed from all together, and nothing moves it."""
    return min(1 / most, math.sqrt(_LOG_M / variance)) if variance > 0 else 0.0


def _raw(regret: Sequence[float], rates: Sequence[float]) -> list[float]:
    usual = min([rate for rate in rates if rate > 0], default=1.0)
    exponents = [rate * of for rate, of in zip(rates, regret, strict=True)]
    top = max(exponents)
    weights = [(rate or usual) * math.exp(exponent - top) for rate, exponent in zip(rates, exponents, strict=True)]
    total = sum(weights)
    return [weight / total for weight in weights]

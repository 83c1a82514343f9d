"""Circular block bootstrap (Politis and Romano 1992): how far a number might have come out otherwise.

Blocks keep what neighbouring returns have in common: volatility comes in waves. The generator is seeded from what is
measured, so that the same question on the same bars has the same answer.
"""

import hashlib
import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from truecast.domain.bar import FloatArray, IntArray
from truecast.kit.limits import RISK_RESAMPLES

CONFIDENCE = 0.9
CELLS_MAX = 500_000  # returns drawn in all: of long samples fewer resamples are drawn, at least RESAMPLES_MIN
RESAMPLES_MIN = 200


Generator = np.random.Generator


def generator_of(seed: int) -> Generator:
    """The same numbers for the same seed. Nothing in this package draws from any other source."""
    return np.random.default_rng(seed)


def seed_of(parts: Iterable[bytes]) -> int:
    """From content."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return int.from_bytes(digest.digest()[:8], "little")


def block_of(n: int, horizon: int) -> int:
    """Length of a block: twice the cube root of n, and twice what is measured over."""
    return int(min(n, max(2 * math.ceil(n ** (1 / 3)), 2 * horizon)))


def resamples_of(n: int) -> int:
    """How many."""
    return max(RESAMPLES_MIN, min(RISK_RESAMPLES, CELLS_MAX // max(n, 1)))


@dataclass(frozen=True, slots=True, eq=False)
class Blocks:
    """Where the blocks of B resamples of n values begin; around the end they go on from the beginning."""

    first: IntArray  # (B, K)
    block: int
    n: int

    def of(self, values: FloatArray) -> FloatArray:
        """The resamples of n values. (B, n)"""
        around = np.concatenate([values, values[: self.block]])
        drawn = np.lib.stride_tricks.sliding_window_view(around, self.block)[self.first]
        return np.asarray(drawn.reshape(len(self.first), -1)[:, : self.n])


def drawn(n: int, block: int, generator: Generator) -> Blocks:
    """As many resamples as `resamples_of` says."""
    return Blocks(generator.integers(0, n, (resamples_of(n), -(-n // block))), block, n)


def interval_of(values: FloatArray) -> tuple[float, float] | None:
    """Where the middle CONFIDENCE of the resamples lie; None where more than a few of them say nothing."""
    said = values[np.isfinite(values)]
    if len(said) < 0.95 * len(values):
        return None
    low, high = np.quantile(said, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return float(low), float(high)

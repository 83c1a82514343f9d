"""What risk is measured on: simple returns of one portfolio over sessions that all its parts share.

    R[t] = sum over positions of w (P[t] / P[t-1] - 1)        w: shares of the value, kept constant; |w| sums to 1

A bar counts where every position has one of the same start. Between two such bars a position may have had others; the
return spans them, so nothing is filled in and nothing is lost but the order of the moves in between.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np

from truecast.domain.bar import FloatArray, IntArray
from truecast.kit.clock import from_us, iso
from truecast.kit.errors import EXIT_DATA, TruecastError

YEAR_US = 31_557_600_000_000  # 365.25 days
_SPAN_US_MIN = 30 * 86_400_000_000


class SampleTooSmall(TruecastError):
    """The number would be a guess."""

    code = "sample_too_small"
    status = 409
    title = "Sample too small"
    template = "{what} takes at least {need} returns, there are {have}"
    exit_code = EXIT_DATA


class ReturnsUndefined(TruecastError):
    """A share of nothing, or of less than nothing, is none."""

    code = "returns_undefined"
    status = 409
    title = "Returns are not defined"
    template = "{symbol} has no returns: its price was {price} on {at}, and a share of that is no return"
    exit_code = EXIT_DATA


class PortfolioLost(TruecastError):
    """More than everything."""

    code = "portfolio_lost"
    status = 409
    title = "Portfolio lost"
    template = "With these weights the portfolio lost all its value on {at}: what comes after cannot be measured"
    exit_code = EXIT_DATA


@dataclass(frozen=True, slots=True, eq=False)
class Prices:
    """Closes of one series, as known at a moment and adjusted for splits and dividends. Oldest first."""

    symbol: str
    start: IntArray  # (T,)
    end: IntArray  # (T,)
    close: FloatArray  # (T,)


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """T returns of a portfolio. `left_out`: bars of each position, within the span of the sample, that others lack."""

    start: IntArray  # (T + 1,) of the bars between which the returns lie
    end: IntArray  # (T + 1,)
    returns: FloatArray  # (T,) simple
    left_out: Mapping[str, int]

    def __len__(self) -> int:
        return len(self.returns)

    @property
    def logs(self) -> FloatArray:
        """Log returns. (T,)"""
        return np.log1p(self.returns)

    @property
    def bars_per_year(self) -> float:
        """As many as there were; NaN where the sample is too short to tell."""
        span = int(self.end[-1] - self.end[0]) if len(self.end) else 0
        return len(self) * YEAR_US / span if span >= _SPAN_US_MIN else float("nan")

    def since(self, us: int) -> "Sample":
        """Only returns that end after that moment."""
        first = max(int(np.searchsorted(self.end, us, side="right")) - 1, 0)
        return Sample(self.start[first:], self.end[first:], self.returns[first:], self.left_out)


def sample_of(parts: Sequence[Prices], weights: Sequence[float]) -> Sample:
    """The portfolio over common sessions. Raises ReturnsUndefined, PortfolioLost, SampleTooSmall."""
    common = reduce(np.intersect1d, [part.start for part in parts])
    if len(common) < 2:
        what = "Risk" if len(parts) == 1 else "A portfolio of series without common sessions"
        raise SampleTooSmall(what=what, need=1, have=max(len(common) - 1, 0))
    rows = [np.searchsorted(part.start, common) for part in parts]
    prices = np.stack([part.close[at] for part, at in zip(parts, rows, strict=True)])  # (P, T + 1)
    if not (prices > 0).all():
        p, t = np.argwhere(~(prices > 0))[0]
        at = iso(from_us(int(common[t])))
        raise ReturnsUndefined(symbol=parts[p].symbol, price=float(prices[p, t]), at=at)
    returns = np.asarray(weights) @ (prices[:, 1:] / prices[:, :-1] - 1)
    if not (returns > -1).all():
        raise PortfolioLost(at=iso(from_us(int(common[1:][returns <= -1][0]))))
    end = np.max([part.end[at] for part, at in zip(parts, rows, strict=True)], axis=0)
    left_out = {
        part.symbol: int(((part.start >= common[0]) & (part.start <= common[-1])).sum()) - len(common) for part in parts
    }
    return Sample(common, end, returns, left_out)


def paired(one: Sample, other: Sample) -> tuple[FloatArray, FloatArray]:
    """Returns of both between the bars that both have: (T,) each."""
    common, mine, theirs = np.intersect1d(one.start, other.start, return_indices=True)
    if len(common) < 2:
        return np.zeros(0), np.zeros(0)
    return _between(one, mine), _between(other, theirs)


def _between(sample: Sample, rows: IntArray) -> FloatArray:
    """Compounded from one row to the next."""
    value = np.concatenate([[0.0], np.cumsum(sample.logs)])[rows]
    return np.asarray(np.expm1(np.diff(value)))

"""Everything that is said about the risk of a portfolio, from its sample: the same sample, the same answer.

Intervals are those of the block bootstrap. Of filtered tails the shocks are drawn again and today's volatility is kept;
of parametric ones location and scale are measured again and the degrees of freedom kept.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from truecast.domain.bar import FloatArray
from truecast.risk import bootstrap, drawdown, exposure, ratios, var
from truecast.risk.sample import Sample, SampleTooSmall, paired
from truecast.risk.stress import Stressed, stressed
from truecast.risk.var import Method, StudentT, Tail, require_returns

RETURNS_MIN = 20  # to say anything at all
SHORT = "the sample spans less than 30 days: nothing is put per year"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is to be measured. `riskless`: annual rate. `since_us`: all but stress is measured from there on."""

    methods: tuple[Method, ...]
    levels: tuple[float, ...]
    horizon: int
    riskless: float
    since_us: int
    resampled: bool


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number, and where it might have come out otherwise; None where it is not defined: see `reason`."""

    value: float | None
    low: float | None = None
    high: float | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class TailRisk:
    """Value at risk and expected shortfall by one method at one level."""

    method: Method
    level: float
    value_at_risk: Estimate
    expected_shortfall: Estimate
    beyond: int


@dataclass(frozen=True, slots=True)
class Against:
    """How it moved with the benchmark, on `n` returns."""

    benchmark: str
    n: int
    beta: Estimate
    alpha: Estimate
    correlation: Estimate
    tracking_error: Estimate


@dataclass(frozen=True, slots=True)
class Resampling:
    """How intervals were made."""

    resamples: int
    block: int
    confidence: float
    seed: int


@dataclass(frozen=True, slots=True)
class Report:
    """Of one portfolio. Rows of drawdowns are those of `sample`."""

    sample: Sample
    bars_per_year: float
    volatility: Estimate
    volatility_now: Estimate
    tails: tuple[TailRisk, ...]
    fit: StudentT | None
    deepest: drawdown.Drawdown
    deepest_depth: Estimate
    present: drawdown.Drawdown
    growth: Estimate
    sharpe: Estimate
    sortino: Estimate
    calmar: Estimate
    against: Against | None
    stress: tuple[Stressed, ...]
    resampling: Resampling | None


def require_sample(have: int, asked: Asked) -> None:
    """Raise SampleTooSmall unless everything that is asked for can be said."""
    if have < RETURNS_MIN:
        raise SampleTooSmall(what="Risk", need=RETURNS_MIN, have=have)
    for method in asked.methods:
        for level in asked.levels:
            require_returns(method, level, asked.horizon, have)


def report(whole: Sample, asked: Asked, benchmark: tuple[str, Sample] | None = None) -> Report:
    """Raises SampleTooSmall. `benchmark`: its symbol and sample."""
    sample = whole.since(asked.since_us)
    require_sample(len(sample), asked)
    seed = _seed(sample, asked)
    draw = _Draw(sample, asked, seed) if asked.resampled else None
    logs, returns, year = sample.logs, sample.returns, sample.bars_per_year
    unknown = SHORT if math.isnan(year) else None
    riskless = (1 + asked.riskless) ** (1 / year) - 1
    fit = var.fit_student_t(logs) if Method.PARAMETRIC in asked.methods else None
    deepest = drawdown.deepest(logs)
    depth = _of(_drawn(draw, lambda d: d.depth), np.array(deepest.depth))
    volatility, growth = ratios.volatility(returns, year), ratios.growth(logs, year)
    return Report(
        sample=sample,
        bars_per_year=year,
        volatility=_of(_drawn(draw, lambda d: d.volatility), volatility),
        volatility_now=_of(None, np.sqrt(var.ewma(logs)[1] * year)),
        tails=tuple(
            _tail(method, level, logs, asked.horizon, fit, seed, draw)
            for method in asked.methods
            for level in asked.levels
        ),
        fit=fit,
        deepest=deepest,
        deepest_depth=depth,
        present=drawdown.present(logs),
        growth=_of(_drawn(draw, lambda d: d.growth), growth),
        sharpe=_of(
            _drawn(draw, lambda d: ratios.sharpe(d.returns, d.volatility, year, riskless)),
            ratios.sharpe(returns, volatility, year, riskless),
            unknown or "returns do not vary",
        ),
        sortino=_of(
            _drawn(draw, lambda d: ratios.sortino(d.returns, year, riskless)),
            ratios.sortino(returns, year, riskless),
            unknown or "no return was below the riskless rate",
        ),
        calmar=_of(
            _drawn(draw, lambda d: ratios.calmar(d.growth, d.depth)),
            ratios.calmar(growth, np.array(deepest.depth)),
            unknown or "nothing was lost",
        ),
        against=None if benchmark is None else _against(sample, benchmark, riskless, seed if asked.resampled else None),
        stress=stressed(whole),
        resampling=None
        if draw is None
        else Resampling(len(draw.returns), draw.blocks.block, bootstrap.CONFIDENCE, seed),
    )


class _Draw:
    """The resamples of a sample; what several statistics need is computed once."""

    def __init__(self, sample: Sample, asked: Asked, seed: int) -> None:
        block = bootstrap.block_of(len(sample), asked.horizon)
        self.blocks = bootstrap.drawn(len(sample), block, bootstrap.generator_of(seed))
        self.returns: FloatArray = self.blocks.of(sample.returns)
        self.logs: FloatArray = self.blocks.of(sample.logs)
        self.depth: FloatArray = drawdown.depth_max(self.logs)
        self.volatility = ratios.volatility(self.returns, sample.bars_per_year)
        self.growth = ratios.growth(self.logs, sample.bars_per_year)
        self._least = min(asked.levels, default=0.5)
        self._highest: dict[Method, FloatArray] = {}
        self._sizes: dict[Method, int] = {}

    def losses(self, horizon: int) -> FloatArray:
        """Over h bars. (B, n - h + 1)"""
        return -self.returns if horizon == 1 else var.losses_over(self.logs, horizon)

    def tails(self, method: Method, losses: Callable[[], FloatArray], level: float) -> tuple[FloatArray, FloatArray]:
        """Value at risk and expected shortfall of every resample of losses (B, N): `var.tail_of`, many at once."""
        if method not in self._highest:
            found = losses()
            first = math.floor(self._least * (found.shape[-1] - 1))  # only what lies beyond the lowest level is sorted
            self._highest[method] = np.sort(np.partition(found, first, axis=-1)[:, first:], axis=-1)
            self._sizes[method] = found.shape[-1]
        highest, n = self._highest[method], self._sizes[method]
        at = level * (n - 1)
        first = math.floor(at) - (n - highest.shape[-1])
        after = min(first + 1, highest.shape[-1] - 1)
        worst = highest[:, first] + (at - math.floor(at)) * (highest[:, after] - highest[:, first])
        beyond = highest[:, first:]
        counts = beyond >= worst[:, None]
        return worst, np.where(counts, beyond, 0.0).sum(axis=-1) / counts.sum(axis=-1)


def _tail(  # noqa: PLR0917 what the three methods need
    method: Method,
    level: float,
    logs: FloatArray,
    horizon: int,
    fit: StudentT | None,
    seed: int,
    draw: _Draw | None,
) -> TailRisk:
    if method is Method.HISTORICAL:
        found = var.historical(logs, level, horizon)
        again = None if draw is None else draw.tails(method, lambda: draw.losses(horizon), level)
    elif method is Method.FILTERED:
        losses = var.filtered_losses(logs, horizon, bootstrap.generator_of(seed))
        found = var.tail_of(losses, level)
        again = None if draw is None else draw.tails(method, lambda: _shocked(losses, horizon, draw, seed), level)
    elif fit is None:  # nothing ever moved
        found, again = Tail(0.0, 0.0, 0), None
    else:
        found = var.parametric(fit, level, horizon, logs)
        again = None if draw is None else _refitted(fit, level, horizon, logs, draw)
    worst, mean = (None, None) if again is None else again
    return TailRisk(
        method,
        level,
        _of(worst, np.array(found.value_at_risk)),
        _of(mean, np.array(found.expected_shortfall)),
        found.beyond,
    )


def _shocked(losses: FloatArray, horizon: int, draw: _Draw, seed: int) -> FloatArray:
    """Losses of other draws: of the same shocks one bar ahead, of as many of the simulated paths beyond."""
    if horizon == 1:
        return draw.blocks.of(losses)
    drawn = bootstrap.generator_of(seed + 1).integers(0, len(losses), draw.returns.shape)
    return np.asarray(losses[drawn])


def _refitted(
    fit: StudentT, level: float, horizon: int, logs: FloatArray, draw: _Draw
) -> tuple[FloatArray, FloatArray]:
    """Location and scale move with mean and deviation of each resample."""
    location = fit.location + (draw.logs.mean(axis=-1) - logs.mean())
    scale = fit.scale * draw.logs.std(axis=-1) / logs.std()
    q = var.student_t_quantile(level, fit.dof)
    beyond = var.shortfall_of(q, level, fit.dof)
    root = math.sqrt(horizon)
    worst, mean = (-np.expm1(horizon * location - root * scale * at) for at in (q, beyond))
    return np.asarray(worst), np.asarray(mean)


def _against(sample: Sample, benchmark: tuple[str, Sample], riskless: float, seed: int | None) -> Against:
    """`seed`: None for no intervals."""
    (symbol, other), year = benchmark, sample.bars_per_year
    mine, theirs = paired(sample, other)
    n = len(mine)
    if n < exposure.OBSERVATIONS_MIN:
        missing = Estimate(None, reason=f"it takes {exposure.OBSERVATIONS_MIN} common returns, there are {n}")
        return Against(symbol, n, missing, missing, missing, missing)
    found = exposure.exposure(mine, theirs, year, riskless)
    again: exposure.Exposure | None = None
    if seed is not None:
        blocks = bootstrap.drawn(n, bootstrap.block_of(n, 1), bootstrap.generator_of(seed))
        again = exposure.exposure(blocks.of(mine), blocks.of(theirs), year, riskless)
    estimates = (
        _of(None if again is None else getattr(again, name), getattr(found, name), "one of the two does not vary")
        for name in ("beta", "alpha", "correlation", "tracking_error")
    )
    return Against(symbol, n, *estimates)


def _drawn(draw: _Draw | None, of: Callable[[_Draw], FloatArray]) -> FloatArray | None:
    return None if draw is None else of(draw)


def _of(drawn: FloatArray | None, value: FloatArray, reason: str | None = None) -> Estimate:
    """The number with its interval; a reason in place of what is not defined."""
    if not np.isfinite(value):
        return Estimate(None, reason=reason or SHORT)
    interval = None if drawn is None else bootstrap.interval_of(drawn)
    return Estimate(float(value), *(interval or (None, None)))


def _seed(sample: Sample, asked: Asked) -> int:
    said: Sequence[object] = (asked.methods, asked.levels, asked.horizon, asked.riskless)
    return bootstrap.seed_of((sample.returns.tobytes(), sample.start.tobytes(), repr(said).encode()))

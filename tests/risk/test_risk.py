"""Facts about the risk of made-up portfolios: alignment, refusals, stress windows, intervals, and what is undefined."""

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from truecast.kit.clock import to_us
from truecast.risk import bootstrap, drawdown, exposure, ratios, var
from truecast.risk.report import Asked, _Draw, report
from truecast.risk.sample import PortfolioLost, Prices, ReturnsUndefined, SampleTooSmall, paired, sample_of
from truecast.risk.var import Method, returns_needed

DAY_US = 86_400_000_000
FIRST = to_us(datetime(2019, 1, 1, tzinfo=UTC))
ALL = Asked(methods=tuple(Method), levels=(0.95, 0.99), horizon=1, riskless=0.0, since_us=-(1 << 62), resampled=True)


def prices(n: int = 800, *, seed: int = 0, symbol: str = "A", first: int = FIRST, scale: float = 0.01) -> Prices:
    rng = np.random.default_rng(seed)
    start = first + np.arange(n) * DAY_US
    return Prices(symbol, start, start + DAY_US, 100 * np.exp(np.cumsum(scale * rng.standard_t(5, n))))


def without(one: Prices, rows) -> Prices:
    kept = np.setdiff1d(np.arange(len(one.close)), rows)
    return replace(one, start=one.start[kept], end=one.end[kept], close=one.close[kept])


def test_a_portfolio_is_measured_on_sessions_that_all_its_parts_share():
    one, two = prices(), without(prices(seed=1, symbol="B"), np.arange(100, 130))
    sample = sample_of([one, two], [0.6, 0.4])
    assert len(sample) == 800 - 30 - 1 and sample.left_out == {"A": 30, "B": 0}
    whole = one.close[130] / one.close[99] - 1, two.close[100] / two.close[99] - 1
    assert sample.returns[99] == pytest.approx(0.6 * whole[0] + 0.4 * whole[1]), "over the hole, nothing filled in"
    alone = sample_of([one], [1.0])
    assert np.allclose(alone.returns, one.close[1:] / one.close[:-1] - 1)


def test_a_portfolio_may_be_short():
    one, two = prices(), prices(seed=1, symbol="B")
    both = sample_of([one, two], [0.5, -0.5])
    assert np.allclose(
        both.returns, 0.5 * np.diff(one.close) / one.close[:-1] - 0.5 * np.diff(two.close) / two.close[:-1]
    )
    hedged = report(sample_of([one, replace(one, symbol="B")], [0.5, -0.5]), ALL)
    assert (
        hedged.volatility.value == 0 and hedged.sharpe.value is None and hedged.sharpe.reason == "returns do not vary"
    )
    assert all(tail.value_at_risk.value == 0 for tail in hedged.tails)


def test_what_the_sample_cannot_support_is_refused_with_what_it_takes():
    for method, level, horizon, need in (
        (Method.HISTORICAL, 0.95, 1, 100), (Method.HISTORICAL, 0.99, 1, 500), (Method.PARAMETRIC, 0.99, 1, 100),
        (Method.PARAMETRIC, 0.9, 1, 50), (Method.FILTERED, 0.9, 1, 50), (Method.HISTORICAL, 0.99, 10, 1000),
        (Method.HISTORICAL, 0.8, 1, 25),
    ):  # fmt: skip
        assert returns_needed(method, level, horizon) == need, (method, level, horizon)
        asked = replace(ALL, methods=(method,), levels=(level,), horizon=horizon, resampled=False)
        assert report(sample_of([prices(need + 1)], [1.0]), asked).tails[0].value_at_risk.value > 0
        with pytest.raises(SampleTooSmall, match=f"takes at least {need} returns, there are {need - 1}"):
            report(sample_of([prices(need)], [1.0]), asked)
    with pytest.raises(SampleTooSmall, match="historical value at risk at 95 %") as refused:
        report(sample_of([prices(31)], [1.0]), ALL)
    assert refused.value.status == 409 and refused.value.facts["have"] == 30
    with pytest.raises(SampleTooSmall, match="Risk takes at least 20"):
        report(sample_of([prices(15)], [1.0]), replace(ALL, methods=(), levels=()))


def test_series_without_common_sessions_and_prices_without_returns_are_refused():
    with pytest.raises(SampleTooSmall, match="without common sessions"):
        sample_of([prices(50), prices(50, symbol="B", first=FIRST + 100 * DAY_US)], [0.5, 0.5])
    oil = prices(50)
    oil.close[30] = -36.98
    with pytest.raises(ReturnsUndefined, match=r"its price was -36\.98 on 2019-01-31"):
        sample_of([oil], [1.0])
    crash = prices(50, symbol="B")
    crash.close[20:] *= 5
    with pytest.raises(PortfolioLost, match="2019-01-21"):
        sample_of([prices(50), crash], [0.5, -0.5])


def test_the_same_question_has_the_same_answer_and_another_sample_another_seed():
    sample = sample_of([prices()], [1.0])
    asked = replace(ALL, horizon=5, levels=(0.95,))
    one, two = report(sample, asked), report(sample, asked)
    assert (one.tails, one.resampling, one.sharpe) == (two.tails, two.resampling, two.sharpe)
    other = report(sample_of([prices(seed=5)], [1.0]), asked)
    assert other.resampling.seed != one.resampling.seed
    bare = report(sample, replace(asked, resampled=False))
    assert bare.resampling is None and bare.volatility.low is None
    assert [t.value_at_risk.value for t in bare.tails] == [t.value_at_risk.value for t in one.tails]


def test_intervals_hold_the_number_and_shrink_with_the_sample():
    wide, narrow = (report(sample_of([prices(n)], [1.0]), ALL) for n in (600, 4000))
    for found in (wide, narrow):
        for one in (found.volatility, found.growth, found.sharpe, *(t.value_at_risk for t in found.tails)):
            assert one.low <= one.value <= one.high
    assert (narrow.volatility.high - narrow.volatility.low) < 0.7 * (wide.volatility.high - wide.volatility.low)


def test_about_nine_of_ten_intervals_hold_the_truth():
    truth, held = 0.01 * np.sqrt(5 / 3) * np.sqrt(365.25), 0
    for seed in range(120):
        found = report(sample_of([prices(400, seed=seed)], [1.0]), replace(ALL, methods=(), levels=()))
        held += found.volatility.low <= truth <= found.volatility.high
    assert 0.78 * 120 <= held <= 0.97 * 120, held


def test_filtered_tails_follow_the_storm():
    calm = prices(900)
    calm.close[-60:] = calm.close[-61] * np.exp(np.cumsum(0.04 * np.random.default_rng(3).standard_normal(60)))
    found = {t.method: t for t in report(sample_of([calm], [1.0]), replace(ALL, levels=(0.95,))).tails}
    assert found[Method.FILTERED].value_at_risk.value > 2 * found[Method.HISTORICAL].value_at_risk.value


def test_filtered_losses_over_many_bars_grow_as_the_root_where_volatility_stands_still():
    logs = 0.01 * np.random.default_rng(0).standard_normal(4000)
    one, many = (np.quantile(var.filtered_losses(logs, h, np.random.default_rng(1)), 0.95) for h in (1, 16))
    assert many / one == pytest.approx(4.0, rel=0.2)


def test_stress_windows_say_where_the_data_reach():
    found = {s.window.name: s for s in report(sample_of([prices(2000)], [1.0]), ALL).stress}
    assert found["2008"].reason == "the history begins later" and found["2008"].change is None
    pandemic = found["2020-03"]
    one = prices(2000)
    rows = (one.start >= to_us(datetime(2020, 2, 19, tzinfo=UTC))) & (
        one.start <= to_us(datetime(2020, 3, 23, tzinfo=UTC))
    )
    close = one.close[rows]
    assert pandemic.n == 33 and pandemic.change == pytest.approx(close[-1] / close[0] - 1)
    assert pandemic.max_drawdown == pytest.approx((1 - close / np.maximum.accumulate(close)).max())
    assert {s.reason for s in report(sample_of([prices(700)], [1.0]), ALL).stress if s.window.name == "2022"} == {
        "the history ends before the window does"
    }


def test_a_benchmark_is_met_on_common_bars_only():
    market = prices(seed=9, symbol="M")
    follower = replace(market, symbol="F", close=market.close**0.5)
    mine, theirs = paired(sample_of([without(follower, [10, 11])], [1.0]), sample_of([without(market, [50])], [1.0]))
    assert len(mine) == len(theirs) == 800 - 3 - 1
    found = report(sample_of([follower], [1.0]), ALL, ("M", sample_of([market], [1.0]))).against
    assert found.beta.value == pytest.approx(0.5, abs=0.01) and found.correlation.value > 0.999
    assert found.n == 799 and found.beta.low <= found.beta.value <= found.beta.high
    few = report(sample_of([follower], [1.0]), ALL, ("M", sample_of([prices(20)], [1.0]))).against
    assert few.beta.value is None and "takes 30 common returns, there are 19" in few.beta.reason


def test_a_sample_of_a_few_days_is_not_put_per_year():
    start = FIRST + np.arange(120) * 3_600_000_000
    hourly = replace(prices(120), start=start, end=start + 3_600_000_000)
    found = report(sample_of([hourly], [1.0]), replace(ALL, levels=(0.95,), methods=(Method.HISTORICAL,)))
    assert found.volatility.value is None and "less than 30 days" in found.volatility.reason
    assert found.tails[0].value_at_risk.value > 0 and found.deepest.depth > 0


def test_blocks_are_whole_and_every_return_is_as_likely():
    rows = bootstrap.drawn(100, 10, np.random.default_rng(0)).of(np.arange(100.0)).astype(np.int64)
    assert rows.shape == (500, 100)
    assert (np.diff(rows[:, :10], axis=1) % 100 == 1).all(), "a block runs on, around the end"
    counts = np.bincount(rows.ravel(), minlength=100)
    assert counts.min() > 350 and counts.max() < 650


def test_what_resamples_say_is_what_each_alone_would_say():
    """The fast forms for many resamples against the plain ones."""
    rng = np.random.default_rng(0)
    mine, theirs = (0.01 * rng.standard_t(5, 300) for _ in range(2))
    blocks = bootstrap.drawn(300, 14, rng)
    many, other = blocks.of(mine), blocks.of(theirs)
    logs = np.log1p(many)
    depth, vol, sortino = drawdown.depth_max(logs), ratios.volatility(many, 252.0), ratios.sortino(many, 252.0, 1e-4)
    joint = exposure.exposure(many, other, 252.0, 1e-4)
    for b in range(0, 500, 37):
        assert depth[b] == pytest.approx(drawdown.deepest(logs[b]).depth, abs=1e-12)
        assert vol[b] == pytest.approx(float(ratios.volatility(many[b], 252.0)))
        assert sortino[b] == pytest.approx(float(ratios.sortino(many[b], 252.0, 1e-4)))
        alone = exposure.exposure(many[b], other[b], 252.0, 1e-4)
        for name in ("beta", "alpha", "correlation", "tracking_error"):
            assert getattr(joint, name)[b] == pytest.approx(float(getattr(alone, name)), rel=1e-6, abs=1e-9), name


def test_tails_of_resamples_are_tails():
    sample = sample_of([prices(600)], [1.0])
    draw = _Draw(sample, replace(ALL, levels=(0.9, 0.95, 0.99)), 1)
    for horizon, level in ((1, 0.9), (1, 0.95), (1, 0.99)):
        worst, mean = draw.tails(Method.HISTORICAL, lambda: draw.losses(horizon), level)  # noqa: B023 called at once
        for b in range(0, 500, 99):
            alone = var.tail_of(draw.losses(horizon)[b], level)
            assert worst[b] == pytest.approx(alone.value_at_risk, rel=1e-9)
            assert mean[b] == pytest.approx(alone.expected_shortfall, rel=0.02), "equal losses at the edge apart"

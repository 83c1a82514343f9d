"""Every figure of a report follows from the table: computed again here from its rows, by other code."""

import math

import numpy as np
import orjson
import polars as pl
import pytest
from scipy import stats

from tests.models.evaluate.series import frame
from truecast.domain.interval import Interval
from truecast.models.evaluate.measure import Sheet, clustered_error, compared, variance
from truecast.models.evaluate.plan import Plan
from truecast.models.evaluate.plots import rolling, write_plots
from truecast.models.evaluate.report import plain, report_of, write_report
from truecast.models.evaluate.run import Evaluated, Failure
from truecast.models.evaluate.table import write_table
from truecast.models.evaluate.tasks import evaluated

PLAN = Plan(Interval.D1, ("naive", "ewma_walk", "drift"), (1, 5), origins=300, refit_every=100)
SYMBOLS = ("EUR-USD", "GBP-USD", "USD-JPY")
INNER = [round(0.05 * k, 2) for k in range(1, 20)]


@pytest.fixture(scope="module")
def done():
    frames = [frame(symbol, 700) for symbol in SYMBOLS]
    records = tuple(evaluated(PLAN, variant, one) for one in frames for variant in PLAN.variants)
    left_out = (("NZD-USD", 40),)
    failures = (Failure("USD-JPY", "arima", "x", "why | not"),)
    return Evaluated(PLAN, records, failures, left_out, trainings=(), wall_s=1.0, workers=2)


@pytest.fixture(scope="module")
def report(done):
    return report_of(done)


@pytest.fixture(scope="module")
def table(done, tmp_path_factory):
    return pl.read_parquet(write_table(tmp_path_factory.mktemp("table"), PLAN.interval, done.records))


def cut(table, model, horizon, symbol=None):
    part = table.filter(pl.col("model") == model, pl.col("horizon") == horizon)
    return part if symbol is None else part.filter(pl.col("symbol") == symbol)


def crps_of(part):
    """Per forecast, in units of scale: 2 x mean pinball over the inner levels."""
    inner = part.filter(pl.col("level").round(4).is_in(INNER))
    error = pl.col("outcome") - pl.col("value")
    loss = pl.max_horizontal(pl.col("level") * error, (pl.col("level") - 1) * error) / pl.col("scale")
    return inner.group_by("symbol", "origin").agg(crps=2 * loss.mean()).sort("symbol", "origin")


def quantile(part, p):
    return part.filter((pl.col("level") - p).abs() < 1e-9).sort("symbol", "origin")


def row_of(report, model, horizon, symbol="*"):
    rows = report["pooled"] if symbol == "*" else report["by_symbol"]
    return next(r for r in rows if (r["model"], r["horizon"], r["symbol"]) == (model, horizon, symbol))


def test_the_table_is_long_and_whole(table):
    assert table.columns == [
        "symbol", "interval", "origin", "horizon", "model", "level", "value", "outcome", "anchor", "scale",
    ]  # fmt: skip
    assert len(table) == 3 * 3 * 300 * 2 * 27 and table.null_count().sum_horizontal().item() == 0
    assert table["origin"].dtype == pl.Datetime("us", "UTC")
    keys = ["symbol", "origin", "horizon", "model", "level"]
    assert not table.select(keys).is_duplicated().any()
    assert (
        table.sort(keys).group_by(keys[:-1], maintain_order=True).agg(pl.col("value").diff().min())["value"] >= 0
    ).all()


@pytest.mark.parametrize("symbol", [None, "GBP-USD"])
@pytest.mark.parametrize("horizon", [1, 5])
@pytest.mark.parametrize("model", ["naive", "ewma_walk", "drift"])
def test_figures_equal_those_from_the_table(table, report, model, horizon, symbol):
    part, row = cut(table, model, horizon, symbol), row_of(plain(report), model, horizon, symbol or "*")
    own, naive = crps_of(part)["crps"], crps_of(cut(table, "naive", horizon, symbol))["crps"]
    median = quantile(part, 0.5)
    y, anchor, scale = (median[name].to_numpy() for name in ("outcome", "anchor", "scale"))
    said, came = np.sign(median["value"].to_numpy() - anchor), np.sign(y - anchor)
    counted = (said != 0) & (came != 0)
    low, high = quantile(part, 0.05)["value"].to_numpy(), quantile(part, 0.95)["value"].to_numpy()
    miss = np.maximum(low - y, 0) + np.maximum(y - high, 0)
    assert row["n"] == len(own) == 300 * (1 if symbol else 3)
    assert math.isclose(row["crps"], own.mean(), rel_tol=1e-9)
    assert math.isclose(row["crps_naive"], naive.mean(), rel_tol=1e-9)
    assert math.isclose(row["crps_ratio"], own.sum() / naive.sum(), rel_tol=1e-9)
    assert math.isclose(row["mase"], np.mean(np.abs(y - median["value"].to_numpy()) / scale), rel_tol=1e-9)
    assert math.isclose(row["winkler"][2]["value"], np.mean((high - low + 20 * miss) / scale), rel_tol=1e-9)
    assert row["direction"]["n"] == counted.sum()
    if counted.any():
        hits = int((said == came)[counted].sum())
        wilson = stats.binomtest(hits, int(counted.sum())).proportion_ci(method="wilson")
        assert math.isclose(row["direction"]["hit_rate"], hits / counted.sum())
        assert np.allclose([row["direction"]["lower"], row["direction"]["upper"]], wilson)
    for found, (p, q) in zip(row["coverage"], [(0.25, 0.75), (0.1, 0.9), (0.05, 0.95), (0.025, 0.975)], strict=True):
        low, high = quantile(part, p)["value"].to_numpy(), quantile(part, q)["value"].to_numpy()
        assert math.isclose(found["measured"], ((low <= y) & (y <= high)).mean(), rel_tol=1e-12)
    below = part.group_by("level").agg((pl.col("outcome") <= pl.col("value")).mean().alias("share")).sort("level")
    assert np.allclose(row["reliability"], below["share"])
    error = (pl.col("outcome") - pl.col("value")) / pl.col("scale")
    lost = part.group_by("level").agg(
        pl.max_horizontal(pl.col("level") * error, (pl.col("level") - 1) * error).mean().alias("loss")
    )
    assert np.allclose(row["pinball"], lost.sort("level")["loss"])
    assert sum(row["pit"]) == row["n"]


def test_the_worst_stretch_equals_that_from_the_table(table, report):
    found = {}
    for symbol in SYMBOLS:
        part = cut(table, "ewma_walk", 1, symbol)
        low, high, y = quantile(part, 0.05), quantile(part, 0.95), quantile(part, 0.5)
        hit = (low["value"] <= y["outcome"]) & (y["outcome"] <= high["value"])
        found[symbol] = min(hit[i : i + 250].mean() for i in range(51))
    row = next(w for w in row_of(plain(report), "ewma_walk", 1)["worst_250"] if w["level"] == 0.9)
    assert math.isclose(row["least"], min(found.values())) and math.isclose(row["mean"], np.mean([*found.values()]))


def test_a_moment_counts_once_however_many_series_it_has():
    rng = np.random.default_rng(0)
    one = rng.standard_normal(200)
    origin = np.arange(200)
    single = clustered_error(one, origin, 1)
    assert math.isclose(single, one.std() / math.sqrt(200), rel_tol=1e-12)
    assert math.isclose(clustered_error(np.tile(one, 5), np.tile(origin, 5), 1), single, rel_tol=1e-12)
    independent = rng.standard_normal(1000)
    assert clustered_error(independent, np.tile(origin, 5), 1) < 0.6 * single * independent.std() / one.std()
    smooth = np.convolve(rng.standard_normal(204), np.ones(5), "valid")
    assert clustered_error(smooth, origin, 5) > 1.5 * clustered_error(smooth, origin, 1)


def test_the_same_series_five_times_is_no_more_evidence_than_once():
    rng = np.random.default_rng(1)
    loss, other = rng.gamma(2, 1, 120), rng.gamma(2, 1.1, 120)
    once, se = compared(loss, other, np.arange(120), 1)
    often, se_often = compared(np.tile(loss, 5), np.tile(other, 5), np.tile(np.arange(120), 5), 1)
    assert math.isclose(once.p_value, often.p_value, rel_tol=1e-9) and math.isclose(se, se_often, rel_tol=1e-9)
    assert once.n == often.n == 120


def test_the_error_of_a_ratio_covers_the_true_one():
    """On 400 draws with ratio 0.9, two standard errors hold it in about 95 %."""
    rng = np.random.default_rng(2)
    held = 0
    for _ in range(400):
        base = rng.gamma(2, 1, 300)
        loss = 0.9 * base + rng.normal(0, 0.3, 300)
        judged, se = compared(loss, base, np.arange(300), 1)
        held += abs(judged.crps_ratio - 0.9) < 2 * se
    assert 0.92 <= held / 400 <= 0.98


def test_the_variance_of_a_normal_distribution_is_its_own():
    q = stats.norm.ppf(np.array(plain_levels())) * 3.0
    assert 0.97 * 9 < variance(q[None])[0] < 1.03 * 9


def plain_levels():
    from truecast.domain.quantiles import GRID

    return GRID


def test_coverage_over_time_counts_the_last_moments():
    origin = np.array([1, 1, 2, 2, 3, 3])
    q = np.tile(np.linspace(-1, 1, 27), (6, 1))
    y = np.array([0.0, 9, 0, 0, 9, 9])
    moments, share = rolling(Sheet(origin, np.zeros(6, int), y, q), 2)
    assert moments.tolist() == [2, 3] and share.tolist() == [0.75, 0.5]


def test_report_files_say_what_was_left_out_and_refused(report, tmp_path):
    as_json, as_text = write_report(tmp_path, report)
    said = as_text.read_text()
    assert "NZD-USD has 40 bars" in said and "Not evaluated: arima on USD-JPY" in said
    assert "`ewma_walk`" in said and "EUR-USD" in said and "CPU ms per origin" in said
    kept = orjson.loads(as_json.read_bytes())
    assert list(kept["plan"]["models"]) == ["naive", "ewma_walk", "drift"] and kept["plan"]["embargo"] == 0
    assert kept["left_out"][0]["need"] == PLAN.bars_needed and kept["failures"][0]["model"] == "arima"
    assert [e["model"] for e in kept["effort"]] == ["naive", "ewma_walk", "drift"]
    assert all(e["cpu_s"] > 0 and e["origins"] == 900 for e in kept["effort"])


def test_pictures_are_drawn_and_show_something(report, tmp_path):
    from matplotlib.image import imread

    paths = write_plots(tmp_path, report)
    assert [p.name for p in paths] == ["calibration.png", "pit.png", "coverage.png", "skill.png"]
    for path in paths:
        image = imread(path)
        assert image.shape[0] > 300 and image.shape[1] > 500
        assert len(np.unique(image.reshape(-1, image.shape[2]), axis=0)) > 50
        assert (image[..., :3].min(axis=2) < 0.9).mean() > 0.01

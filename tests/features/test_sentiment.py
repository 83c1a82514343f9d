"""Sentiment counts from first sight."""

import numpy as np

from tests.features import worlds
from truecast.features.context import Context, Scores
from truecast.features.panel import Panel
from truecast.features.registry import COLUMNS

FRAME = worlds.bars(count=20 * 24, symbol="AAPL")
HOUR = worlds.HOUR_US


def column(name, scores, symbol="AAPL"):
    panel = Panel((FRAME,), context=Context(sentiment={symbol: scores}))
    return COLUMNS[name].compute(panel)[0]


SCORES = Scores(FRAME.end[[48, 48, 60]] + np.array([0, 1, 0]), np.array([1.0, -0.5, 0.25]))


def test_a_text_counts_from_the_moment_it_was_seen():
    mean = column("sentiment_1d", SCORES)
    assert np.isnan(mean[:48]).all()
    assert mean[48] == 1.0 and mean[49] == 0.25 and np.isclose(mean[60], 0.25)


def test_silence_is_not_a_neutral_opinion():
    assert np.isnan(column("sentiment_1d", SCORES)[84:]).all()
    assert np.isfinite(column("sentiment_7d", SCORES)[84])
    count = column("sentiment_1d_count", SCORES)
    assert np.isnan(count[:48]).all() and np.isclose(count[60], np.log(4)) and count[100] == 0


def test_absent_is_missing():
    for name in ("sentiment_1d", "sentiment_7d_count"):
        assert np.isnan(column(name, SCORES, symbol="IBM")).all()
        assert np.isnan(column(name, Scores(np.array([], np.int64), np.array([])))).all()

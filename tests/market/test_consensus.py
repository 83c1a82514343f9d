"""The middle of what several sources say, and who disagrees."""

import pytest

from truecast.market.consensus import consensus


def test_the_median_is_not_moved_by_one_wild_source() -> None:
    found = consensus({"a": 100.0, "b": 100.1, "c": 99.9, "wild": 10_000.0})
    assert found is not None
    assert found.median == pytest.approx(100.05)
    assert (found.outliers, found.disagreement) == (("wild",), True)
    assert found.spread_bp == pytest.approx(20, abs=0.1)


def test_sources_that_agree_to_the_usual_spread_have_no_outlier() -> None:
    found = consensus({"a": 100.0, "b": 100.0, "c": 100.0, "d": 100.15})
    assert found is not None
    assert (found.outliers, found.disagreement) == ((), False)


def test_two_sources_cannot_outvote_each_other_but_their_disagreement_is_told() -> None:
    found = consensus({"a": 100.0, "b": 101.0})
    assert found is not None
    assert (found.outliers, found.disagreement) == ((), True)


def test_negative_and_single_prices_are_fine_and_none_is_none() -> None:
    one = consensus({"a": -37.63})
    assert one is not None
    assert (one.median, one.disagreement, one.spread_bp) == (-37.63, False, 0.0)
    zero = consensus({"a": 0.0, "b": 0.0})
    assert zero is not None
    assert zero.spread_bp == 0
    assert consensus({}) is None

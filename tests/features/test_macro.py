"""Macro numbers: surprises by vintage, as they could be known."""

import numpy as np

from tests.features import worlds
from truecast.features.context import Context, Vintages
from truecast.features.panel import Panel
from truecast.features.registry import COLUMNS

FRAME = worlds.bars(count=100, interval=worlds.Interval.D1)
DAY = worlds.DAY_US


def column(name, vintages):
    panel = Panel((FRAME,), context=Context(macro={"inflation": vintages} if vintages else {}))
    return COLUMNS[name].compute(panel)[0]


def releases(values, first=0):
    """One a day from the first day of the frame on."""
    n = np.arange(len(values), dtype=np.int64)
    return Vintages(n * 30 * DAY, FRAME.end[0] + (first + n) * DAY, np.array(values, float))


def test_the_surprise_is_the_last_change_against_the_earlier_ones():
    values = [1, 2, 4, 5, 7, 8, 10, 11, 13, 14, 20]
    surprise = column("macro_inflation_surprise", releases(values))
    earlier = np.diff(values)[:-1]
    assert np.isclose(surprise[10], (6 - earlier.mean()) / earlier.std(ddof=1))
    assert np.isnan(surprise[:9]).all() and np.isfinite(surprise[9]) and surprise[50] == surprise[10]


def test_a_correction_is_known_from_its_own_day_on():
    values = [1, 2, 4, 5, 7, 8, 10, 11, 13, 14, 20]
    before = releases(values)
    corrected = Vintages(
        np.append(before.period, before.period[-1]),
        np.append(before.first_seen, FRAME.end[30]),
        np.append(before.value, 15.0),
    )
    plain, after = (column("macro_inflation_surprise", v) for v in (before, corrected))
    assert np.array_equal(plain[:30], after[:30], equal_nan=True) and after[30] < plain[30]
    assert column("macro_inflation_age_days", corrected)[[10, 30, 31]].tolist() == [0, 20, 21]


def test_a_number_is_unknown_until_it_is_seen():
    late = releases(range(11), first=40)
    assert np.isnan(column("macro_inflation_age_days", late)[:40]).all()
    assert column("macro_inflation_age_days", late)[40] == 0


def test_what_never_changes_cannot_surprise():
    assert np.isnan(column("macro_inflation_surprise", releases([5.0] * 30))).all()


def test_absent_is_missing_and_not_zero():
    assert np.isnan(column("macro_inflation_surprise", None)).all()
    assert np.isnan(column("macro_inflation_age_days", None)).all()
    assert np.isnan(column("macro_inflation_age_days", releases([]))).all()

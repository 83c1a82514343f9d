"""Facts about the one spelling of numbers."""

import numpy as np
import orjson
from hypothesis import given
from hypothesis import strategies as st

from truecast.forecasts.canonical import DIGITS, canonical, significant, significant_one

NUMBERS = st.floats(min_value=-1e12, max_value=1e12, allow_nan=False)


@given(NUMBERS)
def test_a_rounded_number_is_spelled_with_ten_digits_at_most(value):
    rounded = float(significant(value))
    digits = orjson.dumps(rounded).decode().lstrip("-").split("e")[0].replace(".", "").strip("0")
    assert len(digits) <= DIGITS


@given(NUMBERS.filter(lambda v: abs(v) > 1e-12))
def test_rounding_is_the_decimal_one(value):
    assert float(significant(value)) == significant_one(value)


@given(st.lists(NUMBERS, min_size=2, max_size=30))
def test_rounding_keeps_the_order(values):
    rounded = significant(np.sort(values))
    assert (np.diff(rounded) >= 0).all()


@given(NUMBERS)
def test_rounding_twice_changes_nothing(value):
    once = significant(value)
    assert significant(once) == once


def test_keys_are_sorted_and_arrays_are_lists():
    assert canonical({"b": np.array([1.5, 0.1]), "a": 1}) == b'{"a":1,"b":[1.5,0.1]}'

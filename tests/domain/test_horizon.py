"""How far ahead may be asked for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from truecast.domain.horizon import Horizon, HorizonOutOfRange, parse_horizon
from truecast.domain.interval import Interval


@given(st.integers(1, 168))
def test_one_to_168_whole_steps_are_accepted_as_number_and_as_text(steps: int) -> None:
    assert parse_horizon(steps, Interval.D1) == parse_horizon(f" {steps} ", Interval.D1) == Horizon(steps, Interval.D1)


@pytest.mark.parametrize(
    "given_",
    [0, 169, -1, 1.5, 10.0, "1.5", "x", "", "-3", "0", "169", "1e2", "10d", None, True, float("nan"), [1], "²", 10**30],
)
def test_anything_else_is_refused_and_named(given_: object) -> None:
    with pytest.raises(HorizonOutOfRange) as caught:
        parse_horizon(given_, Interval.H1)
    assert caught.value.facts["most"] == 168 and caught.value.status == 422 and caught.value.exit_code == 64


def test_a_horizon_cannot_be_made_wrong() -> None:
    with pytest.raises(HorizonOutOfRange):
        Horizon(0, Interval.D1)
    with pytest.raises(HorizonOutOfRange):
        Horizon(2.0, Interval.D1)  # type: ignore[arg-type]

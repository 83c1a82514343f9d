"""Interval spellings and lengths."""

import pytest

from truecast.domain.interval import Interval, UnknownInterval, parse_interval


@pytest.mark.parametrize("interval", list(Interval))
@pytest.mark.parametrize("dress", [str, str.upper, lambda t: f"  {t} "])
def test_its_own_spelling_in_any_case_is_understood(interval: Interval, dress) -> None:
    assert parse_interval(dress(interval.value)) is interval


@pytest.mark.parametrize("text", ["", "1", "h", "1 h", "60m", "2y", "1month", "0d", "-1d", "1.5h", "1d1d", "日"])
def test_anything_else_is_refused_with_the_choices(text: str) -> None:
    with pytest.raises(UnknownInterval) as caught:
        parse_interval(text)
    assert caught.value.status == 422 and caught.value.exit_code == 64
    assert caught.value.facts["choices"] == ["1m", "5m", "15m", "30m", "1h", "4h", "1d", "1w", "1mo", "1q", "1y"]
    assert caught.value.facts["interval"] == text


def test_they_are_listed_from_short_to_long_and_a_day_is_the_first_that_is_not_intraday() -> None:
    seconds = [i.seconds for i in Interval]
    assert seconds == sorted(seconds) and len(set(seconds)) == 11
    assert [i.value for i in Interval if i.is_intraday] == ["1m", "5m", "15m", "30m", "1h", "4h"]
    assert (Interval.H4.seconds, Interval.D1.seconds, Interval.W1.seconds) == (14_400, 86_400, 604_800)
    assert abs(4 * Interval.Q1.seconds - 365.2425 * 86_400) < 10
    assert Interval.Y1.seconds == 365.2425 * 86_400

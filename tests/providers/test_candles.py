"""From rows to bars: what is left out and counted, what refuses the whole answer; numbers and times read strictly."""

import dataclasses
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from truecast.domain.interval import Interval
from truecast.kit.clock import from_us, to_us
from truecast.kit.http import SourceAnswerMalformed
from truecast.kit.limits import SOURCE_BARS_MAX
from truecast.market.calendar import calendar
from truecast.market.sessions import Sessions
from truecast.providers.candles import Asked, Row, gathered, join
from truecast.providers.hours import over_at, traded_at
from truecast.providers.payload import csv_of, date_of, epoch_us, json_of, number, time_us

M1, M30, H1, D1, MO1 = Interval.M1, Interval.M30, Interval.H1, Interval.D1, Interval.MO1
NAN = float("nan")
NOW = datetime(2026, 10, 30, 15, 4, 27, tzinfo=UTC)  # a Friday, 11:04 in New York


def us(text: str) -> int:
    return to_us(datetime.fromisoformat(text).replace(tzinfo=UTC))


def row(text: str, close: float = 10.0) -> Row:
    return (us(text), 10.0, 11.0, 9.0, close, NAN)


def reading(along: str = "XNYS", interval: Interval = D1) -> Asked:
    return Asked("made", "X", interval, along, to_us(NOW), first_us=us("1990-01-01"))


class TestWhatIsLeftOut:
    def test_a_bar_still_forming(self) -> None:
        read = gathered([row("2026-10-29"), row("2026-10-30")], reading())
        assert (len(read.bars), read.left_out) == (1, {"unfinished": 1})

    @pytest.mark.parametrize(("along", "day"), [("XNYS", "2026-10-24"), ("FX", "2026-10-25"), ("TARGET", "2026-10-25")])
    def test_a_day_of_the_weekend(self, along: str, day: str) -> None:
        assert gathered([row(day)], reading(along)).left_out == {"weekend": 1}
        assert len(gathered([row(day)], reading("24/7")).bars) == 1

    def test_hours_before_and_after_the_session(self) -> None:
        times = ("2026-10-29T13:00", "2026-10-29T13:30", "2026-10-29T19:30", "2026-10-29T20:00")
        read = gathered([row(time) for time in times], reading(interval=M30))
        assert [from_us(at).hour for at in read.bars.start] == [13, 19]
        assert read.left_out == {"outside the session": 2}

    def test_the_afternoon_of_a_half_day(self) -> None:
        late = dataclasses.replace(reading(interval=M30), now_us=us("2026-11-30T00:00"))
        read = gathered([row("2026-11-27T17:30"), row("2026-11-27T18:00")], late)
        assert (len(read.bars), read.left_out) == (1, {"outside the session": 1})

    def test_the_same_row_twice(self) -> None:
        assert gathered([row("2026-10-29")] * 2, reading()).left_out == {"repeated": 1}

    def test_what_was_not_asked_for_is_not_counted(self) -> None:
        some = dataclasses.replace(reading(), since_us=us("2026-10-28"), end_us=us("2026-10-29"))
        read = gathered([row(f"2026-10-{day}") for day in (27, 28, 29)], some)
        assert ([from_us(at).day for at in read.bars.start], read.left_out) == ([28], {})


class TestWhatRefusesTheAnswer:
    @pytest.mark.parametrize(
        "at", [us("2026-11-02"), us("2026-10-29") * 1_000, us("1989-12-29"), us("2026-10-29") // 1_000]
    )
    def test_a_time_that_cannot_be(self, at: int) -> None:
        with pytest.raises(SourceAnswerMalformed, match=r"wrong unit|starts at"):
            gathered([(at, 10, 11, 9, 10, NAN)], reading())

    def test_two_different_rows_for_one_bar(self) -> None:
        with pytest.raises(SourceAnswerMalformed, match="two different rows"):
            gathered([row("2026-10-29"), row("2026-10-29", 10.5)], reading())

    @pytest.mark.parametrize(
        ("interval", "at"), [(D1, "2026-10-29T01:00"), (MO1, "2026-09-02"), (M1, "2026-10-29T15:00:30")]
    )
    def test_a_start_that_the_interval_cannot_have(self, interval: Interval, at: str) -> None:
        with pytest.raises(SourceAnswerMalformed, match="bar that starts at"):
            gathered([row(at)], reading(interval=interval))


class TestBars:
    @given(st.permutations([21, 22, 23, 26, 27, 28, 29]))
    def test_come_oldest_first_whatever_the_order(self, days: list[int]) -> None:
        bars = gathered([row(f"2026-10-{day}") for day in days], reading()).bars
        assert [from_us(at).day for at in bars.start] == [21, 22, 23, 26, 27, 28, 29]

    def test_history_is_known_when_it_was_over_and_news_when_it_came(self) -> None:
        history = gathered([row("2026-10-29")], reading())
        assert from_us(int(history.bars.known_at[0])) == datetime(2026, 10, 29, 20, tzinfo=UTC)
        news = gathered([row("2026-10-29")], dataclasses.replace(reading(), since_us=0, received_us=to_us(NOW)))
        assert from_us(int(news.bars.known_at[0])) == NOW

    def test_are_no_more_than_one_answer_may_have(self) -> None:
        first = datetime(2026, 8, 3, tzinfo=UTC)
        rows = [(to_us(first + timedelta(minutes=n)), 10.0, 11.0, 9.0, 10.0, NAN) for n in range(SOURCE_BARS_MAX + 5)]
        all_ = dataclasses.replace(reading("24/7", M1), since_us=0)
        assert from_us(int(gathered(rows, all_).bars.start[0])) == first  # the oldest, to go on from
        newest = gathered(rows, reading("24/7", M1)).bars
        assert (len(newest), int(newest.start[-1])) == (SOURCE_BARS_MAX, rows[-1][0])

    def test_of_several_answers_are_joined_as_they_were_known(self) -> None:
        parts = [gathered([row("2026-10-28"), row("2026-10-29")], reading()), gathered([row("2026-10-27")], reading())]
        whole = join(parts, reading())
        assert [from_us(at).day for at in whole.bars.start] == [27, 28, 29]
        assert [from_us(at).hour for at in whole.bars.known_at] == [20, 20, 20]


@pytest.mark.parametrize(("name", "interval"), [("XNYS", M30), ("XNYS", D1), ("FX", H1), ("FX", D1), ("24/7", H1)])
def test_bars_are_over_when_the_calendar_says_in_weeks_of_clock_changes_and_half_days(
    name: str, interval: Interval
) -> None:
    along = calendar(name)
    assert isinstance(along, Sessions)
    for week in ("2026-03-05", "2026-03-26", "2026-10-22", "2026-10-29", "2026-11-25", "2026-12-22"):
        starts = along.expected(us(week), us(week) + 9 * 86_400_000_000, interval)
        ends = along.ends(starts, interval)
        assert [over_at(name, interval, at) for at in starts.tolist()] == ends.tolist()
        assert all(traded_at(name, interval, at) for at in starts.tolist())


class TestReading:
    @pytest.mark.parametrize(
        "value", [None, True, "", "1,5", "nan", "1e999", NAN, 10**400, 1e16, "0x1", " 1", "1_0", [], {}]
    )
    def test_what_is_no_number_is_refused(self, value: object) -> None:
        with pytest.raises(SourceAnswerMalformed):
            number(value, "a price", "made")

    @pytest.mark.parametrize(
        ("value", "found"), [(1, 1.0), (-2.5, -2.5), ("1.1399", 1.1399), ("-0.36", -0.36), ("1e3", 1e3)]
    )
    def test_numbers_and_decimal_texts_are_read(self, value: object, found: float) -> None:
        assert number(value, "a price", "made") == found

    @pytest.mark.parametrize("value", [None, True, -1, 1.5, "1.5", "", "abc", 10**30, [], "٣"])
    def test_what_is_no_epoch_is_refused(self, value: object) -> None:
        with pytest.raises(SourceAnswerMalformed):
            epoch_us(value, 1_000_000, "made")

    def test_times_of_any_offset_are_read_and_nanoseconds_dropped(self) -> None:
        assert time_us("2026-10-30T15:04:26.918273111Z", "made") == us("2026-10-30T15:04:26.918273")
        assert time_us("2026-10-30T11:04:26-04:00", "made") == us("2026-10-30T15:04:26")

    @pytest.mark.parametrize(
        "value", [None, 5, "2026-10-30", "2026-02-30T00:00:00Z", "2026-10-30T15:04:26", "0000-01-01T00:00:00Z"]
    )
    def test_a_time_without_a_zone_is_no_time(self, value: object) -> None:
        with pytest.raises(SourceAnswerMalformed):
            time_us(value, "made")

    @pytest.mark.parametrize("value", [None, 20261030, "2026-02-30", "30/10/2026", "2026-10-30T00:00:00Z"])
    def test_what_is_no_date_is_refused(self, value: object) -> None:
        with pytest.raises(SourceAnswerMalformed):
            date_of(value, "made")

    @pytest.mark.parametrize(
        "body", [b"", b"  ", b"<html>", b"<!DOCTYPE html>", b"{", b"[" * 100_000, b"\xff\xfe", b"nope"]
    )
    def test_what_is_no_document_is_refused(self, body: bytes) -> None:
        with pytest.raises(SourceAnswerMalformed):
            json_of(body, "made")

    @pytest.mark.parametrize("body", [b"", b"<html>", b"a,b\n1", b"a,a\n1,2", b'a,b\n"1,2', b"x," * 600])
    def test_a_table_that_is_cut_is_refused(self, body: bytes) -> None:
        with pytest.raises(SourceAnswerMalformed):
            csv_of(body, "made")

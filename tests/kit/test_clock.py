"""Time is told by one object, and a replay never runs ahead of its work."""

import asyncio
import time
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from truecast.kit.clock import FixedClock, ReplayClock, SystemClock, from_us, iso, to_us, to_utc
from truecast.kit.errors import MalformedRequest

T0 = datetime(2021, 1, 4, tzinfo=UTC)


def test_system_time_is_aware_and_utc():
    assert SystemClock().now().utcoffset() == timedelta(0)


async def test_system_sleep_returns_at_once_for_the_past():
    clock = SystemClock()
    began = time.monotonic()
    await clock.sleep_until(clock.now() - timedelta(days=1))
    assert time.monotonic() - began < 1


async def test_fixed_clock_moves_only_when_told():
    clock = FixedClock(T0)
    assert clock.now() == T0
    await clock.sleep_until(T0 + timedelta(hours=1))
    assert clock.now() == T0 + timedelta(hours=1)
    await clock.sleep_until(T0)
    assert clock.now() == T0 + timedelta(hours=1)
    clock.advance(timedelta(seconds=1))
    assert clock.now() == T0 + timedelta(hours=1, seconds=1)


async def test_replay_holds_at_the_moment_being_worked_on():
    clock = ReplayClock(T0, speed=36_000)
    await clock.sleep_until(T0 + timedelta(hours=1))
    await asyncio.sleep(0.05)  # work that takes half an hour of replayed time
    assert clock.now() == T0 + timedelta(hours=1)


async def test_replay_runs_at_its_speed():
    clock = ReplayClock(T0, speed=36_000)
    began = time.monotonic()
    waiting = asyncio.create_task(clock.sleep_until(T0 + timedelta(hours=2)))
    await asyncio.sleep(0.1)
    assert T0 < clock.now() < T0 + timedelta(hours=2)
    await waiting
    assert time.monotonic() - began >= 0.2
    assert clock.now() == T0 + timedelta(hours=2)


async def test_replay_never_runs_backwards():
    clock = ReplayClock(T0, speed=1e6)
    await clock.sleep_until(T0 + timedelta(hours=1))
    await clock.sleep_until(T0)
    assert clock.now() == T0 + timedelta(hours=1)


@pytest.mark.parametrize("speed", [0, -1, float("nan"), 1e10])
def test_refuses_an_impossible_speed(speed: float):
    with pytest.raises(MalformedRequest):
        ReplayClock(T0, speed)


def test_refuses_a_naive_time():
    with pytest.raises(MalformedRequest):
        to_utc(datetime(2021, 1, 4))  # noqa: DTZ001


def test_iso_is_utc_with_z():
    assert iso(datetime(2021, 1, 4, 2, tzinfo=timezone(timedelta(hours=2)))) == "2021-01-04T00:00:00Z"


@given(st.datetimes(min_value=datetime(1800, 1, 1), max_value=datetime(2300, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001
def test_microseconds_round_trip(when: datetime):
    assert from_us(to_us(when)) == when

"""Business time."""

import numpy as np

from tests.models import walks
from truecast.domain.interval import Interval
from truecast.features.activity import FEW, SLOTS_MAX, activity_of, slots
from truecast.features.frame import frame_of_closes

HOUR_US = 3_600_000_000
FRAME = walks.hourly(seed=1, bars=600)
X = np.log(FRAME.close)
ACTIVITY = activity_of(FRAME, X)


def test_days_have_no_clock():
    daily = frame_of_closes(np.ones(50), interval=Interval.D1)
    assert activity_of(daily, daily.close) is None


def test_a_factor_is_that_of_the_bars_before_it():
    moves = np.abs(np.diff(X))
    slot = slots(FRAME.end, FRAME.interval)
    for t in (1, 2, 30, 119, 120, 500):
        before = moves[: t - 1]
        same = before[slot[1:t] == slot[t]]
        mean = before.mean() if len(before) else 1.0
        expected = (same.sum() + FEW * mean) / ((len(same) + FEW) * mean)
        assert np.isclose(ACTIVITY.factor[t], expected, rtol=1e-12), t


def test_the_first_bar_after_a_gap_has_a_slot_of_its_own():
    slot = slots(FRAME.end, FRAME.interval)
    after_weekend = np.flatnonzero(np.diff(FRAME.end, prepend=FRAME.end[0]) > HOUR_US)
    assert len(after_weekend) >= 4
    assert (slot[after_weekend] == SLOTS_MAX).all() and (np.delete(slot, after_weekend) < 24).all()


def test_time_ahead_follows_the_hours_to_come():
    t = int(np.flatnonzero(FRAME.end // HOUR_US % 24 == 2)[-2])  # 02:00 on a weekday; then 24 hours of trading
    steps = np.diff(ACTIVITY.ahead(np.array([t]), 24)[0], prepend=0)
    hour = (2 + 1 + np.arange(24)) % 24
    busy = (hour >= 12) & (hour < 18)
    assert steps[busy].min() > steps[~busy].max()
    assert steps[busy].mean() > 3 * steps[~busy].mean()


def test_without_a_week_of_history_every_bar_counts_the_average_so_far():
    average = ACTIVITY.time[60] / 61
    assert np.allclose(ACTIVITY.ahead(np.array([60]), 5), average * np.arange(1, 6))


def test_after_a_hole_the_week_before_is_no_guide():
    holed = FRAME[np.r_[0:300, 460:600]]
    activity = activity_of(holed, np.log(holed.close))
    ahead = activity.ahead(np.array([310]), 3)[0]
    assert np.allclose(ahead, activity.time[310] / 311 * np.arange(1, 4))


def test_a_clock_change_does_not_move_the_gap():
    """Sessions of 7 hours; after two weeks all of them start an hour later in UTC."""
    day, hour = np.divmod(np.arange(7 * 15), 7)
    weekday = day // 5 * 7 + day % 5
    end = (weekday * 24 + 15 + hour + (day >= 10)) * HOUR_US
    rng = np.random.default_rng(0)
    x = np.cumsum(rng.standard_normal(len(end)) * np.where(hour == 0, 4.0, 1.0))
    activity = activity_of(frame_of_closes(x, interval=Interval.H1, end=end, signed=True), x)
    for t in (10 * 7 + 2, 12 * 7 + 6, 13 * 7 + 5):
        steps = np.diff(activity.ahead(np.array([t]), 7)[0], prepend=0)
        assert steps.argmax() == 6 - t % 7


def test_origins_in_any_order_know_the_same():
    origins = np.array([500, 200, 350])
    one_by_one = [ACTIVITY.ahead(np.array([t]), 10)[0] for t in origins]
    assert np.allclose(ACTIVITY.ahead(origins, 10), one_by_one, rtol=1e-12)

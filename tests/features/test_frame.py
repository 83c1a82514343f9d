"""Frames."""

import numpy as np

from truecast.domain.bar import Bars
from truecast.domain.interval import Interval
from truecast.features.frame import frame_of, frame_of_closes


def test_missing_targets_are_left_out_with_their_time():
    frame = frame_of_closes(np.array([1.0, np.nan, 3.0, np.inf]), end=np.array([10, 20, 30, 40]))
    assert frame.close.tolist() == [1.0, 3.0] and frame.end.tolist() == [10, 30]


def test_bars_become_a_frame_with_their_ends():
    ones = np.ones(3)
    bars = Bars(
        "EUR-USD", Interval.D1, np.arange(3), np.arange(3), ones, ones, ones, np.array([1.0, np.nan, 2.0]),
        ones, np.ones(3, bool), np.zeros(3, np.int16), ("ecb",),
    )  # fmt: skip
    frame = frame_of(bars, np.array([1, 2, 3]), signed=True)
    assert (frame.symbol, len(frame), frame.end.tolist(), frame.signed) == ("EUR-USD", 2, [1, 3], True)


def test_frames_split_and_join():
    frame = frame_of_closes(np.arange(1.0, 11.0), symbol="X", signed=True)
    joined = frame[:4].followed_by(frame[4:])
    assert np.array_equal(joined.close, frame.close) and np.array_equal(joined.end, frame.end)
    assert joined.signed and joined.symbol == "X"

"""What every family of columns must do. A family's test class inherits `FamilyContract` and adds facts of its own."""

from typing import ClassVar

import numpy as np
import pytest

from tests.features import worlds
from truecast.features import build as building
from truecast.features.build import build, build_last
from truecast.features.column import Scale
from truecast.features.guard import leaks
from truecast.features.registry import COLUMNS, FAMILIES

EXACT = 2.0**10  # multiplying by it changes no digit


class FamilyContract:
    family: ClassVar[str]
    calendar: ClassVar[str] = ""

    @pytest.fixture(autouse=True)
    def whole_family_is_a_set(self, monkeypatch):
        names = tuple(column.name for column in FAMILIES[self.family])
        monkeypatch.setattr(building, "FEATURE_SETS", {**building.FEATURE_SETS, "family": names})
        self.columns = FAMILIES[self.family]

    def frames(self, count=400, *, signed=False):
        return [
            worlds.bars(seed, count - 7 * seed, symbol=f"S{seed}", signed=signed, calendar=self.calendar)
            for seed in range(4)
        ]

    def values(self, frames, context=None):
        return build(frames, "family", context or worlds.context(frames))

    def test_no_column_sees_the_future(self):
        for signed in (False, True):
            frames = self.frames(signed=signed)
            found = leaks("family", frames, np.random.default_rng(1), worlds.context(frames), cuts=6)
            assert found == {}

    def test_has_one_row_for_each_bar_and_one_column_for_each_name(self):
        frames = self.frames()
        matrix = self.values(frames)
        assert matrix.columns == tuple(column.name for column in self.columns)
        assert matrix.values.shape == (4, 400, len(self.columns))
        for s, frame in enumerate(frames):
            assert matrix.of(s).shape == (len(frame), len(self.columns))
            assert np.isnan(matrix.values[s, : 400 - len(frame)]).all()

    def test_columns_begin_as_missing_and_are_there_once_they_can_be(self):
        matrix = self.values(self.frames(1500))
        there = matrix.mask.any(axis=(0, 1))
        assert there.all(), [c for c, seen in zip(matrix.columns, there, strict=True) if not seen]
        for column, values in zip(self.columns, matrix.of(0).T, strict=True):
            waits = {"return_": 1, "sma_": 4, "ema_": 4, "macd": 25, "rsi": 14, "atr": 14, "bollinger": 19}
            least = next((bars for name, bars in waits.items() if column.name.startswith(name)), 0)
            assert np.isnan(values[:least]).all(), column.name

    def test_a_frame_alone_says_the_same_as_in_a_panel(self):
        frames = self.frames()
        matrix, context = self.values(frames), worlds.context(frames)
        if self.family == "peers":
            return
        for s, frame in enumerate(frames):
            assert np.array_equal(self.values([frame], context).of(0), matrix.of(s), equal_nan=True)

    @pytest.mark.parametrize("count", [1, 2, 20, 34, 63, 200, 700, 1300])
    def test_the_last_row_alone_is_the_same_bit_by_bit(self, count):
        for signed in (False, True):
            frames = [
                worlds.bars(s, count + 3 * s, symbol=f"S{s}", signed=signed, calendar=self.calendar) for s in range(4)
            ]
            context = worlds.context(frames) if count > 40 else None
            whole = self.values(frames, context) if context else build(frames, "family")
            last = build_last(frames, "family", context) if context else build_last(frames, "family")
            assert np.array_equal(last.values, whole.values[:, -1], equal_nan=True)

    @pytest.mark.parametrize("signed", [False, True])
    def test_answers_a_change_of_units_as_declared(self, signed):
        frames = self.frames(signed=signed)
        before = self.values(frames).values
        after = self.values([worlds.times(frame, EXACT) for frame in frames], worlds.context(frames)).values
        for f, column in enumerate(self.columns):
            expected = before[..., f]
            if column.scale is Scale.PRICE or (signed and column.scale is not Scale.FREE):
                expected = expected * EXACT
            elif column.scale is Scale.LEVEL:
                expected = expected + np.log(EXACT)
            assert np.allclose(after[..., f], expected, rtol=1e-7, atol=1e-9, equal_nan=True), column.name

    @pytest.mark.parametrize("price", [0.1, 1e-9, 12345.678])
    def test_a_flat_market_is_never_infinite(self, price):
        for frame in (worlds.flat(price), worlds.flat(0.0, signed=True), worlds.flat(-price, signed=True)):
            values = self.values([frame], worlds.context([frame])).of(0)
            assert not np.isinf(values).any()
            assert not np.isinf(build_last([frame], "family").values).any()

    def test_a_market_that_stops_leaves_no_dust(self):
        moving, still = worlds.bars(count=200), worlds.flat(count=200)
        frame = moving.followed_by(worlds.times(still, moving.close[-1] / still.close[0]))
        values = self.values([frame]).of(0)
        assert not np.isinf(values).any()
        assert np.abs(values[230:][np.isfinite(values[230:])]).max(initial=0) < 1e4

    def test_prices_without_a_log_are_missing_in_a_series_that_was_said_to_be_positive(self):
        frame = worlds.bars()
        frame.close[100], frame.low[100] = -36.98, -40.0
        values = self.values([frame], worlds.context([frame])).of(0)
        assert not np.isinf(values).any()

    def test_every_column_says_in_a_line_what_it_is(self):
        for column in self.columns:
            assert column.name == column.name.lower() and COLUMNS[column.name] is column
            assert column.text and "\n" not in column.text and not column.text.endswith(".")

"""What cannot be true is kept out; crashes, splits and prices below zero are true."""

import csv
import datetime as dt
import math
from pathlib import Path

import numpy as np
import pytest

from truecast.domain.bar import Bars, BoolArray
from truecast.domain.corporate import Factor
from truecast.domain.instrument import AssetClass
from truecast.domain.interval import Interval
from truecast.kit.clock import FixedClock
from truecast.market.quality import HELD, Around, Judged, judge, suspicious
from truecast.providers.base import Reach
from truecast.providers.catalog import build_provider

DAY_US = 86_400_000_000


def series(closes: list[float], interval: Interval = Interval.D1, volume: float = 5.0, first: int = 0) -> Bars:
    """Bars with these closes and a little range around them."""
    close = np.array(closes, np.float64)
    start = (first + np.arange(len(close), dtype=np.int64)) * interval.seconds * 1_000_000
    n = len(close)
    return Bars(
        "X", interval, start, start + interval.seconds * 1_000_000, close, close * 1.01, close * 0.99, close,
        np.full(n, volume) + np.arange(n), np.ones(n, np.bool_), np.zeros(n, np.int16), ("s",),
    )  # fmt: skip


def calm(n: int, level: float = 100.0, seed: int = 1) -> list[float]:
    return (level * np.exp(np.cumsum(np.random.default_rng(seed).normal(0, 0.01, n)))).tolist()


def after(past: list[float], news: list[float], **more: object) -> Judged:
    bars = series(past + news)
    cut = len(past)
    return judge(bars[cut:], Around(bars[:cut], **more))  # type: ignore[arg-type]


@pytest.mark.parametrize("unit", [100.0, 0.01, 1_000.0, 0.0001])
def test_a_price_in_another_unit_waits_and_is_out_once_the_old_level_is_back(unit: float) -> None:
    past = calm(40)
    wrong, back = past[-1] * unit, past[-1] * 1.01
    assert after(past, [wrong]).reason == (HELD + "unit_error",)
    assert after(past, [wrong, wrong, wrong]).reason == (HELD + "unit_error",) * 3  # however long it lasts
    assert after(past, [wrong, back]).reason == ("unit_error", "")


@pytest.mark.parametrize("move", [-0.5, -0.35, -0.25, 0.4, 0.5])
def test_a_crash_within_what_markets_did_passes_at_once(move: float) -> None:
    past = calm(40)
    assert after(past, [past[-1] * (1 + move)]).clean


def test_a_collapse_waits_one_bar_and_is_believed_when_the_next_one_confirms_it() -> None:
    past = calm(40)
    low = past[-1] * 0.05 * 1.3
    assert after(past, [low]).reason == (HELD + "spike",)
    assert after(past, [low, low * 1.05]).clean


def test_far_off_and_back_within_three_bars_is_a_spike() -> None:
    past = calm(40)
    far = past[-1] * 6.5
    assert after(past, [far, past[-1]]).reason == ("spike", "")
    assert after(past, [far, far, far, past[-1]]).reason == ("spike",) * 3 + ("",)


def test_a_known_split_passes_and_one_that_nobody_told_of_waits() -> None:
    past = calm(40, 400.0)
    ex = [past[-1] / 4, past[-1] / 4 * 1.01]
    factor = Factor(dt.date(1970, 1, 1) + dt.timedelta(days=39), 1.0, 0.25)
    assert after(past, ex, factors=[factor], splits=True).clean
    assert after(past, ex, splits=True).reason == (HELD + "split_missing",) * 2
    assert after(past, ex * 2, splits=True).clean  # four bars long: it is a price


def test_a_split_on_the_wrong_day_is_told_from_the_right_one() -> None:
    past = calm(40, 400.0)
    factor = Factor(dt.date(1970, 1, 1) + dt.timedelta(days=42), 1.0, 0.25)
    quarter, whole = past[-1] / 4, past[-1]
    found = after(past, [whole, quarter, whole, quarter, quarter], factors=[factor], splits=True)
    assert found.reason == ("", "split_wrong", "", "", "")


def test_what_another_source_saw_too_is_true_and_what_it_did_not_see_waits() -> None:
    past = calm(40)
    jump = past[-1] * 1.3
    bars = series([*past, jump])
    like, unlike = np.array([*past[:-1], past[-1], jump]), np.array([*past, past[-1]])

    def seen(closes: np.ndarray, value: float, *then: float) -> Judged:
        whole = series([*past, value, *then])
        others = {"other": (bars.start, closes * 1.001)}
        return judge(whole[40:], Around(whole[:40], others=others))

    assert seen(like, jump).clean
    assert seen(unlike, jump).reason == (HELD + "spike",)
    assert seen(unlike, jump, past[-1]).reason == ("spike", "")
    assert seen(unlike, jump, jump, jump).clean  # it lasts: the other source is wrong
    hundred = np.array([*past, past[-1] * 100])
    assert seen(hundred, past[-1] * 100).clean  # a unit that both changed is no error of one


def test_a_bar_repeated_while_it_is_traded_is_stuck() -> None:
    past = series(calm(40))
    again = past[np.array([39] * 8)]
    start = past.start[-1] + DAY_US * (1 + np.arange(8))
    same = Bars("X", Interval.D1, start, start + DAY_US, again.open, again.high, again.low, again.close, again.volume,
                again.final, again.source, ("s",))  # fmt: skip
    assert judge(same, Around(past)).reason == ("", "", *("stuck",) * 6)
    untraded = Bars("X", Interval.D1, start, start + DAY_US, again.close, again.close, again.close, again.close,
                    again.volume * 0, again.final, again.source, ("s",))  # fmt: skip
    assert judge(untraded, Around(past)).clean  # nobody trades: the price stays


def test_a_peg_is_not_stuck() -> None:
    assert judge(series([7.75] * 60, volume=math.nan), Around(series([])[:0])).clean


def test_a_high_in_pence_on_a_bar_in_pounds_is_out() -> None:
    bars = series(calm(40))
    high = bars.high.copy()
    high[20] *= 100
    found = judge(Bars(*[getattr(bars, n) if n != "high" else high for n in Bars.__slots__]), Around(bars[:0]))
    assert [t for t, reason in enumerate(found.reason) if reason] == [20]
    assert found.reason[20] == "unit_error"


def test_across_a_long_hole_nothing_is_concluded() -> None:
    past = series(calm(40))
    later = series([past.close[-1] * 150], first=400)
    assert judge(later, Around(past)).clean


def test_below_zero_there_is_no_ratio() -> None:
    assert after([20.0, 18.3, 17.9] * 10, [-37.63, 10.0]).clean


def test_a_hole_is_judged_by_both_its_sides() -> None:
    closes = calm(60)
    bars = series(closes)
    wrong = series([closes[40] * 100], first=40)
    assert judge(wrong, Around(bars[:40])).held.all()
    assert judge(wrong, Around(bars[:40], after=bars[41:46])).reason == ("unit_error",)


# The recorded pairs of broken and mended histories (yfinance's test fixtures, Apache-2.0).
INTERVALS = {"1d": Interval.D1, "1h": Interval.H1, "1wk": Interval.W1, "15m": Interval.M15}
UNSEEN = {"AV-L-1wk-bad-stock-split": 1}  # a week in which a consolidation of 24 % looks like no move at all
TRULY_WRONG = {"CLC-L-1d-bad-div": 6}  # 0.6 -> 0.006 -> 0.6: pence and pounds, in the mended file too


def test_the_recorded_errors_are_found_and_nothing_else(shared_data: Path) -> None:
    """Prices as the Yahoo adapter gives them: what was paid, splits taken back out."""
    found: dict[str, tuple[int, int, int]] = {}
    clean_rows = 0
    for path in sorted((shared_data / "evaluate" / "repair").glob("*.csv")):
        if path.stem.endswith("-fixed"):
            continue
        broken, factors = _read(path)
        mended_path = path.with_name(f"{path.stem}-fixed.csv")
        mended = _read(mended_path)[0] if mended_path.exists() else broken
        bad = _differs(broken, mended)
        out = np.array([bool(reason) for reason in judge(broken, _alone(broken, factors)).reason])
        false = int((out & ~bad).sum())
        if mended_path.exists():
            false_mended = sum(map(bool, judge(mended, _alone(mended, factors)).reason))
            assert false_mended == TRULY_WRONG.get(path.stem, 0), path.stem
        assert not out.any() or suspicious(broken, broken[:0], factors), path.stem
        clean_rows += len(broken) - int(bad.sum())
        found[path.stem] = int(bad.sum()), int((bad & out).sum()), false
    missed = {name: bad - hit for name, (bad, hit, _) in found.items() if bad != hit}
    assert missed == UNSEEN
    assert {name: false for name, (_, _, false) in found.items() if false} == TRULY_WRONG
    assert sum(bad for bad, _, _ in found.values()) == 42 and clean_rows > 10_000


async def test_nothing_in_the_bundled_sample_is_refused() -> None:
    """All at once, and each large move as if it were the newest bar."""
    clock = FixedClock(dt.datetime(2026, 11, 20, tzinfo=dt.UTC))
    sample = build_provider("sample", clock, Reach(np.random.default_rng()))
    rows = 0
    for offer in sample.offers():
        if offer.instrument.signed or offer.interval.seconds > Interval.W1.seconds:
            continue
        splits = offer.instrument.asset_class in (AssetClass.EQUITY, AssetClass.ETF)
        bars = await sample.bars(offer.instrument.symbol, offer.interval, None)
        factors = tuple(await sample.factors(offer.instrument.symbol)) if splits else ()
        assert judge(bars, Around(bars[:0], factors=factors, splits=splits)).clean, offer.instrument.symbol
        rows += len(bars)
        for t in np.flatnonzero(np.abs(np.diff(np.log(bars.close))) > 0.25).tolist():
            day = dt.datetime.fromtimestamp(bars.start[t + 1] / 1e6, dt.UTC).date()
            known = [factor for factor in factors if factor.date < day]
            one = judge(bars[t + 1 : t + 2], Around(bars[max(t - 59, 0) : t + 1], factors=known, splits=splits))
            assert one.clean, (offer.instrument.symbol, day, one.reason)
    assert rows > 300_000


def _alone(bars: Bars, factors: tuple[Factor, ...]) -> Around:
    return Around(bars[:0], factors=factors, splits=True)


def _differs(broken: Bars, mended: Bars) -> BoolArray:
    return np.any(
        [np.abs(getattr(broken, n) / getattr(mended, n) - 1) > 0.02 for n in ("open", "high", "low", "close")], axis=0
    )


def _read(path: Path) -> tuple[Bars, tuple[Factor, ...]]:
    interval = next(INTERVALS[part] for part in path.stem.split("-") if part in INTERVALS)
    with path.open(encoding="utf-8") as file:
        rows = sorted(csv.DictReader(file), key=_moment)
    splits = [(_moment(row).date(), float(row["Stock Splits"])) for row in rows if float(row["Stock Splits"] or 0)]
    start, values = [], []
    for row in rows:
        at = _moment(row)
        cells = [float(row[name] or "nan") for name in ("Open", "High", "Low", "Close", "Volume")]
        if any(math.isnan(cell) for cell in cells[:4]):
            continue
        ratio = math.prod(ratio for day, ratio in splits if day > at.date())
        values.append([*(cell * ratio for cell in cells[:4]), cells[4] / ratio])
        epoch_day = (at.date() - dt.date(1970, 1, 1)).days
        start.append(int(at.timestamp() * 1e6) if interval.is_intraday else epoch_day * DAY_US)
    table, starts = np.array(values), np.array(start, np.int64)
    bars = Bars("X", interval, starts, starts + 1, table[:, 0], table[:, 1], table[:, 2], table[:, 3], table[:, 4],
                np.ones(len(starts), np.bool_), np.zeros(len(starts), np.int16), ("s",))  # fmt: skip
    return bars, tuple(Factor(day - dt.timedelta(days=1), 1.0, 1 / ratio) for day, ratio in splits)


def _moment(row: dict[str, str]) -> dt.datetime:
    return dt.datetime.fromisoformat(row.get("Datetime") or row["Date"])

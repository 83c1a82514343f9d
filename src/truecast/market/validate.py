"""What may be a bar and what may not. Pure; nothing is repaired: a row passes as it is or is refused with the reason.

Reasons, in the order in which they are looked for:

- `price_not_finite`: NaN or infinite
- `volume_invalid`: negative or infinite (unknown is fine)
- `price_zero`, `price_negative`: unless the instrument is signed (WTI settled at -37.63 on 2020-04-20)
- `ohlc_crossing`: high below or low above another price of the bar (47 rows of the CBOE's VIX history)
- `misaligned`: the start is none that the interval can have
- `starts_in_future`: by more than clocks may differ
- `starts_before_trading`: bars of minutes and hours from before 1980, when nobody kept any: a time in the wrong unit,
  or none at all
- `known_before_start`
- `conflict`: two rows say different things about the same bar as known at the same time; none is believed
"""

import json
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from truecast.domain.bar import COLUMNS, Bars, BoolArray, IntArray
from truecast.domain.interval import Interval
from truecast.kit.clock import from_us, iso
from truecast.kit.limits import CLOCK_SKEW_S_MAX

_DAY_US = 86_400_000_000
_FIRST_INTRADAY_US = 3_652 * _DAY_US  # 1980-01-01
_OPEN_GRID_US = 15 * 60 * 1_000_000  # sessions open at a quarter of an hour (Bombay 09:15), and so do their bars


@dataclass(frozen=True, slots=True)
class Refused:
    """A row that is not a bar. `row` is what came, as JSON text with every number exactly as it was."""

    start_us: int
    reason: str
    row: str


@dataclass(frozen=True, slots=True)
class Checked:
    """`good` by start, then known_at; no row of what arrived is in neither."""

    good: Bars
    refused: tuple[Refused, ...]


def validate(bars: Bars, received_us: int, *, signed: bool = False) -> Checked:
    """Tell bars from nonsense. `received_us` is the present; `signed` allows zero and negative values."""
    prices = np.column_stack((bars.open, bars.high, bars.low, bars.close))  # (T, 4)
    highest, lowest = prices.max(axis=1, initial=-np.inf), prices.min(axis=1, initial=np.inf)
    found = {
        "price_not_finite": ~np.isfinite(prices).all(axis=1),
        "volume_invalid": (bars.volume < 0) | np.isinf(bars.volume),
        "price_zero": (prices == 0).any(axis=1) & (not signed),
        "price_negative": (prices < 0).any(axis=1) & (not signed),
        "ohlc_crossing": (bars.high < highest) | (bars.low > lowest),
        "misaligned": ~_aligned(bars.start, bars.interval),
        "starts_in_future": bars.start > received_us + int(CLOCK_SKEW_S_MAX * 1e6),
        "starts_before_trading": (bars.start < _FIRST_INTRADAY_US) & bars.interval.is_intraday,
        "known_before_start": bars.known_at < bars.start,
    }
    reason = np.select(list(found.values()), list(found), default="").astype("U32")
    passed = reason == ""
    reason[np.flatnonzero(passed)[conflicts(bars[passed])]] = "conflict"
    good = bars[reason == ""]
    refused = [as_refused(bars, t, str(reason[t])) for t in np.flatnonzero(reason != "").tolist()]
    return Checked(good[np.lexsort((good.known_at, good.start))], tuple(refused))


def as_refused(bars: Bars, t: int, reason: str) -> Refused:
    """Bar number `t` with the reason against it."""
    return Refused(int(bars.start[t]), reason, _row_json(bars, t))


def _aligned(start: IntArray, interval: Interval) -> BoolArray:
    if interval.is_intraday:
        grid: BoolArray = start % min(interval.seconds * 1_000_000, _OPEN_GRID_US) == 0
        return grid
    midnight: BoolArray = start % _DAY_US == 0
    if interval is Interval.D1:
        return midnight
    day = start // _DAY_US
    if interval is Interval.W1:
        monday: BoolArray = midnight & ((day + 3) % 7 == 0)  # 1970-01-01 was a Thursday
        return monday
    date = day.astype("datetime64[D]")
    month = date.astype("datetime64[M]")
    months = {Interval.MO1: 1, Interval.Q1: 3, Interval.Y1: 12}[interval]
    first: BoolArray = midnight & (date == month.astype("datetime64[D]")) & (month.astype(np.int64) % months == 0)
    return first


def conflicts(bars: Bars) -> BoolArray:
    """Rows whose start and known_at occur again with other values."""
    if (bars.start[1:] > bars.start[:-1]).all():
        return np.zeros(len(bars), np.bool_)  # the usual batch, at once
    order = np.lexsort((bars.known_at, bars.start))
    rows = bars[order]
    same_key = (rows.start[1:] == rows.start[:-1]) & (rows.known_at[1:] == rows.known_at[:-1])
    conflict = np.zeros(len(bars), np.bool_)
    if not same_key.any():
        return conflict
    group = np.concatenate(([0], np.cumsum(~same_key)))  # rows of one key
    differs = np.zeros(len(rows) - 1, np.bool_)
    for name in ("open", "high", "low", "close", "volume", "final"):
        column: npt.NDArray[Any] = getattr(rows, name)
        unequal = column[1:] != column[:-1]
        if name == "volume":
            unequal &= ~(np.isnan(column[1:]) & np.isnan(column[:-1]))
        differs |= unequal
    conflict[order] = np.isin(group, group[1:][differs & same_key])
    return conflict


def _row_json(bars: Bars, t: int) -> str:
    """Strict JSON; what JSON has no number for is text."""
    return json.dumps({name: _json_value(name, getattr(bars, name)[t].item()) for name in COLUMNS})


def _json_value(name: str, value: Any) -> Any:
    if name in ("start", "known_at"):
        return time_text(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None if name == "volume" and math.isnan(value) else str(value)
    return value


def time_text(us: int) -> str:
    """ISO where a calendar has such a date, else the number."""
    try:
        return iso(from_us(us))
    except OverflowError:
        return str(us)

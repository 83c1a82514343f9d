"""Calendars of things that are published rather than traded: ECB fixings, EIA spot prices, US statistics.

Each rule says when a period is over and when its value can be known. Rules are conservative: where the publisher's day
varies, the late one is taken, because a forecast must never see a number before everybody could.

TARGET   One fixing per TARGET business day, concluded 14:15 Frankfurt time, published about 16:00 (ecb.europa.eu,
         "Euro foreign exchange reference rates"). Closed: Saturday, Sunday, 1 January, Good Friday, Easter Monday,
         1 May, 25 and 26 December. In 1999 only 1 January, 25 December and 31 December were closing days, and
         31 December 2001 was one more, for the cash changeover. The calendar begins with the euro.
EIA      US business days. A day is over 17:00 New York. The daily spot prices appear with the weekly release on
         Wednesday, up to that week's Monday (copies such as FRED's DCOILWTICO end on a Monday): known on the first
         Wednesday at least two days later, 18:00 New York, or the business day after if that is a holiday.
         Columbus and Veterans Day count as business days (spot markets trade); Good Friday does not.
US-10Y   Monthly average of the H.15 yields: known on the first US business day of the next month, 18:00 New York.
US-CPI   BLS publishes between the 10th and the 20th of the next month, January's as late as the 26th (2015): known
         08:30 New York on the 20th, January's on the 27th, or the business day after. October 2025 was never
         collected.
US-GDP   BEA's advance estimate comes in the last days of the month after the quarter: known 08:30 New York on the last
         business day of that month. What files hold is often a later revision: the rule dates the first number.

US-JOBS  BLS's employment situation, on a Friday near the beginning of the next month, as late as the 10th: known 08:30
         New York on the 10th or the business day after.
H15      The Federal Reserve's daily yields. A day is over 17:00 New York, its yields are known 18:00 the business day
         after. Bonds do not trade on Columbus and Veterans Day.
EA-YC    The ECB's yield curves of a TARGET day: known 12:00 Frankfurt on the TARGET day after.
EA-HICP  Eurostat's full consumer price index, about the 18th of the next month, January's late in February: known
         11:00 Frankfurt on the 22nd or the business day after, January's on the 28th.
WORLD-BANK  Yearly indicators, in force with the July update of the year after: known on the 1st of August.

Releases that shutdowns delayed beyond these rules are listed by date.
"""

from functools import lru_cache

import numpy as np

from truecast.domain.bar import BoolArray, IntArray
from truecast.domain.interval import Interval
from truecast.market.periods import DAY, days_between, period_next, period_start, us_of, wall_clock, weekday
from truecast.market.roundclock import NEW_YORK
from truecast.market.sessions import Sessions, Table

_FRANKFURT = "Europe/Berlin"
_FIRST, _LAST = "1900-01-01", "2100-12-31"
_EURO = "1999-01-04"  # the first fixing

_TARGET_CLOSED = ("1999-12-31", "2001-12-31")  # changeover to 2000, changeover to euro cash
_TARGET_OPEN_1999 = ("1999-04-02", "1999-04-05")  # Good Friday and Easter Monday

_CPI_NEVER = ("2025-10-01",)  # no survey during the shutdown: BLS, 2025-11-21
_CPI_LATE = {"2013-09-01": "2013-10-30", "2025-09-01": "2025-10-24"}
_JOBS_LATE = {
    "2013-09-01": "2013-10-22",
    "2025-09-01": "2025-11-20",
    "2025-10-01": "2025-12-16",
    "2025-11-01": "2025-12-16",
}
_GDP_LATE = {
    "2013-07-01": "2013-11-07",
    "2018-10-01": "2019-02-28",
    "2025-07-01": "2025-12-23",
    "2025-10-01": "2026-02-20",
}


def target() -> Sessions:
    """The days of the ECB's euro reference rates."""
    return Sessions("TARGET", Interval.D1, lambda *_: _target_table())


def eia() -> Sessions:
    """The days of EIA's daily spot prices, known with the weekly release."""
    return Sessions("EIA", Interval.D1, lambda *_: _eia_table())


def us_cpi() -> Sessions:
    """The months of the US consumer price index."""
    return Sessions("US-CPI", Interval.MO1, lambda *_: _cpi_table())


def us_10y() -> Sessions:
    """The months of the average ten-year Treasury yield."""
    return Sessions("US-10Y", Interval.MO1, lambda *_: _10y_table())


def us_gdp() -> Sessions:
    """The quarters of US gross domestic product."""
    return Sessions("US-GDP", Interval.Q1, lambda *_: _gdp_table())


def us_jobs() -> Sessions:
    """The months of US unemployment and payrolls."""
    return Sessions("US-JOBS", Interval.MO1, lambda *_: _jobs_table())


def h15() -> Sessions:
    """The days of the Federal Reserve's yields."""
    return Sessions("H15", Interval.D1, lambda *_: _h15_table())


def ea_yc() -> Sessions:
    """The days of the ECB's yield curves."""
    return Sessions("EA-YC", Interval.D1, lambda *_: _yc_table())


def ea_hicp() -> Sessions:
    """The months of the euro area's consumer price index."""
    return Sessions("EA-HICP", Interval.MO1, lambda *_: _hicp_table())


def world_bank() -> Sessions:
    """The years of the World Bank's indicators."""
    return Sessions("WORLD-BANK", Interval.Y1, lambda *_: _years_table())


@lru_cache(maxsize=1)
def _target_table() -> Table:
    days = days_between(_EURO, _LAST)
    easter = np.array([_easter(year) for year in range(1999, 2101)], np.int64)
    closed = (
        _on(days, (1, 1), (5, 1), (12, 25), (12, 26)) | np.isin(days, easter - 2 * DAY) | np.isin(days, easter + DAY)
    )
    closed |= np.isin(days, [us_of(d) for d in _TARGET_CLOSED])
    closed &= ~np.isin(days, [us_of(d) for d in _TARGET_OPEN_1999])
    label = days[(weekday(days) < 5) & ~closed]
    fixed = wall_clock(label, 14, 15, _FRANKFURT)
    return _table(label, fixed, wall_clock(label, 16, 0, _FRANKFURT))


@lru_cache(maxsize=1)
def _eia_table() -> Table:
    label = _business_days()
    over = wall_clock(label, 17, 0, NEW_YORK)
    wednesday = label + 2 * DAY
    wednesday += (2 - weekday(wednesday)) % 7 * DAY
    in_reach = wednesday <= label[-1]
    label, over, wednesday = label[in_reach], over[in_reach], wednesday[in_reach]
    return _table(label, over, wall_clock(_business_day_from(wednesday), 18, 0, NEW_YORK))


@lru_cache(maxsize=1)
def _cpi_table() -> Table:
    label = _periods(Interval.MO1)
    label = label[~np.isin(label, [us_of(d) for d in _CPI_NEVER])]
    after = period_next(label, Interval.MO1)
    january = label == period_start(label, Interval.Q1)
    january &= _on(label, (1, 1))
    release = _business_day_from(after + np.where(january, 26, 19) * DAY)
    return _table(label, after, wall_clock(_late(label, release, _CPI_LATE), 8, 30, NEW_YORK))


@lru_cache(maxsize=1)
def _10y_table() -> Table:
    label = _periods(Interval.MO1)
    after = period_next(label, Interval.MO1)
    return _table(label, after, wall_clock(_business_day_from(after), 18, 0, NEW_YORK))


@lru_cache(maxsize=1)
def _gdp_table() -> Table:
    label = _periods(Interval.Q1)
    after = period_next(label, Interval.Q1)
    business = _business_days()
    month_over = period_next(after, Interval.MO1)
    release = business[np.searchsorted(business, month_over) - 1]
    return _table(label, after, wall_clock(_late(label, release, _GDP_LATE), 8, 30, NEW_YORK))


@lru_cache(maxsize=1)
def _jobs_table() -> Table:
    label = _periods(Interval.MO1)
    after = period_next(label, Interval.MO1)
    release = _business_day_from(after + 9 * DAY)
    return _table(label, after, wall_clock(_late(label, release, _JOBS_LATE), 8, 30, NEW_YORK))


@lru_cache(maxsize=1)
def _h15_table() -> Table:
    days = _business_days()
    label = days[~_bonds_rest(days)]
    over = wall_clock(label, 17, 0, NEW_YORK)
    return _table(label[:-1], over[:-1], wall_clock(label[1:], 18, 0, NEW_YORK))


@lru_cache(maxsize=1)
def _yc_table() -> Table:
    target = _target_table()
    label = target.label
    over = wall_clock(label, 17, 0, _FRANKFURT)
    return _table(label[:-1], over[:-1], wall_clock(label[1:], 12, 0, _FRANKFURT))


@lru_cache(maxsize=1)
def _hicp_table() -> Table:
    label = _periods(Interval.MO1)
    after = period_next(label, Interval.MO1)
    january = _in_month(label, 1)
    return _table(label, after, wall_clock(_weekday_from(after + np.where(january, 27, 21) * DAY), 11, 0, _FRANKFURT))


@lru_cache(maxsize=1)
def _years_table() -> Table:
    label = _periods(Interval.Y1)
    label = label[:-1]  # a year needs the one after to be known in
    after = period_next(label, Interval.Y1)
    return _table(label, after, after + 212 * DAY)


def _table(label: IntArray, over: IntArray, known: IntArray) -> Table:
    """A table of publications: open and close are one moment, so it never trades."""
    return Table(label, over, over, np.maximum.accumulate(known), us_of(_FIRST), int(label[-1]))


def _periods(interval: Interval) -> IntArray:
    return np.unique(period_start(days_between(_FIRST, "2100-09-30"), interval))


def _late(label: IntArray, release: IntArray, delays: dict[str, str]) -> IntArray:
    release = release.copy()
    for period, released in delays.items():
        release[label == us_of(period)] = us_of(released)
    return release


def _business_day_from(day: IntArray) -> IntArray:
    """The day itself, or the first US business day after it."""
    business = _business_days()
    return business[np.searchsorted(business, day)]


@lru_cache(maxsize=1)
def _business_days() -> IntArray:
    """Weekdays that are no US holiday on which spot markets and statistical offices rest.

    New Year, Martin Luther King (from 1998, when the exchanges took it up), Presidents, Good Friday, Memorial,
    Juneteenth (from 2022), Independence, Labor, Thanksgiving, Christmas. A holiday on Sunday moves to Monday, on
    Saturday to Friday, but New Year never moves back into the old year.
    """
    days = days_between(_FIRST, _LAST)
    years = range(1900, 2101)
    monday, thursday = weekday(days) == 0, weekday(days) == 3
    of_month = (days - period_start(days, Interval.MO1)) // DAY + 1
    closed = monday & _in_month(days, 1) & (of_month >= 15) & (of_month <= 21) & (days >= us_of("1998-01-01"))
    closed |= monday & _in_month(days, 2) & (of_month >= 15) & (of_month <= 21)
    closed |= monday & _in_month(days, 5) & (of_month >= 25)
    closed |= monday & _in_month(days, 9) & (of_month <= 7)
    closed |= thursday & _in_month(days, 11) & (of_month >= 22) & (of_month <= 28)
    closed |= np.isin(days, np.array([_easter(year) for year in years], np.int64) - 2 * DAY)
    fixed = _on(days, (1, 1), (7, 4), (12, 25)) | (_on(days, (6, 19)) & (days >= us_of("2022-01-01")))
    on = days[fixed]
    sunday, saturday = weekday(on) == 6, weekday(on) == 5
    back = np.where(_on(on, (1, 1)), 0, DAY)
    observed = on + np.where(sunday, DAY, 0) - np.where(saturday, back, 0)
    return np.asarray(days[(weekday(days) < 5) & ~closed & ~np.isin(days, observed)], np.int64)


def _bonds_rest(days: IntArray) -> BoolArray:
    """Columbus Day (second Monday of October) and Veterans Day (11 November; on Sunday, the Monday after)."""
    of_month = (days - period_start(days, Interval.MO1)) // DAY + 1
    columbus = (weekday(days) == 0) & _in_month(days, 10) & (of_month >= 8) & (of_month <= 14)
    return np.asarray(columbus | _on(days, (11, 11)) | (_on(days, (11, 12)) & (weekday(days) == 0)), np.bool_)


def _weekday_from(day: IntArray) -> IntArray:
    """The day itself, or the Monday after it."""
    return np.asarray(day + np.maximum(7 - weekday(day), 0) * (weekday(day) > 4) * DAY, np.int64)


def _in_month(days: IntArray, month: int) -> BoolArray:
    months = days // DAY
    return np.asarray(
        months.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64) % 12 == month - 1, np.bool_
    )


def _on(days: IntArray, *dates: tuple[int, int]) -> BoolArray:
    of_month = (days - period_start(days, Interval.MO1)) // DAY + 1
    hits = [_in_month(days, month) & (of_month == day) for month, day in dates]
    return np.asarray(np.logical_or.reduce(hits), np.bool_)


def _easter(year: int) -> int:
    """00:00Z of Easter Sunday, Gregorian (Meeus, Astronomical Algorithms, 1991, chapter 8)."""
    a, b, c = year % 19, year // 100, year % 100
    h = (19 * a + b - b // 4 - (b - (b + 8) // 25 + 1) // 3 + 15) % 30
    leap = (32 + 2 * (b % 4) + 2 * (c // 4) - h - c % 4) % 7
    m = (a + 11 * h + 22 * leap) // 451
    month, day = divmod(h + leap - 7 * m + 114, 31)
    return us_of(f"{year:04d}-{month:02d}-{day + 1:02d}")

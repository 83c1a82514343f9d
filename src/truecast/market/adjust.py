"""Splits and dividends as a view: raw bars in, comparable bars out. Pure; nothing adjusted is ever stored.

Prices are relative to the last bar, which keeps its raw price. An event of date D touches the bars up to and including
D and is used only when the last bar comes after D, so nothing that was not yet effective goes in.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import numpy as np

from truecast.domain.bar import Bars, FloatArray, IntArray
from truecast.domain.corporate import Factor
from truecast.market.periods import DAY

Adjust = Literal["raw", "split", "all"]
ADJUSTMENTS: tuple[Adjust, ...] = ("raw", "split", "all")


def adjust(
    bars: Bars,
    factors: Sequence[Factor],
    how: Adjust,
    *,
    as_of_us: int,
    session: IntArray | None = None,
    reference_us: int | None = None,
) -> Bars:
    """The bars known at `as_of_us`, adjusted for splits (`split`) or splits and dividends (`all`).

    `session` gives each bar's session label where that is not its UTC date. `reference_us` is the session to whose
    prices all are made comparable, for a cut that does not reach the last bar; the last bar's own otherwise.
    """
    seen = bars.known_at <= as_of_us
    session = (bars.start if session is None else session)[seen] // DAY * DAY
    bars = bars[seen]
    if how == "raw" or not factors or not len(bars):
        return bars
    price, split = relative(session, int(session[-1]) if reference_us is None else reference_us, factors, how)
    columns = {name: getattr(bars, name) * price for name in ("open", "high", "low", "close")}
    return replace(bars, **columns, volume=bars.volume / split)


def relative(
    session: IntArray, reference_us: int, factors: Sequence[Factor], how: Adjust
) -> tuple[FloatArray, FloatArray]:
    """What prices of each session are multiplied by to compare with those of the reference session, and the part of
    it that is splits. Sessions after the reference get 1 / the events between.
    """
    ordered = sorted(factors, key=lambda f: f.date)
    date = np.array([_label(f.date) for f in ordered], np.int64)
    splits = np.array([f.split_factor for f in ordered], np.float64)
    prices = np.array([f.price_factor if how == "all" else 1.0 for f in ordered], np.float64) * splits
    if how == "raw":
        splits, prices = np.ones_like(splits), np.ones_like(prices)
    at = np.searchsorted(date, session, "left")  # the first event that touches this session
    until = int(np.searchsorted(date, reference_us, "left"))
    return _between(prices, at, until), _between(splits, at, until)


def _between(ratio: FloatArray, at: IntArray, until: int) -> FloatArray:
    """Product of the events from `at` up to `until`, exactly 1 where there are none; later events never enter."""
    back = np.append(np.cumprod(ratio[:until][::-1])[::-1], 1.0)
    ahead = np.append(1.0, np.cumprod(ratio[until:]))
    return np.where(at <= until, back[np.minimum(at, until)], 1 / ahead[np.maximum(at - until, 0)])


def _label(date: dt.date) -> int:
    return (date - _EPOCH).days * DAY


_EPOCH = dt.date(1970, 1, 1)

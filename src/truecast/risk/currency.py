"""Prices in one currency, by exchange rates that were known when each bar ended.

    P'[t] = P[t] X[s]        s: the last rate whose bar ended at or before t; none older than RATE_AGE_MAX

So the return in the other currency is (1 + R)(1 + X) - 1, and no rate of the future is in it. A rate may be stored the
other way round (JPY to USD is 1 / USD-JPY), or come of two pairs with a currency in common (GBP to JPY is GBP-USD times
USD-JPY). What is measured in points or percent is no money and stays as it is.
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

import numpy as np

from truecast.domain.bar import FloatArray, IntArray
from truecast.domain.instrument import AssetClass, Instrument, Universe
from truecast.kit.errors import EXIT_DATA, TruecastError
from truecast.risk.sample import Prices

OWN = "own"  # asked for where each return is to stay in its own currency
RATE_AGE_MAX = timedelta(days=7)  # the longest holidays of a market that has rates
_CODE = re.compile(r"[A-Z]{3,5}")
_COMMON_FIRST = ("USD", "EUR")  # of currencies that both have a rate with


class ExchangeRateMissing(TruecastError):
    """Returns in several currencies cannot be added up."""

    code = "exchange_rate_missing"
    status = 409
    title = "Exchange rate missing"
    template = (
        "{symbol} is in {currency}, and no rate to {base} is stored at {interval} or finer: follow {pair}, or ask for "
        "the currency 'own' to measure each position in its own"
    )
    exit_code = EXIT_DATA


@dataclass(frozen=True, slots=True)
class Leg:
    """One stored pair on the way. `inverse`: it is stored the other way round."""

    pair: Instrument
    inverse: bool


def is_money(unit: str) -> bool:
    """Whether an instrument's unit is a currency, and not points or percent."""
    return _CODE.fullmatch(unit) is not None


def legs(universe: Universe, stored: Collection[str], currency: str, base: str) -> tuple[Leg, ...] | None:
    """The way from one currency to another: none, one or two stored pairs; None where there is no way."""
    if currency == base:
        return ()
    pairs = _pairs(universe, stored)
    if (one := _leg(pairs, currency, base)) is not None:
        return (one,)
    others = {code for pair in pairs for code in pair} - {currency, base}
    for between in sorted(others, key=lambda code: (code not in _COMMON_FIRST, code)):
        first, second = _leg(pairs, currency, between), _leg(pairs, between, base)
        if first is not None and second is not None:
            return first, second
    return None


def converted(prices: Prices, rates: Sequence[tuple[Prices, bool]]) -> Prices:
    """In the other currency. `rates`: of each leg, and whether it is inverse. Bars without a rate are left out."""
    rate = np.ones(len(prices.end))
    for one, inverse in rates:
        rate = rate * _known_at(one, prices.end, inverse=inverse)
    known = np.isfinite(rate)
    close = prices.close[known] * rate[known]
    return replace(prices, start=prices.start[known], end=prices.end[known], close=close)


def _known_at(rates: Prices, ends: IntArray, *, inverse: bool) -> FloatArray:
    """The last rate that was known at each moment; NaN where there is none, or only an old one. (T,)"""
    if len(rates.end) == 0:
        return np.full(len(ends), np.nan)
    row = np.searchsorted(rates.end, ends, side="right") - 1
    found = np.where(row >= 0, rates.close[row], np.nan)
    age = ends - rates.end[np.maximum(row, 0)]
    found = np.where((age <= RATE_AGE_MAX // timedelta(microseconds=1)) & (found > 0), found, np.nan)
    return np.asarray(1 / found if inverse else found)


def _pairs(universe: Universe, stored: Collection[str]) -> dict[tuple[str, str], Instrument]:
    found = {}
    for one in universe.instruments:
        first, dash, second = one.symbol.partition("-")
        if dash and one.symbol in stored and one.asset_class in (AssetClass.FX, AssetClass.CRYPTO):
            found[first, second] = one
    return found


def _leg(pairs: dict[tuple[str, str], Instrument], currency: str, base: str) -> Leg | None:
    if (currency, base) in pairs:
        return Leg(pairs[currency, base], inverse=False)
    if (base, currency) in pairs:
        return Leg(pairs[base, currency], inverse=True)
    return None

"""The market that a currency pair is a part of: the major currencies, each as much, in the currency of the account.

    R[t] = mean over currencies c of (X[c, t] / X[c, t-1] - 1)        X[c]: price of c in the base currency

So for EUR-USD it is what the majors did against the dollar, the euro among them, as SPY has Apple in it; a dollar index
turned round, with equal weights in the place of those that an index of 1973 fixed. X comes from the stored pairs, one
or two of them for each currency, see currency.py; nothing is estimated.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

import numpy as np

from truecast.domain.instrument import Universe
from truecast.risk.currency import Leg, converted, legs
from truecast.risk.sample import Prices, Sample, SampleTooSmall, sample_of

# The currencies of what dealers call the major pairs: the dollar, and the seven it is mostly dealt against.
MAJORS = ("USD", "EUR", "JPY", "GBP", "AUD", "CAD", "CHF", "NZD")
CURRENCIES_MIN = 3  # of fewer no mean is a market

Ways = Mapping[str, tuple[Leg, ...]]  # by currency


def ways_of(universe: Universe, stored: Collection[str], base: str | None) -> Ways:
    """How each major comes into the base currency; none where too few do."""
    if base is None:
        return {}
    found = {code: way for code in MAJORS if (way := legs(universe, stored, code, base))}
    return found if len(found) >= CURRENCIES_MIN else {}


def named(base: str) -> str:
    """What it is called in the place of a symbol."""
    return f"majors in {base}"


def told(ways: Ways, base: str, sources: Mapping[str, str]) -> str:
    """What it is made of. `sources`: of each pair."""
    pairs = ", ".join(
        " and ".join(f"{leg.pair.symbol} ({sources[leg.pair.symbol]})" for leg in way) for way in ways.values()
    )
    return f"The benchmark is the mean return of {', '.join(ways)} in {base}, from {pairs}."


def sample_in(base: str, ways: Ways, prices: Mapping[str, Prices]) -> tuple[str, Sample]:
    """Its name and its sample, which is empty where the currencies have no bars in common. `prices`: of each pair."""
    parts = [_worth(code, way, prices) for code, way in ways.items()]
    try:
        return named(base), sample_of(parts, [1 / len(parts)] * len(parts))
    except SampleTooSmall:
        nothing = np.zeros(0, np.int64)
        return named(base), Sample(nothing, nothing, np.zeros(0), {})


def _worth(code: str, way: Sequence[Leg], prices: Mapping[str, Prices]) -> Prices:
    first, *rest = way
    pair = prices[first.pair.symbol]
    held = replace(pair, symbol=code, close=1 / pair.close if first.inverse else pair.close)
    return converted(held, [(prices[leg.pair.symbol], leg.inverse) for leg in rest])

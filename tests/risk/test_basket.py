"""A currency pair is measured against the majors, in its own currency, from the pairs that are stored."""

from functools import reduce

import numpy as np
import pytest

from tests.api.conftest import client, services, settings  # noqa: F401 the same API
from tests.risk.test_currency import ask, closes
from truecast.risk.basket import CURRENCIES_MIN, ways_of

AGAINST_THE_DOLLAR = ("EUR-USD", "GBP-USD", "AUD-USD", "NZD-USD", "USD-JPY", "USD-CHF", "USD-CAD")


async def test_the_benchmark_of_a_pair_is_the_mean_of_the_majors_in_its_currency(client, services):  # noqa: F811
    got = await ask(client, symbol="EUR-USD", period_days=3650, bootstrap=False)
    frames = [await closes(services, symbol) for symbol in AGAINST_THE_DOLLAR]
    both = reduce(lambda one, other: one.merge(other.drop(columns="end"), on="start"), frames)
    both = both[both["end"] > both["end"].iloc[-1] - 3650 * 86_400_000_000].reset_index(drop=True)
    prices = both[list(AGAINST_THE_DOLLAR)].rename(columns=str)
    for symbol in AGAINST_THE_DOLLAR:
        if symbol.startswith("USD-"):
            prices[symbol] = 1 / prices[symbol]
    returns = prices.pct_change().dropna()
    market, euro = returns.mean(axis=1), returns["EUR-USD"]
    said = got["benchmark"]
    assert (said["symbol"], got["no_benchmark"]) == ("majors in USD", None)
    assert said["n"] == pytest.approx(len(returns), abs=2)
    assert said["beta"]["value"] == pytest.approx(np.cov(euro, market)[0, 1] / market.var(), rel=5e-3)
    assert said["correlation"]["value"] == pytest.approx(np.corrcoef(euro, market)[0, 1], rel=5e-3)


async def test_it_says_what_it_is_made_of_with_the_sources(client):  # noqa: F811
    (note,) = (await ask(client, symbol="EUR-USD", bootstrap=False))["notes"]
    assert note.startswith(
        "The benchmark is the mean return of EUR, JPY, GBP, AUD, CAD, CHF, NZD in USD, from EUR-USD ("
    )
    for symbol in AGAINST_THE_DOLLAR:
        assert f"{symbol} (sample)" in note or f"{symbol} (ecb)" in note


async def test_in_another_currency_it_is_that_ones(client):  # noqa: F811
    got = await ask(client, symbol="USD-JPY", bootstrap=False)
    assert (got["currency"], got["benchmark"]["symbol"]) == ("JPY", "majors in JPY")
    assert got["benchmark"]["correlation"]["value"] > 0.3, "the dollar is one of them"


async def test_what_is_named_goes_before_it(client):  # noqa: F811
    got = await ask(client, symbol="EUR-USD", benchmark="SPY", bootstrap=False)
    assert (got["benchmark"]["symbol"], got["notes"]) == ("SPY", [])
    assert (await ask(client, symbol="EUR-USD", include_benchmark=False))["no_benchmark"] == "not_asked"


async def test_too_few_currencies_are_no_market(services):  # noqa: F811
    universe = await services.store.universe()
    assert ways_of(universe, {"EUR-USD", "GBP-USD"}, "USD") == {}
    three = ways_of(universe, {"EUR-USD", "GBP-USD", "USD-JPY"}, "USD")
    assert len(three) == CURRENCIES_MIN and three["JPY"][0].inverse
    assert ways_of(universe, {"EUR-USD"}, None) == {}

"""One currency for all returns: by rates that were known, against pandas; or a refusal that names what is missing."""

from typing import Any

import httpx
import numpy as np
import pandas as pd
import pytest

from tests.api.conftest import client, services, settings  # noqa: F401 the same API
from tests.api.test_errors import problem_of
from truecast.domain.instrument import AssetClass, Instrument, Universe
from truecast.domain.interval import Interval
from truecast.forecasts.basis import adjustment_for
from truecast.market.calendar import calendar
from truecast.risk.currency import Leg, converted, is_money, legs
from truecast.risk.sample import Prices
from truecast.services import Services

DAY = 86_400_000_000


def pair(symbol: str) -> Instrument:
    return Instrument(symbol, symbol, AssetClass.FX, symbol[4:], "0.0001", "fx")


def prices(symbol: str, ends: list[int], closes: list[float]) -> Prices:
    end = np.array(ends, np.int64) * DAY
    return Prices(symbol, end - DAY, end, np.array(closes))


PAIRS = Universe.of([pair(s) for s in ("EUR-USD", "USD-JPY", "GBP-USD", "EUR-CHF")])
STORED = {one.symbol for one in PAIRS.instruments}


@pytest.mark.parametrize(
    ("currency", "base", "way"),
    [
        ("USD", "USD", []),
        ("EUR", "USD", [("EUR-USD", False)]),
        ("USD", "EUR", [("EUR-USD", True)]),
        ("GBP", "JPY", [("GBP-USD", False), ("USD-JPY", False)]),
        ("JPY", "EUR", [("USD-JPY", True), ("EUR-USD", True)]),
        ("CHF", "USD", [("EUR-CHF", True), ("EUR-USD", False)]),
    ],
)
def test_the_way_goes_over_two_stored_pairs_at_most(currency: str, base: str, way: list[tuple[str, bool]]):
    assert legs(PAIRS, STORED, currency, base) == tuple(Leg(PAIRS.get(symbol), inverse) for symbol, inverse in way)


def test_there_is_no_way_over_what_is_not_stored():
    assert legs(PAIRS, STORED - {"EUR-USD"}, "EUR", "USD") is None
    assert legs(PAIRS, STORED, "CHF", "JPY") is None, "three pairs would be needed"


def test_units_that_are_no_money_are_told_apart():
    assert [is_money(unit) for unit in ("USD", "USDT", "points", "percent", "thousands")] == [True, True, *[False] * 3]


def test_the_rate_is_the_last_one_that_was_known_and_none_of_the_future():
    held = prices("X", [10, 11, 12, 30], [100.0, 100.0, 100.0, 100.0])
    rates = prices("EUR-USD", [9, 11, 13], [1.0, 2.0, 9.0])
    found = converted(held, [(rates, False)])
    assert found.close.tolist() == [100.0, 200.0, 200.0], "what came on day 13 was not known before, and is old on 30"
    assert found.end.tolist() == [10 * DAY, 11 * DAY, 12 * DAY]
    assert converted(held, [(rates, True)]).close.tolist() == [100.0, 50.0, 50.0]


def test_a_bar_before_the_first_rate_is_left_out():
    found = converted(prices("X", [1, 2], [1.0, 2.0]), [(prices("EUR-USD", [2], [3.0]), False)])
    assert found.close.tolist() == [6.0]


async def ask(client: httpx.AsyncClient, **asked: Any) -> dict[str, Any]:  # noqa: F811
    answer = await client.post("/api/v1/risk", json={"bootstrap": False, "levels": [0.95], **asked})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def closes(services: Services, symbol: str) -> pd.DataFrame:  # noqa: F811
    """Read anew, with the moments at which the bars ended."""
    instrument = (await services.store.universe()).get(symbol)
    slice_ = await services.history.bars(instrument, Interval.D1, limit=5_000, adjust=adjustment_for(instrument))
    end = calendar(slice_.calendar).ends(slice_.bars.start, Interval.D1)
    frame = pd.DataFrame({"start": slice_.bars.start, "end": end, symbol: slice_.bars.close})
    return frame.dropna().sort_values("end")


async def test_a_share_in_euros_is_what_pandas_says(client, services):  # noqa: F811
    got = await ask(client, symbol="SPY", currency="EUR", period_days=700, include_benchmark=False)
    assert (got["currency"], got["positions"][0]["converted_by"]) == ("EUR", ["EUR-USD"])
    spy, rate = await closes(services, "SPY"), await closes(services, "EUR-USD")
    both = pd.merge_asof(spy, rate[["end", "EUR-USD"]], on="end", tolerance=7 * DAY).dropna()
    returns = (both["SPY"] / both["EUR-USD"]).pct_change().dropna()
    returns = returns[both["end"].loc[returns.index] > both["end"].iloc[-1] - 700 * DAY]
    assert got["n"] == len(returns)
    assert got["volatility"]["value"] == pytest.approx(returns.std(ddof=1) * np.sqrt(got["bars_per_year"]))
    in_dollars = await ask(client, symbol="SPY", period_days=700, include_benchmark=False)
    assert (in_dollars["currency"], in_dollars["positions"][0]["converted_by"]) == ("USD", [])
    assert got["volatility"]["value"] != pytest.approx(in_dollars["volatility"]["value"], rel=1e-3)


async def test_a_portfolio_in_several_currencies_is_measured_in_that_of_most_of_it(client, services):  # noqa: F811
    positions = [{"symbol": "SPY", "weight": 0.7}, {"symbol": "USD-JPY", "weight": 0.3}]
    got = await ask(client, positions=positions, period_days=700, include_benchmark=False)
    assert got["currency"] == "USD"
    assert [one["converted_by"] for one in got["positions"]] == [[], ["USD-JPY"]]
    spy, yen = await closes(services, "SPY"), await closes(services, "USD-JPY")
    both = spy.merge(yen, on="start", suffixes=("", "_yen"))
    # A dollar held, measured in dollars, does not move: only the share of SPY does.
    returns = 0.7 * both["SPY"].pct_change().dropna()
    returns = returns[both[["end", "end_yen"]].max(axis=1).loc[returns.index] > both["end"].iloc[-1] - 700 * DAY]
    assert got["n"] == pytest.approx(len(returns), abs=1)
    assert got["volatility"]["value"] == pytest.approx(returns.std(ddof=1) * np.sqrt(got["bars_per_year"]), rel=2e-3)
    assert got["notes"] == []


async def test_each_in_its_own_only_when_it_is_asked_for(client):  # noqa: F811
    positions = [{"symbol": "SPY", "weight": 0.7}, {"symbol": "USD-JPY", "weight": 0.3}]
    got = await ask(client, positions=positions, currency="own", include_benchmark=False)
    assert got["currency"] is None
    assert "Each return is in its own unit (JPY, USD)" in got["notes"][0]


async def test_a_rate_that_is_not_stored_is_named(client):  # noqa: F811
    asked = {"symbol": "SPY", "currency": "QQQ"}
    problem = problem_of(await client.post("/api/v1/risk", json=asked), 409, "exchange_rate_missing")
    assert (problem["pair"], problem["symbol"], problem["base"]) == ("USD-QQQ", "SPY", "QQQ")
    assert "follow USD-QQQ" in problem["detail"]


async def test_why_there_is_no_benchmark_is_a_word(client):  # noqa: F811
    assert (await ask(client, symbol="EUR-USD", currency="own"))["no_benchmark"] == "none_for_class"
    assert (await ask(client, symbol="SPY", include_benchmark=False))["no_benchmark"] == "not_asked"
    assert (await ask(client, symbol="SPY"))["no_benchmark"] is None


async def test_the_benchmark_is_in_the_same_currency(client):  # noqa: F811
    got = await ask(client, symbol="SPY", currency="EUR")
    assert got["benchmark"]["symbol"] == "SPY"
    assert got["benchmark"]["beta"]["value"] == pytest.approx(1.0)

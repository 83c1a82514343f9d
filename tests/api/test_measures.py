"""Statistics, volatility, correlation and the market at a glance, over real data on a Wednesday evening of 2021."""

from datetime import datetime

import httpx
import numpy as np
import pytest

from tests import installation
from tests.api.test_errors import problem_of
from truecast.api.measures import Correlations, StatisticsShape, Volatilities
from truecast.api.summary import MarketSummary

URL = "/api/v1/prices"


async def closes(client: httpx.AsyncClient, symbol: str, interval: str, limit: int, adjust: str = "all") -> np.ndarray:
    params = {"interval": interval, "limit": limit, "adjust": adjust, "end": "2021-01-06T21:00:00Z"}
    candles = (await client.get(f"{URL}/{symbol}/candles", params=params)).json()["candles"]
    return np.array([candle["close"] for candle in candles if candle["final"]])


async def test_statistics_agree_with_the_candles(client: httpx.AsyncClient):
    answer = await client.get(f"{URL}/SPY/statistics", params={"period": "30d"})
    said = StatisticsShape.model_validate_json(answer.text)
    assert (said.symbol, said.period, said.interval, said.adjust) == ("SPY", "30d", "1d", "split")
    prices = await closes(client, "SPY", "1d", said.n + 1, "split")
    assert said.begin_price == prices[0] and said.last_price == prices[-1]
    assert said.change_pct == pytest.approx(100 * (prices[-1] / prices[0] - 1))
    moves = np.diff(np.log(prices))
    assert said.volatility.returns == len(moves) == said.n
    assert said.volatility.annualised == pytest.approx(np.sqrt(np.mean(moves**2) * said.volatility.bars_per_year))
    assert "log returns" in said.volatility.method
    assert said.low.price < said.last_price <= said.high.price
    assert said.provenance.source == "sample" and not said.provenance.stale
    assert said.last_at == said.provenance.as_of


async def test_hours_serve_a_day_and_days_a_series_without_hours(client: httpx.AsyncClient):
    euro = (await client.get(f"{URL}/EUR-USD/statistics", params={"period": "24h"})).json()
    assert (euro["interval"], euro["n"]) == ("1h", 24)
    vix = (await client.get(f"{URL}/^VIX/statistics", params={"period": "7d"})).json()
    assert (vix["interval"], vix["volatility"]["unit"]) == ("1d", "fraction")
    wti = (await client.get(f"{URL}/WTI/statistics", params={"period": "30d"})).json()
    assert wti["interval"] == "1d" and wti["volatility"]["unit"] == "price"


async def test_as_of_sees_what_was_known_then(client: httpx.AsyncClient):
    params = {"period": "30d", "as_of": "2020-04-01T00:00:00Z"}
    said = (await client.get(f"{URL}/SPY/statistics", params=params)).json()
    assert said["last_at"] == "2020-03-31T20:00:00Z"
    assert said["drawdown"]["depth"] > 0.2  # March 2020


async def test_a_period_without_bars_says_when_the_last_one_ended(client: httpx.AsyncClient):
    problem = problem_of(
        await client.get(f"{URL}/BTC-USD/statistics", params={"period": "30d"}), 409, "nothing_in_period"
    )
    assert problem["last"] == "2018-08-14T00:00:00Z"
    problem_of(await client.get(f"{URL}/SPY/statistics", params={"period": "30"}), 422, "malformed_period")
    problem_of(await client.get(f"{URL}/NOPE/statistics"), 404, "unknown_symbol")


async def test_volatilities_stand_beside_the_errors_of_others(client: httpx.AsyncClient):
    got = await client.get(f"{URL}/volatility", params={"symbols": "SPY,BTC-USD,NOPE", "window": "90d"})
    said = Volatilities.model_validate_json(got.text)
    assert [item.symbol for item in said.items] == ["SPY"]
    assert [error.code for error in said.errors] == ["nothing_in_period", "unknown_symbol"]
    assert 0.05 < said.items[0].volatility.annualised < 0.5


async def test_correlations_of_every_pair_with_reasons(client: httpx.AsyncClient):
    params = {"symbols": "SPY,AAPL,EUR-USD,US.CPI", "window": "1y", "interval": "1d"}
    got = await client.get(f"{URL}/correlation", params=params)
    said = Correlations.model_validate_json(got.text)
    pairs = {(pair.a, pair.b): pair for pair in said.pairs}
    assert len(pairs) == 6
    both = pairs["SPY", "AAPL"]
    spy = np.diff(np.log(await closes(client, "SPY", "1d", both.n + 1)))
    apple = np.diff(np.log(await closes(client, "AAPL", "1d", both.n + 1)))
    assert both.pearson == pytest.approx(np.corrcoef(spy, apple)[0, 1])
    assert both.lower < both.pearson < both.upper and both.reason is None
    fixed = pairs["SPY", "EUR-USD"]  # a fixing at 14:15 and a close at 21:00 of the same day
    assert fixed.n > 200 and fixed.reason is None and abs(fixed.pearson) < 0.6
    assert 5 * 3600 < fixed.ends_apart_s < 9 * 3600 and both.ends_apart_s == 0
    assert "no 1d bars" in pairs["EUR-USD", "US.CPI"].reason
    assert {series.symbol for series in said.series} == {"SPY", "AAPL", "EUR-USD"}


async def test_a_correlation_needs_two_symbols(client: httpx.AsyncClient):
    for symbols in ("SPY", "SPY,spy"):
        problem_of(await client.get(f"{URL}/correlation", params={"symbols": symbols}), 422, "contradictory_request")


async def test_the_market_at_a_glance_counts_every_symbol_once(client: httpx.AsyncClient):
    answer = await client.get("/api/v1/market/summary")
    said = MarketSummary.model_validate_json(answer.text)
    assert said.as_of == installation.NOW
    total = 0
    for one in said.classes:
        counted = one.advancers + one.decliners + one.unchanged + one.no_change + one.stale + one.no_price
        assert counted == one.symbols == sum(session.symbols for session in one.sessions)
        total += one.symbols
        for up in (one.movers.up, one.movers.down):
            sizes = [abs(price.change_pct) for price in up]
            assert sizes == sorted(sizes, reverse=True)
            assert not any(price.provenance.stale for price in up)
    assert total == len((await client.get("/api/v1/symbols", params={"limit": 200})).json()["items"])
    etf = next(one for one in said.classes if one.asset_class == "etf")
    (session,) = etf.sessions
    assert (session.calendar, session.open, session.since) == (
        "XNYS",
        False,
        datetime.fromisoformat("2021-01-06T21:00Z"),
    )
    assert etf.advancers + etf.decliners == etf.symbols and etf.sources == {"sample": etf.symbols}
    assert etf.age.newest_age_s == 30 * 60


async def test_one_class_alone(client: httpx.AsyncClient):
    got = (await client.get("/api/v1/market/summary", params={"asset_class": "fx"})).json()
    (fx,) = got["classes"]
    assert fx["asset_class"] == "fx" and fx["sessions"][0]["open"] is True
    problem_of(await client.get("/api/v1/market/summary", params={"asset_class": "tulips"}), 422, "malformed_request")


async def test_prices_of_a_class(client: httpx.AsyncClient):
    got = (await client.get(URL, params={"asset_class": "etf"})).json()
    assert {"SPY", "QQQ"} <= {item["symbol"] for item in got["items"]}
    problem_of(await client.get(URL, params={"asset_class": "etf", "symbols": "SPY"}), 422, "contradictory_request")
    problem_of(await client.get(URL), 422, "contradictory_request")

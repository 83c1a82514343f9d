"""The calls against the real application: every answer is read into its shape."""

import asyncio
from datetime import UTC, date, datetime
from typing import Any

import httpx
import pytest

from tests.api.stream_house import House
from truecast.api.app import create_app
from truecast.client import AsyncClient, Client, ForecastRequest, NaiveTime, PositionIn, Retry, problems
from truecast.client.errors import NotFound
from truecast.client.shapes import AssetClass, Interval
from truecast.services import Services

PLAIN = [
    ("get_live", {}),
    ("get_ready", {}),
    ("get_info", {}),
    ("get_health", {}),
    ("get_health_trends", {}),
    ("get_component", {"name": "database"}),
    ("get_metrics", {}),
    ("search_symbols", {"query": "eur", "limit": 3}),
    ("get_symbol", {"symbol": "EUR-USD"}),
    ("latest_prices", {"symbols": ["EUR-USD", "SPY"]}),
    ("latest_prices", {"asset_class": "fx", "cached_only": True, "max_age_s": 1e7}),
    ("get_candles", {"symbol": "SPY", "interval": "1d", "limit": 5}),
    ("get_statistics", {"symbol": "SPY", "period": "30d"}),
    ("get_volatility", {"symbols": ["EUR-USD", "SPY"]}),
    ("get_correlation", {"symbols": "EUR-USD,SPY", "window": "1y"}),
    ("market_summary", {}),
    ("list_gaps", {}),
    ("list_quarantine", {}),
    ("list_feature_sets", {}),
    ("get_features", {"symbol": "EUR-USD", "limit": 3}),
    ("latest_forecasts", {"symbols": "EUR-USD"}),
    ("forecast_history", {"symbol": "EUR-USD"}),
    ("get_explanation", {"symbol": "EUR-USD"}),
    ("get_performance", {"symbol": "EUR-USD"}),
    ("get_calibration", {"symbol": "EUR-USD"}),
    ("get_leaderboard", {"interval": "1d"}),
    ("get_trends", {"symbol": "EUR-USD"}),
    ("verify_ledger", {}),
    ("list_models", {}),
    ("get_models_status", {}),
    ("get_model", {"name": "theta"}),
    ("reload_models", {}),
    ("list_jobs", {}),
    ("get_job", {"job": "resolve"}),
    ("list_runs", {"job": "resolve"}),
    ("list_sources", {}),
    ("get_source", {"source": "sample"}),
    ("recommend_sources", {}),
    ("list_api_keys", {}),
    ("get_database", {}),
    ("make_backup", {}),
    ("create_stream_ticket", {}),
    ("stream_snapshot", {"topics": ["quotes:EUR-USD", "health"]}),
]


async def test_the_plain_calls_are_answered_in_their_shapes(asking: AsyncClient) -> None:
    for name, given in PLAIN:
        answer = await getattr(asking, name)(**given)
        assert answer is not None, name
        if name != "get_metrics":
            assert answer.to_dict(), name


async def test_times_are_aware_and_words_are_words(asking: AsyncClient) -> None:
    candles = await asking.get_candles("SPY", interval=Interval.D1, end=date(2020, 12, 30), limit=2)
    assert [one.start for one in candles.candles] == [datetime(2020, 12, day, tzinfo=UTC) for day in (28, 29)]
    assert candles.interval is Interval.D1
    assert candles.blocks[0].from_ == candles.candles[0].start
    symbol = await asking.get_symbol("SPY")
    assert (await asking.latest_prices(asset_class=symbol.asset_class)).items
    assert symbol.asset_class is AssetClass.ETF


async def test_a_time_without_a_zone_is_refused_before_anything_is_sent(asking: AsyncClient) -> None:
    with pytest.raises(NaiveTime, match="no time zone"):
        await asking.get_candles("SPY", end=datetime(2020, 1, 1))  # noqa: DTZ001 the point


async def test_a_forecast_is_made_found_again_and_told_in_a_batch(asking: AsyncClient) -> None:
    made = await asking.create_forecast("EUR-USD", "1d", 3, model="naive", levels=[0.8])
    assert [step.step for step in made.steps] == [1, 2, 3]
    assert made.id is not None
    assert (await asking.get_forecast(made.id)).steps[0].quantiles == made.steps[0].quantiles
    asked = [ForecastRequest(symbol=one, interval="1d", horizon=2, model="naive") for one in ("SPY", "NOPE")]
    good, bad = (await asking.create_forecasts(asked)).items
    assert good.forecast is not None
    assert good.forecast.symbol == "SPY"
    assert isinstance(bad.error, problems.UnknownSymbol)
    with pytest.raises(NotFound):
        raise bad.error


async def test_risk_of_positions_is_measured(asking: AsyncClient) -> None:
    positions = [PositionIn(symbol="SPY", weight=0.6), PositionIn(symbol="EUR-USD", weight=0.4)]
    risk = await asking.measure_risk(positions=positions, bootstrap=False, levels=[0.95])
    assert {one.symbol for one in risk.positions} == {"SPY", "EUR-USD"}
    assert risk.tails


async def test_pages_are_read_to_the_end_and_hold_everything_once(asking: AsyncClient) -> None:
    listed = [one.symbol async for one in asking.iter_search_symbols()]
    first = await asking.search_symbols(limit=5)
    assert len(listed) == len(set(listed)) > 5
    assert listed[:5] == [one.symbol for one in first.items]
    rest, cursor = [], first.next
    while cursor is not None:
        page = await asking.search_symbols(limit=5, cursor=cursor)
        rest += [one.symbol for one in page.items]
        cursor = page.next
    assert listed[5:] == rest


async def test_keys_are_made_used_and_revoked(asking: AsyncClient) -> None:
    made = await asking.create_api_key("notebook", ["read"])
    assert made.key.startswith("tc_")
    assert (await asking.revoke_api_key(made.id)) is None
    with pytest.raises(problems.UnknownKey) as refused:
        await asking.revoke_api_key("0" * 12)
    assert refused.value.request_id


class Forgetful(httpx.AsyncBaseTransport):
    """Carries every request to the application, and loses the first answers to POSTs on the way back."""

    def __init__(self, app: Any, *, lost: int) -> None:
        self._inner = httpx.ASGITransport(app=app)
        self._lost = lost
        self.asked: list[httpx.Request] = []  # the POSTs

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        answer = await self._inner.handle_async_request(request)
        if request.method == "POST":
            self.asked.append(request)
        if request.method == "POST" and len(self.asked) <= self._lost:
            raise httpx.ReadError("cut off")
        return answer


async def test_what_is_done_is_done_once_though_its_answer_is_lost_twice(services: Services) -> None:
    transport = Forgetful(create_app(services), lost=2)
    async with AsyncClient("http://127.0.0.1", transport=transport, retry=Retry(first_s=0.01)) as client:
        before = await client.list_runs("resolve")
        run = await client.run_job("resolve")
        assert [one.id for one in (await client.list_runs("resolve")).items] == [
            run.id,
            *(one.id for one in before.items),
        ]


async def test_a_new_key_whose_text_is_lost_is_named_so_that_it_can_be_revoked(services: Services) -> None:
    transport = Forgetful(create_app(services), lost=1)
    async with AsyncClient("http://127.0.0.1", transport=transport, retry=Retry(first_s=0.01)) as client:
        with pytest.raises(problems.AnswerNotKept) as lost:
            await client.create_api_key("notebook", ["read"])
        assert [one.id for one in (await client.list_api_keys()).items] == [lost.value.facts["id"]]


async def test_a_forecast_whose_answer_is_lost_is_sealed_once(services: Services) -> None:
    transport = Forgetful(create_app(services), lost=2)
    async with AsyncClient("http://127.0.0.1", transport=transport, retry=Retry(first_s=0.01)) as client:
        made = await client.create_forecast("SPY", "1d", 2, model="ewma_walk")
        assert len(transport.asked) == 3
        past = [one async for one in client.iter_forecast_history("SPY", model="ewma_walk", interval="1d")]
        assert [one.id for one in past if one.issued_at == made.issued_at] == [made.id]


async def test_a_name_with_a_slash_stays_one_name(asking: AsyncClient) -> None:
    assert (await asking.get_symbol("EUR/USD")).symbol == "EUR-USD"
    with pytest.raises(problems.UnknownSymbol) as refused:
        await asking.get_symbol("EUR?USX#1")
    assert refused.value.facts["symbol"] == "EUR?USX#1"


async def test_the_blocking_client_says_the_same_over_a_real_socket(house: House, blocking: Client) -> None:
    def ask() -> tuple[list[float], list[str]]:
        with blocking:
            closes = [one.close for one in blocking.get_candles("SPY", limit=3).candles]
            return closes, [one.symbol for one in blocking.iter_search_symbols(query="eur")]

    closes, symbols = await asyncio.to_thread(ask)
    async with AsyncClient(house.http) as other:
        assert closes == [one.close for one in (await other.get_candles("SPY", limit=3)).candles]
        assert symbols == [one.symbol async for one in other.iter_search_symbols(query="eur")]

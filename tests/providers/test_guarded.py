"""Every source that is fetched goes through its guard, and its answers are judged by what could be read from them."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from tests.http_source import Answer, HttpSource, http_source

from truecast.domain.interval import Interval
from truecast.domain.quote import Quote
from truecast.kit.budget import Limit
from truecast.kit.clock import FixedClock
from truecast.kit.errors import TruecastError
from truecast.kit.guard import Guard
from truecast.kit.limits import BREAKER_OUTCOMES_MIN, QUOTES_BATCH_MAX
from truecast.kit.settings import Settings
from truecast.providers.base import Reach, Source
from truecast.providers.catalog import build_provider, known_sources, source_info
from truecast.providers.configured import Sources
from truecast.providers.guarded import Guarded, guard_of, limits_of

# ccxt brings a client of its own; its guard is tested in test_ccxt.py.
FETCHED = [
    key for key, info in known_sources().items() if info.base_url is not None and not info.needs_key and key != "ccxt"
]


@pytest.fixture
async def source() -> AsyncIterator[HttpSource]:
    async with http_source() as running:
        yield running


@pytest.mark.parametrize("key", FETCHED)
async def test_every_adapter_speaks_through_the_guard_it_is_given(
    key: str, source: HttpSource, clock: FixedClock
) -> None:
    guard = guard_of(source_info(key), clock, timeout_s=1)
    provider = build_provider(
        key, clock, Reach(np.random.default_rng(1), base_url=source.base_url, timeout_s=1, guard=guard)
    )
    for offer in provider.offers()[:1]:  # some have nothing of the default universe
        with pytest.raises(TruecastError):
            await provider.bars(offer.instrument.symbol, offer.interval, None)
        assert guard.usage.calls >= 1
    await provider.close()


async def test_a_source_that_answers_nonsense_with_a_good_status_is_given_up(
    source: HttpSource, clock: FixedClock
) -> None:
    guard = guard_of(source_info("ecb"), clock, timeout_s=1)
    reach = Reach(np.random.default_rng(1), base_url=source.base_url, timeout_s=1, guard=guard)
    guarded = Guarded(build_provider("ecb", clock, reach), guard)
    source.serve("/eurofxref-daily.xml", Answer(b"<html>maintenance</html>"))
    for _ in range(BREAKER_OUTCOMES_MIN):
        with pytest.raises(TruecastError, match="unreadable"):
            await guarded.bars("EUR-USD", Interval.D1, None)
    assert guard.breaker.state == "open"
    assert guard.usage.last_error is not None
    await guarded.close()


class Quoting(Source):
    """Has every symbol but one, and counts how often it is asked."""

    info = source_info("ecb")

    def __init__(self) -> None:
        self.asked: list[Sequence[str]] = []

    async def quotes(self, symbols: Sequence[str]) -> Sequence[Quote]:
        self.asked.append(symbols)
        at = datetime(2026, 1, 5, tzinfo=UTC)
        return [Quote(symbol, 1.0, "ecb", at, at, "realtime") for symbol in symbols if symbol != "NOT-HERE"]


async def test_quotes_asked_for_at_the_same_time_are_one_request(clock: FixedClock) -> None:
    provider, guard = Quoting(), Guard("q", clock=clock)
    guarded = Guarded(provider, guard)
    wanted = [f"S{i}-USD" for i in range(40)] + ["NOT-HERE"]
    found = await asyncio.gather(*(guarded.quote(symbol) for symbol in wanted))
    assert [quote.symbol for quote in found if quote] == wanted[:-1]
    assert found[-1] is None
    assert len(provider.asked) == 1
    assert (guard.usage.batched, guard.usage.batches) == (41, 1)
    await asyncio.gather(*(guarded.quote(f"S{i}") for i in range(QUOTES_BATCH_MAX + 1)))
    assert sorted(map(len, provider.asked)) == [1, 41, QUOTES_BATCH_MAX]


def test_limits_on_connections_are_not_limits_on_requests() -> None:
    for key, info in known_sources().items():
        for limit in limits_of(info):
            assert isinstance(limit, Limit), key
            assert limit.scope != "connection"
            assert limit.allowed(urgent=False) >= 1


async def test_settings_say_where_a_source_is_and_which_key_is_the_users(
    source: HttpSource, clock: FixedClock, tmp_path: Path
) -> None:
    settings = Settings(
        data_dir=tmp_path, sources=("sample", "ecb"), source_urls={"ecb": source.base_url}, http_timeout_s=1
    )
    sources = Sources(settings, clock, lambda: np.random.default_rng(1))
    with pytest.raises(TruecastError):
        await sources["ecb"].bars("EUR-USD", Interval.D1, None)
    assert source.paths() == ["/eurofxref-daily.xml"]
    assert isinstance(sources["ecb"], Guarded)
    assert not isinstance(sources["sample"], Guarded)
    await sources.close()

"""A source behind its guard: whatever it answers is judged by what could be read from it, and questions go together."""

import datetime as dt
from collections.abc import Mapping, Sequence

from truecast.domain.bar import Bars
from truecast.domain.corporate import Factor
from truecast.domain.instrument import Instrument
from truecast.domain.interval import Interval
from truecast.domain.quote import Quote
from truecast.kit.budget import Budget, Limit, MemoryBudget, is_urgent
from truecast.kit.budget_redis import SharedBudgets
from truecast.kit.clock import Clock
from truecast.kit.flights import Collector
from truecast.kit.guard import Guard
from truecast.kit.limits import QUOTES_BATCH_MAX
from truecast.providers.base import Provider, SeriesOffer, SourceInfo
from truecast.providers.feed import FeedPlan


def limits_of(info: SourceInfo) -> tuple[Limit, ...]:
    """Its published limits on requests; those on connections are the feed's business."""
    return tuple(
        Limit(limit.weight, limit.window_s, limit.counted, limit.scope)
        for limit in info.limits
        if limit.scope != "connection"
    )


def guard_of(info: SourceInfo, clock: Clock, *, timeout_s: float, shared: SharedBudgets | None = None) -> Guard:
    """The guard of a source; its budget is shared with other processes where there is something to share it by."""
    limits = limits_of(info)
    budget: Budget = MemoryBudget(limits, clock) if shared is None else shared.budget(info.key, limits)
    return Guard(info.key, clock=clock, budget=budget, timeout_s=timeout_s)


class Guarded:
    """A provider whose every answer counts for its guard. `provider` is the adapter itself."""

    def __init__(self, provider: Provider, guard: Guard) -> None:
        self.info = provider.info
        self.provider = provider
        self.guard = guard
        self._collectors = {urgent: self._collector() for urgent in (False, True)}

    def offers(self) -> Sequence[SeriesOffer]:
        """See Provider."""
        return self.provider.offers()

    def offer(self, symbol: str, interval: Interval) -> SeriesOffer:
        """See Provider."""
        return self.provider.offer(symbol, interval)

    async def bars(self, symbol: str, interval: Interval, since: dt.datetime | None) -> Bars:
        """See Provider."""
        async with self.guard.judged():
            return await self.provider.bars(symbol, interval, since)

    async def between(self, symbol: str, interval: Interval, first: dt.datetime, end: dt.datetime) -> Bars:
        """See Provider."""
        async with self.guard.judged():
            return await self.provider.between(symbol, interval, first, end)

    async def factors(self, symbol: str) -> Sequence[Factor]:
        """See Provider."""
        async with self.guard.judged():
            return await self.provider.factors(symbol)

    async def quotes(self, symbols: Sequence[str]) -> Sequence[Quote]:
        """See Provider."""
        async with self.guard.judged():
            return await self.provider.quotes(symbols)

    async def quote(self, symbol: str) -> Quote | None:
        """One of `quotes`: what is asked within some milliseconds becomes one request. None: not at this source."""
        return await self._collectors[is_urgent()].get(symbol)

    async def instruments(self) -> Sequence[Instrument]:
        """See Provider."""
        async with self.guard.judged():
            return await self.provider.instruments()

    def feed(self, symbols: Sequence[str]) -> FeedPlan | None:
        """See Provider."""
        return self.provider.feed(symbols)

    async def close(self) -> None:
        """Close the connections."""
        await self.provider.close()
        await self.guard.budget.close()

    def _collector(self) -> Collector[str, Quote]:
        return Collector(self._quotes_of, most=QUOTES_BATCH_MAX, on_batch=self.guard.batched)

    async def _quotes_of(self, symbols: Sequence[str]) -> Mapping[str, Quote]:
        return {quote.symbol: quote for quote in await self.quotes(symbols)}

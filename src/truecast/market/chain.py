"""The failover chain: the next source answers when one fails, is over budget, stale or talks nonsense.

Sources are asked in an order that the user may set by asset class or symbol. Every answer names the source that gave
it, and says who was asked before and why that was in vain. Nothing is mixed: a stand-in's bars are a series of its
own, and only sources that measure along the same calendar stand in for each other: a central bank's fixing is no
replacement for a market's close. Where nobody answers, NoLiveSource says so with one reason per source.
"""

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, TypeVar

import numpy as np

from truecast.domain.bar import Bars
from truecast.domain.instrument import Instrument
from truecast.domain.interval import Interval
from truecast.domain.quote import Quote
from truecast.kit.budget import user_waits
from truecast.kit.clock import Clock, from_us, to_us
from truecast.kit.errors import EXIT_UNAVAILABLE, TruecastError
from truecast.kit.limits import CLOCK_SKEW_S_MAX, HEDGE_S, QUOTE_FACTOR_MAX, QUOTES_KEPT_MAX, SOURCE_BARS_MAX
from truecast.kit.metrics import CHAIN_ANSWERS
from truecast.market.calendar import calendar
from truecast.market.freshness import QUOTE_AGE_S_MAX
from truecast.market.sessions import BeyondCalendar, NotOnCalendar
from truecast.market.validate import validate
from truecast.providers.base import Capability, Provider, SeriesNotOffered, SeriesOffer
from truecast.providers.errors import SymbolNotAtSource
from truecast.providers.guarded import Guarded

T = TypeVar("T")
_Late = tuple[str, SeriesOffer, Bars, datetime | None]  # whose newest bar is stale, and since when it was asked
Order = Mapping[str, Sequence[str]]  # by symbol or asset class: the sources to ask first


class NoLiveSource(TruecastError):
    """Every source that could have answered was asked; `reasons` says why each did not."""

    code = "no_live_source"
    status = 503
    title = "No live source"
    template = "No source gives {symbol} at present: {summary}"
    exit_code = EXIT_UNAVAILABLE


class SourceDataUnusable(TruecastError):
    """It answered, but what it says is stale, empty or nonsense."""

    code = "source_data_unusable"
    status = 502
    title = "Source data unusable"
    template = "What {source} says of {symbol} cannot be used: {reason}"
    exit_code = EXIT_UNAVAILABLE


@dataclass(frozen=True, slots=True)
class Tried:
    """A source that was asked in vain."""

    source: str
    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class BarsAnswer:
    """Bars of one source, which `bars.sources` names too."""

    bars: Bars
    offer: SeriesOffer
    source: str
    tried: tuple[Tried, ...]


class Chain:
    """Asks sources one after the other. Remembers the latest quotes, nothing else."""

    def __init__(self, sources: Mapping[str, Provider], clock: Clock, order: Order | None = None) -> None:
        self._sources = sources
        self._clock = clock
        self._order = order or {}
        self.unfollowed: frozenset[str] = frozenset()  # symbols that a user took out
        self._quotes: dict[str, Quote] = {}
        self._asking: set[asyncio.Task[Quote | None]] = set()

    def sources_of(self, instrument: Instrument, need: Capability | None = None) -> list[str]:
        """Live sources for an instrument in the order in which they are asked; none for one that was taken out."""
        if instrument.symbol in self.unfollowed:
            return []
        first = self._order.get(instrument.symbol) or self._order.get(instrument.asset_class.value) or ()
        listed = [key for key in (*first, *self._sources) if key in self._sources]
        return [key for key in dict.fromkeys(listed) if self._serves(key, instrument, need)]

    def offers_of(self, instrument: Instrument, interval: Interval, along: str) -> list[tuple[str, SeriesOffer]]:
        """Who can deliver that series along that calendar, in order."""
        offers = [(key, self._offer(key, instrument.symbol, interval)) for key in self.sources_of(instrument, "bars")]
        return [(key, offer) for key, offer in offers if offer is not None and offer.calendar == along]

    async def bars(
        self, wanted: SeriesOffer, since: Mapping[str, datetime | None], last: datetime | None
    ) -> BarsAnswer:
        """Bars of a series from the first source that has usable ones.

        Each is asked for what starts at `since[source]` or later; one that is not named there, for what follows
        `last`, the start of the newest bar there is from any source. What is asked for since some moment is known from
        when it came. Raises NoLiveSource.
        """
        tried: list[Tried] = []
        late: list[_Late] = []
        for key, offer in self.offers_of(wanted.instrument, wanted.interval, wanted.calendar):
            begin = since[key] if key in since else None if last is None else last + _TICK
            found = await self._try(self._bars_of(key, offer, begin, last, late), key, tried)
            if found is not None:
                CHAIN_ANSWERS.labels(key, "stand_in" if tried else "first").inc()
                return BarsAnswer(self._as_news(found, key, begin), offer, key, tuple(tried))
        for key, offer, bars, begin in late:  # better than nothing, and it says itself how old it is
            return BarsAnswer(self._as_news(bars, key, begin), offer, key, tuple(tried))
        raise _nobody(wanted.instrument.symbol, tried)

    def _as_news(self, bars: Bars, key: str, since: datetime | None) -> Bars:
        """What is asked for from some moment on is known from when it came, whatever its rule says; not before it.

        A source with vintages says itself what was known when, several times for one bar.
        """
        if since is None or "vintages" in self._sources[key].info.capabilities:
            return bars
        return replace(bars, known_at=np.maximum(bars.known_at, to_us(self._clock.now())))

    async def between(self, key: str, offer: SeriesOffer, first: datetime, end: datetime) -> Bars:
        """Bars of a stretch of the past from one source; none is an answer. Raises SourceDataUnusable for nonsense."""
        provider = self._guarded(key)
        symbol, interval = offer.instrument.symbol, offer.interval
        async with provider.guard.judged() as verdict:
            bars = await provider.between(symbol, interval, first, end)
            problem = self._nonsense(bars, offer)
            if problem is not None:
                verdict.refuse(problem)
                raise SourceDataUnusable(source=key, symbol=symbol, reason=problem)
        return bars

    def offer(self, key: str, symbol: str, interval: Interval) -> SeriesOffer | None:
        """That series of a source, where it has it."""
        return self._offer(key, symbol, interval) if key in self._sources else None

    def follows(self, key: str, symbol: str, interval: Interval) -> bool:
        """Whether that source is asked for that series by itself, without anybody asking for it."""
        if key not in self._sources:
            return False
        offers = self._sources[key].offers()
        return any(offer.instrument.symbol == symbol and offer.interval is interval for offer in offers)

    async def quote(self, instrument: Instrument, *, near: float | None = None) -> tuple[Quote, tuple[Tried, ...]]:
        """A live price for a user who waits for it. `near`: a price known before, to tell nonsense by.

        A source that has not answered within HEDGE_S is not waited for alone: the next one is asked beside it, and
        whoever answers first is taken. The slow one is heard to its end, so that its guard learns. Raises NoLiveSource.
        """
        tried: list[Tried] = []
        waiting: dict[asyncio.Task[Quote | None], str] = {}
        keys = self.sources_of(instrument)
        for number, key in enumerate(keys, 1):
            with user_waits():
                task = asyncio.create_task(self._try(self._quote_of(key, instrument, near), key, tried))
            waiting[task] = key
            self._asking.add(task)
            task.add_done_callback(self._asking.discard)
            found = await _first(waiting, HEDGE_S if number < len(keys) else None)
            if found is not None:
                slow = [Tried(other, "slow", f"no answer within {HEDGE_S} s") for other in waiting.values()]
                place = "stand_in" if tried or slow or found.source != keys[0] else "first"
                CHAIN_ANSWERS.labels(found.source, place).inc()
                self._keep(found)
                return found, (*tried, *slow)
        raise _nobody(instrument.symbol, tried)

    async def quotes(self, instrument: Instrument) -> tuple[dict[str, Quote], tuple[Tried, ...]]:
        """What every source says at the moment, by source, for a consensus; and who said nothing."""
        tried: list[Tried] = []
        keys = self.sources_of(instrument)
        with user_waits():
            found = await asyncio.gather(*(self._try(self._quote_of(k, instrument, None), k, tried) for k in keys))
        return {key: quote for key, quote in zip(keys, found, strict=True) if quote is not None}, tuple(tried)

    async def poll(self, instrument: Instrument, *, near: float | None = None) -> Quote:
        """A quote that nobody waits for: one source after the other, of those that have quotes. Raises NoLiveSource.

        Asked for many at once, each source gets one question.
        """
        tried: list[Tried] = []
        for key in self.sources_of(instrument, "quotes"):
            found = await self._try(self._quote_of(key, instrument, near), key, tried)
            if found is not None:
                return found
        raise _nobody(instrument.symbol, tried)

    def live(self) -> list[tuple[str, Guarded]]:
        """Every source that is asked over the network."""
        return [(key, one) for key, one in self._sources.items() if isinstance(one, Guarded)]

    def providers(self) -> list[Provider]:
        """Every source."""
        return list(self._sources.values())

    def provider(self, key: str) -> Provider:
        """One of the sources."""
        return self._sources[key]

    async def close(self) -> None:
        """Stop listening to those that are slow."""
        for task in (left := list(self._asking)):
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    def latest(self, symbol: str) -> Quote | None:
        """The last live price that anybody asked for; its age is the reader's business."""
        return self._quotes.get(symbol)

    async def _try(self, asking: Coroutine[Any, Any, T], key: str, tried: list[Tried]) -> T | None:
        try:
            return await asking
        except TruecastError as error:
            tried.append(Tried(key, error.code, error.detail))
            return None

    async def _bars_of(
        self,
        key: str,
        offer: SeriesOffer,
        since: datetime | None,
        last: datetime | None,
        late: list[_Late],
    ) -> Bars:
        provider = self._guarded(key)
        symbol, interval = offer.instrument.symbol, offer.interval
        async with provider.guard.judged() as verdict:
            bars = await provider.bars(symbol, interval, since)
            problem = self._wrong_bars(bars, offer, last)
            if problem is not None:
                if problem is _STALE:
                    late.append((key, offer, bars, since))
                verdict.refuse(problem)
                raise SourceDataUnusable(source=key, symbol=symbol, reason=problem)
        return bars

    def _wrong_bars(self, bars: Bars, offer: SeriesOffer, last: datetime | None) -> str | None:
        """Why an answer with a good status is none: nothing where there should be something, or nonsense."""
        now_us = to_us(self._clock.now())
        if not len(bars):
            if last is None:
                return "it is empty"
            return "nothing new, though it is due" if self._overdue(offer, to_us(last), now_us) else None
        if (problem := self._nonsense(bars, offer)) is not None:
            return problem
        whole = len(bars) < SOURCE_BARS_MAX  # otherwise newer ones follow
        return _STALE if whole and self._overdue(offer, int(bars.start[-1]), now_us) else None

    def _nonsense(self, bars: Bars, offer: SeriesOffer) -> str | None:
        if bars.symbol != offer.instrument.symbol or bars.interval is not offer.interval:
            return f"it is {bars.symbol} at {bars.interval}"
        refused = len(validate(bars, to_us(self._clock.now()), signed=offer.instrument.signed).refused)
        return f"{refused} of {len(bars)} bars are nonsense" if refused and 2 * refused >= len(bars) else None

    @staticmethod
    def _overdue(offer: SeriesOffer, last_us: int, now_us: int) -> bool:
        try:
            return now_us >= calendar(offer.calendar).overdue_at(last_us, offer.interval)
        except (BeyondCalendar, NotOnCalendar):
            return False

    async def _quote_of(self, key: str, instrument: Instrument, near: float | None) -> Quote:
        provider = self._guarded(key)
        if "quotes" in provider.info.capabilities:
            quote = await provider.quote(instrument.symbol)
        else:
            quote = await self._close_of(provider, instrument.symbol)
        if quote is None:
            raise SymbolNotAtSource(source=key, symbol=instrument.symbol, reason="it gave no quote")
        problem = self._wrong_quote(quote, instrument, near)
        if problem is not None:
            provider.guard.refuse(problem)
            raise SourceDataUnusable(source=key, symbol=instrument.symbol, reason=problem)
        return quote

    async def _close_of(self, provider: Guarded, symbol: str) -> Quote | None:
        """Of a source that gives bars only: the close of the last one, at the moment it describes."""
        offers = (self._offer(provider.info.key, symbol, interval) for interval in provider.info.intervals)
        offer = min(filter(None, offers), key=lambda one: one.interval.seconds)
        now = self._clock.now()
        bars = await provider.bars(symbol, offer.interval, now - _LOOK_BACK)
        if not len(bars):
            return None
        at = from_us(calendar(offer.calendar).ends(bars.start[-1:], offer.interval)[0])
        return Quote(symbol, float(bars.close[-1]), provider.info.key, min(at, now), now, offer.delay)

    def _wrong_quote(self, quote: Quote, instrument: Instrument, near: float | None) -> str | None:
        price, age_s = quote.price, (self._clock.now() - quote.as_of).total_seconds()
        if not np.isfinite(price) or (price <= 0 and not instrument.signed):
            return f"a price of {price}"
        if near and not instrument.signed and not 1 / QUOTE_FACTOR_MAX < price / near < QUOTE_FACTOR_MAX:
            return f"{price} is far from the {near} known before"
        if age_s < -CLOCK_SKEW_S_MAX:
            return "it is from the future"
        if age_s > QUOTE_AGE_S_MAX[quote.delay] and calendar(instrument.calendar).is_open(self._clock.now()):
            return f"it is {age_s:.0f} s old"
        return None

    def _guarded(self, key: str) -> Guarded:
        provider = self._sources[key]
        assert isinstance(provider, Guarded), f"{key} is not fetched"
        return provider

    def _serves(self, key: str, instrument: Instrument, need: Capability | None) -> bool:
        provider = self._sources[key]
        info = provider.info
        return (
            isinstance(provider, Guarded)
            and not provider.guard.key_missing
            and (need is None or need in info.capabilities)
            and (not info.asset_classes or instrument.asset_class in info.asset_classes)
            and any(self._offer(key, instrument.symbol, interval) is not None for interval in info.intervals)
        )

    def _offer(self, key: str, symbol: str, interval: Interval) -> SeriesOffer | None:
        try:
            return self._sources[key].offer(symbol, interval)
        except SeriesNotOffered:
            return None

    def _keep(self, quote: Quote) -> None:
        self._quotes.pop(quote.symbol, None)
        self._quotes[quote.symbol] = quote
        while len(self._quotes) > QUOTES_KEPT_MAX:
            del self._quotes[next(iter(self._quotes))]


async def _first(waiting: dict[asyncio.Task[Quote | None], str], within_s: float | None) -> Quote | None:
    """The first price that comes, if one does in time; who has answered waits no longer."""
    until_s = None if within_s is None else asyncio.get_running_loop().time() + within_s
    while waiting:
        left_s = None if until_s is None else max(until_s - asyncio.get_running_loop().time(), 0.0)
        done, _ = await asyncio.wait(waiting, timeout=left_s, return_when=asyncio.FIRST_COMPLETED)
        if not done:
            return None
        for task in done:
            del waiting[task]
        for quote in (task.result() for task in done):
            if quote is not None:
                return quote
    return None


def _nobody(symbol: str, tried: Sequence[Tried]) -> NoLiveSource:
    reasons = [{"source": one.source, "code": one.code, "reason": one.reason} for one in tried]
    summary = "; ".join(f"{one.source}: {one.reason}" for one in tried) or "no configured source has it"
    return NoLiveSource(symbol=symbol, summary=summary, reasons=reasons)


_TICK = timedelta(microseconds=1)
_LOOK_BACK = timedelta(days=40)  # the last bar of a month's series lies within
_STALE = "its newest bar is stale"

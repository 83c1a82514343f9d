"""What crypto exchanges have in common: pairs by rule, pages of candles, quotes of many, and who is not there.

An adapter says how a pair is spelled, which page to ask for and how to read it; the rest is here.
"""

import datetime as dt
import tomllib
from abc import abstractmethod
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from truecast.domain.bar import COLUMNS, Bars
from truecast.domain.instrument import AssetClass, Instrument
from truecast.domain.interval import Interval
from truecast.domain.quote import Quote
from truecast.kit.clock import Clock, from_us, to_us
from truecast.kit.limits import CLOCK_SKEW_S_MAX, SOURCE_BARS_MAX
from truecast.providers.base import SeriesNotOffered, SeriesOffer, Source, SourceInfo
from truecast.providers.candles import Asked, Read, told
from truecast.providers.coins import coin_pair
from truecast.providers.errors import SymbolNotAtSource
from truecast.providers.payload import malformed
from truecast.providers.universe import at_source
from truecast.providers.upstream import Upstream

CALENDAR = "24/7"
_COINS_US = 1_230_940_800_000_000  # 2009-01-03
_MISSED_BARS = 10  # so many bars without one: is it still traded there?


class Paged(Source):
    """A source of crypto candles, asked page by page."""

    page_bars: int  # of one request

    def __init__(self, info: SourceInfo, clock: Clock, followed: Sequence[Interval]) -> None:
        self.info = info
        self._clock = clock
        self._followed = tuple(followed)

    def offers(self) -> Sequence[SeriesOffer]:
        """The default universe's pairs at the intervals that are followed."""
        symbols = at_source(self.info.key, default=True)
        return [self.offer(symbol, interval) for symbol in symbols for interval in self._followed]

    def offer(self, symbol: str, interval: Interval) -> SeriesOffer:
        """Any pair by name. Raises SeriesNotOffered."""
        instrument = self._instrument(symbol)
        if instrument is None or interval not in self.info.intervals:
            raise SeriesNotOffered(source=self.info.key, symbol=symbol, interval=interval.value)
        return SeriesOffer(instrument, interval, CALENDAR, self.info.delay, None, f"{self.info.name}, live")

    async def bars(self, symbol: str, interval: Interval, since: dt.datetime | None) -> Bars:
        """See Provider. Asked for everything, known_at is the end of each bar; asked for news, when they came."""
        self.offer(symbol, interval)
        now_us = to_us(self._clock.now())
        first_us = self._first_us(interval, now_us) if since is None else to_us(since)
        bars = await self._pages(self._asked(symbol, interval, now_us, since_us=first_us), end_us=now_us)
        if since is None:
            return bars
        return replace(bars, known_at=np.maximum(bars.known_at, to_us(self._clock.now())))

    async def between(self, symbol: str, interval: Interval, first: dt.datetime, end: dt.datetime) -> Bars:
        """See Provider. known_at is the end of each bar: who fills a hole in what was followed live says otherwise."""
        self.offer(symbol, interval)
        now_us = to_us(self._clock.now())
        asked = self._asked(symbol, interval, now_us, since_us=to_us(first), end_us=min(to_us(end), now_us))
        return await self._pages(asked, end_us=min(to_us(end), now_us))

    @abstractmethod
    def _spelled(self, symbol: str) -> str:
        """What this exchange calls the pair."""

    @abstractmethod
    async def _page(self, asked: Asked, start_us: int, end_us: int) -> Read:
        """The bars from `start_us` on, at most `page_bars` of them, none that starts at `end_us` or later."""

    async def _check_listed(self, symbol: str) -> None:
        """Raise SymbolNotAtSource if it is no longer traded; asked only when bars that should be there are not."""

    def _instrument(self, symbol: str) -> Instrument | None:
        listed = at_source(self.info.key).get(symbol)
        found = listed[0] if listed else coin_pair(symbol)
        return found if found is not None and found.asset_class is AssetClass.CRYPTO else None

    def _first_us(self, interval: Interval, now_us: int) -> int:
        step_us = interval.seconds * 1_000_000
        days = self.info.history.get(interval)
        oldest_us = 0 if days is None else now_us - int(days * 86_400_000_000)
        if self.info.first_date is not None:
            oldest_us = max(oldest_us, to_us(dt.datetime.combine(self.info.first_date, dt.time(), dt.UTC)))
        return max(oldest_us, now_us - now_us % step_us - SOURCE_BARS_MAX * step_us)

    def _asked(
        self,
        symbol: str,
        interval: Interval,
        now_us: int,
        *,
        since_us: int,
        end_us: int | None = None,
    ) -> Asked:
        first = self.info.first_date
        return Asked(
            source=self.info.key,
            symbol=symbol,
            interval=interval,
            calendar=CALENDAR,
            now_us=now_us,
            since_us=since_us,
            end_us=end_us,
            first_us=to_us(dt.datetime.combine(first, dt.time(), dt.UTC)) if first else 0,
        )

    async def _pages(self, asked: Asked, end_us: int) -> Bars:
        """Page after page, oldest first, until the end, the limit, or a page that brings nothing further."""
        assert asked.since_us is not None
        step_us = asked.interval.seconds * 1_000_000
        start_us = -(-asked.since_us // step_us) * step_us
        pages: list[Bars] = []
        total = 0
        while start_us < end_us and total < SOURCE_BARS_MAX:
            read = await self._page(asked, start_us, end_us)
            bars = told(read, asked)
            pages.append(bars[bars.start > _last_us(pages)] if total and len(bars) else bars)
            total += len(pages[-1])
            next_us = int(read.further) if read.further else 0
            if next_us <= start_us:
                break
            start_us = next_us
        if total == 0 and asked.end_us is None and asked.now_us - asked.since_us > _MISSED_BARS * step_us:
            await self._check_listed(asked.symbol)
        return _concatenated(pages)[:SOURCE_BARS_MAX] if pages else Bars.empty(asked.symbol, asked.interval)


class Exchange(Paged):
    """One that is asked over our own HTTP client."""

    def __init__(self, info: SourceInfo, clock: Clock, upstream: Upstream, followed: Sequence[Interval]) -> None:
        super().__init__(info, clock, followed)
        self._upstream = upstream

    async def close(self) -> None:
        """Close the connections."""
        await self._upstream.close()


def _last_us(pages: Sequence[Bars]) -> int:
    return max(int(page.start[-1]) for page in pages if len(page))


def _concatenated(pages: Sequence[Bars]) -> Bars:
    filled = [page for page in pages if len(page)]
    if len(filled) < 2:
        return filled[0] if filled else pages[0]
    columns: dict[str, Any] = {
        name: np.concatenate([getattr(page, name) for page in filled]) for name in (*COLUMNS, "source")
    }
    return replace(filled[0], **columns)


async def quotes_of_all(
    source: str, symbols: Sequence[str], ask: Callable[[Sequence[str]], Awaitable[Sequence[Quote]]], most: int
) -> list[Quote]:
    """Quotes in batches of `most`. One unknown symbol spoils a batch: it is found by halving and left out.

    Raises SymbolNotAtSource when none is known.
    """
    found: list[Quote] = []
    unknown: SymbolNotAtSource | None = None
    waiting = [list(symbols[i : i + most]) for i in range(0, len(symbols), most)]
    while waiting:
        batch = waiting.pop()
        try:
            found += await ask(batch)
        except SymbolNotAtSource as error:
            unknown = error
            if len(batch) > 1:
                waiting += [batch[: len(batch) // 2], batch[len(batch) // 2 :]]
    if symbols and not found:
        raise unknown or SymbolNotAtSource(source=source, symbol=", ".join(symbols)[:60], reason="it told no price")
    order = {symbol: i for i, symbol in enumerate(symbols)}
    return sorted(found, key=lambda quote: order[quote.symbol])


def followed(module: str) -> tuple[Interval, ...]:
    """The intervals at which the default universe is followed, from the TOML beside an adapter's module."""
    table = tomllib.loads(Path(module).with_suffix(".toml").read_text("utf-8"))["followed"]
    return tuple(Interval(name) for name in table["intervals"])


def as_quote(
    info: SourceInfo,
    symbol: str,
    price: float,
    at_us: int,
    received_at: dt.datetime,
    *,
    bid: float | None = None,
    ask: float | None = None,
) -> Quote:
    """A quote with its provenance. A time a little ahead of ours is the receive time: the source's clock is off.

    Raises SourceAnswerMalformed for a time that is further ahead, or from before there were coins.
    """
    if not _COINS_US <= at_us <= to_us(received_at) + CLOCK_SKEW_S_MAX * 1e6:
        raise malformed(info.key, f"a price of {symbol} at {at_us} µs: wrong unit?")
    at = min(from_us(at_us), received_at)
    return Quote(symbol, price, info.key, at, received_at, info.delay, bid, ask)


def by_id(spelled: Callable[[str], str], symbols: Sequence[str]) -> Mapping[str, str]:
    """The source's names of these symbols, back to ours."""
    return {spelled(symbol): symbol for symbol in symbols}

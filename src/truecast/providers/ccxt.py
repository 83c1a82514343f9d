"""Candles and prices of the hundred exchanges that ccxt speaks to, for those that have no adapter here.

The exchange stands where other sources have an address: TRUECAST_SOURCE_URLS=ccxt=https://okx, or with an address of
its own, ccxt=http://127.0.0.1:9000/okx. The library is an extra, imported when it is first needed; it has its own
HTTP client and keeps to the exchange's rate limits by itself. Every call goes through the source's guard all the same.
"""

import datetime as dt
import importlib
import tomllib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from truecast.domain.instrument import Instrument
from truecast.domain.quote import Quote
from truecast.kit.clock import Clock
from truecast.kit.errors import EXIT_CONFIG, TruecastError
from truecast.kit.guard import Guard
from truecast.kit.http import SourceAnswerMalformed, SourceUnreachable
from truecast.providers.base import Reach, SeriesOffer, SourceInfo, base_url, info_beside
from truecast.providers.candles import Asked, Read, Row, gathered
from truecast.providers.coins import coin_pair
from truecast.providers.errors import (
    SourceKeyRefused,
    SourceOutOfService,
    SourceOverBudget,
    SourceRefused,
    SymbolNotAtSource,
)
from truecast.providers.exchange import Paged, as_quote, followed
from truecast.providers.payload import epoch_us, malformed, number, shown

KEY = "ccxt"
_MS_US = 1_000
_T = TypeVar("_T")

# The library's errors by the name of their class, the particular before the general.
_MEANINGS: Mapping[str, type[TruecastError]] = {
    "BadSymbol": SymbolNotAtSource,
    "AuthenticationError": SourceKeyRefused,
    "RateLimitExceeded": SourceOverBudget,
    "DDoSProtection": SourceOverBudget,
    "OnMaintenance": SourceOutOfService,
    "ExchangeNotAvailable": SourceOutOfService,
    "NetworkError": SourceUnreachable,
    "BaseError": SourceRefused,
}


_TROUBLE = (SourceUnreachable, SourceOutOfService, SourceAnswerMalformed)  # with the source, not with the question


class CcxtMissing(TruecastError):
    """The library is not installed, or has no exchange of that name."""

    code = "ccxt_missing"
    status = 503
    title = "ccxt missing"
    template = "ccxt cannot be used: {reason}"
    exit_code = EXIT_CONFIG


class Ccxt(Paged):
    """One exchange. Nothing is imported or asked before the first question."""

    page_bars = 300  # every exchange gives as many

    def __init__(
        self, info: SourceInfo, clock: Clock, address: str, timeout_s: float, guard: Guard | None = None
    ) -> None:
        super().__init__(info, clock, followed(__file__))
        self._guard = guard or Guard(KEY, clock=clock, timeout_s=timeout_s)
        self._address = address
        self._timeout_s = timeout_s
        self._opened: Any = None
        table = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))
        self._symbols: tuple[str, ...] = tuple(table["followed"]["symbols"])

    def offers(self) -> Sequence[SeriesOffer]:
        """The default universe's pairs; whether the exchange has them is known when it is asked."""
        return [self.offer(symbol, interval) for symbol in self._symbols for interval in self._followed]

    async def quotes(self, symbols: Sequence[str]) -> Sequence[Quote]:
        """Last prices; one request where the exchange has one for many."""
        names = {self._spelled(symbol): symbol for symbol in symbols}
        about = ", ".join(symbols)[:60]
        document = await self._told(lambda exchange: exchange.fetch_tickers(list(names)), about)
        return parse_tickers(document, names, self.info, self._clock.now())

    async def instruments(self) -> Sequence[Instrument]:
        """Every active spot pair."""
        markets = await self._told(lambda exchange: exchange.load_markets(), "its markets")
        pairs = (coin_pair(f"{m['base']}-{m['quote']}") for m in markets.values() if m.get("spot") and m.get("active"))
        return sorted({one for one in pairs if one is not None}, key=lambda one: one.symbol)

    async def close(self) -> None:
        """Close the connections."""
        if self._opened is not None:
            await self._opened.close()
            self._opened = None

    def _spelled(self, symbol: str) -> str:
        return symbol.replace("-", "/")

    async def _page(self, asked: Asked, start_us: int, _end_us: int) -> Read:
        name, interval = self._spelled(asked.symbol), asked.interval.value

        def ask(exchange: Any) -> Awaitable[Any]:
            candles: Awaitable[Any] = exchange.fetch_ohlcv(
                name, interval, since=start_us // _MS_US, limit=self.page_bars
            )
            return candles

        return parse_candles(await self._told(ask, asked.symbol), asked)

    async def _check_listed(self, symbol: str) -> None:
        """The library makes an empty list of an answer it cannot read: silence is not taken for a calm market."""
        raise SourceRefused(source=KEY, reason=f"no candles of {symbol} where there should be some")

    def _exchange(self) -> Any:
        if self._opened is None:
            self._opened = _open(self._address, self._timeout_s)
        return self._opened

    async def _told(self, ask: Callable[[Any], Awaitable[_T]], about: str) -> _T:
        exchange = self._exchange()
        try:
            found = await self._guarded(ask, exchange, about)
        except TruecastError as error:
            self._guard.count(error.code)
            raise
        self._guard.count("ok")
        return found

    async def _guarded(self, ask: Callable[[Any], Awaitable[_T]], exchange: Any, about: str) -> _T:
        async with self._guard.attempt(1) as attempt:
            try:
                found = await ask(exchange)
            except Exception as error:  # noqa: BLE001 whatever the library throws at an answer it did not expect
                problem = meaning_of(error, self._address, about)
                if isinstance(problem, _TROUBLE):
                    attempt.failed()
                    self._guard.note_error(problem)
                else:
                    await attempt.answered({})
                raise problem from None
            await attempt.answered({})
            return found


def create(clock: Clock, reach: Reach) -> Ccxt:
    """The adapter for the exchange that `reach` names."""
    info = info_beside(__file__)
    return Ccxt(info, clock, base_url(info, reach), reach.timeout_s, reach.guard)


def parse_candles(rows: Any, asked: Asked) -> Read:
    """ccxt's unified candles, [time in ms, open, high, low, close, volume]; the running one is dropped."""
    if not isinstance(rows, list):
        raise malformed(KEY, f"candles are {shown(rows)}, no list")
    kept: list[Row] = []
    for row in rows:
        if not isinstance(row, list) or len(row) < 6:
            raise malformed(KEY, f"a candle of other than 6 numbers: {shown(row)}")
        open_, high, low, close, volume = (number(row[i], name, KEY) for i, name in enumerate(_NAMES, 1))
        kept.append((epoch_us(row[0], _MS_US, KEY), open_, high, low, close, volume))
    further = max(row[0] for row in kept) + asked.interval.seconds * 1_000_000 if kept else 0
    read = gathered(kept, asked)
    return Read(read.bars, read.left_out, str(further) if further else None)


def parse_tickers(document: Any, names: Mapping[str, str], info: SourceInfo, received_at: dt.datetime) -> list[Quote]:
    """ccxt's unified tickers by symbol. Raises SymbolNotAtSource when none of those asked for has a price."""
    found = []
    for name, row in document.items() if isinstance(document, dict) else ():
        last = row.get("last") if isinstance(row, dict) else None
        if name not in names or last is None:
            continue
        price = number(last, "last", KEY)
        bid, ask = (None if row.get(side) is None else number(row[side], side, KEY) for side in ("bid", "ask"))
        if price <= 0:
            raise malformed(KEY, f"{name} costs {price}")
        at_us = epoch_us(row.get("timestamp") or int(received_at.timestamp() * 1_000), _MS_US, KEY)
        found.append(as_quote(info, names[name], price, at_us, received_at, bid=bid, ask=ask))
    if not found:
        raise SymbolNotAtSource(source=KEY, symbol=", ".join(names.values())[:60], reason="no such pair")
    return found


def meaning_of(error: Exception, address: str, about: str) -> TruecastError:
    """The library's error as one of ours; what is none of its own is an answer that it could not read."""
    reason = " ".join(str(error).split())[:160] or type(error).__name__
    bases = {base.__name__ for base in type(error).__mro__}
    kind = next((kind for name, kind in _MEANINGS.items() if name in bases), None)
    if kind is None or bases & {"BadResponse", "NullResponse"}:
        return malformed(KEY, reason)
    if kind is SourceUnreachable:
        return SourceUnreachable(url=address, attempts=1, reason=reason)
    if kind is SymbolNotAtSource:
        return SymbolNotAtSource(source=KEY, symbol=about, reason=reason)
    return kind(source=KEY, reason=reason)


def _open(address: str, timeout_s: float) -> Any:
    """The library's client of one exchange. The one place that imports it."""
    parts = urlsplit(address)
    folders = [part for part in parts.path.split("/") if part]
    name = folders[-1] if folders else parts.hostname or ""
    try:
        library = importlib.import_module("ccxt.async_support")
    except ImportError:
        raise CcxtMissing(reason="pip install 'truecast[ccxt]'") from None
    if name not in library.exchanges:
        raise CcxtMissing(reason=f"it knows no exchange called {name!r}")
    options = {"fetchMarkets": {"types": ["spot"]}}  # not the derivatives, which take as long again
    exchange = getattr(library, name)({"timeout": int(timeout_s * 1_000), "enableRateLimit": True, "options": options})
    if folders:
        exchange.urls["api"] = _moved(exchange.urls["api"], address)
    return exchange


def _moved(urls: Any, address: str) -> Any:
    """The exchange's addresses, below another one."""
    if isinstance(urls, dict):
        return {name: _moved(value, address) for name, value in urls.items()}
    return address.rstrip("/") + urlsplit(urls).path if isinstance(urls, str) else urls


_NAMES = ("open", "high", "low", "close", "volume")

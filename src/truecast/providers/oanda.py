"""Exchange rates from OANDA v20: candles and prices. Needs a token of an account, a practice account will do.

The key is the token, or `token:account` for prices (`TRUECAST_SOURCE_KEYS="oanda=abc…:101-001-1234567-001"`). Candles
without ticks are absent; the last may be `complete: false`. A day runs from 17:00 to 17:00 New York and is labelled by
the date on which it ends.
"""

import datetime as dt
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import SecretStr

from truecast.domain.bar import Bars
from truecast.domain.instrument import Instrument
from truecast.domain.interval import Interval
from truecast.domain.quote import Quote
from truecast.kit.clock import Clock, from_us, iso, to_us
from truecast.kit.errors import TruecastError
from truecast.kit.limits import SOURCE_BARS_MAX
from truecast.providers.base import Reach
from truecast.providers.candles import Asked, Read, Row, gathered, join, told
from truecast.providers.errors import SourceKeyMissing, SymbolNotAtSource
from truecast.providers.hours import NEW_YORK, fx_day, label_us
from truecast.providers.names import Listed
from truecast.providers.payload import json_of, malformed, member, members, number, time_us
from truecast.providers.universe import exchange_rate
from truecast.providers.upstream import Upstream, apart, refused_key, upstream_of

_KEY = "oanda"
_PAGE_ROWS = 5_000
_SIDES = (("mid",), ("bid", "ask"))
_GRANULARITY = {
    Interval.M1: "M1", Interval.M5: "M5", Interval.M15: "M15", Interval.M30: "M30", Interval.H1: "H1",
    Interval.H4: "H4", Interval.D1: "D",
}  # fmt: skip


class Oanda(Listed):
    """Candles of the middle of bid and ask, and prices with both."""

    def __init__(self, module: str, clock: Clock, upstream: Upstream, key: SecretStr | None) -> None:
        super().__init__(module, clock, upstream, key)
        self._token, _, self._account = (key.get_secret_value() if key else "").partition(":")

    async def bars(self, symbol: str, interval: Interval, since: dt.datetime | None) -> Bars:
        """From `since` on, page by page; for None the newest."""
        if since is None:
            params = {"count": str(_PAGE_ROWS)}
            answer, now = await self._candles(symbol, interval, params)
            asked = self._names.asked(symbol, interval, now)
            return told(await apart(parse, answer, asked), asked)
        return await self._pages(symbol, interval, since, None)

    async def between(self, symbol: str, interval: Interval, first: dt.datetime, end: dt.datetime) -> Bars:
        """A stretch of the past."""
        return await self._pages(symbol, interval, first, end)

    async def quotes(self, symbols: Sequence[str]) -> Sequence[Quote]:
        """Bid and ask of all of them in one request. Raises SourceKeyMissing without the account's number."""
        names = self._names.known(symbols)
        if not names:
            raise SymbolNotAtSource(source=_KEY, symbol=", ".join(symbols), reason="no pair of known currencies")
        if not self._account:
            raise SourceKeyMissing(source=f"{_KEY} (token:account)")
        about = ", ".join(symbols)[:60]
        path = f"/v3/accounts/{self._account}/pricing"
        answer = await self._upstream.get(path, {"instruments": ",".join(names)}, about=about, headers=self._headers())
        return parse_prices(answer.body, names, answer.received_at)

    def _spelled(self, symbol: str) -> tuple[Instrument, str] | None:
        """Any pair of known currencies."""
        return exchange_rate(_KEY, symbol)

    async def _pages(self, symbol: str, interval: Interval, first: dt.datetime, end: dt.datetime | None) -> Bars:
        # A day is labelled by its end: its candle begins up to a day and an hour before.
        at = first - dt.timedelta(hours=26) if interval is Interval.D1 else first
        reads: list[Read] = []
        total = 0
        while True:
            body, now = await self._candles(symbol, interval, {"from": iso(at), "count": str(_PAGE_ROWS)})
            asked = self._names.asked(symbol, interval, now, since=first, end=end)
            reads.append(await apart(parse, body, asked))
            total += len(reads[-1].bars)
            last_us = int(reads[-1].further or 0)
            full = last_us and total < SOURCE_BARS_MAX and (end is None or last_us < to_us(end))
            if not full:
                break
            at = from_us(last_us)
        return told(join(reads, asked) if len(reads) > 1 else reads[0], asked)

    async def _candles(self, symbol: str, interval: Interval, params: Mapping[str, str]) -> tuple[bytes, dt.datetime]:
        _, name = self._names.name(symbol, interval)
        params = {
            "granularity": _GRANULARITY[interval],
            "price": "M",
            "dailyAlignment": "17",
            "alignmentTimezone": "America/New_York",
            **params,
        }
        path = f"/v3/instruments/{name}/candles"
        answer = await self._upstream.get(path, params, about=symbol, headers=self._headers())
        return answer.body, answer.received_at

    def _headers(self) -> dict[str, str]:
        if not self._token:
            raise SourceKeyMissing(source=_KEY)
        return {"authorization": f"Bearer {self._token}"}


def parse(body: bytes, asked: Asked) -> Read:
    """Candles as bars. `further` is the last candle's start (µs) when the page was full."""
    document = json_of(body, _KEY)
    name = asked.symbol.replace("-", "_")
    if member(document, "instrument", str, _KEY) != name:
        raise malformed(_KEY, f"candles of another instrument than {name}")
    if member(document, "granularity", str, _KEY) != _GRANULARITY[asked.interval]:
        raise malformed(_KEY, f"candles of another length than {asked.interval}")
    rows: list[Row] = []
    left_out: Counter[str] = Counter()
    candles = members(document, "candles", _KEY)
    last_us = 0
    for candle in candles:
        last_us = time_us(member(candle, "time", str, _KEY), _KEY)
        if not member(candle, "complete", bool, _KEY):
            left_out["unfinished"] += 1
            continue
        volume = number(candle.get("volume"), "the volume", _KEY)
        rows.append((_start_us(last_us, asked.interval), *_prices(candle), volume))
    read = gathered(rows, asked, left_out)
    return Read(read.bars, read.left_out, str(last_us) if len(candles) >= _PAGE_ROWS else None)


def parse_prices(body: bytes, names: Mapping[str, str], received_at: dt.datetime) -> list[Quote]:
    """Prices as quotes: the middle of best bid and ask. What is not tradeable now has its last price, and its time."""
    found = []
    for price in members(json_of(body, _KEY), "prices", _KEY):
        name = member(price, "instrument", str, _KEY)
        if name not in names:
            raise malformed(_KEY, f"a price of {name[:20]!r}, which was not asked for")
        bid, ask = (_best(members(price, side, _KEY)) for side in ("bids", "asks"))
        if bid <= 0 or ask < bid:
            raise malformed(_KEY, f"bid {bid} and ask {ask} of {name}")
        at_us = time_us(member(price, "time", str, _KEY), _KEY)
        if at_us > to_us(received_at) + 300_000_000:
            raise malformed(_KEY, f"a price of {name} from the future")
        found.append(
            Quote(
                symbol=names[name],
                price=round((bid + ask) / 2, 6),
                source=_KEY,
                as_of=min(from_us(at_us), received_at),
                received_at=received_at,
                delay="realtime",
                bid=bid,
                ask=ask,
            )
        )
    return found


def _prices(candle: Any) -> tuple[float, float, float, float]:
    """Of the middle, as sent or from both sides."""
    sides = next((sides for sides in _SIDES if all(side in candle for side in sides)), None)
    if sides is None:
        raise malformed(_KEY, "a candle without prices")
    shown = [member(candle, side, dict, _KEY) for side in sides]
    told_ = [[number(member(one, k, str, _KEY), k, _KEY) for one in shown] for k in "ohlc"]
    o, h, low, c = (round(sum(values) / len(values), 6) for values in told_)
    return o, h, low, c


def _best(side: list[Any]) -> float:
    if not side:
        raise malformed(_KEY, "a price with one side only")
    return number(member(side[0], "price", str, _KEY), "a price", _KEY)


def _start_us(at_us: int, interval: Interval) -> int:
    if interval.is_intraday:
        return at_us
    local = from_us(at_us).astimezone(NEW_YORK)
    if (local.hour, local.minute, local.second, local.microsecond) != (17, 0, 0, 0):
        raise malformed(_KEY, f"a day that begins at {iso(from_us(at_us))}, not at 17:00 New York")
    return label_us(fx_day(at_us))


def explain(status: int, said: str, about: str) -> TruecastError | None:
    """OANDA's 400 names the parameter it does not like."""
    if status == 400 and "instrument" in said:
        return SymbolNotAtSource(source=_KEY, symbol=about, reason=said)
    if status == 403:
        return refused_key(_KEY, said)
    return None


def create(clock: Clock, reach: Reach) -> Oanda:
    """The adapter: practice prices unless `reach` says otherwise (https://api-fxtrade.oanda.com for live accounts)."""
    upstream = upstream_of(__file__, clock, reach, keyed=reach.key is not None, explain=explain)
    return Oanda(__file__, clock, upstream, reach.key)

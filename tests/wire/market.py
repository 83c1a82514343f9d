"""Crypto exchanges whose market never stops: any pair, any time, in the recorded shapes. For trying the product by hand
(`python -m tests.wire --live`) and for long backfills; prices are a fixed function of the time, so every answer agrees
with every other one, and with itself tomorrow.
"""

import asyncio
import json
import math
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from tests.wire.index import by_file
from tests.wire.server import Made, Maker, WireServer

_MINUTE_S = 60
_BASES = {"BTC": 74_000.0, "XBT": 74_000.0, "ETH": 2_870.0, "SOL": 190.0, "BNB": 610.0, "XRP": 2.4, "DOGE": 0.19}
_KLINE_S = {"1m": 60, "5m": 300, "15m": 900, "30m": 1_800, "1h": 3_600, "4h": 14_400, "1d": 86_400}
_QUOTES = ("USDT", "USD", "EUR")

Now = Callable[[], float]  # seconds since the epoch


def pair_of(name: str) -> str:
    """`BTCUSDT`, `XXBTZUSD`, `BTC-USD`, `BTC/USD` -> `BTC`: the price hangs on the coin alone."""
    plain = name.replace("-", "").replace("/", "").upper()
    if plain.startswith("X") and plain[4:5] == "Z":
        plain = plain[1:4] + plain[5:]
    for quote in _QUOTES:
        plain = plain.removesuffix(quote)
    return {"XBT": "BTC", "XDG": "DOGE"}.get(plain, plain)


def price(name: str, at_s: float) -> float:
    """Slow and fast waves and a little noise around a base, rounded to cents of a cent."""
    coin = pair_of(name)
    phase = sum(map(ord, coin))
    day = at_s / 86_400
    waves = 0.12 * math.sin(day / 31 + phase) + 0.03 * math.sin(day * 1.7 + phase) + 0.008 * math.sin(day * 23 + phase)
    noise = 0.0006 * math.sin(at_s // _MINUTE_S * 12.9898 + phase * 78.233) ** 3
    return round(_BASES.get(coin, 10.0 + phase % 90) * math.exp(waves + noise), 6)


def candle(name: str, start_s: int, step_s: int, until_s: float) -> tuple[float, float, float, float, float]:
    """Open, high, low, close, volume of the bar, as far as it has come by `until_s`."""
    end_s = min(start_s + step_s, until_s)
    points = [price(name, start_s + (end_s - start_s) * i / 4) for i in range(5)]
    volume = round((1 + math.sin(start_s * 0.001) ** 2) * step_s / 60 * max(end_s - start_s, 0) / step_s, 5)
    return points[0], max(points), min(points), points[-1], volume


def binance(now: Now) -> Maker:
    """klines with paging and a forming last one, 24 h tickers, exchangeInfo."""

    def klines(query: Mapping[str, str]) -> list[Any]:
        step, at, limit = _KLINE_S[query["interval"]], now(), int(query.get("limit", 500))
        end = min(int(query.get("endTime", at * 1_000)) / 1_000, at)
        first = int(query["startTime"]) / 1_000 if "startTime" in query else end - (limit - 1) * step
        start = math.ceil(first / step) * step if "startTime" in query else int(first // step * step)
        found = []
        for t in range(start, min(start + limit * step, int(end) + 1), step):
            open_, high, low, close, volume = candle(query["symbol"], t, step, at)
            prices = [f"{one:.8f}" for one in (open_, high, low, close, volume)]
            found.append([t * 1_000, *prices, (t + step) * 1_000 - 1, "0.0", 1, "0.0", "0.0", "0"])
        return found

    def ticker(name: str) -> dict[str, Any]:
        at = now()
        last = price(name, at)
        return {
            "symbol": name, "lastPrice": f"{last:.8f}", "bidPrice": f"{last * 0.99999:.8f}",
            "askPrice": f"{last * 1.00001:.8f}", "openPrice": f"{price(name, at - 86_400):.8f}",
            "closeTime": int(at * 1_000), "count": 1_000,
        }  # fmt: skip

    def maker(path: str, query: Mapping[str, str]) -> Made | None:
        names = json.loads(query["symbols"]) if "symbols" in query else [query.get("symbol", "")]
        if any("NOPE" in name for name in names):
            return _recorded("binance", "error_400_invalid_symbol.json")
        if path == "/api/v3/klines" and query.get("symbol"):
            return _json(klines(query))
        if path == "/api/v3/ticker/24hr" and all(names):
            return _json([ticker(name) for name in names] if "symbols" in query else ticker(names[0]))
        return None

    return maker


def coinbase(now: Now) -> Maker:
    """Candles newest first, tickers."""

    def maker(path: str, query: Mapping[str, str]) -> Made | None:
        parts = path.strip("/").split("/")
        if len(parts) != 3 or parts[0] != "products":
            return None
        if "NOPE" in parts[1]:
            return _recorded("coinbase", "error_404.json")
        name, at = parts[1], now()
        if parts[2] == "ticker":
            last = price(name, at)
            row = {"price": last, "bid": last * 0.99999, "ask": last * 1.00001, "size": 0.001}
            return _json({**{key: f"{value:.6f}" for key, value in row.items()}, "time": _iso(at), "trade_id": int(at)})
        if parts[2] != "candles":
            return None
        step = int(query["granularity"])
        start, end = (datetime.fromisoformat(query[side]).timestamp() for side in ("start", "end"))
        rows = []
        for t in range(math.ceil(start / step) * step, int(min(end, at)) + 1, step):
            open_, high, low, close, volume = candle(name, t, step, at)
            rows.append([t, low, high, open_, close, volume])
        return _json(rows[::-1])

    return maker


def kraken(now: Now) -> Maker:
    """The last 720 candles, the last of them running; tickers under the names asked for."""

    def maker(path: str, query: Mapping[str, str]) -> Made | None:
        names = query.get("pair", "").split(",")
        if any("NOPE" in name for name in names):
            return _recorded("kraken", "error_200_unknown_pair.json")
        at = now()
        if path == "/0/public/Ticker":
            rows = {name: {side: [f"{price(name, at):.5f}", "1", "1.000"] for side in "abc"} for name in names}
            return _json({"error": [], "result": rows})
        if path != "/0/public/OHLC":
            return None
        step = int(query.get("interval", "1")) * 60
        last = int(at // step * step)
        rows = []
        for t in range(last - 719 * step, last + 1, step):
            if t > int(query.get("since", 0)):
                open_, high, low, close, volume = candle(names[0], t, step, at)
                rows.append([t, *(f"{one:.6f}" for one in (open_, high, low, close, close, volume)), 1])
        return _json({"error": [], "result": {names[0]: rows, "last": last - step}})

    return maker


Frames = Callable[[bytes], AsyncIterator[bytes]]


def binance_stream(now: Now, every_s: float = 1.0) -> Frames:
    """What a SUBSCRIBE is answered with, for ever: each stream once per `every_s`, klines closed on the minute.

    Trades are numbered without holes, from a number that only rises from one connection to the next.
    """

    async def frames(said: bytes) -> AsyncIterator[bytes]:
        request = json.loads(said)
        yield json.dumps({"result": None, "id": request["id"]}).encode()
        number, shown = int(now() * 1_000), int(now() // 60 * 60)
        while True:
            at = now()
            minute = int(at // 60 * 60)
            for stream in request["params"]:
                name, kind = stream.split("@")[0].upper(), stream.split("@")[1]
                if kind.startswith("kline") and minute > shown:
                    yield _frame(stream, _kline(name, shown, at, closed=True))
                yield _frame(stream, _event(name, kind, number, at))
            number, shown = number + 1, minute
            await asyncio.sleep(every_s)

    return frames


def coinbase_stream(now: Now, every_s: float = 1.0) -> Frames:
    """Matches, tickers and heartbeats; one unknown product spoils the subscription."""

    async def frames(said: bytes) -> AsyncIterator[bytes]:
        request = json.loads(said)
        names = request["product_ids"]
        unknown = next((name for name in names if "NOPE" in name), None)
        if unknown is not None:
            reason = f"{unknown} is not a valid product"
            yield _said({"type": "error", "message": "Failed to subscribe", "reason": reason})
            return
        yield _said({"type": "subscriptions", "channels": [{"name": one} for one in request["channels"]]})
        number = int(now() * 1_000)
        while True:
            number += 1
            for name in names:
                at = now()
                last, time = price(name, at), _iso(at)
                of = {"product_id": name, "time": time, "price": f"{last:.6f}"}
                sides = {"best_bid": f"{last * 0.99999:.6f}", "best_ask": f"{last * 1.00001:.6f}"}
                yield _said({"type": "match", "trade_id": number, "size": "0.01000000", **of})
                yield _said({"type": "ticker", "last_size": "0.01000000", **of, **sides})
                yield _said({"type": "heartbeat", "last_trade_id": number, "product_id": name, "time": time})
            await asyncio.sleep(every_s)

    return frames


def kraken_stream(now: Now, every_s: float = 1.0) -> Frames:
    """Each subscription is acknowledged pair by pair, unknown ones with an error; candles are never called final."""

    async def frames(said: bytes) -> AsyncIterator[bytes]:
        request = json.loads(said)
        if request["method"] == "ping":
            yield _said({"method": "pong", "time_in": _iso(now())})
            return
        channel, known = request["params"]["channel"], []
        for name in request["params"]["symbol"]:
            if "NOPE" in name:
                error = f"Currency pair not supported {name}"
                yield _said({"method": "subscribe", "success": False, "error": error, "symbol": name})
            else:
                known.append(name)
                yield _said({"method": "subscribe", "success": True, "result": {"channel": channel, "symbol": name}})
        number, shown = int(now() * 1_000), int(now() // 60 * 60)
        while known:
            at = now()
            number, minute = number + 1, int(at // 60 * 60)
            # The last trade of a minute tells its candle as it ended.
            moments = [shown + 59.999, at] if channel == "ohlc" and minute > shown else [at]
            for moment in moments:
                rows = [_kraken_row(channel, name, moment, number, over=moment < at) for name in known]
                yield _said({"channel": channel, "type": "update", "timestamp": _iso(moment), "data": rows})
            shown = minute
            if channel == "trade":
                yield _said({"channel": "heartbeat"})
            await asyncio.sleep(every_s)

    return frames


def go_live(wire: WireServer, now: Now, every_s: float = 1.0) -> None:
    """Let the exchanges answer from the market instead of from the recordings."""
    for key, maker, stream in (
        ("binance", binance, binance_stream),
        ("coinbase", coinbase, coinbase_stream),
        ("kraken", kraken, kraken_stream),
    ):
        wire.make(key, maker(now))
        wire.stream(key, stream(now, every_s))


def _kraken_row(channel: str, name: str, at: float, number: int, *, over: bool) -> dict[str, Any]:
    last = price(name, at)
    if channel == "trade":
        return {"symbol": name, "side": "buy", "price": last, "qty": 0.01, "trade_id": number, "timestamp": _iso(at)}
    if channel == "ticker":
        return {"symbol": name, "bid": last * 0.99999, "ask": last * 1.00001, "last": last, "timestamp": _iso(at)}
    start = int(at // 60 * 60)
    open_, high, low, close, volume = candle(name, start, 60, start + 60 if over else at)
    prices = {"open": open_, "high": high, "low": low, "close": close, "volume": volume}
    return {"symbol": name, **prices, "interval_begin": _iso(start), "interval": 1}


def _iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _said(document: dict[str, Any]) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()


def _event(name: str, kind: str, number: int, at: float) -> dict[str, Any]:
    ms, last = int(at * 1_000), price(name, at)
    if kind == "trade":
        return {"e": "trade", "E": ms, "s": name, "t": number, "p": f"{last:.8f}", "q": "0.01000000", "T": ms}
    if kind == "bookTicker":
        bid, ask = f"{last * 0.99999:.8f}", f"{last * 1.00001:.8f}"
        return {"u": number, "s": name, "b": bid, "B": "1.0", "a": ask, "A": "1.0"}
    if kind == "miniTicker":
        return {"e": "24hrMiniTicker", "E": ms, "s": name, "c": f"{last:.8f}"}
    return _kline(name, int(at // 60 * 60), at, closed=False)


def _kline(name: str, start: int, at: float, *, closed: bool) -> dict[str, Any]:
    open_, high, low, close, volume = (f"{one:.8f}" for one in candle(name, start, 60, at))
    k = {"t": start * 1_000, "T": start * 1_000 + 59_999, "s": name, "i": "1m", "x": closed}
    return {
        "e": "kline",
        "E": int(at * 1_000),
        "s": name,
        "k": {**k, "o": open_, "h": high, "l": low, "c": close, "v": volume},
    }


def _frame(stream: str, data: dict[str, Any]) -> bytes:
    return json.dumps({"stream": stream, "data": data}, separators=(",", ":")).encode()


def _json(document: Any) -> Made:
    return Made(json.dumps(document, separators=(",", ":")).encode())


def _recorded(key: str, file: str) -> Made:
    one = by_file(key, file)
    return Made(one.body, one.status, one.headers)

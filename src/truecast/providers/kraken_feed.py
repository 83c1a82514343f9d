"""Kraken's WebSocket v2: trades, tickers and candles. Numbers are JSON floats, times RFC 3339, pairs "BTC/USD".

A candle is told only when there was a trade, and nothing says that it is over: it is when the next one is told. Those
of minutes without a trade come from the REST side. A heartbeat comes about every second when nothing else does.
https://docs.kraken.com/api/docs/websocket-v2/ohlc
"""

import functools
import json
from collections.abc import Mapping, Sequence

import msgspec

from truecast.domain.event import Event, Notice
from truecast.domain.interval import Interval
from truecast.providers.feed import FeedPlan, Ping
from truecast.providers.kraken_formats import KEY
from truecast.providers.live import checked_candle, checked_tick
from truecast.providers.payload import malformed, shown, time_us

_SILENCE_S_MAX = 15.0
_PING_EVERY_S = 30.0
_INTERVALS = {i.seconds // 60: i for i in Interval if i.is_intraday or i is Interval.D1}


class _Message(msgspec.Struct):
    channel: str = ""
    method: str = ""
    type: str = ""
    timestamp: str = ""
    data: msgspec.Raw = msgspec.Raw(b"[]")
    success: bool = True
    error: str = ""
    symbol: str = ""


class _Trade(msgspec.Struct):
    symbol: str
    price: float
    qty: float
    trade_id: int
    timestamp: str


class _Ticker(msgspec.Struct):
    symbol: str
    bid: float
    ask: float
    last: float
    timestamp: str = ""  # not in every version


class _Ohlc(msgspec.Struct):
    symbol: str
    open: float
    high: float
    low: float
    close: float
    volume: float
    interval_begin: str
    interval: int


class _Status(msgspec.Struct):
    system: str = ""


_message = msgspec.json.Decoder(_Message)
_trades = msgspec.json.Decoder(list[_Trade])
_tickers = msgspec.json.Decoder(list[_Ticker])
_candles = msgspec.json.Decoder(list[_Ohlc])
_statuses = msgspec.json.Decoder(list[_Status])


def plan(root: str, symbols: Sequence[str]) -> FeedPlan:
    """How to listen to these pairs."""
    names = {symbol.replace("-", "/"): symbol for symbol in symbols}
    channels = (
        {"channel": "ohlc", "symbol": list(names), "interval": 1, "snapshot": True},
        {"channel": "ticker", "symbol": list(names)},
        {"channel": "trade", "symbol": list(names), "snapshot": False},
    )
    frames = [{"method": "subscribe", "params": one, "req_id": i} for i, one in enumerate(channels, 1)]
    return FeedPlan(
        source=KEY,
        url=root,
        symbols=tuple(symbols),
        subscribe=tuple(json.dumps(frame, separators=(",", ":")) for frame in frames),
        decode=functools.partial(decode, names=names),
        silence_s_max=_SILENCE_S_MAX,
        ping=Ping('{"method":"ping"}', _PING_EVERY_S),
        trades="rising",
        candles=(Interval.M1,),
        candle_end="next",
    )


def decode(frame: str | bytes, received_us: int, *, names: Mapping[str, str]) -> Sequence[Event]:
    """The events of one message, () for what does not concern these pairs. Raises SourceAnswerMalformed."""
    try:
        one = _message.decode(frame)
        if one.channel in ("trade", "ticker", "ohlc"):
            return _events(one, received_us, names)
        return _notices(one, received_us, names)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise malformed(KEY, f"a frame {shown(frame[:60])}: {str(error)[:100]}") from None


def _events(one: _Message, received_us: int, names: Mapping[str, str]) -> Sequence[Event]:
    if one.channel == "trade":
        return [
            checked_tick(
                KEY,
                names[row.symbol],
                price=row.price,
                size=row.qty,
                at_us=time_us(row.timestamp, KEY),
                received_us=received_us,
                seq=row.trade_id,
            )
            for row in _trades.decode(one.data)
            if row.symbol in names
        ]
    if one.channel == "ticker":
        return [
            checked_tick(
                KEY,
                names[row.symbol],
                price=row.last,
                bid=row.bid,
                ask=row.ask,
                at_us=time_us(row.timestamp, KEY) if row.timestamp else received_us,
                received_us=received_us,
            )
            for row in _tickers.decode(one.data)
            if row.symbol in names
        ]
    at_us = time_us(one.timestamp, KEY)
    return [
        checked_candle(
            KEY,
            names[row.symbol],
            _INTERVALS[row.interval],
            start_us=time_us(row.interval_begin, KEY),
            prices=(row.open, row.high, row.low, row.close),
            volume=row.volume,
            at_us=at_us,
            received_us=received_us,
        )
        for row in _candles.decode(one.data)
        if row.symbol in names and row.interval in _INTERVALS
    ]


def _notices(one: _Message, received_us: int, names: Mapping[str, str]) -> Sequence[Event]:
    symbol = names.get(one.symbol)
    if one.error or not one.success:
        return (Notice("refused", one.error[:200], received_us, symbol),)
    if one.method == "subscribe":
        return (Notice("subscribed", "", received_us, symbol),)
    if one.channel == "heartbeat" or one.method == "pong":
        return (Notice("heartbeat", "", received_us),)
    if one.channel == "status":
        return [Notice("status", status.system[:40], received_us) for status in _statuses.decode(one.data)]
    return ()

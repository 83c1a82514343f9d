"""Binance's live streams: how to subscribe, and every frame as events.

Frames come wrapped, {"stream": "btcusdt@trade", "data": {...}}; control answers and some errors come bare. A
connection lives 24 h; the server pings every 20 s (the WebSocket library answers) and says `serverShutdown` before it
goes. Trade ids of a pair have no holes; a bookTicker's update ids only rise.
https://github.com/binance/binance-spot-api-docs/blob/master/web-socket-streams.md

Two passes of msgspec, the second into the type that the stream's name tells: four times as fast as into a dict.
"""

import functools
import json
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from truecast.domain.event import Candle, Event, Notice, NoticeKind, Tick
from truecast.domain.interval import Interval
from truecast.kit.http import SourceAnswerMalformed
from truecast.providers.binance_formats import KEY
from truecast.providers.feed import FeedPlan
from truecast.providers.payload import malformed, shown

STREAMS = ("kline_1m", "miniTicker", "bookTicker", "trade")
_STREAMS_A_FRAME = 200
_AGE_S_MAX = 23.5 * 3_600  # the server cuts at 24 h
_SILENCE_S_MAX = 65.0  # a ping comes every 20 s, so silence on every stream for three of them is not a calm market
_MS_MIN, _MS_MAX = 1_230_768_000_000, 4_102_444_800_000  # 2009 to 2100: anything else is another unit
_INTERVALS = {i.value: i for i in Interval if i.is_intraday or i is Interval.D1}


class _Frame(msgspec.Struct):
    stream: str = ""
    data: msgspec.Raw = msgspec.Raw(b"")


class _Trade(msgspec.Struct):
    s: str
    t: int
    p: float
    q: float
    T: int


class _Book(msgspec.Struct):
    u: int
    s: str
    b: float
    B: float
    a: float
    A: float


class _Mini(msgspec.Struct):
    E: int
    s: str
    c: float


class _Kline(msgspec.Struct):
    t: int
    T: int
    i: str
    o: float
    c: float
    h: float
    l: float  # noqa: E741 Binance's name
    v: float
    x: bool


class _KlineEvent(msgspec.Struct):
    E: int
    s: str
    k: _Kline


class _Control(msgspec.Struct):
    """What comes bare: an answer to SUBSCRIBE, an error, or an event of a raw stream."""

    e: str = ""
    id: int | str | None = None
    code: int | None = None
    msg: str = ""
    error: Any = None


_frame = msgspec.json.Decoder(_Frame)
_trade = msgspec.json.Decoder(_Trade, strict=False)  # numbers come as strings
_book = msgspec.json.Decoder(_Book, strict=False)
_mini = msgspec.json.Decoder(_Mini, strict=False)
_kline = msgspec.json.Decoder(_KlineEvent, strict=False)
_control = msgspec.json.Decoder(_Control, strict=False)


def plan(root: str, names: Mapping[str, str]) -> FeedPlan:
    """How to listen to these pairs, given as Binance's name -> ours."""
    streams = [f"{name.lower()}@{stream}" for name in names for stream in STREAMS]
    frames = [
        {"method": "SUBSCRIBE", "params": streams[i : i + _STREAMS_A_FRAME], "id": i // _STREAMS_A_FRAME + 1}
        for i in range(0, len(streams), _STREAMS_A_FRAME)
    ]
    return FeedPlan(
        source=KEY,
        url=f"{root}/stream",
        symbols=tuple(names.values()),
        subscribe=tuple(json.dumps(frame, separators=(",", ":")) for frame in frames),
        decode=functools.partial(decode, names=dict(names)),
        silence_s_max=_SILENCE_S_MAX,
        age_s_max=_AGE_S_MAX,
        trades="gapless",
        quotes="rising",
        candles=(Interval.M1,),
    )


def decode(frame: str | bytes, received_us: int, *, names: Mapping[str, str]) -> Sequence[Event]:
    """The events of one frame, () for what does not concern these pairs. Raises SourceAnswerMalformed."""
    try:
        outer = _frame.decode(frame)
        if not outer.stream:
            return _bare(frame, received_us, names)
        kind = outer.stream.partition("@")[2]
        read = _READ.get(kind) or (_read_kline if kind.startswith("kline_") else None)
        if read is not None:
            return read(outer.data, received_us, names)
        return _bare(bytes(outer.data), received_us, names) if outer.stream[0] == "!" else ()
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise _unreadable(frame, error) from None


def _read_trade(data: msgspec.Raw, received_us: int, names: Mapping[str, str]) -> Sequence[Event]:
    one = _trade.decode(data)
    symbol = names.get(one.s)
    if symbol is None:
        return ()
    if not (0 < one.p < math.inf and 0 <= one.q < math.inf and _MS_MIN <= one.T < _MS_MAX and one.t >= 0):
        raise malformed(KEY, f"a trade of {one.q} at {one.p}, number {one.t}, at {one.T}")
    return (Tick(symbol, one.p, None, None, one.q, one.T * 1_000, received_us, one.t),)


def _read_book(data: msgspec.Raw, received_us: int, names: Mapping[str, str]) -> Sequence[Event]:
    one = _book.decode(data)
    symbol = names.get(one.s)
    if symbol is None:
        return ()
    if not (0 < one.b <= one.a < math.inf and one.u >= 0):
        raise malformed(KEY, f"bid {one.b}, ask {one.a}, number {one.u}")
    return (Tick(symbol, None, one.b, one.a, None, 0, received_us, one.u),)


def _read_mini(data: msgspec.Raw, received_us: int, names: Mapping[str, str]) -> Sequence[Event]:
    one = _mini.decode(data)
    symbol = names.get(one.s)
    if symbol is None:
        return ()
    if not (0 < one.c < math.inf and _MS_MIN <= one.E < _MS_MAX):
        raise malformed(KEY, f"a last price of {one.c} at {one.E}")
    return (Tick(symbol, one.c, None, None, None, one.E * 1_000, received_us, None),)


def _read_kline(data: msgspec.Raw, received_us: int, names: Mapping[str, str]) -> Sequence[Event]:
    one = _kline.decode(data)
    symbol, k = names.get(one.s), one.k
    interval = _INTERVALS.get(k.i)
    if symbol is None or interval is None:
        return ()
    ms = interval.seconds * 1_000
    in_order = 0 < k.l <= k.o <= k.h < math.inf and k.l <= k.c <= k.h and 0 <= k.v < math.inf
    in_time = _MS_MIN <= k.t < _MS_MAX and k.t % ms == 0 and k.t + ms - 1 == k.T and k.t <= one.E < _MS_MAX
    if not (in_order and in_time) or (k.x and one.E < k.T):
        raise malformed(KEY, f"a {k.i} kline at {k.t}: {k.o} {k.h} {k.l} {k.c}, {k.v}, told at {one.E}")
    us = k.t * 1_000
    return (Candle(symbol, interval, us, k.o, k.h, k.l, k.c, k.v, k.x, one.E * 1_000, received_us),)


_Read = Callable[[msgspec.Raw, int, Mapping[str, str]], Sequence[Event]]
_READ: Mapping[str, _Read] = {"trade": _read_trade, "bookTicker": _read_book, "miniTicker": _read_mini}
_EVENTS: Mapping[str, _Read] = {"trade": _read_trade, "24hrMiniTicker": _read_mini, "kline": _read_kline}


def _bare(frame: str | bytes, received_us: int, names: Mapping[str, str]) -> Sequence[Event]:
    raw = frame.encode() if isinstance(frame, str) else frame
    one = _control.decode(raw)
    kind: NoticeKind = "status"
    if one.e == "serverShutdown":
        return (Notice("closing", "the server shuts down", received_us),)
    if one.e in _EVENTS:
        return _EVENTS[one.e](msgspec.Raw(raw), received_us, names)
    if one.code is not None or one.error is not None:
        kind, said = "refused", one.msg or json.dumps(one.error)
        return (Notice(kind, f"{said[:120]} ({one.code})" if one.code is not None else said[:120], received_us),)
    if one.id is not None:
        return (Notice("subscribed", "", received_us),)
    return ()


def _unreadable(frame: str | bytes, error: Exception) -> SourceAnswerMalformed:
    return malformed(KEY, f"a frame {shown(frame[:60])}: {str(error)[:100]}")

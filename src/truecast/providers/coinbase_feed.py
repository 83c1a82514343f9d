"""Coinbase Exchange's feed: trades, tickers, heartbeats.

The first subscription must come within 5 s, and one product that is unknown spoils it. Trade ids of a product have no
holes, and a heartbeat names the last one; `sequence` counts messages of channels that nobody subscribed to as well and
says nothing here. Unknown types are to be ignored.
https://docs.cdp.coinbase.com/exchange/websocket-feed/channels
"""

import functools
import json
from collections.abc import Mapping, Sequence

import msgspec

from truecast.domain.event import Event, Notice
from truecast.providers.coinbase_formats import KEY
from truecast.providers.feed import FeedPlan
from truecast.providers.live import checked_tick
from truecast.providers.payload import malformed, shown, time_us

_CHANNELS = ["ticker", "heartbeat", "matches"]
_SILENCE_S_MAX = 10.0  # a heartbeat comes every second


class _Message(msgspec.Struct):
    type: str
    product_id: str = ""
    time: str = ""
    price: float | None = None
    size: float | None = None
    last_size: float | None = None
    best_bid: float | None = None
    best_ask: float | None = None
    trade_id: int | None = None
    last_trade_id: int | None = None
    message: str = ""
    reason: str = ""


_message = msgspec.json.Decoder(_Message, strict=False)  # numbers come as strings


def plan(root: str, names: Mapping[str, str]) -> FeedPlan:
    """How to listen to these products, given as Coinbase's name -> ours."""
    subscribe = {"type": "subscribe", "product_ids": list(names), "channels": _CHANNELS}
    return FeedPlan(
        source=KEY,
        url=root,
        symbols=tuple(names.values()),
        subscribe=(json.dumps(subscribe, separators=(",", ":")),),
        decode=functools.partial(decode, names=dict(names)),
        silence_s_max=_SILENCE_S_MAX,
        trades="gapless",
        refusal="all",
    )


def decode(frame: str | bytes, received_us: int, *, names: Mapping[str, str]) -> Sequence[Event]:
    """The events of one message, () for what does not concern these products. Raises SourceAnswerMalformed."""
    try:
        one = _message.decode(frame)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise malformed(KEY, f"a frame {shown(frame[:60])}: {str(error)[:100]}") from None
    if one.type == "error":
        unknown = next((symbol for name, symbol in names.items() if name in one.reason), None)
        return (Notice("refused", f"{one.message}: {one.reason}"[:200], received_us, unknown),)
    if one.type == "subscriptions":
        return (Notice("subscribed", "", received_us),)
    symbol = names.get(one.product_id)
    return () if symbol is None else _of_product(one, symbol, received_us)


def _of_product(one: _Message, symbol: str, received_us: int) -> Sequence[Event]:
    if one.type == "heartbeat":
        seq = one.last_trade_id if one.last_trade_id is None or one.last_trade_id >= 0 else None
        return (Notice("heartbeat", "", received_us, symbol, seq),)
    if one.type == "ticker":
        return (_tick(one, symbol, received_us, one.last_size, None),)
    if one.type in ("match", "last_match"):
        if one.trade_id is None:
            raise malformed(KEY, f"{symbol}: a trade without a number")
        return (_tick(one, symbol, received_us, one.size, one.trade_id),)
    return ()


def _tick(one: _Message, symbol: str, received_us: int, size: float | None, seq: int | None) -> Event:
    if one.price is None:
        raise malformed(KEY, f"{symbol}: a {one.type} without a price")
    return checked_tick(
        KEY,
        symbol,
        price=one.price,
        bid=one.best_bid,
        ask=one.best_ask,
        size=size,
        at_us=time_us(one.time, KEY),
        received_us=received_us,
        seq=seq,
    )

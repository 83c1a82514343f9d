"""What Socket.IO clients are told, with the events of those that were there before us, encoded once for all."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from engineio.packet import MESSAGE, Packet

from truecast.api.stream_frame import Encoding, Frame, plain_json, ws_text
from truecast.api.stream_protocol import CANDLES, FORECASTS, HEALTH, QUOTES, SCORES

RATES, MARKET = "rates", "market"  # two ways to say a price: `rate_update` and `market_data`
_EVENTS = {QUOTES: "rate_update", FORECASTS: "prediction_update", CANDLES: "candle_update"}
_EVENTS |= {SCORES: "score_update", HEALTH: "health_update"}
_NAMES = {"subscribed": "subscription_confirmed", "closing": "error"}


@dataclass(frozen=True, slots=True)
class Said:
    """Events, put together once for all clients: for the library's queue, and as they stand on a WebSocket."""

    packets: list[Packet]
    frames: bytes


def _packed(name: str, payload: bytes) -> Said:
    """An event in the form of Socket.IO 5."""
    packet = Packet(MESSAGE, f'2["{name}",{payload.decode()}]')
    return Said([packet], ws_text(packet.encode().encode()))


def event_said(event: Mapping[str, Any]) -> Said:
    """What is no message of a topic."""
    name = event["event"]
    if name == "heartbeat":
        return Said([], b"")  # the library has its own
    said = {**event, "type": event["id"]} if name == "subscribed" else event
    return _packed(_NAMES.get(name, name), plain_json(said))


def _joined(said: Sequence[Said]) -> Said:
    return Said(list(chain.from_iterable(one.packets for one in said)), b"".join(one.frames for one in said))


def _saying(name_of_price: str) -> Callable[[Frame], Said]:
    def say(frame: Frame) -> Said:
        name = name_of_price if frame.kind == QUOTES else _EVENTS[frame.kind]
        symbol = frame.topic.split(":")[1] if ":" in frame.topic else None
        about: dict[str, Any] = {"topic": frame.topic, "epoch": frame.epoch, "offset": frame.offset}
        about |= {"timestamp": frame.ts, "snapshot": frame.snapshot, "symbol": symbol, "currency_pair": symbol}
        field = b"forecast" if frame.kind == FORECASTS else b"data"
        return _packed(name, b'%b,"%b":%b}' % (plain_json(about)[:-1], field, frame.data_json()))

    return say


def _encoding(name_of_price: str) -> Encoding:
    say = _saying(name_of_price)
    return Encoding(message=say, loose=say, event=event_said, join=_joined)


ENCODINGS = {RATES: _encoding("rate_update"), MARKET: _encoding("market_data")}

"""One client of a stream, whatever it speaks. The skins give it an outlet, the hub gives it messages."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from truecast.accounts.principal import Principal
from truecast.api.stream_frame import Encoding
from truecast.api.stream_protocol import StreamRateExceeded
from truecast.kit.errors import TruecastError
from truecast.kit.limits import STREAM_INBOUND_BURST, STREAM_INBOUND_PER_S, STREAM_ROOM_S


class Outlet(Protocol):
    """Where messages go. Says to the hub when it has no room, and when it has room again."""

    def write(self, data: Any) -> None:
        """Take it at once, and keep what the network does not take."""

    def buffered(self) -> int:
        """Bytes that the network has not taken yet."""

    def close(self, error: TruecastError) -> None:
        """Say why, and end; at once if need be."""


class Connection:
    """`write` is the outlet's own, so that a message costs one call."""

    __slots__ = (
        "__weakref__",
        "buffered_before",
        "closed",
        "encoding",
        "has_room",
        "lock",
        "outlet",
        "principal",
        "progress_s",
        "skin",
        "write",
    )

    def __init__(self, skin: str, encoding: Encoding, outlet: Outlet, principal: Principal) -> None:
        self.skin = skin
        self.encoding = encoding
        self.outlet = outlet
        self.write: Callable[[Any], None] = outlet.write
        self.principal = principal
        self.has_room = True
        self.closed = False
        self.lock = asyncio.Lock()  # one change of subscriptions at a time
        self.progress_s = 0.0  # when the network last took something, while there is no room
        self.buffered_before = 0

    async def room(self) -> None:
        """Return when it has room, or is closed: whoever takes no answers is not listened to either."""
        while not self.has_room and not self.closed:
            await asyncio.sleep(STREAM_ROOM_S)

    def send(self, event: Mapping[str, Any]) -> None:
        """Say something that is no message of a topic."""
        if not self.closed:
            self.write(self.encoding.event(event))


class Allowance:
    """What a client may say: a bucket of STREAM_INBOUND_BURST messages that fills by STREAM_INBOUND_PER_S."""

    __slots__ = ("_left", "_said_s")

    def __init__(self) -> None:
        self._left = float(STREAM_INBOUND_BURST)
        self._said_s = asyncio.get_running_loop().time()

    def take(self) -> None:
        """One message more. Raises StreamRateExceeded."""
        now_s = asyncio.get_running_loop().time()
        more = (now_s - self._said_s) * STREAM_INBOUND_PER_S
        self._left = min(self._left + more, STREAM_INBOUND_BURST) - 1
        self._said_s = now_s
        if self._left < 0:
            raise StreamRateExceeded(per_s=STREAM_INBOUND_PER_S)

"""Recorded providers on a local port: HTTP and WebSocket, as they answer and as they misbehave.

    async with wire_server() as wire:
        reach = Reach(generator, base_url=wire.base_url("binance"))
        wire.misbehave("binance", Fault(status=429, retry_after_s=33), times=2)
        assert wire.paths("binance") == ["/api/v3/klines?..."]

By hand: `python -m tests.wire`.
"""

from tests.wire.faults import HTML, Fault
from tests.wire.index import Recorded, recorded, recorded_folders
from tests.wire.server import Asked, WireServer, wire_server

__all__ = ["HTML", "Asked", "Fault", "Recorded", "WireServer", "recorded", "recorded_folders", "wire_server"]

"""Tells of prices that changed: `quotes:<symbol>` with the item that `GET /prices` answers, conflated.

Ticks and new bars only mark a symbol; what is told is the price at the moment of telling, so whoever reads slowly sees
the latest and never a queue. Where nobody listens nothing is computed.
"""

import asyncio
from collections.abc import Mapping
from typing import Any, Protocol

from truecast.domain.instrument import Instrument
from truecast.kit.bus import Handler, Message, Unsubscribe
from truecast.kit.errors import TruecastError
from truecast.kit.limits import QUOTE_PUBLISH_S
from truecast.kit.logs import get_logger
from truecast.market.board import QuoteBoard
from truecast.market.quotes import LatestPrice, Quotes, as_item
from truecast.market.store import BarStore

_log = get_logger(__name__)


class Heard(Protocol):
    """The bus, as far as it is needed here."""

    async def publish(self, topic: str, data: Mapping[str, Any]) -> Message:
        """Tell everybody who listens."""

    def subscribe(self, pattern: str, handler: Handler) -> Unsubscribe:
        """Be told."""

    def heard(self, topic: str) -> bool:
        """Whether anybody may listen."""


class QuoteNews:
    """`run` until cancelled. Conflates to one message per symbol and `every_s`."""

    def __init__(
        self, quotes: Quotes, board: QuoteBoard, store: BarStore, bus: Heard, *, every_s: float = QUOTE_PUBLISH_S
    ) -> None:
        self._quotes = quotes
        self._store = store
        self._bus = bus
        self._every_s = every_s
        self._changed: dict[str, None] = {}
        self._news = asyncio.Event()
        self._instruments: dict[str, Instrument] = {}
        board.on_change(self._mark)
        self._leave = bus.subscribe("bars:*", self._bars)

    def close(self) -> None:
        """Hear of no more bars."""
        self._leave()

    async def run(self) -> None:
        """Tell, pause, tell."""
        while True:
            await self._news.wait()
            self._news.clear()
            try:
                await self.tell()
            except TruecastError as error:  # the database is away; the next change is told again
                _log.warning("quotes not told", code=error.code, detail=error.detail)
            await asyncio.sleep(self._every_s)

    async def tell(self) -> int:
        """Tell what changed since the last time, once each; how many."""
        changed, self._changed = self._changed, {}
        symbols = [symbol for symbol in changed if self._bus.heard(_topic(symbol))]
        if not symbols:
            return 0
        if any(symbol not in self._instruments for symbol in symbols):
            self._instruments = {one.symbol: one for one in (await self._store.universe()).instruments}
        known = [self._instruments[symbol] for symbol in symbols if symbol in self._instruments]
        told = [one for one in await self._quotes.latest_of(known) if isinstance(one, LatestPrice)]
        for latest in told:
            await self._bus.publish(_topic(latest.quote.symbol), as_item(latest))
        return len(told)

    def _mark(self, symbol: str) -> None:
        self._changed[symbol] = None
        self._news.set()

    async def _bars(self, message: Message) -> None:
        symbol = message.data.get("symbol")
        if isinstance(symbol, str):
            self._mark(symbol)


def _topic(symbol: str) -> str:
    return f"quotes:{symbol}"

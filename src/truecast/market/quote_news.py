"""Tells of prices that changed, or grew too old: `quotes:<symbol>` with the item that `GET /prices` answers, conflated.

Ticks and new bars only mark a symbol; what is told is the price at the moment of telling, so whoever reads slowly sees
the latest and never a queue. Where nobody listens nothing is computed.

Where processes share their news, each price is told once: a tick by the process that took it, and what all of them
learn, new bars and the passing of time, by the one that holds a lease. While Redis is away each tells its own clients.
"""

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from truecast.domain.instrument import Instrument
from truecast.kit.bus import BusState, Handler, Message, Unsubscribe
from truecast.kit.errors import TruecastError
from truecast.kit.leases import Leases
from truecast.kit.limits import LEASE_RENEW_S, LEASE_S, QUOTE_LOOK_S, QUOTE_PUBLISH_S
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

    @property
    def state(self) -> BusState:
        """Whether news are shared, and reach others at present."""


class QuoteNews:
    """`run` until cancelled. Conflates to one message per symbol and `every_s`; looks for stale ones every `look_s`."""

    def __init__(
        self,
        quotes: Quotes,
        board: QuoteBoard,
        store: BarStore,
        bus: Heard,
        leases: Leases | None = None,
        *,
        every_s: float = QUOTE_PUBLISH_S,
        look_s: float = QUOTE_LOOK_S,
    ) -> None:
        self._quotes = quotes
        self._store = store
        self._bus = bus
        self._every_s, self._look_s = every_s, look_s
        self._changed: dict[str, None] = {}
        self._news = asyncio.Event()
        self._instruments: dict[str, Instrument] = {}
        self._stale: set[str] = set()  # as they were told last
        self._leases = leases
        self._passed: dict[str, float] = {}  # what was left to who holds the lease, and when
        board.on_take(self._mark)
        board.on_change(self._read)
        self._leave = bus.subscribe("bars:*", self._bars)

    def close(self) -> None:
        """Hear of no more bars."""
        self._leave()

    async def run(self) -> None:
        """Tell, pause, tell."""
        loop = asyncio.get_running_loop()
        look_at, renew_at = loop.time() + self._look_s, loop.time()
        try:
            while True:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout_at(look_at if self._leases is None else min(look_at, renew_at)):
                        await self._news.wait()
                self._news.clear()
                try:
                    if self._leases is not None and loop.time() >= renew_at:
                        renew_at = loop.time() + self._leases.renew_s
                        await self.renew(self._leases)
                    await self.tell()
                    if loop.time() >= look_at:
                        look_at = loop.time() + self._look_s
                        if self._leads:
                            await self.tell_aged()
                except TruecastError as error:  # the database is away; the next change is told again
                    _log.warning("quotes not told", code=error.code, detail=error.detail)
                await asyncio.sleep(self._every_s)
        finally:
            if self._leases is not None and self._leases.holds(_LEASE):
                with contextlib.suppress(TruecastError):  # then it ends by itself
                    await self._leases.release([_LEASE])

    async def renew(self, leases: Leases) -> None:
        """Take the lease or keep it. Who gets it tells what the one before may have left untold."""
        since_s = asyncio.get_running_loop().time() - _UNTOLD_S
        self._passed = {symbol: at_s for symbol, at_s in self._passed.items() if at_s >= since_s}
        if _LEASE in await leases.take([_LEASE]):
            passed, self._passed = self._passed, {}
            for symbol in passed:
                self._mark(symbol)

    async def tell(self) -> int:
        """Tell what changed since the last time, once each; how many."""
        changed, self._changed = self._changed, {}
        symbols = [symbol for symbol in changed if self._bus.heard(_topic(symbol))]
        if not symbols:
            return 0
        if any(symbol not in self._instruments for symbol in symbols):
            self._instruments = {one.symbol: one for one in (await self._store.universe()).instruments}
        known = [self._instruments[symbol] for symbol in symbols if symbol in self._instruments]
        return await self._say([one for one in await self._quotes.latest_of(known) if isinstance(one, LatestPrice)])

    async def tell_aged(self) -> int:
        """Tell which prices became stale since they were told, or are no more: no tick or bar says so; how many."""
        listed = [one for one in (await self._store.universe()).instruments if self._bus.heard(_topic(one.symbol))]
        self._stale &= {one.symbol for one in listed}
        found = [one for one in await self._quotes.latest_of(listed) if isinstance(one, LatestPrice)]
        return await self._say([one for one in found if one.stale != (one.quote.symbol in self._stale)])

    async def _say(self, told: Sequence[LatestPrice]) -> int:
        for latest in told:
            symbol = latest.quote.symbol
            (self._stale.add if latest.stale else self._stale.discard)(symbol)
            await self._bus.publish(_topic(symbol), as_item(latest))
        return len(told)

    @property
    def _leads(self) -> bool:
        """Whether what every process knows is told by this one."""
        return self._leases is None or not self._is_shared or self._leases.holds(_LEASE)

    @property
    def _is_shared(self) -> bool:
        state = self._bus.state
        return state.shared and state.connected

    def _read(self, symbol: str) -> None:
        """What another process took it has told itself, if it could."""
        if not self._is_shared:
            self._mark(symbol)

    def _mark(self, symbol: str) -> None:
        self._changed[symbol] = None
        self._news.set()

    async def _bars(self, message: Message) -> None:
        symbol = message.data.get("symbol")
        if isinstance(symbol, str) and self._leads:
            self._mark(symbol)
        elif isinstance(symbol, str):
            self._passed[symbol] = asyncio.get_running_loop().time()


_LEASE = "quotes:news"
_UNTOLD_S = LEASE_S + 2 * LEASE_RENEW_S  # a lease is missed for so long at most


def _topic(symbol: str) -> str:
    return f"quotes:{symbol}"

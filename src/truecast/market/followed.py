"""Which symbols are followed: those that the sources offer by themselves, with what a user added, without what was
removed. Data of a removed symbol stay; it is no longer asked for.

Adding an unknown symbol asks the live sources in their order. Where none has it, the error says why, source by source.
"""

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from truecast.domain.instrument import Instrument, UnknownSymbol, canonical_spelling, squashed
from truecast.domain.interval import Interval
from truecast.kit.clock import Clock
from truecast.kit.db import Database, upsert
from truecast.kit.errors import EXIT_NOT_FOUND, TruecastError
from truecast.kit.limits import FOLLOWED_MAX, LOADED_BARS
from truecast.kit.logs import get_logger
from truecast.market.backfill import Backfill
from truecast.market.chain import Chain
from truecast.market.store import BarStore
from truecast.market.tables import followed
from truecast.providers.base import Provider, SeriesNotOffered, SeriesOffer
from truecast.providers.errors import SymbolNotAtSource
from truecast.providers.guarded import Guarded

_log = get_logger(__name__)

_SPREAD = {"24/7": 1.0, "FX": 1.5, "session": 5.5, "days": 1.5}  # of the calendar's time to the market's
_SPAN_S_MAX = 60 * 365 * 86_400.0
_FIRST_CHOICES = (Interval.H1, Interval.M30, Interval.D1, Interval.MO1, Interval.Q1, Interval.Y1)
_LOOK_BACK = timedelta(days=40)
_LISTED_FOR = timedelta(hours=1)


class NotAtAnySource(TruecastError):
    """No configured source has such an instrument; `reasons` says why, one by one."""

    code = "not_at_any_source"
    status = 404
    title = "Not at any source"
    template = "No source has {symbol}: {summary}"
    exit_code = EXIT_NOT_FOUND


class TooManyFollowed(TruecastError):
    """There is a limit to what one installation follows."""

    code = "too_many_followed"
    status = 409
    title = "Too many symbols"
    template = "{count} symbols were added already, {most} are the most; remove some first"


@dataclass(frozen=True, slots=True)
class Added:
    """A symbol that is followed now. `is_new`: it was not before. `sources` in the order in which they are asked."""

    instrument: Instrument
    is_new: bool
    sources: tuple[str, ...]
    intervals: tuple[Interval, ...]


class Followed:
    """The user's changes to the universe, kept in the database; `removed` is what was known of them last."""

    def __init__(
        self, db: Database, store: BarStore, chain: Chain, clock: Clock, backfill: Backfill | None = None
    ) -> None:
        self._db = db
        self._store = store
        self._chain = chain
        self._clock = clock
        self._backfill = backfill
        self._loading: dict[str, asyncio.Task[int]] = {}
        self.removed: set[str] = set()
        self.added: set[str] = set()
        self._listed: dict[str, tuple[datetime, dict[str, Instrument]]] = {}

    async def refresh(self) -> None:
        """Read what other processes changed."""
        async with self._db.read() as conn:
            rows = (await conn.execute(sa.select(followed.c.symbol, followed.c.is_followed))).all()
        self.removed = {row.symbol for row in rows if not row.is_followed}
        self.added = {row.symbol for row in rows if row.is_followed}
        self._chain.unfollowed = frozenset(self.removed)

    async def offers(self, provider: Provider) -> list[SeriesOffer]:
        """What a source is to be asked for: its own offers, then those of symbols that were added."""
        await self.refresh()
        own = [offer for offer in provider.offers() if offer.instrument.symbol not in self.removed]
        if not isinstance(provider, Guarded) or not self.added:
            return own
        there = {offer.instrument.symbol for offer in own}
        return own + [offer for symbol in sorted(self.added - there) for offer in offers_at(provider, symbol)]

    async def add(self, text: str) -> Added:
        """Follow it from now on; what is followed already stays so. Raises NotAtAnySource, TooManyFollowed."""
        await self.refresh()
        if len(self.added) >= FOLLOWED_MAX:
            raise TooManyFollowed(count=len(self.added), most=FOLLOWED_MAX)
        known = await self._known(text)
        instrument, accepted = await self._ask(known, text)
        symbol = instrument.symbol
        offers = [(source, offer) for source in accepted for offer in offers_at(self._chain.provider(source), symbol)]
        led = [(source, offer) for source, offer in offers if source == accepted[0]]
        if known is None:
            await self._store.add_instruments([instrument])
        for source, offer in led:
            await self._store.add_series(_described(offer, known or instrument), source)
        is_new = symbol in self.removed or (symbol not in self.added and not self._offered(symbol))
        await self._set(symbol, is_followed=True)
        intervals = sorted({offer.interval for _, offer in led}, key=lambda one: one.seconds)
        return Added(known or instrument, is_new, tuple(accepted), tuple(intervals))

    async def load(self, added: Added) -> int:
        """Get the past of a symbol that was added: about LOADED_BARS of each interval; how many bars came.

        What its sources do not give at present comes when it is their jobs' turn.
        """
        rows, now = 0, self._clock.now()
        assert self._backfill is not None, "who loads has a way to"
        for interval in added.intervals:
            source = added.sources[0]
            span_s = LOADED_BARS * interval.seconds * _SPREAD.get(_open_share(added.instrument, interval), 1.5)
            days = self._chain.provider(source).info.history.get(interval)
            first = now - timedelta(seconds=min(span_s, _SPAN_S_MAX, (days or 1e9) * 86_400.0))
            filled = await self._backfill.fill(
                added.instrument.symbol, interval, first, now, cause="history", prefer=source
            )
            rows += filled.rows
        return rows

    def load_soon(self, added: Added) -> None:
        """`load` in the background; a symbol that is being loaded is not loaded twice."""
        symbol = added.instrument.symbol
        if symbol not in self._loading:
            self._loading[symbol] = asyncio.create_task(self._load_logged(added), name=f"load {symbol}")
            self._loading[symbol].add_done_callback(lambda _: self._loading.pop(symbol, None))

    def is_loading(self, symbol: str) -> bool:
        """Whether its past is on its way."""
        return symbol in self._loading

    async def close(self) -> None:
        """Stop loading; the jobs go on where it ended."""
        for task in (left := list(self._loading.values())):
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    async def _load_logged(self, added: Added) -> int:
        try:
            rows = await self.load(added)
        except TruecastError as error:
            _log.warning("past not loaded", symbol=added.instrument.symbol, code=error.code, detail=error.detail)
            return 0
        _log.info("past loaded", symbol=added.instrument.symbol, bars=rows)
        return rows

    async def remove(self, symbol: str) -> bool:
        """Ask for it no longer; whether it was followed. Its bars stay."""
        await self.refresh()
        was = symbol not in self.removed
        await self._set(symbol, is_followed=False)
        return was

    def is_followed(self, symbol: str) -> bool:
        """Whether some source is asked for it, as far as this process knows."""
        return symbol not in self.removed

    async def _set(self, symbol: str, *, is_followed: bool) -> None:
        row = {"symbol": symbol, "is_followed": is_followed, "changed_at": self._clock.now()}
        async with self._db.write() as conn:
            await conn.execute(upsert(conn, followed, ["symbol"], ["is_followed", "changed_at"]), [row])
        await self.refresh()

    async def _known(self, text: str) -> Instrument | None:
        try:
            return (await self._store.universe()).get(text)
        except UnknownSymbol:
            return None

    def _offered(self, symbol: str) -> bool:
        """Whether some source follows it by itself."""
        return any(offer.instrument.symbol == symbol for p in self._chain.providers() for offer in p.offers())

    async def _ask(self, known: Instrument | None, text: str) -> tuple[Instrument, list[str]]:
        """The instrument, described by the first source that can, and every source that has it."""
        spelled = canonical_spelling(text) if known is None else known.symbol
        found: Instrument | None = known
        accepted: list[str] = []
        reasons: list[dict[str, str]] = []
        for key, provider in self._chain.live():
            try:
                one = await self._at(key, provider, spelled if found is None else found.symbol, found)
            except TruecastError as error:
                reasons.append({"source": key, "code": error.code, "reason": error.detail})
                continue
            found = found or one
            accepted.append(key)
        if found is None or not accepted:
            summary = "; ".join(f"{one['source']}: {one['reason']}" for one in reasons) or "no live source is in use"
            raise NotAtAnySource(symbol=spelled[:64], summary=summary, reasons=reasons)
        return found, accepted

    async def _at(self, key: str, provider: Guarded, symbol: str, known: Instrument | None) -> Instrument:
        """The instrument as this source has it. Raises SymbolNotAtSource and what the source answers."""
        if provider.guard.key_missing:
            raise SymbolNotAtSource(source=key, symbol=symbol, reason="it needs a key and none is set")
        if known is not None and provider.info.asset_classes and known.asset_class not in provider.info.asset_classes:
            raise SymbolNotAtSource(source=key, symbol=symbol, reason=f"it has no {known.asset_class.value}")
        if "instruments" in provider.info.capabilities:
            listed = await self._listing(key, provider)
            found = listed.get(symbol) or next((i for s, i in listed.items() if squashed(s) == squashed(symbol)), None)
            if found is None:
                raise SymbolNotAtSource(source=key, symbol=symbol, reason="it is not on its list")
            if not offers_at(provider, found.symbol):
                raise SymbolNotAtSource(source=key, symbol=symbol, reason="it has no bars of it")
            return found
        offers = offers_at(provider, symbol)
        if not offers:
            raise SymbolNotAtSource(source=key, symbol=symbol, reason="its rule does not spell such a symbol")
        if "quotes" in provider.info.capabilities:
            (quote, *_) = (*await provider.quotes([symbol]), None)
            if quote is None:
                raise SymbolNotAtSource(source=key, symbol=symbol, reason="it gave no quote")
        else:
            coarse = max(offers, key=lambda offer: offer.interval.seconds)
            since = self._clock.now() - max(_LOOK_BACK, timedelta(seconds=3 * coarse.interval.seconds))
            if not len(await provider.bars(symbol, coarse.interval, since)):
                raise SymbolNotAtSource(source=key, symbol=symbol, reason="it has no recent bars")
        return offers[0].instrument

    async def _listing(self, key: str, provider: Guarded) -> dict[str, Instrument]:
        """What trades there, asked for once an hour."""
        now = self._clock.now()
        kept = self._listed.get(key)
        if kept is None or now - kept[0] > _LISTED_FOR:
            kept = (now, {one.symbol: one for one in await provider.instruments()})
            self._listed[key] = kept
        return kept[1]


def _open_share(instrument: Instrument, interval: Interval) -> str:
    """How much of the time the market is open, for bars within a day."""
    if not interval.is_intraday:
        return "days"
    return instrument.calendar if instrument.calendar in ("24/7", "FX") else "session"


def offers_at(provider: Provider, symbol: str) -> list[SeriesOffer]:
    """The series of a symbol that a source is asked for: the intervals at which it follows others of the class."""

    def offer(interval: Interval) -> SeriesOffer | None:
        try:
            return provider.offer(symbol, interval)
        except SeriesNotOffered:
            return None

    possible = [one for one in map(offer, provider.info.intervals) if one is not None]
    if not possible:
        return []
    asset_class = possible[0].instrument.asset_class
    usual = {one.interval for one in provider.offers() if one.instrument.asset_class is asset_class}
    chosen = [one for one in possible if one.interval in (usual or _FIRST_CHOICES)]
    return chosen or possible[-1:]


def _described(offer: SeriesOffer, instrument: Instrument) -> SeriesOffer:
    """The offer with the better description of its instrument."""
    return SeriesOffer(instrument, offer.interval, offer.calendar, offer.delay, offer.derived, offer.origin)

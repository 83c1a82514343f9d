"""The latest price of each instrument: heard live by the board, or else the close of the newest bar, with its age.

Nothing is mixed: bid and ask stand beside a price of the same source only, and null where they are not known.
"""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import numpy as np

from truecast.domain.bar import Bars
from truecast.domain.corporate import Factor
from truecast.domain.instrument import Instrument
from truecast.domain.interval import Interval
from truecast.domain.quote import Quote
from truecast.kit.clock import Clock, from_us, iso, to_us
from truecast.kit.errors import EXIT_NOT_FOUND, TruecastError
from truecast.kit.limits import QUOTES_KEPT_MAX
from truecast.market.adjust import adjust
from truecast.market.board import Live, QuoteBoard
from truecast.market.calendar import calendar
from truecast.market.freshness import is_stale, stale_from
from truecast.market.periods import DAY, MINUTE
from truecast.market.registry import SeriesInfo
from truecast.market.sessions import BeyondCalendar
from truecast.market.store import BarStore
from truecast.providers.catalog import UnknownSource, source_info

_CLOSING = 30 * MINUTE  # prices told so long after the close are still the session's
_FEW = 3


class NoPrice(TruecastError):
    """Known, but no bar of it has arrived."""

    code = "no_price"
    status = 404
    title = "No price yet"
    template = "No price of {symbol} has arrived yet"
    exit_code = EXIT_NOT_FOUND


@dataclass(frozen=True, slots=True)
class LatestPrice:
    """A quote with what a reader needs to judge it. The change is against the session before, in price units.

    `interval` and `bar_start` are of the bar whose close it is; None for a live price. `quoted_at` is the moment of
    bid and ask, which have one of their own. Without news all of it but the age stays true up to `until_us`.
    """

    quote: Quote
    interval: Interval | None
    calendar: str
    derived: str | None
    origin: str
    bar_start: datetime | None
    age_s: float  # since the moment the price describes, not since it was received
    stale: bool  # a newer one should have been known
    change: float | None
    change_pct: float | None
    quoted_at: datetime | None = None
    until_us: int = 0


@dataclass(frozen=True, slots=True)
class _Candidate:
    """The last bar of one interval. `at_us` is when its period ended: the moment the price describes."""

    info: SeriesInfo
    bars: Bars
    at_us: int
    overdue_us: int  # from then on a newer one should have been known


@dataclass(frozen=True, slots=True)
class _Base:
    """What the store says, for as long as it stays so: `state` of its series, and up to `until_us`.

    `session_us` is the label of the bar's session, `close_before` that of the session before.
    """

    state: tuple[Any, ...]
    until_us: int
    last: _Candidate
    session_us: int
    close_before: float | None
    factors: tuple[Factor, ...]


class Quotes:
    """Latest prices of the board and the store. What was read from the store is kept until there is news of it."""

    def __init__(self, store: BarStore, clock: Clock, board: QuoteBoard | None = None) -> None:
        self._store = store
        self._clock = clock
        self._board = board
        self._bases: dict[str, _Base] = {}

    async def latest(self, instrument: Instrument) -> LatestPrice:
        """The newest price known now. Of bars: from the finest series that is fresh, or else from the newest one.

        Raises NoPrice.
        """
        (found,) = await self.latest_of([instrument])
        if isinstance(found, NoPrice):
            raise found
        return found

    async def latest_of(self, instruments: Sequence[Instrument]) -> list[LatestPrice | NoPrice]:
        """As `latest`, of many at once, in their order."""
        few = len(instruments) <= _FEW
        infos = [info for one in instruments for info in await self._store.series(one.symbol)] if few else None
        kept = _by_symbol(await self._store.series() if infos is None else infos)
        now = self._clock.now()
        found: list[LatestPrice | NoPrice] = []
        for instrument in instruments:
            base = await self._base(instrument.symbol, kept.get(instrument.symbol, ()), now)
            live = None if self._board is None else self._board.latest(instrument.symbol)
            found.append(_merged(instrument, base, live, now) or NoPrice(symbol=instrument.symbol))
        return found

    async def of_quote(self, instrument: Instrument, quote: Quote) -> LatestPrice:
        """A price that a source has just told, as the answer to who asked for it."""
        now = self._clock.now()
        base = await self._base(instrument.symbol, await self._store.series(instrument.symbol), now)
        sides = quote.as_of if quote.bid is not None or quote.ask is not None else None
        return _live_price(instrument, base, quote, sides, now, stale=False)

    async def _base(self, symbol: str, infos: Sequence[SeriesInfo], now: datetime) -> _Base | None:
        """What the store says of the last bar, read again only when a series of it changed or a bar became overdue."""
        filled = [info for info in infos if info.bars]
        state = tuple((info.id, info.bars, info.last, info.known_until, info.received_at) for info in filled)
        kept, now_us = self._bases.get(symbol), to_us(now)
        if kept is not None and kept.state == state and now_us < kept.until_us:
            return kept
        best: _Candidate | None = None
        for interval in sorted({info.interval for info in filled}, key=lambda i: i.seconds):
            found = await self._candidate(symbol, interval, filled, now)
            if found is not None and (best is None or now_us < found.overdue_us or found.at_us > best.at_us):
                best = found
            if best is not None and now_us < best.overdue_us:
                break
        if best is None:
            return None
        factors = await self._store.factors(symbol, now)
        session_us, close_before = await self._close_before(best, factors, now)
        # A bar known later than now (a statistic loaded ahead of its release) may change the answer at any time.
        ahead = any(info.known_until is not None and info.known_until > now for info in filled)
        until_us = now_us if ahead else best.overdue_us if now_us < best.overdue_us else _FOREVER
        base = _Base(state, until_us, best, session_us, close_before, factors)
        self._bases.pop(symbol, None)
        self._bases[symbol] = base
        while len(self._bases) > QUOTES_KEPT_MAX:
            del self._bases[next(iter(self._bases))]
        return base

    async def _candidate(
        self, symbol: str, interval: Interval, infos: Sequence[SeriesInfo], now: datetime
    ) -> _Candidate | None:
        bars = await self._store.read(symbol, interval, limit=1, as_of=now)
        if not len(bars):
            return None
        info = next(i for i in infos if i.interval is interval and i.source == bars.source_of(-1))
        along = calendar(info.calendar)
        # A bar still forming describes the moment it was received.
        at_us = int(along.ends(bars.start, interval)[-1]) if bars.final[-1] else int(bars.known_at[-1])
        return _Candidate(info, bars, at_us, along.overdue_at(int(bars.start[-1]), interval))

    async def _close_before(
        self, last: _Candidate, factors: Sequence[Factor], now: datetime
    ) -> tuple[int, float | None]:
        """The last bar's session, and the close of the one before, comparable if there was a split in between."""
        symbol, interval = last.info.symbol, last.info.interval
        rows = _DAY_S // interval.seconds + 1 if interval.is_intraday else 2
        bars = await self._store.read(symbol, interval, limit=rows, as_of=now, source=last.info.source)
        session = calendar(last.info.calendar).buckets(
            bars.start, interval, Interval.D1 if interval.is_intraday else interval
        )
        bars = adjust(bars, factors, "split", as_of_us=to_us(now), session=session)
        before = bars.close[session < session[-1]] if len(bars) else bars.close
        return (int(session[-1]) if len(bars) else 0), (float(before[-1]) if len(before) else None)


def as_item(latest: LatestPrice, age: Any = None) -> dict[str, Any]:
    """The price as plain JSON: what `GET /prices` answers and `quotes:<symbol>` tells. `age` in place of its own."""
    quote = latest.quote
    return {
        "symbol": quote.symbol,
        "price": quote.price,
        "bid": quote.bid,
        "ask": quote.ask,
        "quoted_at": None if latest.quoted_at is None else iso(latest.quoted_at),
        "change": latest.change,
        "change_pct": latest.change_pct,
        "provenance": {
            "source": quote.source,
            "as_of": iso(quote.as_of),
            "received_at": iso(quote.received_at),
            "age_s": latest.age_s if age is None else age,
            "stale": latest.stale,
            "delay": quote.delay,
            "derived": latest.derived,
            "origin": latest.origin,
        },
    }


def _by_symbol(infos: Sequence[SeriesInfo]) -> Mapping[str, list[SeriesInfo]]:
    found: dict[str, list[SeriesInfo]] = {}
    for info in infos:
        found.setdefault(info.symbol, []).append(info)
    return found


def _merged(instrument: Instrument, base: _Base | None, live: Live | None, now: datetime) -> LatestPrice | None:
    """The newer of the two. A bid and ask without any price are no price."""
    known = None if base is None else _described(base, now)
    if live is None:
        return known
    sides = live.quoted_at
    if sides is not None and (now - sides).total_seconds() > _SIDES_AGE_S_MAX:
        sides = None  # the market has moved on; what was bid then is not bid now
    bid, ask = (live.bid, live.ask) if sides is not None else (None, None)
    until_us = _FOREVER if sides is None else to_us(sides) + int(_SIDES_AGE_S_MAX * 1e6) + 1
    if live.last is None or live.last_at is None or (known is not None and live.last_at < known.quote.as_of):
        if known is None or live.source != known.quote.source or sides is None:
            return known
        until_us = min(until_us, known.until_us)
        return replace(known, quote=replace(known.quote, bid=bid, ask=ask), quoted_at=sides, until_us=until_us)
    quote = Quote(live.symbol, live.last, live.source, live.last_at, live.received_at, live.delay, bid, ask)
    # A newer price than a bar that is fresh is fresh.
    about = (to_us(live.last_at), live.delay, instrument.calendar, now)
    stale = (known is None or known.stale) and is_stale(*about)
    if not stale and (known is None or known.stale):
        until_us = min(until_us, stale_from(*about))
    if known is not None:
        until_us = min(until_us, known.until_us)
    return _live_price(instrument, base, quote, sides, now, stale=stale, until_us=until_us)


def _described(base: _Base, now: datetime) -> LatestPrice:
    last = base.last
    bar, info = last.bars.row(-1), last.info
    quote = Quote(
        symbol=info.symbol,
        price=bar.close,
        source=info.source,
        as_of=from_us(last.at_us),
        received_at=info.received_at or bar.known_at,
        delay=info.delay,
    )
    change = None if base.close_before is None else bar.close - base.close_before
    return LatestPrice(
        quote=quote,
        interval=info.interval,
        calendar=info.calendar,
        derived=info.derived,
        origin=info.origin,
        bar_start=bar.start,
        age_s=max((now - quote.as_of).total_seconds(), 0.0),
        stale=to_us(now) >= last.overdue_us,
        change=change,
        change_pct=_percent(change, base.close_before),
        until_us=base.until_us,
    )


def _live_price(
    instrument: Instrument,
    base: _Base | None,
    quote: Quote,
    sides: datetime | None,
    now: datetime,
    *,
    stale: bool,
    until_us: int = 0,
) -> LatestPrice:
    before = None if base is None else _close_before_live(base, quote.as_of)
    change = None if before is None else quote.price - before
    return LatestPrice(
        quote=quote,
        interval=None,
        calendar=instrument.calendar,
        derived=None,
        origin=f"{_name_of(quote.source)}, live",
        bar_start=None,
        age_s=max((now - quote.as_of).total_seconds(), 0.0),
        stale=stale,
        change=change,
        change_pct=_percent(change, before),
        quoted_at=sides,
        until_us=until_us,
    )


def _close_before_live(base: _Base, at: datetime) -> float | None:
    """The close of the session before the one that a live price belongs to, in prices of that day."""
    try:
        hours = calendar(base.last.info.calendar).hours(at)
    except BeyondCalendar:
        return None
    if hours.label_us is None:
        return None
    ended = not hours.is_open and hours.since_us is not None and to_us(at) - hours.since_us > _CLOSING
    session_us = hours.label_us + DAY * ended  # what is told at night belongs to the next session
    if base.last.info.interval.seconds > Interval.D1.seconds or session_us <= base.session_us:
        return base.close_before
    bars = base.last.bars
    label = np.array([base.session_us], np.int64)
    at_us = max(to_us(at), int(bars.known_at[-1]))
    then = adjust(bars, base.factors, "split", as_of_us=at_us, session=label, reference_us=session_us)
    return float(then.close[-1])


def _percent(change: float | None, before: float | None) -> float | None:
    """Of a price at or below zero a percentage says nothing."""
    return 100 * change / before if change is not None and before and before > 0 else None


@functools.lru_cache(maxsize=128)
def _name_of(source: str) -> str:
    try:
        return source_info(source).name
    except UnknownSource:
        return source  # one that another process has


_DAY_S = 86_400
_FOREVER = 2**62
_SIDES_AGE_S_MAX = 300.0

"""The market at a glance, class by class: who rose, who fell, which markets are open, how old the data are. Pure.

Only prices that are not stale rise or fall: what moved years ago is no mover.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from truecast.domain.instrument import AssetClass, Instrument
from truecast.kit.clock import from_us
from truecast.market.calendar import calendar
from truecast.market.quotes import LatestPrice, NoPrice
from truecast.market.sessions import BeyondCalendar

MOVERS = 5


@dataclass(frozen=True, slots=True)
class Session:
    """A market, and whether one can trade there. None where the calendar does not say."""

    calendar: str
    is_open: bool | None
    since: datetime | None
    until: datetime | None
    symbols: int


@dataclass(frozen=True, slots=True)
class ClassSummary:
    """One class. `symbols` = advancers + decliners + unchanged + no_change + stale + no_price."""

    asset_class: AssetClass
    symbols: int
    advancers: int
    decliners: int
    unchanged: int
    no_change: int  # fresh, but nothing to compare with yet
    stale: int
    no_price: int
    median_change_pct: float | None
    up: tuple[LatestPrice, ...]  # largest rise first
    down: tuple[LatestPrice, ...]  # largest fall first
    sessions: tuple[Session, ...]
    newest: datetime | None
    oldest: datetime | None
    sources: Mapping[str, int]  # how many prices each gave


def summarise(
    instruments: Sequence[Instrument], prices: Sequence[LatestPrice | NoPrice], now: datetime
) -> list[ClassSummary]:
    """Classes in the order of AssetClass, those without instruments left out."""
    by_class: dict[AssetClass, list[tuple[Instrument, LatestPrice | NoPrice]]] = {}
    for instrument, price in zip(instruments, prices, strict=True):
        by_class.setdefault(instrument.asset_class, []).append((instrument, price))
    return [_of_class(one, by_class[one], now) for one in AssetClass if one in by_class]


def _of_class(
    asset_class: AssetClass, listed: Sequence[tuple[Instrument, LatestPrice | NoPrice]], now: datetime
) -> ClassSummary:
    priced = [price for _, price in listed if isinstance(price, LatestPrice)]
    fresh = [price for price in priced if not price.stale]
    changes = [price.change for price in fresh if price.change is not None]
    ranked = sorted((price for price in fresh if price.change_pct is not None), key=_percent)
    moments = [price.quote.as_of for price in priced]
    return ClassSummary(
        asset_class=asset_class,
        symbols=len(listed),
        advancers=sum(change > 0 for change in changes),
        decliners=sum(change < 0 for change in changes),
        unchanged=sum(change == 0 for change in changes),
        no_change=len(fresh) - len(changes),
        stale=len(priced) - len(fresh),
        no_price=len(listed) - len(priced),
        median_change_pct=float(np.median([_percent(price) for price in ranked])) if ranked else None,
        up=tuple(price for price in reversed(ranked[-MOVERS:]) if _percent(price) > 0),
        down=tuple(price for price in ranked[:MOVERS] if _percent(price) < 0),
        sessions=_sessions([instrument.calendar for instrument, _ in listed], now),
        newest=max(moments, default=None),
        oldest=min(moments, default=None),
        sources=dict(sorted(Counter(price.quote.source for price in priced).items())),
    )


def _percent(price: LatestPrice) -> float:
    assert price.change_pct is not None
    return price.change_pct


def _sessions(calendars: Sequence[str], now: datetime) -> tuple[Session, ...]:
    def session(name: str, symbols: int) -> Session:
        try:
            hours = calendar(name).hours(now)
        except BeyondCalendar:
            return Session(name, None, None, None, symbols)
        since, until = (None if us is None else from_us(us) for us in (hours.since_us, hours.until_us))
        return Session(name, hours.is_open, since, until, symbols)

    return tuple(session(name, count) for name, count in sorted(Counter(calendars).items()))

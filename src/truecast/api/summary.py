"""The market at a glance: who rose, who fell, which markets are open, how old the data are."""

from datetime import datetime
from typing import Annotated

from fastapi import Query

from truecast.api.deps import ServicesDep, resource
from truecast.api.errors import documented
from truecast.api.prices import Price
from truecast.api.shapes import Output
from truecast.domain.instrument import AssetClass
from truecast.market.quotes import as_item
from truecast.market.summary import ClassSummary, Session, summarise

router = resource("prices")


class MarketSession(Output):
    """A market's hours. `until` is when it closes, or opens if it is closed; null where it never does."""

    calendar: str
    open: bool | None
    since: datetime | None
    until: datetime | None
    symbols: int


class Movers(Output):
    """The largest rises and falls against the session before, in percent, of prices that are not stale."""

    up: list[Price]
    down: list[Price]


class DataAge(Output):
    """Of the newest and the oldest price of the class; null where there is none."""

    newest_as_of: datetime | None
    newest_age_s: float | None
    oldest_as_of: datetime | None
    oldest_age_s: float | None


class MarketClass(Output):
    """One class. Every symbol counts once: risen, fallen, unchanged, nothing to compare with, stale, or no price."""

    asset_class: AssetClass
    symbols: int
    advancers: int
    decliners: int
    unchanged: int
    no_change: int
    stale: int
    no_price: int
    median_change_pct: float | None
    movers: Movers
    sessions: list[MarketSession]
    age: DataAge
    sources: dict[str, int]


class MarketSummary(Output):
    """The classes that have instruments, in one order always."""

    as_of: datetime
    classes: list[MarketClass]


@router.get("/market/summary", response_model=MarketSummary, responses=documented())
async def market_summary(
    services: ServicesDep,
    asset_class: Annotated[AssetClass | None, Query(description="Only this class.")] = None,
) -> MarketSummary:
    """Advancers and decliners, movers, sessions open and closed, and the age of the data, class by class.

    Only prices that are not stale rise or fall; how many are stale is said. Every mover names its source.
    """
    instruments = [
        one for one in (await services.store.universe()).instruments if asset_class in (None, one.asset_class)
    ]
    prices = await services.quotes.latest_of(instruments)
    now = services.clock.now()
    return MarketSummary(as_of=now, classes=[_class(one, now) for one in summarise(instruments, prices, now)])


def _class(found: ClassSummary, now: datetime) -> MarketClass:
    return MarketClass(
        asset_class=found.asset_class,
        symbols=found.symbols,
        advancers=found.advancers,
        decliners=found.decliners,
        unchanged=found.unchanged,
        no_change=found.no_change,
        stale=found.stale,
        no_price=found.no_price,
        median_change_pct=found.median_change_pct,
        movers=Movers(
            up=[Price.model_validate(as_item(price)) for price in found.up],
            down=[Price.model_validate(as_item(price)) for price in found.down],
        ),
        sessions=[_session(one) for one in found.sessions],
        age=DataAge(
            newest_as_of=found.newest,
            newest_age_s=_age_s(found.newest, now),
            oldest_as_of=found.oldest,
            oldest_age_s=_age_s(found.oldest, now),
        ),
        sources=dict(found.sources),
    )


def _session(one: Session) -> MarketSession:
    return MarketSession(calendar=one.calendar, open=one.is_open, since=one.since, until=one.until, symbols=one.symbols)


def _age_s(moment: datetime | None, now: datetime) -> float | None:
    return None if moment is None else (now - moment).total_seconds()

"""How often a source is asked, by the calendars of what it has: coins all the time, stocks in their session, rates in
the FX week, fixings after they were fixed, statistics when they are published.
"""

from collections.abc import Iterable, Sequence

from truecast.domain.instrument import AssetClass
from truecast.jobs.schedule import Cron, Schedule
from truecast.market.followed import offers_at
from truecast.providers.base import Provider, SeriesOffer, SourceInfo

CRYPTO, FX, FIXINGS, MACRO, STOCKS = "crypto", "fx", "fixings", "macro", "stocks"
KINDS = (CRYPTO, STOCKS, FX, FIXINGS, MACRO)

_CALENDARS = {"24/7": CRYPTO, "FX": FX, "TARGET": FIXINGS}
_WASHINGTON = "America/New_York"
_FRANKFURT = "Europe/Berlin"
_MORNING = (Cron("31,36,50 8 * * mon-fri", _WASHINGTON), Cron("0 10,12 * * mon-fri", _WASHINGTON))
# At the hour of publication, by the clocks of the place. A calendar's rule says by which day a number is out at the
# latest; that it may be had is looked for from the end of its period on, on business days.
_PUBLISHED = {
    "US-CPI": _MORNING,
    "US-JOBS": _MORNING,
    "US-GDP": _MORNING,
    "US-10Y": (Cron("5 9,16,18 * * mon-fri", _WASHINGTON),),
    "H15": (Cron("20 16,18 * * mon-fri", _WASHINGTON),),
    "EIA": (Cron("35 10,12 * * mon-fri", _WASHINGTON),),
    "EA-HICP": (Cron("1,6,20 11 * * mon-fri", _FRANKFURT),),
    "EA-YC": (Cron("5,20 12 * * mon-fri", _FRANKFURT),),
    "WORLD-BANK": (),
}
_BY_CLASS = {
    AssetClass.CRYPTO: CRYPTO,
    AssetClass.FX: FX,
    AssetClass.EQUITY: STOCKS,
    AssetClass.ETF: STOCKS,
    AssetClass.INDEX: STOCKS,
    AssetClass.MACRO: MACRO,
}

# The ECB fixes at 14:15 and publishes around 16:00, by the clocks of Frankfurt. Early next morning for what was missed.
ECB = Schedule((Cron("5,20,40 16-18 * * mon-fri", _FRANKFURT), Cron("0 6 * * *", _FRANKFURT)))
DAILY = Schedule((Cron("0 6 * * *"),))  # for revisions, and releases that moved
MISSED = Schedule((Cron("20 */6 * * *"),))  # sources that publish long after the close, and what was missed
_STEPS_MIN = (1, 2, 5, 10, 15, 20, 30, 60)
_TAIL_S = 10_800  # late prints, and sources that publish a day hours after its close


def kind_of(market: str) -> str:
    """What kind of calendar that is."""
    return _CALENDARS.get(market) or (MACRO if market in _PUBLISHED else STOCKS)


def kinds_of(provider: Provider) -> list[str]:
    """What a source has, or may have once symbols were added."""
    info = provider.info
    found = {kind_of(offer.calendar) for offer in provider.offers()}
    for one in info.asset_classes & set(_BY_CLASS):
        kind = _BY_CLASS[one]
        if kind == FX:  # a market's or a central bank's: its rule for any pair tells
            found |= {kind_of(offer.calendar) for offer in offers_at(provider, "EUR-USD")}
        elif (kind, kind_of(info.calendar)) == (STOCKS, CRYPTO):
            found.add(CRYPTO)  # an index of a market that never closes
        else:
            found.add(kind)
    return [kind for kind in KINDS if kind in found]


def ingest_schedule(info: SourceInfo, kind: str, offers: Iterable[SeriesOffer] = ()) -> Schedule:
    """When a live source is asked for bars of one kind."""
    listed = [offer for offer in offers if kind_of(offer.calendar) == kind]
    if kind == FIXINGS:
        return ECB
    if kind == MACRO:
        releases = dict.fromkeys(cron for offer in listed for cron in _PUBLISHED.get(offer.calendar, ()))
        return Schedule((*releases, *DAILY.crons))
    if kind == CRYPTO:
        return _every(info, 1)
    markets = dict.fromkeys(offer.calendar for offer in listed) or {"FX" if kind == FX else "XNYS": None}
    return _union([*(_every(info, 5, market, _TAIL_S) for market in markets), MISSED])


def quotes_schedule(kind: str, infos: Sequence[SourceInfo]) -> Schedule:
    """When latest prices are asked for, of what no live feed tells."""
    fastest = min(infos, key=lambda info: info.refresh_s)
    market = {CRYPTO: None, FX: "FX", STOCKS: "XNYS"}[kind]
    return _every(fastest, 1, market, 1_200 if market == "XNYS" else 0)


def _every(info: SourceInfo, least_min: int, market: str | None = None, tail_s: int = 0) -> Schedule:
    """As often as makes sense: not more than the source has news."""
    wanted = max(least_min, info.refresh_s / 60)
    step = next((one for one in _STEPS_MIN if one >= wanted), 60)
    line = "0 * * * *" if step == 60 else "* * * * *" if step == 1 else f"*/{step} * * * *"
    return Schedule((Cron(line, market=market, tail_s=tail_s if market else 0),))


def _union(schedules: Sequence[Schedule]) -> Schedule:
    together = schedules[0]
    for schedule in schedules[1:]:
        together |= schedule
    return together

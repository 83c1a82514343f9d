"""Issues forecasts for every series that has a bar since the last time.

Nothing is issued on a series that is stale: a forecast of bars that are over already is none. Whoever asks for one
still gets it, marked as such.
"""

from datetime import datetime

from truecast.domain.instrument import Instrument
from truecast.domain.interval import Interval
from truecast.forecasts.issue import NAIVE, Issuer
from truecast.forecasts.ledger import Ledger
from truecast.jobs.job import Done, Job
from truecast.jobs.schedule import Schedule
from truecast.kit.clock import Clock, to_us
from truecast.market.calendar import calendar
from truecast.market.registry import SeriesInfo
from truecast.market.store import BarStore

_RANK = 2


def issue_job(store: BarStore, issuer: Issuer, ledger: Ledger, clock: Clock, *, steps: int, schedule: Schedule) -> Job:
    """The job; its schedule is that of all sources together."""

    async def work(_due: datetime) -> Done:
        issued_on = await ledger.anchors(NAIVE, steps)
        listed = await store.series()
        news, stale = _with_news(listed, issued_on, to_us(clock.now()))
        if not news:
            return Done({"stale": stale}, skipped=True)
        universe = await store.universe()
        wanted: list[tuple[Instrument, Interval]] = [(universe.get(symbol), interval) for symbol, interval in news]
        issued = await issuer.issue(wanted, steps)
        counts = {"forecasts": issued.forecasts, "series": issued.series, "short": issued.short, "stale": stale}
        return Done(counts, skipped=not issued.forecasts)

    return Job("issue", "Forecast every series that has a new bar", schedule, _RANK, work)


def _with_news(
    listed: list[SeriesInfo], issued_on: dict[tuple[str, str], int], now_us: int
) -> tuple[list[tuple[str, Interval]], int]:
    """Series with a bar that no scheduled forecast stands on, in a fixed order; and how many of those are stale."""
    newest: dict[tuple[str, Interval], SeriesInfo] = {}
    for info in listed:
        key = (info.symbol, info.interval)
        if info.last is not None and (key not in newest or info.last > (newest[key].last or info.last)):
            newest[key] = info
    news, stale = [], 0
    for (symbol, interval), info in sorted(newest.items(), key=lambda item: (item[0][0], item[0][1].seconds)):
        assert info.last is not None
        last_us = to_us(info.last)
        if last_us <= issued_on.get((symbol, interval.value), -1 << 62):
            continue
        if calendar(info.calendar).overdue_at(last_us, interval) <= now_us:
            stale += 1
        else:
            news.append((symbol, interval))
    return news, stale

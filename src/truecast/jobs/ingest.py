"""Takes what a source has that the store has not, series by series. Also the first load: then everything is new."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from truecast.domain.instrument import AssetClass
from truecast.domain.interval import Interval
from truecast.jobs.job import Done, Job
from truecast.jobs.schedule import HOURLY, Cron, Schedule
from truecast.kit.clock import Clock, from_us
from truecast.kit.errors import TruecastError
from truecast.kit.limits import SERIES_FAILURES_MAX
from truecast.market.ingest import Ingest, Ingested
from truecast.market.store import BarStore
from truecast.providers.base import Provider, SeriesOffer

Progress = Callable[[str, int, int], None]  # stage, done, total

_TICK = timedelta(microseconds=1)
_SPLIT = (AssetClass.EQUITY, AssetClass.ETF)
_RANK = 0

# Statistics are revised for a year or two; older ones, once a decade, are read by who loads the history again.
_REVISED = timedelta(days=800)

# Sources that publish at a time of their own; all others are asked every full hour.
_SCHEDULES = {"ecb": Schedule((Cron("5,20,40 16-18 * * mon-fri", "Europe/Berlin"), Cron("0 6 * * *", "Europe/Berlin")))}


def ingest_schedule(source: str) -> Schedule:
    """When a source is asked for news."""
    return _SCHEDULES.get(source, HOURLY)


@dataclass(frozen=True, slots=True)
class Intake:
    """The way of one source's bars into the store."""

    provider: Provider
    store: BarStore
    ingest: Ingest
    clock: Clock
    _last: dict[tuple[str, Interval], datetime | None] = field(default_factory=dict)

    async def take_news(self, progress: Progress | None = None) -> Done:
        """Everything the source knows by now and the store has not. One failing series does not stop the others.

        After SERIES_FAILURES_MAX failures in a row the source itself is taken to be away.
        """
        await self._open()
        offers = self.provider.offers()
        taken, with_news, errors, in_a_row = Ingested(), 0, list[str](), 0
        for number, offer in enumerate(offers, 1):
            try:
                news = await self._take(offer)
                in_a_row = 0
                if news is not None:
                    taken, with_news = taken + news, with_news + 1
            except TruecastError as error:
                errors.append(f"{offer.instrument.symbol} {offer.interval}: {error.code}: {error.detail}")
                in_a_row += 1
            if progress is not None:
                progress("data", number, len(offers))
            if in_a_row >= SERIES_FAILURES_MAX:
                break
        counts = {
            "series": with_news,
            "inserted": taken.appended.inserted,
            "corrected": taken.appended.corrected,
            "quarantined": taken.quarantined,
            "failed": len(errors),
        }
        return Done(counts, error="; ".join(errors) or None, skipped=not with_news)

    async def _open(self) -> None:
        """Add the series that are not kept yet; remember where the others end, so that nothing is read twice."""
        if self._last:
            return
        key, offers = self.provider.info.key, self.provider.offers()
        kept = {(info.symbol, info.interval): info.last for info in await self.store.series() if info.source == key}
        if missing := [offer for offer in offers if _key(offer) not in kept]:
            await self.store.add_all_series(missing, key)
        self._last.update({_key(offer): kept.get(_key(offer)) for offer in offers})

    async def _take(self, offer: SeriesOffer) -> Ingested | None:
        symbol, source = offer.instrument.symbol, self.provider.info.key
        last = self._last[_key(offer)]
        revised = "vintages" in self.provider.info.capabilities
        since = None if last is None else last - _REVISED if revised else last + _TICK
        bars = await self.provider.bars(symbol, offer.interval, since)
        if not len(bars):
            return None
        if offer.instrument.asset_class in _SPLIT:  # before the bars: the first one after a split must meet its factor
            factors = await self.provider.factors(symbol)
            await self.store.add_factors(symbol, source, factors, received_at=self.clock.now())
        taken = await self.ingest.take(bars)
        self._last[_key(offer)] = from_us(bars.start[-1])
        return None if revised and not taken.appended.changed and not taken.quarantined else taken


def _key(offer: SeriesOffer) -> tuple[str, Interval]:
    return offer.instrument.symbol, offer.interval


def ingest_job(intake: Intake) -> Job:
    """The job that keeps the store up to date with one source."""

    async def work(_due: datetime) -> Done:
        return await intake.take_news()

    source = intake.provider.info
    return Job(f"ingest:{source.key}", f"Take new bars from {source.name}", ingest_schedule(source.key), _RANK, work)

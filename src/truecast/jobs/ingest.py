"""Takes what a source has that the store has not, series by series. Also the first load: then everything is new."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from truecast.domain.instrument import AssetClass
from truecast.domain.interval import Interval
from truecast.jobs.job import Done, Job
from truecast.jobs.schedule import HOURLY, Cron, Schedule
from truecast.kit.clock import Clock, from_us
from truecast.kit.errors import TruecastError
from truecast.kit.limits import SERIES_FAILURES_MAX
from truecast.market.chain import Chain
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
    chain: Chain | None = None  # of sources that are fetched: who stands in when this one fails
    _last: dict[tuple[str, Interval], datetime | None] = field(default_factory=dict)
    _stood_in: dict[tuple[str, Interval], datetime] = field(default_factory=dict)  # newest bar of another source

    async def take_news(self, progress: Progress | None = None) -> Done:
        """Everything the source knows by now and the store has not. One failing series does not stop the others.

        After SERIES_FAILURES_MAX failures in a row the source itself is taken to be away.
        """
        offers = self._led()
        await self._open(offers)
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

    def _led(self) -> list[SeriesOffer]:
        """What this source is asked for: everything it offers, but of live sources each series only from the first."""
        offers = list(self.provider.offers())
        if self.chain is None:
            return offers
        firsts = [self.chain.offers_of(offer.instrument, offer.interval, offer.calendar)[:1] for offer in offers]
        return [offer for offer, first in zip(offers, firsts, strict=True) if first and first[0][0] == self._source]

    @property
    def _source(self) -> str:
        return self.provider.info.key

    async def _open(self, offers: Sequence[SeriesOffer]) -> None:
        """Add the series that are not kept yet; remember where the others end, so that nothing is read twice."""
        if self._last:
            return
        key = self.provider.info.key
        kept = {(info.symbol, info.interval): info.last for info in await self.store.series() if info.source == key}
        if missing := [offer for offer in offers if _key(offer) not in kept]:
            await self.store.add_all_series(missing, key)
        self._last.update({_key(offer): kept.get(_key(offer)) for offer in offers})

    async def _take(self, offer: SeriesOffer) -> Ingested | None:
        if self.chain is not None:
            return await self._take_from(self.chain, offer)
        symbol, source = offer.instrument.symbol, self.provider.info.key
        bars = await self.provider.bars(symbol, offer.interval, self._since(offer))
        if not len(bars):
            return None
        if offer.instrument.asset_class in _SPLIT:  # before the bars: the first one after a split must meet its factor
            factors = await self.provider.factors(symbol)
            await self.store.add_factors(symbol, source, factors, received_at=self.clock.now())
        taken = await self.ingest.take(bars)
        self._last[_key(offer)] = from_us(bars.start[-1])
        return self._as_news(taken)

    async def _take_from(self, chain: Chain, offer: SeriesOffer) -> Ingested | None:
        """From whoever answers; the series is that of the source that did, and this one fills its own later."""
        instrument, key = offer.instrument, _key(offer)
        newest = max(filter(None, (self._last[key], self._stood_in.get(key))), default=None)
        answer = await chain.bars(offer, {self._source: self._since(offer)}, newest)
        if not len(answer.bars):
            return None
        other = answer.source != self._source
        if other:
            await self.store.add_series(answer.offer, answer.source)
        if instrument.asset_class in _SPLIT:
            factors = await chain.provider(answer.source).factors(instrument.symbol)
            await self.store.add_factors(instrument.symbol, answer.source, factors, received_at=self.clock.now())
        taken = await self.ingest.take(answer.bars, stand_in=other)
        last = from_us(answer.bars.start[-1])
        if other:
            self._stood_in[key] = last
        else:
            self._last[key] = last
        return self._as_news(taken)

    def _since(self, offer: SeriesOffer) -> datetime | None:
        """From when on this source is asked; one that revises what it said, from some time before."""
        last = self._last[_key(offer)]
        if last is None:
            return None
        return last - _REVISED if self._revises else last + _TICK

    def _as_news(self, taken: Ingested) -> Ingested | None:
        return None if self._revises and not taken.appended.changed and not taken.quarantined else taken

    @property
    def _revises(self) -> bool:
        return "vintages" in self.provider.info.capabilities


def _key(offer: SeriesOffer) -> tuple[str, Interval]:
    return offer.instrument.symbol, offer.interval


def ingest_job(intake: Intake) -> Job:
    """The job that keeps the store up to date with one source."""

    async def work(_due: datetime) -> Done:
        return await intake.take_news()

    source = intake.provider.info
    return Job(f"ingest:{source.key}", f"Take new bars from {source.name}", ingest_schedule(source.key), _RANK, work)

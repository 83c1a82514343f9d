"""Takes what a source has that the store has not, series by series. Also the first load: then everything is new."""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from truecast.domain.instrument import AssetClass
from truecast.domain.interval import Interval
from truecast.jobs.job import Done, Job
from truecast.jobs.rhythm import DAILY, MACRO, kind_of
from truecast.jobs.schedule import Schedule
from truecast.kit.clock import Clock, from_us, to_us
from truecast.kit.errors import TruecastError
from truecast.kit.limits import FEED_BRINGS_S, SERIES_FAILURES_MAX
from truecast.market.calendar import calendar
from truecast.market.chain import Chain
from truecast.market.followed import Followed
from truecast.market.ingest import Ingest, Ingested
from truecast.market.sessions import BeyondCalendar, NotOnCalendar
from truecast.market.store import BarStore
from truecast.providers.base import Provider, SeriesOffer

Progress = Callable[[str, int, int], None]  # stage, done, total

_TICK = timedelta(microseconds=1)
_SPLIT = (AssetClass.EQUITY, AssetClass.ETF)
_RANK = 0

_FEED_US = int(FEED_BRINGS_S * 1e6)

# Statistics are revised for a year or two; older ones, once a decade, are read by who loads the history again.
_REVISED = timedelta(days=800)


@dataclass(frozen=True, slots=True)
class Intake:
    """The way of one source's bars into the store; with a `kind` only of those with such a calendar."""

    provider: Provider
    store: BarStore
    ingest: Ingest
    clock: Clock
    chain: Chain | None = None  # of sources that are fetched: who stands in when this one fails
    kind: str | None = None
    followed: Followed | None = None  # what users added and removed
    hears: Callable[[str], bool] = lambda _symbol: False  # symbols of which a live feed brings the bars
    _last: dict[tuple[str, Interval], datetime | None] = field(default_factory=dict)
    _stood_in: dict[tuple[str, Interval], datetime] = field(default_factory=dict)  # newest bar of another source
    _offered: dict[tuple[str, Interval], SeriesOffer] = field(default_factory=dict)
    _rounds: deque[int] = field(default_factory=lambda: deque(maxlen=1))

    async def take_news(self, progress: Progress | None = None) -> Done:
        """Everything the source knows by now and the store has not. One failing series does not stop the others.

        After SERIES_FAILURES_MAX failures in a row the source itself is taken to be away.
        """
        offers = await self._asked()
        self._rounds.append(len(offers))
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

    def is_due(self, moment: datetime) -> bool:
        """Whether a bar may be had that is not there yet; what is revised is looked at once a day in any case.

        Asks nobody, not even the database: a round that asks finds out what else there is, every full hour at least
        where nothing is followed yet.
        """
        if not self._rounds or (self._revises and DAILY.is_due(moment)):
            return True
        if not self._offered:
            return moment.minute == 0
        now_us = to_us(self.clock.now())
        return any(self._is_due(key, now_us) for key in self._offered)

    async def _asked(self) -> list[SeriesOffer]:
        """What this round asks for: all of it in a source on the disk; of one that is fetched what is due by now."""
        offers = await self._led()
        if self.chain is None:
            return offers
        self._offered.clear()
        self._offered.update({_key(offer): offer for offer in offers})
        if self._last:  # others bring bars, too: a feed, a gap that was filled
            source = self._source
            last = {(i.symbol, i.interval): i.last for i in await self.store.series() if i.source == source}
            self._last.update({key: at for key, at in last.items() if key in self._last and at is not None})
        else:
            await self._open(offers)
        now_us = to_us(self.clock.now())
        return [offer for offer in offers if self._revises or self._is_due(_key(offer), now_us)]

    def _is_due(self, key: tuple[str, Interval], now_us: int) -> bool:
        last, offer = self._last.get(key), self._offered[key]
        stood_in = self._stood_in.get(key)
        newest = max(filter(None, (last, stood_in)), default=None)
        if last is None or newest is None:
            return True
        try:
            along = calendar(offer.calendar)
            starts, ends = along.following(to_us(newest), offer.interval, 1)
            # The rules of publications say when a number is out at the latest: it is looked for as its period is over.
            known = ends if kind_of(offer.calendar) == MACRO else along.known_at(starts, offer.interval)
            return int(known[0]) + (_FEED_US if self.hears(offer.instrument.symbol) else 0) <= now_us
        except (BeyondCalendar, NotOnCalendar):
            return True

    async def _led(self) -> list[SeriesOffer]:
        """What this source is asked for: everything it offers, but of live sources each series only from the first."""
        offers = list(self.provider.offers())
        if self.followed is not None:
            offers = await self.followed.offers(self.provider)
        if self.kind is not None:
            offers = [offer for offer in offers if kind_of(offer.calendar) == self.kind]
        if self.chain is None:
            return offers
        firsts = [self.chain.offers_of(offer.instrument, offer.interval, offer.calendar)[:1] for offer in offers]
        return [offer for offer, first in zip(offers, firsts, strict=True) if first and first[0][0] == self._source]

    @property
    def _source(self) -> str:
        return self.provider.info.key

    async def _open(self, offers: Sequence[SeriesOffer]) -> None:
        """Add the series that are not kept yet; remember where the others end, so that nothing is read twice."""
        if self._last and all(_key(offer) in self._last for offer in offers):
            return
        key = self.provider.info.key
        kept = {(info.symbol, info.interval): info.last for info in await self.store.series() if info.source == key}
        if missing := [offer for offer in offers if _key(offer) not in kept]:
            await self.store.add_all_series(missing, key)
        self._last.update({_key(o): kept.get(_key(o)) for o in offers if _key(o) not in self._last})

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


def ingest_job(intake: Intake, schedule: Schedule, *, alone: bool = True) -> Job:
    """The job that keeps the store up to date with one source; `alone`: the only one of that source."""

    async def work(_due: datetime) -> Done:
        return await intake.take_news()

    source, kind = intake.provider.info, intake.kind
    name = f"ingest:{source.key}" if alone else f"ingest:{source.key}:{kind}"
    text = f"Take new bars from {source.name}" + ("" if kind is None else f": {kind}")
    return Job(name, text, schedule, _RANK, work, wanted=None if intake.chain is None else intake.is_due)

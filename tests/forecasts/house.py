"""Everything that forecasts need, over one database and one clock, and sources whose bars are made up or chosen."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import numpy as np

from truecast.domain.bar import Bars
from truecast.domain.corporate import Factor
from truecast.domain.instrument import AssetClass, Instrument
from truecast.domain.interval import Interval
from truecast.forecasts.issue import Issuer
from truecast.forecasts.ledger import Ledger
from truecast.forecasts.performance import Performance
from truecast.forecasts.resolve import Resolver
from truecast.forecasts.rounds import RoundsHere
from truecast.jobs.ingest import Intake
from truecast.jobs.plan import Parts, standard_jobs
from truecast.jobs.schedule import Schedule
from truecast.jobs.scheduler import Scheduler
from truecast.kit.bus import InProcessBus
from truecast.kit.clock import Clock, to_us
from truecast.kit.compute import Compute
from truecast.kit.db import Database
from truecast.market.calendar import calendar
from truecast.market.chain import Chain
from truecast.market.history import History
from truecast.market.ingest import Ingest
from truecast.market.store import BarStore
from truecast.providers.base import Provider, SeriesOffer, SourceInfo
from truecast.providers.sample.adapter import Sample

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
MONDAY = datetime(2021, 1, 4, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class House:
    """The parts of a running system, without a server."""

    db: Database
    clock: Clock
    store: BarStore
    history: History
    ingest: Ingest
    ledger: Ledger
    issuer: Issuer
    resolver: Resolver
    performance: Performance
    steps: int

    async def take(self, provider: Provider) -> None:
        """Everything the provider knows by now."""
        done = await Intake(provider, self.store, self.ingest, self.clock).take_news()
        assert done.error is None, done.error

    def scheduler(self, *providers: Provider, when: Schedule | None = None) -> Scheduler:
        """The standard jobs on these sources, all of them due at `when` instead of their own times if given."""
        chain, rounds = Chain({}, self.clock), RoundsHere(self.issuer, self.resolver)
        parts = Parts(self.store, self.ingest, self.ledger, rounds, self.clock, self.steps, chain)
        jobs = standard_jobs(parts, providers)
        return Scheduler(self.db, [replace(j, schedule=when or j.schedule) for j in jobs], self.clock)


@asynccontextmanager
async def a_house(db: Database, clock: Clock, *, steps: int = 24) -> AsyncIterator[House]:
    """Built over a database that has its tables."""
    compute = Compute(threads=1)
    store = BarStore(db)
    history, ledger = History(store, clock), Ledger(db, clock)
    parts = (store, history, ledger, compute, clock)
    ingest = Ingest(store, InProcessBus(clock), clock)
    issuer, resolver, performance = Issuer(*parts), Resolver(*parts), Performance(*parts)
    try:
        yield House(db, clock, store, history, ingest, ledger, issuer, resolver, performance, steps)
    finally:
        compute.close()


class Some:
    """A source of which only some series are offered."""

    def __init__(self, provider: Provider, *wanted: tuple[str, Interval]) -> None:
        self.info = provider.info
        self._provider = provider
        self._wanted = set(wanted)

    def offers(self) -> Sequence[SeriesOffer]:
        return [o for o in self._provider.offers() if (o.instrument.symbol, o.interval) in self._wanted]

    async def bars(self, symbol: str, interval: Interval, since: datetime | None) -> Bars:
        return await self._provider.bars(symbol, interval, since)

    async def factors(self, symbol: str) -> Sequence[Factor]:
        return await self._provider.factors(symbol)

    async def close(self) -> None:
        await self._provider.close()


class Made:
    """A source of made-up bars; under the clock like the real sample: what is known by now is there."""

    def __init__(self, clock: Clock, *series: tuple[SeriesOffer, Bars], factors: Sequence[Factor] = ()) -> None:
        self.info: SourceInfo = replace(Sample(clock).info, key="made", name="Made up")
        self._clock = clock
        self._factors = tuple(factors)
        self.series = {(offer.instrument.symbol, offer.interval): (offer, bars) for offer, bars in series}

    def offers(self) -> Sequence[SeriesOffer]:
        return [offer for offer, _ in self.series.values()]

    async def bars(self, symbol: str, interval: Interval, since: datetime | None) -> Bars:
        _, bars = self.series[symbol, interval]
        known = bars.known_at <= to_us(self._clock.now())
        return bars[known if since is None else known & (bars.start >= to_us(since))]

    async def factors(self, symbol: str) -> Sequence[Factor]:
        return [
            f for f in self._factors if datetime(f.date.year, f.date.month, f.date.day, tzinfo=UTC) < self._clock.now()
        ]

    async def close(self) -> None: ...


def an_offer(
    symbol: str = "EUR-USD",
    interval: Interval = Interval.D1,
    market: str = "24/7",
    asset_class: AssetClass = AssetClass.FX,
) -> SeriesOffer:
    instrument = Instrument(symbol, f"{symbol} made up", asset_class, "USD", Decimal("0.0001"), market)
    return SeriesOffer(instrument, interval, market, "eod", None, "made up for a test")


def a_walk(offer: SeriesOffer, first: datetime, last: datetime, *, seed: int = 1, price: float = 100.0) -> Bars:
    """A random walk on every bar that the calendar expects between the two, known when the calendar says so."""
    market = calendar(offer.calendar)
    start = market.expected(to_us(first), to_us(last), offer.interval)
    rng = np.random.default_rng(seed)
    close = price * np.exp(np.cumsum(rng.standard_t(5, len(start)) * 0.007))
    open_ = np.concatenate([[price], close[:-1]])
    spread = 1 + np.abs(rng.normal(0, 0.002, len(start)))
    return Bars(
        offer.instrument.symbol,
        offer.interval,
        start=start,
        known_at=market.known_at(start, offer.interval),
        open=open_,
        high=np.maximum(open_, close) * spread,
        low=np.minimum(open_, close) / spread,
        close=close,
        volume=rng.integers(1, 1000, len(start)).astype(np.float64),
        final=np.ones(len(start), np.bool_),
        source=np.zeros(len(start), np.int16),
        sources=("made",),
    )

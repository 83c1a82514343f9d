"""What one process does beside answering: makes the store ready, runs the jobs, listens, lets go of everything."""

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import exists, select

from truecast.forecasts.rounds import Rounds
from truecast.jobs.feeds import Feeds
from truecast.jobs.ingest import Intake
from truecast.jobs.scheduler import Scheduler
from truecast.kit.bus import Bus
from truecast.kit.clock import Clock
from truecast.kit.compute import Compute
from truecast.kit.db import Database, ProcessLock
from truecast.kit.errors import EXIT_UNAVAILABLE, TruecastError
from truecast.market.backfill import Backfill
from truecast.market.board import QuoteBoard
from truecast.market.chain import Chain
from truecast.market.followed import Followed
from truecast.market.history import History
from truecast.market.ingest import Ingest
from truecast.market.keeper import Keeper
from truecast.market.quote_news import QuoteNews
from truecast.market.quotes import Quotes
from truecast.market.store import BarStore
from truecast.market.tables import series
from truecast.migrations.upgrade import pending, upgrade
from truecast.models.location.estimates import ESTIMATES
from truecast.models.location.estimator import Estimator
from truecast.models.registry.registry import Registry
from truecast.models.registry.runs import Runs
from truecast.providers.configured import Sources
from truecast.providers.told import Told
from truecast.services import Loading

SAMPLE = "sample"


class Role(StrEnum):
    """What a process is there for."""

    UP = "up"  # everything
    SERVE = "serve"  # answers
    WORK = "work"  # jobs
    COMMAND = "command"  # one command that needs data, beside whatever else runs
    ROUNDS = "rounds"  # rounds over all series, for a process that answers
    JOBS = "jobs"  # one command that looks at the jobs
    TOOL = "tool"  # one command that looks, or brings its own data


RUN_JOBS = (Role.UP, Role.WORK)
STAY = (*RUN_JOBS, Role.SERVE)


@dataclass(frozen=True, slots=True)
class Market:
    """What is known of markets here, and the ways to know more."""

    store: BarStore
    ingest: Ingest
    history: History
    sources: Sources
    told: Told
    chain: Chain
    backfill: Backfill
    keeper: Keeper
    board: QuoteBoard
    quotes: Quotes
    followed: Followed


class SchemaOld(TruecastError):
    """The database is of an earlier release; a process that only answers does not change it."""

    code = "schema_old"
    status = 503
    title = "Schema is old"
    template = "The database lacks {pending}: run `truecast db upgrade`, or start `truecast work`"
    exit_code = EXIT_UNAVAILABLE


@dataclass(slots=True)
class Process:
    """What one process does beside answering, by its role. `until` ends its jobs, for replays."""

    role: Role
    db: Database
    bus: Bus
    lock: ProcessLock | None
    market: Market
    clock: Clock
    scheduler: Scheduler
    compute: Compute
    registry: Registry
    training: Runs
    estimator: Estimator
    rounds: Rounds
    quote_news: QuoteNews
    feeds: Feeds
    until: datetime | None
    watching: tuple[asyncio.Task[None], ...] = ()  # promotions of other processes, quotes to be kept and told

    async def prepare(self, loading: Loading) -> None:
        """Migrations, then what the bundled sample has and the store has not, then the trained models, kept in step."""
        await self._make(loading)
        await self.registry.load()
        await self.market.board.load()
        await self.market.followed.refresh()
        if self.role in STAY:
            await self.bus.settled()  # from here on news of other processes are heard
            watched = {
                "models": self.registry.watch(),
                "quotes": self.market.board.run(),
                "quote news": self.quote_news.run(),
                "sources told": self.market.told.run(),
            }
            self.watching = tuple(asyncio.create_task(work, name=name) for name, work in watched.items())

    async def _make(self, loading: Loading) -> None:
        if self.role in RUN_JOBS:
            await self._fill(loading)
        elif waiting := await pending(self.db):
            if self.role is Role.SERVE:
                raise SchemaOld(pending=", ".join(waiting))
            await self._fill_locked(loading)
        elif self.role is Role.COMMAND and await _is_empty(self.db):
            await self._fill_locked(loading)  # the tables are there, the data are not

    async def migrations_pending(self) -> Sequence[str]:
        """Steps of the schema that the database still lacks."""
        return await pending(self.db)

    async def run(self) -> None:
        """The jobs and the live feeds, until cancelled or until the end of the replay."""
        if self.role not in RUN_JOBS:
            return
        listening = asyncio.create_task(self.feeds.run(), name="feeds")
        try:
            await self.scheduler.run(self.until)
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)

    async def close(self) -> None:
        """Let go of everything, in the order in which it is needed."""
        for task in self.watching:
            task.cancel()
        await asyncio.gather(*self.watching, return_exceptions=True)
        await self.market.followed.close()
        await self.training.close()
        await self.rounds.close()
        if ESTIMATES.elsewhere == self.estimator.estimated:
            ESTIMATES.elsewhere = None
        await asyncio.to_thread(self.estimator.close)
        await self.market.chain.close()
        await self.market.sources.close()
        await self.bus.close()
        self.compute.close()
        await self.db.close()
        if self.lock is not None:
            self.lock.release()

    async def _fill(self, loading: Loading) -> None:
        loading.step("database", 0, 1)
        await upgrade(self.db)
        loading.step("database", 1, 1)
        if SAMPLE in self.market.sources and self.role not in (Role.TOOL, Role.JOBS):
            await Intake(self.market.sources[SAMPLE], self.market.store, self.market.ingest, self.clock).take_news(
                loading.step
            )

    async def _fill_locked(self, loading: Loading) -> None:
        """Make a store that nobody else is making: raises DatabaseInUse."""
        with self.lock or contextlib.nullcontext():
            await self._fill(loading)


async def _is_empty(db: Database) -> bool:
    async with db.read() as conn:
        return not await conn.scalar(select(exists().where(series.c.bars > 0)))

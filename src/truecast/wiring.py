"""The only place that chooses implementations: `build(settings, role)` gives the services of one process.

Every command that touches the store imports this, so nothing here may import a web framework, an HTTP client, a
plotting library or Alembic: those are loaded by the adapter or the function that needs them.
"""

import asyncio
import contextlib
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Protocol, cast

import numpy as np
from sqlalchemy import exists, select

from truecast.accounts.keys import Keys
from truecast.api.announce import Announcer
from truecast.forecasts.issue import Issuer
from truecast.forecasts.ledger import Ledger
from truecast.forecasts.live import live_of
from truecast.forecasts.panels import Panels
from truecast.forecasts.performance import Performance
from truecast.forecasts.resolve import Resolver
from truecast.forecasts.retrain import Retrainer
from truecast.forecasts.watch import Watch
from truecast.jobs.feeds import Feeds, feeds_of
from truecast.jobs.ingest import Intake
from truecast.jobs.keeper import gaps_job
from truecast.jobs.news import News
from truecast.jobs.plan import Parts, standard_jobs
from truecast.jobs.retrain import retrain_job
from truecast.jobs.scheduler import Scheduler
from truecast.kit.budget_redis import SharedBudgets
from truecast.kit.bus import Bus, InProcessBus
from truecast.kit.bus_redis import RedisBus
from truecast.kit.clock import Clock, SystemClock
from truecast.kit.compute import Compute
from truecast.kit.db import Database, ProcessLock
from truecast.kit.db_errors import typed_error
from truecast.kit.errors import EXIT_UNAVAILABLE, TruecastError
from truecast.kit.leases import Leases
from truecast.kit.settings import Settings
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
from truecast.models.registry.answers import Sources as ModelSources
from truecast.models.registry.registry import WEEK_S, Registry
from truecast.models.registry.runs import Runs
from truecast.models.train_process import trained_apart
from truecast.providers.base import Provider, Reach
from truecast.providers.catalog import build_provider, source_info
from truecast.providers.guarded import Guarded, guard_of
from truecast.services import Loading, Services

SAMPLE = "sample"


class Role(StrEnum):
    """What a process is there for."""

    UP = "up"  # everything
    SERVE = "serve"  # answers
    WORK = "work"  # jobs
    COMMAND = "command"  # one command that needs data, beside whatever else runs
    JOBS = "jobs"  # one command that looks at the jobs
    TOOL = "tool"  # one command that looks, or brings its own data


_RUN_JOBS = (Role.UP, Role.WORK)
_STAY = (*_RUN_JOBS, Role.SERVE)
MODELS = "models"  # the folder of trained models, in the data folder


class Sources(Mapping[str, Provider]):
    """The configured sources. Each adapter is built when it is first asked for; one that is fetched has its guard."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._built: dict[str, Provider] = {}
        self._shared = None if settings.redis_url is None else SharedBudgets(settings.redis_url, clock)

    def __getitem__(self, key: str) -> Provider:
        if key not in self._settings.sources:
            raise KeyError(key)
        if key not in self._built:
            self._built[key] = self._build(key)
        return self._built[key]

    def __contains__(self, key: object) -> bool:
        return key in self._settings.sources  # without building it

    def __iter__(self) -> Iterator[str]:
        return iter(self._settings.sources)

    def __len__(self) -> int:
        return len(self._settings.sources)

    async def close(self) -> None:
        """Let go of the connections of those that were built."""
        for provider in self._built.values():
            await provider.close()
        if self._shared is not None:
            await self._shared.close()

    def _build(self, key: str) -> Provider:
        settings = self._settings
        info = source_info(key)
        guard = None
        if info.base_url is not None:
            guard = guard_of(info, self._clock, timeout_s=settings.http_timeout_s, shared=self._shared)
            guard.key_missing = info.needs_key and key not in settings.source_keys
        reach = Reach(
            generator=np.random.default_rng(),
            base_url=settings.source_urls.get(key, settings.ecb_base_url if key == "ecb" else None),
            timeout_s=settings.http_timeout_s,
            key=settings.source_keys.get(key),
            guard=guard,
        )
        provider = build_provider(key, self._clock, reach)
        return provider if guard is None else Guarded(provider, guard)


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
    store: BarStore
    ingest: Ingest
    clock: Clock
    scheduler: Scheduler
    sources: Sources
    chain: Chain
    compute: Compute
    registry: Registry
    training: Runs
    estimator: Estimator
    board: QuoteBoard
    quote_news: QuoteNews
    followed: Followed
    feeds: Feeds
    until: datetime | None
    watching: tuple[asyncio.Task[None], ...] = ()  # promotions of other processes, quotes to be kept and told

    async def prepare(self, loading: Loading) -> None:
        """Migrations, then what the bundled sample has and the store has not, then the trained models, kept in step."""
        await self._make(loading)
        await self.registry.load()
        await self.board.load()
        await self.followed.refresh()
        if self.role in _STAY:
            await self.bus.settled()  # from here on news of other processes are heard
            watched = {"models": self.registry.watch(), "quotes": self.board.run(), "quote news": self.quote_news.run()}
            self.watching = tuple(asyncio.create_task(work, name=name) for name, work in watched.items())

    async def _make(self, loading: Loading) -> None:
        if self.role in _RUN_JOBS:
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
        if self.role not in _RUN_JOBS:
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
        await self.followed.close()
        await self.training.close()
        if ESTIMATES.elsewhere == self.estimator.estimated:
            ESTIMATES.elsewhere = None
        await asyncio.to_thread(self.estimator.close)
        await self.chain.close()
        await self.sources.close()
        await self.bus.close()
        self.compute.close()
        await self.db.close()
        if self.lock is not None:
            self.lock.release()

    async def _fill(self, loading: Loading) -> None:
        loading.step("database", 0, 1)
        await upgrade(self.db)
        loading.step("database", 1, 1)
        if SAMPLE in self.sources and self.role not in (Role.TOOL, Role.JOBS):
            await Intake(self.sources[SAMPLE], self.store, self.ingest, self.clock).take_news(loading.step)

    async def _fill_locked(self, loading: Loading) -> None:
        """Make a store that nobody else is making: raises DatabaseInUse."""
        with self.lock or contextlib.nullcontext():
            await self._fill(loading)


def build(
    settings: Settings,
    role: Role = Role.COMMAND,
    *,
    clock: Clock | None = None,
    until: datetime | None = None,
    models: Path | None = None,
) -> Services:
    """The services of one process. `until` ends the jobs there, and `models` is another folder of them, for replays.

    A process that runs the jobs on SQLite takes the lock of the database first; raises DatabaseInUse.
    """
    clock = clock or SystemClock()
    db = Database.open(settings.database_url)
    lock = _lock_of(db)
    if lock is not None and role in _RUN_JOBS:
        lock.acquire()
    compute, bus, store = Compute(), _bus_of(settings, clock, role), BarStore(db)
    ingest, history, ledger = (
        Ingest(store, bus, clock),
        History(store, clock),
        Ledger(db, clock, Announcer(bus, store, clock)),
    )
    panels = Panels(store, history, clock)
    registry = Registry(
        db,
        models or settings.data_dir / MODELS,
        clock,
        compute,
        sources=ModelSources(panels.frames_of, panels.scopes_of, panels.classes_of, partial(live_of, db)),
        trainer=trained_apart,
        update_interval_s=settings.model_update_interval_s or WEEK_S,
        serves=role in _STAY,
    )
    training, estimator = Runs(registry, clock), Estimator()
    ESTIMATES.open(settings.data_dir / "estimates.jsonl")
    if role in _STAY:
        ESTIMATES.elsewhere = estimator.estimated
    issuer = Issuer(store, history, ledger, compute, clock, catalogue_of=registry.catalogue)
    resolver = Resolver(store, history, ledger, compute, clock)
    sources = Sources(settings, clock)
    chain = Chain(sources, clock, settings.source_order)
    backfill = Backfill(store, ingest, chain, clock)
    keeper = Keeper(store, backfill, chain, clock)
    board = QuoteBoard(db, clock, {key: rank for rank, key in enumerate(settings.sources)})
    quotes = Quotes(store, clock, board)
    followed = Followed(db, store, chain, clock, backfill)
    listed = [] if role in (Role.COMMAND, Role.TOOL) else list(sources.values())
    leases = None if db.dialect == "sqlite" else Leases(db)  # an embedded database has one process, by its lock
    watch = Watch(db, store, history, compute, clock, registry.catalogue)
    retrainer = Retrainer(db, registry, watch, clock, settings.model_update_interval_s)
    live = clock.kind == "system"
    listened = feeds_of(
        settings.feeds if live and role in _RUN_JOBS else (),
        sources,
        chain=chain,
        store=store,
        ingest=ingest,
        bus=bus,
        board=board,
        backfill=backfill,
        offers_of=followed.offers,
        clock=clock,
        generator=np.random.default_rng(),
    )
    feeds = Feeds(db, clock, listened, leases)
    parts = Parts(
        store=store,
        ingest=ingest,
        ledger=ledger,
        issuer=issuer,
        resolver=resolver,
        clock=clock,
        scheduled_steps=settings.scheduled_steps,
        chain=chain,
        board=board,
        news=News(bus),
        followed=followed,
        hears=feeds.hears,
    )
    jobs = [*standard_jobs(parts, listed), retrain_job(retrainer, live=live), gaps_job(keeper, live=live)]
    scheduler = Scheduler(db, jobs, clock, leases)
    return Services(
        settings=settings,
        clock=clock,
        db=db,
        bus=bus,
        compute=compute,
        store=store,
        ingest=ingest,
        history=history,
        quotes=quotes,
        board=board,
        chain=chain,
        followed=followed,
        backfill=backfill,
        keeper=keeper,
        ledger=ledger,
        issuer=issuer,
        performance=Performance(store, history, ledger, compute, clock, catalogue_of=registry.catalogue),
        providers=sources,
        feeds=feeds,
        jobs=scheduler,
        keys=Keys(db, clock),
        models=registry,
        training=training,
        background=Process(
            role=role,
            db=db,
            bus=bus,
            lock=lock,
            store=store,
            ingest=ingest,
            clock=clock,
            scheduler=scheduler,
            sources=sources,
            chain=chain,
            compute=compute,
            registry=registry,
            training=training,
            estimator=estimator,
            board=board,
            quote_news=QuoteNews(quotes, board, store, bus),
            followed=followed,
            feeds=feeds,
            until=until,
        ),
        loading=Loading(),
    )


def _bus_of(settings: Settings, clock: Clock, role: Role) -> Bus:
    """News stay in the process, unless there is a Redis that others hear too. A tool has no news."""
    if settings.redis_url is None or role is Role.TOOL:
        return InProcessBus(clock)
    return RedisBus(settings.redis_url, clock)


async def _is_empty(db: Database) -> bool:
    async with db.read() as conn:
        return not await conn.scalar(select(exists().where(series.c.bars > 0)))


def _lock_of(db: Database) -> ProcessLock | None:
    """The lock beside an SQLite file, whose folder is made on the way. PostgreSQL needs none."""
    if db.path is None:
        return None
    try:
        db.path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise typed_error(error, db.where) or error from None
    return ProcessLock(db.path)


def build_replay(settings: Settings, clock: Clock) -> Services:
    """The same product over the bundled past, on a fresh database of its own, up to the end of the sample."""
    folder = settings.data_dir / "replay"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "truecast.db"
    with ProcessLock(path):  # so that nothing is removed under a replay that runs
        for name in (path.name, f"{path.name}-wal", f"{path.name}-shm"):
            (folder / name).unlink(missing_ok=True)
        shutil.rmtree(folder / MODELS, ignore_errors=True)
    own = settings.model_copy(update={"database_url": f"sqlite:///{path}", "sources": (SAMPLE,), "redis_url": None})
    return build(own, Role.UP, clock=clock, until=_end_of_sample(clock), models=folder / MODELS)


def _end_of_sample(clock: Clock) -> datetime:
    """When its newest bar became known; beyond, a replay would see nothing new."""
    sample = build_provider(SAMPLE, clock, Reach(np.random.default_rng()))
    return cast("_Ending", sample).last_known()


class _Ending(Protocol):
    """A source whose data end."""

    def last_known(self) -> datetime:
        """When the newest bar became known."""

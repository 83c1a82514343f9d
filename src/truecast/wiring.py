"""The only place that chooses implementations: `build(settings, role)` gives the services of one process.

Every command that touches the store imports this, so nothing here may import a web framework, an HTTP client, a
plotting library or Alembic: those are loaded by the adapter or the function that needs them.
"""

import shutil
from dataclasses import fields
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Protocol, cast

import numpy as np

from truecast.accounts.keys import Keys
from truecast.accounts.replies import Replies
from truecast.api.announce import Announcer
from truecast.forecasts.issue import Issuer
from truecast.forecasts.ledger import Ledger
from truecast.forecasts.live import live_of
from truecast.forecasts.panels import Panels
from truecast.forecasts.performance import Performance
from truecast.forecasts.resolve import Resolver
from truecast.forecasts.retrain import Retrainer
from truecast.forecasts.rounds import Rounds, RoundsApart, RoundsHere
from truecast.forecasts.watch import Watch
from truecast.jobs.feeds import Feeds, feeds_of
from truecast.jobs.forget import forget_job
from truecast.jobs.job import Job
from truecast.jobs.keeper import gaps_job
from truecast.jobs.news import News
from truecast.jobs.plan import Parts, standard_jobs
from truecast.jobs.retrain import retrain_job
from truecast.jobs.scheduler import Scheduler
from truecast.kit.bus import Bus, InProcessBus
from truecast.kit.bus_redis import RedisBus
from truecast.kit.clock import Clock, SystemClock
from truecast.kit.compute import Compute
from truecast.kit.db import Database, ProcessLock
from truecast.kit.db_errors import typed_error
from truecast.kit.leases import Leases
from truecast.kit.settings import Settings
from truecast.market.backfill import Backfill
from truecast.market.board import QuoteBoard
from truecast.market.chain import Chain
from truecast.market.feeds import Feed
from truecast.market.followed import Followed
from truecast.market.history import History
from truecast.market.ingest import Ingest
from truecast.market.keeper import Keeper
from truecast.market.quote_news import QuoteNews
from truecast.market.quotes import Quotes
from truecast.market.store import BarStore
from truecast.models.location.estimates import ESTIMATES
from truecast.models.location.estimator import Estimator
from truecast.models.registry.answers import Sources as ModelSources
from truecast.models.registry.registry import WEEK_S, Registry
from truecast.models.registry.runs import Runs
from truecast.models.train_process import trained_apart
from truecast.process import RUN_JOBS, STAY, Market, Process
from truecast.process import SAMPLE as SAMPLE  # noqa: PLC0414
from truecast.process import Role as Role  # noqa: PLC0414 who builds a process says what it is there for
from truecast.process import SchemaOld as SchemaOld  # noqa: PLC0414
from truecast.providers.base import Reach
from truecast.providers.catalog import build_provider
from truecast.providers.configured import Sources
from truecast.providers.told import Told
from truecast.services import Loading, Services

MODELS = "models"  # the folder of trained models, in the data folder


def build(
    settings: Settings,
    role: Role = Role.COMMAND,
    *,
    clock: Clock | None = None,
    until: datetime | None = None,
    models: Path | None = None,
    bus: Bus | None = None,
    apart: bool | None = None,
) -> Services:
    """The services of one process. `until` ends the jobs there, and `models` is another folder of them, for replays.

    A process that runs the jobs on SQLite takes the lock of the database first; raises DatabaseInUse. Rounds are
    computed `apart` where this process answers requests by the real time, unless said otherwise.
    """
    clock = clock or SystemClock()
    db = Database.open(settings.database_url)
    lock = _lock_of(db, role)
    compute, bus = Compute(), bus or _bus_of(settings, clock, role)
    market = _market_of(settings, clock, db, bus)
    store, history = market.store, market.history
    ledger = Ledger(db, clock, Announcer(bus, store, clock))
    registry = _registry_of(settings, clock, db, compute, market, folder=models, serves=role in STAY)
    training, estimator = Runs(registry, clock), _estimator_of(settings, role)
    issuer = Issuer(store, history, ledger, compute, clock, catalogue_of=registry.catalogue)
    here = RoundsHere(issuer, Resolver(store, history, ledger, compute, clock))
    leases = None if db.dialect == "sqlite" else Leases(db)  # an embedded database has one process, by its lock
    feeds = Feeds(db, clock, _feeds_of(settings, role, clock, bus, market), leases)
    rounds = RoundsApart(settings, models, clock, bus, store) if _is_apart(apart, role, clock) else here
    parts = _parts_of(settings, clock, bus, market, ledger=ledger, rounds=rounds, feeds=feeds)
    watch = Watch(db, store, history, compute, clock, registry.catalogue)
    retrainer = Retrainer(db, registry, watch, clock, settings.model_update_interval_s)
    replies = Replies(db)
    scheduler = Scheduler(db, _jobs_of(parts, role, market, retrainer, replies), clock, leases)
    return Services(
        settings=settings,
        clock=clock,
        db=db,
        bus=bus,
        compute=compute,
        **_shown(market),
        ledger=ledger,
        issuer=issuer,
        rounds=rounds,
        performance=Performance(store, history, ledger, compute, clock, catalogue_of=registry.catalogue),
        feeds=feeds,
        jobs=scheduler,
        keys=Keys(db, clock),
        replies=replies,
        models=registry,
        training=training,
        background=Process(
            role=role,
            db=db,
            bus=bus,
            lock=lock,
            market=market,
            clock=clock,
            scheduler=scheduler,
            compute=compute,
            registry=registry,
            training=training,
            estimator=estimator,
            rounds=rounds,
            quote_news=QuoteNews(market.quotes, market.board, store, bus, Leases(db) if bus.state.shared else None),
            feeds=feeds,
            until=until,
        ),
        loading=Loading(),
    )


def _market_of(settings: Settings, clock: Clock, db: Database, bus: Bus) -> Market:
    store = BarStore(db)
    ingest, sources = Ingest(store, bus, clock), Sources(settings, clock, np.random.default_rng)
    chain = Chain(sources, clock, settings.source_order)
    backfill = Backfill(store, ingest, chain, clock)
    board = QuoteBoard(db, clock, {key: rank for rank, key in enumerate(settings.sources)})
    return Market(
        store=store,
        ingest=ingest,
        history=History(store, clock),
        sources=sources,
        told=Told(db, clock, sources),
        chain=chain,
        backfill=backfill,
        keeper=Keeper(store, backfill, chain, clock),
        board=board,
        quotes=Quotes(store, clock, board),
        followed=Followed(db, store, chain, clock, backfill),
    )


def _shown(market: Market) -> dict[str, Any]:
    """The parts of it that are services; a source is called a provider there."""
    names = {field.name: field.name for field in fields(Market)} | {"sources": "providers"}
    return {shown: getattr(market, name) for name, shown in names.items()}


def _registry_of(
    settings: Settings,
    clock: Clock,
    db: Database,
    compute: Compute,
    market: Market,
    *,
    folder: Path | None,
    serves: bool,
) -> Registry:
    panels = Panels(market.store, market.history, clock)
    return Registry(
        db,
        folder or settings.data_dir / MODELS,
        clock,
        compute,
        sources=ModelSources(panels.frames_of, panels.scopes_of, panels.classes_of, partial(live_of, db)),
        trainer=trained_apart,
        update_interval_s=settings.model_update_interval_s or WEEK_S,
        serves=serves,
    )


def _estimator_of(settings: Settings, role: Role) -> Estimator:
    estimator = Estimator()
    ESTIMATES.open(settings.data_dir / "estimates.jsonl")
    if role in (*STAY, Role.ROUNDS):
        ESTIMATES.elsewhere = estimator.estimated
    return estimator


def _feeds_of(settings: Settings, role: Role, clock: Clock, bus: Bus, market: Market) -> list[Feed]:
    """Live feeds, of a process that runs the jobs on the real time."""
    return feeds_of(
        settings.feeds if clock.kind == "system" and role in RUN_JOBS else (),
        market.sources,
        chain=market.chain,
        store=market.store,
        ingest=market.ingest,
        bus=bus,
        board=market.board,
        backfill=market.backfill,
        offers_of=market.followed.offers,
        clock=clock,
        generator=np.random.default_rng(),
    )


def _parts_of(
    settings: Settings,
    clock: Clock,
    bus: Bus,
    market: Market,
    *,
    ledger: Ledger,
    rounds: Rounds,
    feeds: Feeds,
) -> Parts:
    return Parts(
        store=market.store,
        ingest=market.ingest,
        ledger=ledger,
        rounds=rounds,
        clock=clock,
        scheduled_steps=settings.scheduled_steps,
        chain=market.chain,
        board=market.board,
        news=News(bus),
        followed=market.followed,
        hears=feeds.hears,
    )


def _is_apart(wanted: bool | None, role: Role, clock: Clock) -> bool:
    return role is Role.UP and clock.kind == "system" if wanted is None else wanted


def _jobs_of(parts: Parts, role: Role, market: Market, retrainer: Retrainer, replies: Replies) -> list[Job]:
    live = parts.clock.kind == "system"
    listed = [] if role in (Role.COMMAND, Role.TOOL, Role.ROUNDS) else list(market.sources.values())
    return [
        *standard_jobs(parts, listed),
        retrain_job(retrainer, live=live),
        gaps_job(market.keeper, live=live),
        forget_job(replies),
    ]


def _bus_of(settings: Settings, clock: Clock, role: Role) -> Bus:
    """News stay in the process, unless there is a Redis that others hear too. A tool has no news."""
    if settings.redis_url is None or role is Role.TOOL:
        return InProcessBus(clock)
    return RedisBus(settings.redis_url, clock)


def _lock_of(db: Database, role: Role) -> ProcessLock | None:
    """The lock beside an SQLite file, whose folder is made on the way; held by who runs the jobs."""
    if db.path is None:
        return None
    try:
        db.path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise typed_error(error, db.where) or error from None
    lock = ProcessLock(db.path)
    if role in RUN_JOBS:
        lock.acquire()
    return lock


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

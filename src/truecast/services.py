"""What the product can do, as one frozen value. `wiring.py` builds it; the API, the jobs and the commands take it.

A field has the concrete type where there is one implementation, and a Protocol where there are several or where the
implementation stands to the right of this module.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from truecast.accounts.keys import Keys
from truecast.accounts.replies import Replies
from truecast.forecasts.issue import Issuer
from truecast.forecasts.ledger import Ledger
from truecast.forecasts.performance import Performance
from truecast.forecasts.rounds import Rounds
from truecast.kit.bus import Bus
from truecast.kit.clock import Clock
from truecast.kit.compute import Compute
from truecast.kit.db import Database
from truecast.kit.settings import Settings
from truecast.market.backfill import Backfill
from truecast.market.board import QuoteBoard
from truecast.market.chain import Chain
from truecast.market.feeds_status import FeedStanding
from truecast.market.followed import Followed
from truecast.market.history import History
from truecast.market.ingest import Ingest
from truecast.market.keeper import Keeper
from truecast.market.quotes import Quotes
from truecast.market.store import BarStore
from truecast.models.registry.registry import Registry
from truecast.models.registry.runs import Runs
from truecast.providers.configured import Sources
from truecast.providers.told import Told


@dataclass(slots=True)
class Loading:
    """How far the start is. Written by the loader, read by `/info`; the one mutable thing here."""

    stage: str = "database"
    done: int = 0
    total: int = 0
    ready: bool = False
    failed: str | None = None

    def step(self, stage: str, done: int, total: int) -> None:
        """Say what is being done and how far it is."""
        self.stage, self.done, self.total = stage, done, total


class JobRun(Protocol):
    """One run of a job. `ended_at` and `outcome` are None while it runs."""

    @property
    def id(self) -> int:
        """Counts up."""

    @property
    def job(self) -> str:
        """Name of the job."""

    @property
    def due_at(self) -> datetime:
        """The moment it was due."""

    @property
    def started_at(self) -> datetime:
        """When it began."""

    @property
    def ended_at(self) -> datetime | None:
        """When it ended."""

    @property
    def outcome(self) -> str | None:
        """`ok`, `failed` or `skipped`."""

    @property
    def counts(self) -> Mapping[str, int]:
        """What it did."""

    @property
    def error(self) -> str | None:
        """What went wrong."""


class JobInfo(Protocol):
    """A job, its switch, when it is due next (None when switched off) and how the last run went."""

    @property
    def name(self) -> str:
        """How users call it."""

    @property
    def description(self) -> str:
        """One sentence."""

    @property
    def schedule(self) -> str:
        """Crontab lines."""

    @property
    def enabled(self) -> bool:
        """Whether the schedule runs it."""

    @property
    def next_due_at(self) -> datetime | None:
        """When it is due next."""

    @property
    def last_run(self) -> JobRun | None:
        """The latest run."""

    @property
    def is_ours(self) -> bool:
        """Whether this process runs it; else another one does, or should."""


class Jobs(Protocol):
    """The jobs of this installation. Methods that take a name raise UnknownJob."""

    async def jobs(self) -> Sequence[JobInfo]:
        """Every job in the order in which they run."""

    async def runs(self, name: str, *, before: int | None = None, limit: int = 50) -> Sequence[JobRun]:
        """Runs with an id below `before`, latest first."""

    async def run_now(self, name: str, *, mark: str | None = None) -> JobRun:
        """Run it at once and wait for its end; under a mark once, whoever asks again gets that run."""

    async def switch(self, name: str, *, on: bool) -> None:
        """Let the schedule run it, or not."""


class Feeds(Protocol):
    """The live feeds of this installation."""

    async def standings(self, source: str | None = None) -> Sequence[FeedStanding]:
        """How they do, of all sources or of one, also those that another process listens to."""

    def hears(self, symbol: str) -> bool:
        """Whether this process gets the prices of a symbol without asking."""


class Background(Protocol):
    """What this process does beside answering: making the store ready, then the jobs."""

    async def prepare(self, loading: Loading) -> None:
        """Make the store usable: migrations, sample data. Returns when requests can be answered."""

    async def migrations_pending(self) -> Sequence[str]:
        """Steps of the schema that the database still lacks."""

    async def run(self) -> None:
        """The jobs, until cancelled. Returns at once in a process that has none."""

    async def close(self) -> None:
        """Let go of the database, the lock, the threads and the sources. May be called twice."""


@dataclass(frozen=True, slots=True)
class Services:
    """The capabilities of one process."""

    settings: Settings
    clock: Clock
    db: Database
    bus: Bus
    compute: Compute
    store: BarStore
    ingest: Ingest
    history: History
    quotes: Quotes
    board: QuoteBoard
    chain: Chain
    followed: Followed
    backfill: Backfill
    keeper: Keeper
    ledger: Ledger
    issuer: Issuer
    rounds: Rounds
    performance: Performance
    models: Registry
    training: Runs
    providers: Sources
    told: Told
    feeds: Feeds
    jobs: Jobs
    keys: Keys
    replies: Replies
    background: Background
    loading: Loading

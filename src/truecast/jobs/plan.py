"""Which jobs there are: ingest per source and kind of calendar, latest prices, then resolve, learn and issue."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from truecast.forecasts.ledger import Ledger
from truecast.forecasts.rounds import Rounds
from truecast.jobs.evidence import evidence_job
from truecast.jobs.ingest import Intake, ingest_job
from truecast.jobs.issue import issue_job
from truecast.jobs.job import Job
from truecast.jobs.news import News
from truecast.jobs.quotes import Polling, quotes_job
from truecast.jobs.resolve import resolve_job
from truecast.jobs.rhythm import CRYPTO, ECB, FIXINGS, FX, STOCKS, ingest_schedule, kinds_of, quotes_schedule
from truecast.jobs.schedule import HOURLY, Cron, Schedule
from truecast.kit.clock import Clock
from truecast.market.board import QuoteBoard
from truecast.market.chain import Chain
from truecast.market.followed import Followed
from truecast.market.ingest import Ingest
from truecast.market.store import BarStore
from truecast.providers.base import Provider
from truecast.providers.guarded import Guarded

# Where bars may come at any minute: outcomes are settled at once, forecasts are issued some minutes apart.
_SETTLING = Schedule((Cron("* * * * *"),))
_ISSUING = Schedule((Cron("1-59/5 * * * *"),))


@dataclass(frozen=True, slots=True)
class Parts:
    """What the jobs work with. Without `board` nobody is asked for latest prices; without `news` jobs look by time."""

    store: BarStore
    ingest: Ingest
    ledger: Ledger
    rounds: Rounds
    clock: Clock
    scheduled_steps: int
    chain: Chain
    board: QuoteBoard | None = None
    news: News | None = None
    followed: Followed | None = None
    hears: Callable[[str], bool] = lambda _symbol: False


def standard_jobs(parts: Parts, providers: Sequence[Provider]) -> list[Job]:
    """The jobs of a process that keeps itself up to date from `providers`."""
    ingest = [job for provider in providers for job in _ingest_jobs(parts, provider)]
    always = HOURLY
    kinds = {kind for provider in providers if isinstance(provider, Guarded) for kind in kinds_of(provider)}
    if FIXINGS in kinds:
        always |= ECB
    often = bool(kinds - {FIXINGS}) and parts.news is not None
    resolve = resolve_job(parts.rounds, always | _SETTLING if often else always)
    tell = None if parts.news is None else parts.news.tell_learned
    evidence = evidence_job(parts.rounds, always | _ISSUING if often else always, tell)
    issue = issue_job(parts.rounds, steps=parts.scheduled_steps, schedule=always | _ISSUING if often else always)
    waiting = [resolve, evidence, issue]
    if often and parts.news is not None:
        waiting = [replace(job, wanted=parts.news.since(always)) for job in waiting]
    return [*ingest, *_quotes_jobs(parts, providers), *waiting]


def _ingest_jobs(parts: Parts, provider: Provider) -> list[Job]:
    """What lies on the disk is taken from there every hour; what is fetched has the rhythm of its calendars."""
    if not isinstance(provider, Guarded):
        intake = Intake(provider, parts.store, parts.ingest, parts.clock, followed=parts.followed)
        return [ingest_job(intake, HOURLY)]
    kinds = kinds_of(provider)
    return [
        ingest_job(
            Intake(provider, parts.store, parts.ingest, parts.clock, parts.chain, kind, parts.followed, parts.hears),
            ingest_schedule(provider.info, kind, provider.offers()),
            alone=len(kinds) == 1,
        )
        for kind in kinds
    ]


def _quotes_jobs(parts: Parts, providers: Sequence[Provider]) -> list[Job]:
    if parts.board is None:
        return []
    found = []
    for kind in (CRYPTO, STOCKS, FX):
        able = [
            provider.info
            for provider in providers
            if isinstance(provider, Guarded) and "quotes" in provider.info.capabilities and kind in kinds_of(provider)
        ]
        if able:
            polling = Polling(kind, parts.chain, parts.store, parts.board, parts.clock, parts.hears)
            found.append(quotes_job(polling, quotes_schedule(kind, able)))
    return found

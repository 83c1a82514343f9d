"""Which jobs there are: one ingest per source, then resolve, learn and issue, at the same moments."""

from collections.abc import Sequence
from dataclasses import dataclass

from truecast.forecasts.issue import Issuer
from truecast.forecasts.ledger import Ledger
from truecast.forecasts.resolve import Resolver
from truecast.jobs.evidence import evidence_job
from truecast.jobs.ingest import Intake, ingest_job, ingest_schedule
from truecast.jobs.issue import issue_job
from truecast.jobs.job import Job
from truecast.jobs.resolve import resolve_job
from truecast.jobs.schedule import HOURLY, Schedule
from truecast.kit.clock import Clock
from truecast.market.chain import Chain
from truecast.market.ingest import Ingest
from truecast.market.store import BarStore
from truecast.providers.base import Provider
from truecast.providers.guarded import Guarded


@dataclass(frozen=True, slots=True)
class Parts:
    """What the jobs work with."""

    store: BarStore
    ingest: Ingest
    ledger: Ledger
    issuer: Issuer
    resolver: Resolver
    clock: Clock
    scheduled_steps: int
    chain: Chain


def standard_jobs(parts: Parts, providers: Sequence[Provider]) -> list[Job]:
    """The jobs of a process that keeps itself up to date from `providers`."""
    when = _together([ingest_schedule(provider.info.key) for provider in providers])
    return [
        *(ingest_job(_intake(parts, provider)) for provider in providers),
        resolve_job(parts.resolver, when),
        evidence_job(parts.issuer, when),
        issue_job(parts.issuer, steps=parts.scheduled_steps, schedule=when),
    ]


def _intake(parts: Parts, provider: Provider) -> Intake:
    """What lies on the disk is taken from there; for what is fetched, others stand in."""
    chain = parts.chain if isinstance(provider, Guarded) else None
    return Intake(provider, parts.store, parts.ingest, parts.clock, chain)


def _together(schedules: Sequence[Schedule]) -> Schedule:
    together = HOURLY
    for schedule in schedules:
        together |= schedule
    return together

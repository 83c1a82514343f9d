"""Looks at every part of the server and says how it is.

Red, that is `down`, is only what makes answers wrong or missing: then a load balancer should ask another process.
Old data and a failing source are `degraded`: every answer says its age itself, and no other process would do better.
"""

import shutil
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Literal

import numpy as np

from truecast.api.shapes import Output
from truecast.domain.instrument import AssetClass, Universe
from truecast.domain.interval import Interval
from truecast.kit.clock import from_us, iso, to_us
from truecast.kit.db_errors import DatabaseBusy, DiskFull
from truecast.kit.errors import TruecastError
from truecast.kit.limits import (
    CLOCK_APART_S_MAX,
    CLOCK_SKEW_S_MAX,
    DISK_FREE_BYTES_MIN,
    JOB_LAG_S_MAX,
    JOB_RUN_S_MAX,
)
from truecast.kit.metrics import JOB_LATE_SECONDS
from truecast.market.calendar import calendar
from truecast.market.registry import SeriesInfo
from truecast.providers.told import SourceStanding, latest_error, worst
from truecast.services import JobInfo, Services

Status = Literal["ok", "degraded", "down"]


class Component(Output):
    """One part of the server. `required`: while it is down the server is not ready."""

    name: str
    status: Status
    required: bool
    detail: str
    age_s: float | None
    last_error: str | None


class Health(Output):
    """All parts. `down` when a required one is, else `degraded` when any is not well."""

    status: Status
    ready: bool
    checked_at: datetime
    components: list[Component]


async def examine(services: Services) -> Health:
    """Ask every part. Never raises: a part that cannot be asked is down and says why."""
    components = [part async for part in _parts(services)]
    red = [part for part in components if part.required and part.status == "down"]
    well = all(part.status == "ok" for part in components)
    return Health(
        status="down" if red else "ok" if well else "degraded",
        ready=not red,
        checked_at=services.clock.now(),
        components=components,
    )


async def _parts(services: Services) -> AsyncIterator[Component]:
    yield _start(services)
    if not services.loading.ready:
        return  # the other parts are being made
    try:
        pending = await services.background.migrations_pending()
        kept = await services.store.series()
        universe = await services.store.universe()
        jobs = await services.jobs.jobs()
        told = await services.told.standings()
    except DiskFull as error:  # even reading needs a little room beside the file
        yield _disk(services, error)
        return
    except TruecastError as error:
        yield _part("database", "down", services.db.where, required=True, last_error=error.detail)
        return
    trouble = await services.db.check_write()
    yield _database(services, trouble)
    waiting = f"waiting: {', '.join(pending)}" if pending else "up to date"
    yield _part("migrations", "down" if pending else "ok", waiting, required=True)
    now = services.clock.now()
    for part in (_models(services), _ledger(services), _clock(services, jobs, now), *_data(kept, universe, now)):
        yield part
    for part in (*_jobs(jobs, now), _disk(services, trouble), *_bus(services), *_sources(services, told, now)):
        yield part


def _database(services: Services, trouble: TruecastError | None) -> Component:
    """Whether it takes writes. A full disk is told of as that; a lock that another process holds goes by."""
    if trouble is None or isinstance(trouble, DiskFull):
        return _part("database", "ok", services.db.where, required=True)
    status: Status = "degraded" if isinstance(trouble, DatabaseBusy) else "down"
    return _part("database", status, services.db.where, required=True, last_error=trouble.detail)


def _models(services: Services) -> Component:
    """What serves. One that should and cannot be read has another in its place, which its forecasts say."""
    serving = services.models.catalogue().serving
    refused = "; ".join(f"{name}: {why}" for name, why in services.models.refused.items())
    status: Status = "down" if not serving else "degraded" if refused else "ok"
    return _part("models", status, ", ".join(serving) or "none", required=True, last_error=refused or None)


def _ledger(services: Services) -> Component:
    """What the latest look at the chain found; this process looks once a minute."""
    found = services.ledger.checked
    if found is None:
        return _part("ledger", "ok", "not looked at yet", required=True)
    if found.ok:
        return _part("ledger", "ok", f"{found.rows} rows, sound", required=True)
    return _part("ledger", "down", f"broken at row {found.first_broken}", required=True, last_error=found.reason)


def _clock(services: Services, jobs: Iterable[JobInfo], now: datetime) -> Component:
    """Our clock against what was written before, and against those of the sources that answered."""
    ran = [job.last_run.started_at for job in jobs if job.last_run is not None]
    behind_s = (max(ran) - now).total_seconds() if ran else 0.0
    if behind_s > CLOCK_SKEW_S_MAX:
        said = f"a job ran {behind_s:.0f} s from now: the clock was set back"
        return _part("clock", "down", said, required=True, last_error=said)
    guards = services.providers.guards.values() if services.clock.kind == "system" else ()
    apart = [guard.clock_ahead_s for guard in guards if guard.clock_ahead_s is not None]
    ahead_s = float(np.median(apart)) if apart else 0.0
    if abs(ahead_s) <= CLOCK_APART_S_MAX:
        return _part("clock", "ok", f"as {len(apart)} sources say" if apart else "no source has told its time")
    # One source may be wrong itself; bars beyond CLOCK_SKEW_S_MAX in the future are refused, so then news are lost.
    wrong = abs(ahead_s) > CLOCK_SKEW_S_MAX and len(apart) > 1
    said = f"{abs(ahead_s):.0f} s {'ahead of' if ahead_s > 0 else 'behind'} what {len(apart)} sources say"
    return _part("clock", "down" if wrong else "degraded", said, required=True, last_error=said)


def _sources(services: Services, told: Mapping[str, Sequence[SourceStanding]], now: datetime) -> Iterator[Component]:
    """The sources that any process has asked. Not required: every answer says its age, and data age has parts."""
    if not told:
        return
    guards = services.providers.guards
    resting = [key for key, each in told.items() if worst(each, now)[1]]
    locked = [
        key
        for key, each in told.items()
        if (key in guards and guards[key].key_missing) or any(one.key_refused for one in each)
    ]
    wrong = {*resting, *locked}
    error = latest_error([one for key in wrong for one in told[key]])
    good = [one.last_success_at for each in told.values() for one in each if one.last_success_at is not None]
    said = [f"{len(told) - len(wrong)} of {len(told)} well"]
    said += [f"{what}: {', '.join(sorted(keys))}" for what, keys in (("resting", resting), ("key", locked)) if keys]
    yield _part(
        "sources",
        "down" if len(wrong) == len(told) else "degraded" if wrong else "ok",
        "; ".join(said),
        age_s=max((now - max(good)).total_seconds(), 0.0) if good else None,
        last_error=None if error is None else error.last_error,
    )


def _start(services: Services) -> Component:
    loading = services.loading
    if loading.failed is not None:
        said = "jobs stopped" if loading.ready else "failed"
        return _part("start", "down", said, required=True, last_error=loading.failed)
    if not loading.ready:
        return _part("start", "down", f"{loading.stage}: {loading.done} of {loading.total}", required=True)
    return _part("start", "ok", "done", required=True)


def _data(kept: Iterable[SeriesInfo], universe: Universe, now: datetime) -> Iterator[Component]:
    """One component per asset class: the age of its newest bar, and how many of its series lag."""
    classes = {i.symbol: i.asset_class for i in universe.instruments}
    by_class: dict[AssetClass, list[SeriesInfo]] = defaultdict(list)
    for series in kept:
        if series.last is not None:
            by_class[classes[series.symbol]].append(series)
    if not by_class:
        yield _part("data", "down", "the store is empty", required=True)
    for asset_class, members in sorted(by_class.items()):
        # A series is fresh when any source of it is.
        lags: dict[tuple[str, Interval], bool] = {}
        for series in members:
            key = (series.symbol, series.interval)
            lags[key] = lags.get(key, True) and _overdue(series, now)
        newest = max(_end(series) for series in members)
        late = sum(lags.values())
        yield _part(
            f"data:{asset_class.value}",
            "degraded" if late else "ok",
            f"{len(lags) - late} of {len(lags)} series fresh, newest bar ended {iso(newest)}",
            age_s=max((now - newest).total_seconds(), 0.0),
        )


def _overdue(series: SeriesInfo, now: datetime) -> bool:
    assert series.last is not None
    return to_us(now) >= calendar(series.calendar).overdue_at(to_us(series.last), series.interval)


def _end(series: SeriesInfo) -> datetime:
    assert series.last is not None
    return from_us(calendar(series.calendar).ends(np.array([to_us(series.last)]), series.interval)[0])


def _jobs(jobs: Iterable[JobInfo], now: datetime) -> Iterator[Component]:
    """One component per job: late, stuck or neither, and what its last run said.

    Only jobs that this process runs make it red: of others', the data that do not come have parts of their own.
    """
    for job in jobs:
        late_s = (now - job.next_due_at).total_seconds() if job.enabled and job.next_due_at else 0.0
        last = job.last_run
        ran_s = (now - last.started_at).total_seconds() if last is not None and last.ended_at is None else 0.0
        late, stuck = late_s > JOB_LAG_S_MAX, ran_s > JOB_RUN_S_MAX
        JOB_LATE_SECONDS.labels(job.name).set(max(late_s, 0.0))
        failed = last is not None and last.error is not None
        said = f"late by {late_s:.0f} s" if late else "disabled" if not job.enabled else job.schedule
        said = f"running for {ran_s:.0f} s" if stuck else said
        yield _part(
            f"job:{job.name}",
            "down"
            if (late or stuck) and job.is_ours
            else "degraded"
            if late or stuck or failed or not job.enabled
            else "ok",
            said,
            required=True,
            age_s=None if last is None else max((now - last.started_at).total_seconds(), 0.0),
            last_error=last.error if last is not None else None,
        )


def _bus(services: Services) -> Iterator[Component]:
    """Only where news are shared. Not required: while Redis is away no other process would do better."""
    state = services.bus.state
    if state.shared:
        said = "shared through Redis" if state.connected else "Redis is away; this process hears only itself"
        yield _part("bus", "ok" if state.connected else "down", said, last_error=state.last_error)


def _disk(services: Services, trouble: TruecastError | None) -> Component:
    if isinstance(trouble, DiskFull):
        return _part("disk", "down", "full", required=True, last_error=trouble.detail)
    path = services.db.path
    if path is None:
        return _part("disk", "ok", "the database is elsewhere")
    free = shutil.disk_usage(path.parent).free
    status: Status = "ok" if free >= DISK_FREE_BYTES_MIN else "degraded"
    return _part("disk", status, f"{free / 2**30:.1f} GiB free at {path.parent}")


def _part(
    name: str,
    status: Status,
    detail: str,
    *,
    required: bool = False,
    age_s: float | None = None,
    last_error: str | None = None,
) -> Component:
    return Component(name=name, status=status, required=required, detail=detail, age_s=age_s, last_error=last_error)

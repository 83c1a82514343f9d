"""Looks at every part of the server and says how it is.

Red, that is `down`, is only what makes answers wrong or missing: then a load balancer should ask another process.
Old data and a failing source are `degraded`: every answer says its age itself, and no other process would do better.
"""

import shutil
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Iterator
from datetime import datetime
from typing import Literal

import numpy as np

from truecast.api.shapes import Output
from truecast.domain.instrument import AssetClass, Universe
from truecast.domain.interval import Interval
from truecast.kit.clock import from_us, iso, to_us
from truecast.kit.errors import TruecastError
from truecast.kit.limits import DISK_FREE_BYTES_MIN, JOB_LAG_S_MAX
from truecast.kit.metrics import JOB_LATE_SECONDS
from truecast.market.calendar import calendar
from truecast.market.registry import SeriesInfo
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
    except TruecastError as error:
        yield _part("database", "down", services.db.where, required=True, last_error=error.detail)
        return
    yield _part("database", "ok", services.db.where, required=True)
    waiting = f"waiting: {', '.join(pending)}" if pending else "up to date"
    yield _part("migrations", "down" if pending else "ok", waiting, required=True)
    serving = services.models.catalogue().serving
    yield _part("models", "ok" if serving else "down", ", ".join(serving) or "none", required=True)
    now = services.clock.now()
    for part in (*_data(kept, universe, now), *_jobs(jobs, now), _disk(services), *_bus(services)):
        yield part


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
    """One component per job: late or not, and what its last run said."""
    for job in jobs:
        late_s = (now - job.next_due_at).total_seconds() if job.enabled and job.next_due_at else 0.0
        late = late_s > JOB_LAG_S_MAX
        JOB_LATE_SECONDS.labels(job.name).set(max(late_s, 0.0))
        last = job.last_run
        failed = last is not None and last.error is not None
        said = f"late by {late_s:.0f} s" if late else "disabled" if not job.enabled else job.schedule
        yield _part(
            f"job:{job.name}",
            "down" if late else "degraded" if failed or not job.enabled else "ok",
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


def _disk(services: Services) -> Component:
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

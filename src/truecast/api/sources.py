"""The data sources: what each may be asked, what was asked of it, how it does, and what to do about it."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated

from fastapi import Path

from truecast.api.deps import ServicesDep, resource
from truecast.api.errors import documented
from truecast.api.source_shapes import (
    AdviceShape,
    BreakerShape,
    FeedShape,
    LimitShape,
    Recommendations,
    SourceProcess,
    Sources,
    SourceShape,
    State,
    UsageShape,
)
from truecast.domain.instrument import AssetClass
from truecast.kit.guard import Guard
from truecast.kit.limits import FEED_LOST_S
from truecast.market.advice import Standing, advise
from truecast.market.feeds_status import FeedStanding
from truecast.providers.base import SourceInfo
from truecast.providers.catalog import UnknownSource, known_sources
from truecast.providers.guarded import Guarded, limits_of
from truecast.providers.told import SourceStanding, latest_error, worst
from truecast.services import Services

router = resource("sources")

SourcePath = Annotated[str, Path(max_length=64, description="Key of a source.", examples=["ecb"])]


@router.get("/sources", response_model=Sources, responses=documented())
async def list_sources(services: ServicesDep) -> Sources:
    """All sources: budgets, breakers, last errors, and what sharing and batching saved, in all processes together."""
    known = known_sources()
    keys = [*services.providers, *(key for key in known if key not in services.providers)]
    feeds = {one.source: one for one in await services.feeds.standings()}
    told = await _told(services)
    return Sources(items=[await _source(services, known[key], feeds.get(key), told.get(key, [])) for key in keys])


@router.get("/sources/recommendations", response_model=Recommendations, responses=documented())
async def recommend_sources(services: ServicesDep) -> Recommendations:
    """What could be done about the sources: keys, order, second sources, limits nearly used up."""
    told = await _told(services)
    standings = [await _standing(services, info, told.get(info.key, [])) for info in known_sources().values()]
    advice = advise(standings, await _leads(services))
    return Recommendations(
        items=[
            AdviceShape(
                kind=one.kind,
                source=one.source,
                asset_class=None if one.asset_class is None else one.asset_class.value,
                text=one.text,
            )
            for one in advice
        ]
    )


@router.get("/sources/{source}", response_model=SourceShape, responses=documented(UnknownSource))
async def get_source(services: ServicesDep, source: SourcePath) -> SourceShape:
    """One source."""
    known = known_sources()
    if source not in known:
        raise UnknownSource(source=source, known=sorted(known))
    feed = next(iter(await services.feeds.standings(source)), None)
    return await _source(services, known[source], feed, (await _told(services)).get(source, []))


async def _told(services: Services) -> Mapping[str, list[SourceStanding]]:
    """By source; this process first, of every source that it may ask."""
    for key in services.providers:
        _guard(services, key)
    return await services.told.standings()


async def _source(
    services: Services, info: SourceInfo, feed: FeedStanding | None, told: Sequence[SourceStanding]
) -> SourceShape:
    guard = _guard(services, info.key)
    now = services.clock.now()
    used = {} if guard is None else {one.limit: one.used for one in await guard.budget.used()}
    limits = [
        LimitShape(
            amount=limit.amount,
            counted=limit.counted,
            window_s=limit.window_s,
            scope=limit.scope,
            used=used.get(limit, 0),
            left=max(limit.amount - used.get(limit, 0), 0),
            reserved=limit.amount - limit.allowed(urgent=False),
        )
        for limit in limits_of(info)
    ]
    paused_s = 0.0 if guard is None else await guard.budget.paused_s()
    last = max((one.last_success_at for one in told if one.last_success_at), default=None)
    error = latest_error(told)
    return SourceShape(
        key=info.key,
        name=info.name,
        state=_state(services, info, told, full=paused_s > 0 or any(not limit.left for limit in limits)),
        configured=info.key in services.providers,
        needs_key=info.needs_key,
        unofficial=info.unofficial,
        delay=info.delay,
        capabilities=sorted(info.capabilities),
        asset_classes=sorted(one.value for one in info.asset_classes),
        intervals=[interval.value for interval in info.intervals],
        terms=info.terms,
        licence=info.licence,
        attribution=info.attribution,
        url=info.url,
        limits=limits,
        limits_of="process" if services.settings.redis_url is None else "all",
        paused_s=paused_s,
        breaker=_breaker(worst(told, now)[0], now) if told else None,
        usage=_usage(told) if told else None,
        last_success_at=last,
        last_success_age_s=None if last is None else (now - last).total_seconds(),
        last_error=None if error is None else error.last_error,
        last_error_at=None if error is None else error.last_error_at,
        processes=[_process(one, services.told.process, now) for one in told if one.was_asked],
        feed=None if feed is None else _feed(feed, now),
    )


def _feed(feed: FeedStanding, now: datetime) -> FeedShape:
    lost = (now - feed.told_at).total_seconds() > FEED_LOST_S
    at = feed.last_message_at
    return FeedShape(
        state="lost" if lost else feed.state,
        symbols=feed.symbols,
        connected_since=feed.connected_since,
        last_message_at=at,
        last_message_age_s=None if at is None else (now - at).total_seconds(),
        messages=feed.messages,
        reconnects=feed.reconnects,
        renewals=feed.renewals,
        resyncs=feed.resyncs,
        gaps=feed.gaps,
        missing=feed.missing,
        fills=feed.fills,
        bars=feed.bars,
        malformed=feed.malformed,
        dropped=feed.dropped,
        refused=feed.refused,
        last_error=feed.last_error,
        last_error_at=feed.last_error_at,
        holder=feed.holder,
        told_at=feed.told_at,
    )


def _state(services: Services, info: SourceInfo, told: Sequence[SourceStanding], *, full: bool) -> State:
    """The first that is true."""
    guard = _guard(services, info.key)
    if guard is None:
        return "local" if info.key in services.providers else "off"
    states: tuple[tuple[State, bool], ...] = (
        ("needs_key", guard.key_missing),
        ("key_refused", _key_refused(told) is not None),
        ("resting", worst(told, services.clock.now())[1]),
        ("over_budget", full),
        ("idle", all(one.last_success_at is None for one in told)),
    )
    return next((state for state, holds in states if holds), "ok")


def _process(one: SourceStanding, ours: str, now: datetime) -> SourceProcess:
    return SourceProcess(
        process=one.process,
        answers=one.process == ours,
        told_at=one.told_at,
        breaker=_breaker(one, now),
        usage=_usage([one]),
        last_success_at=one.last_success_at,
        last_error=one.last_error,
        last_error_at=one.last_error_at,
    )


def _breaker(one: SourceStanding, now: datetime) -> BreakerShape:
    return BreakerShape(
        state=one.state(now),
        failures=one.failures,
        outcomes=one.outcomes,
        opened=one.opened,
        retry_after_s=one.wait_s(now),
    )


def _usage(told: Sequence[SourceStanding]) -> UsageShape:
    """The sum; the typical answer and its limit are means over what was sent."""
    ended: Counter[str] = Counter()
    for one in told:
        ended.update(one.ended)
    timed = [one for one in told if one.latency_s is not None] or list(told)
    weights = [max(one.attempts, 1) / sum(max(other.attempts, 1) for other in timed) for one in timed]
    attempts, batched, batches = _sum(told, "attempts"), _sum(told, "batched"), _sum(told, "batches")
    first_attempts = attempts - _sum(told, "retries")
    latencies = [one.latency_s for one in timed]
    return UsageShape(
        calls=_sum(told, "calls"),
        attempts=attempts,
        retries=attempts - first_attempts,
        outcomes=dict(ended),
        refused_over_budget=_sum(told, "over_budget"),
        refused_resting=_sum(told, "resting"),
        coalesced=_sum(told, "shared"),
        batched=batched,
        batches=batches,
        batching_gain=batched / batches if batches else None,
        latency_s=None if None in latencies else math.fsum(w * s for w, s in zip(weights, latencies, strict=True) if s),
        time_limit_s=math.fsum(w * one.time_limit_s for w, one in zip(weights, timed, strict=True)),
        amplification=attempts / first_attempts if first_attempts else None,
    )


def _sum(told: Sequence[SourceStanding], name: str) -> int:
    return sum(getattr(one, name) for one in told)


def _key_refused(told: Sequence[SourceStanding]) -> str | None:
    return next((one.key_refused for one in told if one.key_refused is not None), None)


def _guard(services: Services, key: str) -> Guard | None:
    if key not in services.providers:
        return None
    provider = services.providers[key]
    return provider.guard if isinstance(provider, Guarded) else None


async def _standing(services: Services, info: SourceInfo, told: Sequence[SourceStanding]) -> Standing:
    guard = _guard(services, info.key)
    if guard is None:
        return Standing(info, configured=info.key in services.providers)
    now = services.clock.now()
    used = [one.used / one.limit.amount for one in await guard.budget.used()]
    one, rests = worst(told, now)
    error = latest_error(told)
    return Standing(
        info,
        configured=True,
        key_missing=guard.key_missing,
        key_refused=_key_refused(told),
        resting_s=one.wait_s(now) if rests else None,
        used=max(used, default=0.0),
        last_error=None if error is None else error.last_error,
    )


async def _leads(services: Services) -> Mapping[AssetClass, list[str]]:
    """For each class that instruments are kept of: the sources of its first instrument that has most."""
    leads: dict[AssetClass, list[str]] = {}
    for instrument in (await services.store.universe()).instruments:
        keys = services.chain.sources_of(instrument)
        if len(keys) >= len(leads.get(instrument.asset_class, [])):
            leads[instrument.asset_class] = keys
    return leads

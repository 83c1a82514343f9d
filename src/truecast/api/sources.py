"""The data sources: what each may be asked, what was asked of it, how it does, and what to do about it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Literal

from fastapi import Path

from truecast.api.deps import ServicesDep, resource
from truecast.api.errors import documented
from truecast.api.shapes import Output
from truecast.domain.instrument import AssetClass
from truecast.kit.guard import Guard
from truecast.kit.limits import FEED_LOST_S
from truecast.market.advice import Standing, advise
from truecast.market.feeds_status import FeedStanding, FeedState
from truecast.providers.base import SourceInfo
from truecast.providers.catalog import UnknownSource, known_sources
from truecast.providers.guarded import Guarded, limits_of
from truecast.services import Services

router = resource("sources")

State = Literal["ok", "idle", "resting", "over_budget", "needs_key", "key_refused", "local", "off"]
SourcePath = Annotated[str, Path(max_length=64, description="Key of a source.", examples=["ecb"])]


class LimitShape(Output):
    """A published limit and how much of it is used. `reserved` is kept for requests that a user waits for."""

    amount: int
    counted: str
    window_s: float
    scope: str
    used: int
    left: int
    reserved: int


class BreakerShape(Output):
    """`open`: not asked; `half_open`: the next request is a probe. `failures` among the latest `outcomes`."""

    state: Literal["closed", "open", "half_open"]
    failures: int
    outcomes: int
    opened: int
    retry_after_s: float | None


class UsageShape(Output):
    """What this process asked since it began. `amplification`: requests sent per question that was not shared."""

    calls: int
    attempts: int
    retries: int
    outcomes: dict[str, int]
    refused_over_budget: int
    refused_resting: int
    coalesced: int
    batched: int
    batches: int
    batching_gain: float | None
    latency_s: float | None
    time_limit_s: float
    amplification: float | None


class FeedShape(Output):
    """A live feed. `lost`: the process that listened has not been heard of for a while; another one takes over.

    `reconnects` after a loss, `renewals` planned ones that left no hole; `gaps` holes in the numbers of its messages,
    `missing` messages in them; `resyncs` questions for the latest quotes; `fills` stretches of bars fetched because
    nobody had listened; `bars` kept; `dropped` events by reason; `malformed` messages that could not be read;
    `refused` symbols with what the source says. Counted since `holder` took it over.
    """

    state: FeedState | Literal["lost"]
    symbols: int
    connected_since: datetime | None
    last_message_at: datetime | None
    last_message_age_s: float | None
    messages: int
    reconnects: int
    renewals: int
    resyncs: int
    gaps: int
    missing: int
    fills: int
    bars: int
    malformed: int
    dropped: dict[str, int]
    refused: dict[str, str]
    last_error: str | None
    last_error_at: datetime | None
    holder: str | None
    told_at: datetime


class SourceShape(Output):
    """A source. `needs_key`: listed, and not asked before a key is set; `off`: not in TRUECAST_SOURCES.

    `feed` is null where nobody listens live.
    """

    key: str
    name: str
    state: State
    configured: bool
    needs_key: bool
    unofficial: bool
    delay: str
    capabilities: list[str]
    asset_classes: list[str]
    intervals: list[str]
    terms: str
    licence: str
    attribution: str
    url: str
    limits: list[LimitShape]
    limits_of: Literal["process", "all"]
    paused_s: float
    breaker: BreakerShape | None
    usage: UsageShape | None
    last_success_at: datetime | None
    last_success_age_s: float | None
    last_error: str | None
    last_error_at: datetime | None
    feed: FeedShape | None


class Sources(Output):
    """All known sources: the configured ones in the order in which they are asked, then the others."""

    items: list[SourceShape]


class AdviceShape(Output):
    """Something a person could do."""

    kind: str
    source: str | None
    asset_class: str | None
    text: str


class Recommendations(Output):
    """What could be better; empty when nothing."""

    items: list[AdviceShape]


@router.get("/sources", response_model=Sources, responses=documented())
async def list_sources(services: ServicesDep) -> Sources:
    """All sources: budgets, breakers, last errors, and what sharing and batching saved."""
    known = known_sources()
    keys = [*services.providers, *(key for key in known if key not in services.providers)]
    feeds = {one.source: one for one in await services.feeds.standings()}
    return Sources(items=[await _source(services, known[key], feeds.get(key)) for key in keys])


@router.get("/sources/recommendations", response_model=Recommendations, responses=documented())
async def recommend_sources(services: ServicesDep) -> Recommendations:
    """What could be done about the sources: keys, order, second sources, limits nearly used up."""
    standings = [await _standing(services, info) for info in known_sources().values()]
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
    return await _source(services, known[source], feed)


async def _source(services: Services, info: SourceInfo, feed: FeedStanding | None) -> SourceShape:
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
    usage = None if guard is None else guard.usage
    last = None if usage is None else usage.last_success_at
    return SourceShape(
        key=info.key,
        name=info.name,
        state=_state(services, info, guard, full=paused_s > 0 or any(not limit.left for limit in limits)),
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
        breaker=None if guard is None else _breaker(guard),
        usage=None if guard is None else _usage(guard),
        last_success_at=last,
        last_success_age_s=None if last is None else (now - last).total_seconds(),
        last_error=None if usage is None else usage.last_error,
        last_error_at=None if usage is None else usage.last_error_at,
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


def _state(services: Services, info: SourceInfo, guard: Guard | None, *, full: bool) -> State:
    """The first that is true."""
    if guard is None:
        return "local" if info.key in services.providers else "off"
    states: tuple[tuple[State, bool], ...] = (
        ("needs_key", guard.key_missing),
        ("key_refused", guard.key_refused is not None),
        ("resting", guard.breaker.state != "closed"),
        ("over_budget", full),
        ("idle", guard.usage.last_success_at is None),
    )
    return next((state for state, holds in states if holds), "ok")


def _breaker(guard: Guard) -> BreakerShape:
    breaker = guard.breaker
    return BreakerShape(
        state=breaker.state,
        failures=breaker.failures,
        outcomes=breaker.outcomes,
        opened=breaker.opened,
        retry_after_s=breaker.wait_s(),
    )


def _usage(guard: Guard) -> UsageShape:
    usage = guard.usage
    first_attempts = usage.attempts - usage.retries
    return UsageShape(
        calls=usage.calls,
        attempts=usage.attempts,
        retries=usage.retries,
        outcomes=dict(usage.outcomes),
        refused_over_budget=usage.over_budget,
        refused_resting=usage.resting,
        coalesced=usage.shared,
        batched=usage.batched,
        batches=usage.batches,
        batching_gain=usage.batched / usage.batches if usage.batches else None,
        latency_s=guard.time_limit.latency_s,
        time_limit_s=guard.time_limit.seconds,
        amplification=usage.attempts / first_attempts if first_attempts else None,
    )


def _guard(services: Services, key: str) -> Guard | None:
    if key not in services.providers:
        return None
    provider = services.providers[key]
    return provider.guard if isinstance(provider, Guarded) else None


async def _standing(services: Services, info: SourceInfo) -> Standing:
    guard = _guard(services, info.key)
    if guard is None:
        return Standing(info, configured=info.key in services.providers)
    used = [one.used / one.limit.amount for one in await guard.budget.used()]
    return Standing(
        info,
        configured=True,
        key_missing=guard.key_missing,
        key_refused=guard.key_refused,
        resting_s=guard.breaker.wait_s(),
        used=max(used, default=0.0),
        last_error=guard.usage.last_error,
    )


async def _leads(services: Services) -> Mapping[AssetClass, list[str]]:
    """For each class that instruments are kept of: the sources of its first instrument that has most."""
    leads: dict[AssetClass, list[str]] = {}
    for instrument in (await services.store.universe()).instruments:
        keys = services.chain.sources_of(instrument)
        if len(keys) >= len(leads.get(instrument.asset_class, [])):
            leads[instrument.asset_class] = keys
    return leads

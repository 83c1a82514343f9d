"""For who runs the server: the answers that are kept, dropping them, and making them anew."""

from typing import Literal

from fastapi import Request
from pydantic import Field

from truecast.api.answers import HOW, Answers, answers_of
from truecast.api.deps import ServicesDep, resource
from truecast.api.errors import documented
from truecast.api.shapes import Input, Output
from truecast.domain.instrument import AmbiguousSymbol, UnknownSymbol
from truecast.kit.limits import CACHE_REFRESH_MAX
from truecast.kit.settings import CACHE_AGES_S

router = resource("admin")

Kind = Literal["prices", "candles", "forecasts", "history", "performance", "said"]
ABOUT = ("series", "quotes", "forecasts", "scores")  # what is known of a symbol


class CacheKind(Output):
    """Answers of one kind. The counts are of this process, since its start."""

    kind: str
    age_limit_s: float = Field(description="None is served that was made longer ago; 0: they are not kept.")
    entries: int
    bytes: int
    hits: int
    shared: int = Field(description="Answered with what another process had made.")
    joined: int = Field(description="Answered with what was being made for somebody else.")
    misses: int
    hit_rate: float | None = Field(description="Share that nothing had to be made for; null before the first.")


class SharedCache(Output):
    """The Redis in which processes share answers."""

    connected: bool = Field(description="Whether it answered last; while it is away each process keeps its own.")
    last_error: str | None


class CacheShape(Output):
    """The answers that this process keeps in memory."""

    entries: int
    bytes: int
    bytes_max: int
    dropped: dict[str, int] = Field(
        description="By reason, since the start.", examples=[{"changed": 12, "expired": 340, "room": 0}]
    )
    shared: SharedCache | None = Field(description="Null without Redis.")
    kinds: list[CacheKind]


class Dropped(Output):
    """How many answers this process has dropped. With Redis, other processes do not serve theirs either."""

    dropped: int


class Refreshed(Output):
    """How many answers were made anew, and how many can no longer be given."""

    refreshed: int
    failed: int


class InvalidationRequest(Input):
    """Which answers are to be dropped: those that say something about a symbol, those of a kind, or both together."""

    symbol: str | None = Field(default=None, max_length=64, examples=["EUR-USD"])
    kind: Kind | None = Field(default=None, examples=["candles"])


@router.get("/admin/cache", response_model=CacheShape, responses=documented())
async def get_cache(request: Request) -> CacheShape:
    """What is kept, how much memory it takes, and how often it was of use."""
    answers = answers_of(request)
    return CacheShape(
        entries=len(answers.memory),
        bytes=answers.memory.size_bytes,
        bytes_max=answers.memory.bytes_max,
        dropped=dict(sorted(answers.memory.dropped.items())),
        shared=None
        if answers.shared is None
        else SharedCache(connected=answers.shared.connected, last_error=answers.shared.last_error),
        kinds=[_kind(answers, kind) for kind in CACHE_AGES_S],
    )


@router.post("/admin/cache/clear", response_model=Dropped, responses=documented())
async def clear_cache(request: Request) -> Dropped:
    """Drop every answer, here and in Redis. Nothing is lost: they are made anew when they are asked for."""
    return Dropped(dropped=await answers_of(request).clear())


@router.post("/admin/cache/invalidate", response_model=Dropped, responses=documented(UnknownSymbol, AmbiguousSymbol))
async def invalidate_cache(services: ServicesDep, request: Request, wanted: InvalidationRequest) -> Dropped:
    """Drop the answers about a symbol, or those of a kind. Without either, nothing is dropped."""
    answers = answers_of(request)
    if wanted.kind is not None:
        about = None if wanted.symbol is None else (await services.store.universe()).get(wanted.symbol).symbol
        return Dropped(dropped=await answers.drop(wanted.kind, None if about is None else _tags(about)))
    if wanted.symbol is None:
        return Dropped(dropped=0)
    found = (await services.store.universe()).get(wanted.symbol)
    return Dropped(dropped=answers.touch(*_tags(found.symbol), *ABOUT))


@router.post("/admin/cache/refresh", response_model=Refreshed, responses=documented())
async def refresh_cache(request: Request) -> Refreshed:
    """Make anew what this process keeps, what was asked for last first, up to 200 answers."""
    answers = answers_of(request)
    held = [(key, one.value) for key, one in answers.memory.held() if one.value.asked.template]
    made = 0
    for (path, query), kept in held[:CACHE_REFRESH_MAX]:
        made += await answers.make_anew(path, query, kept.asked, request.scope)
    return Refreshed(refreshed=made, failed=min(len(held), CACHE_REFRESH_MAX) - made)


def _tags(symbol: str) -> list[str]:
    return [f"{about}:{symbol}" for about in ABOUT]


def _kind(answers: Answers, kind: str) -> CacheKind:
    held = [one for _, one in answers.memory.held() if one.kind == kind]
    counts = {how: answers.count(kind, how) for how in HOW}
    total = sum(counts.values())
    return CacheKind(
        kind=kind,
        age_limit_s=answers.ages_s[kind],
        entries=len(held),
        bytes=sum(one.size_bytes for one in held),
        hits=counts["hit"],
        shared=counts["shared"],
        joined=counts["joined"],
        misses=counts["miss"],
        hit_rate=1 - counts["miss"] / total if total else None,
    )

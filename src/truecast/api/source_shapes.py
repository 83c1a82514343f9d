"""What the API shows of a source: its limits, how it does in each process, its live feed, and advice."""

from datetime import datetime
from typing import Literal

from truecast.api.shapes import Output
from truecast.market.feeds_status import FeedState

State = Literal["ok", "idle", "resting", "over_budget", "needs_key", "key_refused", "local", "off"]


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
    """What was asked since the process began. `amplification`: requests sent per question that was not shared."""

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


class SourceProcess(Output):
    """How the source does in one process. `answers`: the one that answered this; the others as they told last."""

    process: str
    answers: bool
    told_at: datetime
    breaker: BreakerShape
    usage: UsageShape
    last_success_at: datetime | None
    last_error: str | None
    last_error_at: datetime | None


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

    Of the whole installation: `usage` is the sum over `processes`, `breaker` that of the process that may ask least,
    the latest success and error are those of any. `feed` is null where nobody listens live.
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
    processes: list[SourceProcess]
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

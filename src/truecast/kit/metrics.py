"""What is counted and measured, in the words of Prometheus. Every metric is listed in docs/metrics.md.

Counters belong to the process, like its memory: two apps in one process share them.
"""

import weakref
from collections.abc import Callable
from typing import Final, TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

from truecast.kit.meter import tell_all

T = TypeVar("T")

REGISTRY: Final = CollectorRegistry(auto_describe=True)
ProcessCollector(registry=REGISTRY)

EXPOSITION_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

HTTP_REQUESTS: Final = Counter(
    "truecast_http_requests_total",
    "Requests answered, by route template (never the raw path), method and status.",
    ("method", "route", "status"),
    registry=REGISTRY,
)
HTTP_SECONDS: Final = Histogram(
    "truecast_http_request_seconds",
    "Time from the first byte of a request to the last byte of its answer.",
    ("method", "route"),
    buckets=(0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60, 3600),
    registry=REGISTRY,
)
SOURCE_REQUESTS: Final = Counter(
    "truecast_source_requests_total",
    "Requests made to data sources, by host and outcome: ok, or the code of the error.",
    ("host", "outcome"),
    registry=REGISTRY,
)
SOURCE_CALLS: Final = Counter(
    "truecast_source_calls_total",
    "Questions put to a data source, by source and outcome: ok, or the code of the error.",
    ("source", "outcome"),
    registry=REGISTRY,
)
SOURCE_SECONDS: Final = Histogram(
    "truecast_source_first_byte_seconds",
    "Time from a request to the first byte of its answer, by source; the time limit is learned from it.",
    ("source",),
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20),
    registry=REGISTRY,
)
SOURCE_RETRIES: Final = Counter(
    "truecast_source_retries_total",
    "Requests to a data source that repeated a failed one, by source; at most a tenth of all.",
    ("source",),
    registry=REGISTRY,
)
SOURCE_CALLS_SHARED: Final = Counter(
    "truecast_source_calls_saved_total",
    "Requests saved, by source: questions answered by a request under way (coalesced) or put into one (batched).",
    ("source", "how"),
    registry=REGISTRY,
)
SOURCE_BREAKER_OPENED: Final = Counter(
    "truecast_source_breaker_opened_total",
    "Times a source's circuit breaker opened, or stayed open because its probe failed.",
    ("source",),
    registry=REGISTRY,
)
SOURCE_BREAKER_STATE: Final = Gauge(
    "truecast_source_breaker_state",
    "A source's circuit breaker: 0 closed, 1 half open (the next call is the probe), 2 open.",
    ("source",),
    registry=REGISTRY,
)
SOURCE_WAITING: Final = Gauge(
    "truecast_source_waiting",
    "Calls waiting for one of the connections to a source, by source.",
    ("source",),
    registry=REGISTRY,
)
SOURCE_BUDGET_USED: Final = Gauge(
    "truecast_source_budget_used_ratio",
    "Share of a published limit that its window holds, by source and limit, at the last request.",
    ("source", "limit"),
    registry=REGISTRY,
)
SOURCE_BUDGET_ALONE: Final = Gauge(
    "truecast_source_budget_alone",
    "1 while Redis cannot be asked and this process keeps to a fixed share of a source's limits, by source.",
    ("source",),
    registry=REGISTRY,
)
SOURCE_BUDGET_WAIT_SECONDS: Final = Counter(
    "truecast_source_budget_wait_seconds_total",
    "Time requests waited for their share of a published limit, by source.",
    ("source",),
    registry=REGISTRY,
)
CHAIN_ANSWERS: Final = Counter(
    "truecast_chain_answers_total",
    "Answers of the failover chain, by the source that gave them and its place: first, or stand_in for another.",
    ("source", "place"),
    registry=REGISTRY,
)
BARS_INGESTED: Final = Counter(
    "truecast_bars_ingested_total",
    "Bars taken into the store, by source and what became of them: inserted, corrected, unchanged.",
    ("source", "result"),
    registry=REGISTRY,
)
BARS_QUARANTINED: Final = Counter(
    "truecast_bars_quarantined_total",
    "Bars kept out of the store, by source; the table `quarantine` names each with its reason.",
    ("source",),
    registry=REGISTRY,
)
GAPS: Final = Counter(
    "truecast_gaps_total",
    "Stretches of missing bars that were opened, and that another delivery closed, by source.",
    ("source", "change"),
    registry=REGISTRY,
)
QUOTES_TAKEN: Final = Counter(
    "truecast_quotes_taken_total",
    "Live prices that changed the board of latest quotes, by source; counted when they are written.",
    ("source",),
    registry=REGISTRY,
)
QUOTES_REFUSED: Final = Counter(
    "truecast_quotes_refused_total",
    "Live prices kept off the board, by source and reason: future (a clock is wrong), out_of_order, far (wrong unit).",
    ("source", "reason"),
    registry=REGISTRY,
)
FEED_MESSAGES: Final = Counter(
    "truecast_feed_messages_total",
    "Messages of live feeds, by source and whether they could be read: read, malformed.",
    ("source", "result"),
    registry=REGISTRY,
)
FEED_CONNECTED: Final = Gauge(
    "truecast_feed_connected",
    "1 while this process listens to the feed and it speaks, by feed.",
    ("feed",),
    registry=REGISTRY,
)
FEED_WAITING: Final = Gauge(
    "truecast_feed_waiting",
    "Final candles of a feed that wait for the store, by feed; when the queue is full, the source waits.",
    ("feed",),
    registry=REGISTRY,
)
FEED_EVENTS: Final = Counter(
    "truecast_feed_events_total",
    "What happened to live feeds, by source: reconnects after a loss, planned renewals, resyncs, fills of bars.",
    ("source", "kind"),
    registry=REGISTRY,
)
FEED_GAPS: Final = Counter(
    "truecast_feed_missing_total",
    "Messages of live feeds that their numbers say never came, by source.",
    ("source",),
    registry=REGISTRY,
)
FEED_DROPPED: Final = Counter(
    "truecast_feed_dropped_total",
    "Events of live feeds that were not used, by source and reason: repeated, late, doubted, conflated.",
    ("source", "reason"),
    registry=REGISTRY,
)
GAPS_KNOWN: Final = Gauge(
    "truecast_gaps_known",
    "Gaps in the ledger by state (open, filling, filled, unfillable), as the job `gaps` last counted them.",
    ("state",),
    registry=REGISTRY,
)
FORECASTS_ISSUED: Final = Counter(
    "truecast_forecasts_issued_total",
    "Forecasts written into the ledger, by model and interval.",
    ("model", "interval"),
    registry=REGISTRY,
)
FORECAST_SECONDS: Final = Histogram(
    "truecast_forecast_seconds",
    "Time from a single request for a forecast to its quantiles, waiting for a thread included, by model.",
    ("model",),
    buckets=(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5),
    registry=REGISTRY,
)
FORECAST_ISSUED_AT: Final = Gauge(
    "truecast_forecast_issued_timestamp_seconds",
    "When this process last issued a forecast, by symbol and interval; its age is time() minus this.",
    ("symbol", "interval"),
    registry=REGISTRY,
)
FORECAST_STEPS_SETTLED: Final = Counter(
    "truecast_forecast_steps_settled_total",
    "Steps of forecasts that met their outcome (scored), or will never have one (void).",
    ("result",),
    registry=REGISTRY,
)
FORECAST_STEPS_SCORED: Final = Counter(
    "truecast_forecast_steps_scored_total",
    "Steps of forecasts that met their outcome after they were sealed, of every recorded model, by interval.",
    ("interval",),
    registry=REGISTRY,
)
FORECAST_STEPS_INSIDE: Final = Counter(
    "truecast_forecast_steps_inside_total",
    "Those whose outcome lay inside the central interval of a level; over the scored ones, the coverage.",
    ("interval", "level"),
    registry=REGISTRY,
)
JOB_RUNS: Final = Counter(
    "truecast_job_runs_total",
    "Runs of jobs that ended, by job and outcome.",
    ("job", "outcome"),
    registry=REGISTRY,
)
JOB_SECONDS: Final = Histogram(
    "truecast_job_seconds",
    "Time a run of a job took, by job.",
    ("job",),
    buckets=(0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300, 900, 3600),
    registry=REGISTRY,
)
JOB_ENDED_AT: Final = Gauge(
    "truecast_job_ended_timestamp_seconds",
    "When a run of a job last ended so in this process, by job and outcome.",
    ("job", "outcome"),
    registry=REGISTRY,
)
JOB_RUNNING: Final = Gauge(
    "truecast_job_running",
    "Runs of a job that are under way in this process, by job.",
    ("job",),
    registry=REGISTRY,
)
JOB_LATE_SECONDS: Final = Gauge(
    "truecast_job_late_seconds",
    "How long ago a job was due that has not begun, by job, at the last look at the parts of the server.",
    ("job",),
    registry=REGISTRY,
)
READY: Final = Gauge(
    "truecast_ready",
    "1 while the server could serve at the last look at its parts, 0 while a part was missing that it needs.",
    registry=REGISTRY,
)
COMPONENT_STATUS: Final = Gauge(
    "truecast_component_status",
    "How the parts of the server were at the last look: 0 ok, 1 degraded, 2 down.",
    ("component",),
    registry=REGISTRY,
)
DATA_AGE_SECONDS: Final = Gauge(
    "truecast_data_age_seconds",
    "Time since the newest bar of an asset class ended, at the last look at the parts of the server.",
    ("asset_class",),
    registry=REGISTRY,
)
LEASES_HELD: Final = Gauge(
    "truecast_leases_held",
    "Leases of jobs, feeds and trainings that this process holds; on an embedded database of trainings only.",
    registry=REGISTRY,
)
BUS_MESSAGES: Final = Counter(
    "truecast_bus_messages_total",
    "Messages published inside the process, by the first word of the topic.",
    ("kind",),
    registry=REGISTRY,
)
BUS_FAILURES: Final = Counter(
    "truecast_bus_failures_total",
    "Handlers that failed on a message, by the first word of the topic.",
    ("kind",),
    registry=REGISTRY,
)
BUS_CONNECTED: Final = Gauge(
    "truecast_bus_connected",
    "1 while this process shares its news with others through Redis; 0 without Redis, or while it is away.",
    registry=REGISTRY,
)
STREAM_CONNECTIONS: Final = Gauge(
    "truecast_stream_connections",
    "Open streams, by skin: ws, sse, socketio.",
    ("skin",),
    registry=REGISTRY,
)
STREAM_DELIVERIES: Final = Counter(
    "truecast_stream_deliveries_total",
    "Messages written to streams, by the first word of the topic.",
    ("kind",),
    registry=REGISTRY,
)
STREAM_CONFLATED: Final = Counter(
    "truecast_stream_conflated_total",
    "Prices that a slow client was spared, because a newer one came before it had room.",
    registry=REGISTRY,
)
STREAM_CLOSED: Final = Counter(
    "truecast_stream_closed_total",
    "Streams that this server closed, by the code that it gave.",
    ("code",),
    registry=REGISTRY,
)
STREAM_RESUMED: Final = Counter(
    "truecast_stream_resumed_total",
    "Topics that a returning client resumed: recovered without a gap, or not, which it was told.",
    ("recovered",),
    registry=REGISTRY,
)
STREAM_REFUSED: Final = Counter(
    "truecast_stream_refused_total",
    "Messages of stream clients that were answered with an error, by its code.",
    ("code",),
    registry=REGISTRY,
)

RATE_LIMITED: Final = Counter(
    "truecast_rate_limited_total",
    "Requests refused because they came too often, by class.",
    ("kind",),
    registry=REGISTRY,
)
CACHE_ANSWERS: Final = Counter(
    "truecast_cache_answers_total",
    "Questions whose answers may be kept, by kind and how they were answered: hit, shared (kept in Redis), joined "
    "(one that was being made), miss.",
    ("kind", "how"),
    registry=REGISTRY,
)
CACHE_NOT_MODIFIED: Final = Counter(
    "truecast_cache_not_modified_total",
    "Questions of clients that had the answer already, and were told so (304), by kind.",
    ("kind",),
    registry=REGISTRY,
)
CACHE_DROPPED: Final = Counter(
    "truecast_cache_dropped_total",
    "Answers that were dropped from memory, by reason: changed, expired, room, replaced, cleared.",
    ("reason",),
    registry=REGISTRY,
)
CACHE_BYTES: Final = Gauge(
    "truecast_cache_bytes",
    "Memory that kept answers take, as TRUECAST_CACHE_BYTES counts it.",
    registry=REGISTRY,
)
DATABASE_WRITES_WAITING: Final = Gauge(
    "truecast_database_writes_waiting",
    "Transactions of this process that wait for the one writer of an embedded database, or are it.",
    registry=REGISTRY,
)
COMPUTE_WAITING: Final = Gauge(
    "truecast_compute_waiting",
    "Calls waiting for or running on a compute thread.",
    registry=REGISTRY,
)
TRACE_SPANS: Final = Counter(
    "truecast_trace_spans_total",
    "Spans for the collector of traces that were delivered, or lost because it was away.",
    ("result",),
    registry=REGISTRY,
)
ERROR_REPORTS: Final = Counter(
    "truecast_error_reports_total",
    "Errors that were queued for Sentry, or held_back because the same was reported within the last minute.",
    ("result",),
    registry=REGISTRY,
)


def follow(gauge: Gauge, owner: T, read: Callable[[T], float], *labels: str) -> None:
    """Let a gauge ask `owner` when it is read. It does not keep it alive; what is gone counts as nothing."""
    alive = weakref.ref(owner)

    def value() -> float:
        found = alive()
        return 0.0 if found is None else read(found)

    (gauge.labels(*labels) if labels else gauge).set_function(value)


def exposition() -> bytes:
    """All metrics in the Prometheus text format, to be served as EXPOSITION_TYPE."""
    tell_all()
    return generate_latest(REGISTRY)

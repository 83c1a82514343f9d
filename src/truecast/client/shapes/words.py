"""Sets of words. What a user gives may be a plain text: those types end in `Like`.

Written by scripts/write_client.py from the OpenAPI document; run `make docs` after a change of the API.
"""

from typing import Literal

from truecast.client.shape import Word


class Absence(Word):
    """Why a column has no value at a bar."""

    WARMING_UP = "warming_up"
    NOT_GIVEN = "not_given"
    UNDEFINED = "undefined"


class Adjust(Word):
    """One of: raw, split, all."""

    RAW = "raw"
    SPLIT = "split"
    ALL = "all"


class AnswerKind(Word):
    """One of: prices, candles, forecasts, history, performance, said."""

    PRICES = "prices"
    CANDLES = "candles"
    FORECASTS = "forecasts"
    HISTORY = "history"
    PERFORMANCE = "performance"
    SAID = "said"


class AssetClass(Word):
    """The classes that share calendars, statistics and models."""

    FX = "fx"
    CRYPTO = "crypto"
    EQUITY = "equity"
    ETF = "etf"
    INDEX = "index"
    COMMODITY = "commodity"
    MACRO = "macro"


class BatchItemStatus(Word):
    """One of: ok, error."""

    OK = "ok"
    ERROR = "error"


class BreakerState(Word):
    """One of: closed, open, half_open."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class ClockKind(Word):
    """One of: system, fixed, replay."""

    SYSTEM = "system"
    FIXED = "fixed"
    REPLAY = "replay"


class CoverageOverTimeStretch(Word):
    """One of: hour, day, week, month, year."""

    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    YEAR = "year"


class DatabaseKind(Word):
    """One of: sqlite, postgresql."""

    SQLITE = "sqlite"
    POSTGRESQL = "postgresql"


class Delay(Word):
    """One of: realtime, delayed_15m, eod, monthly."""

    REALTIME = "realtime"
    DELAYED_15M = "delayed_15m"
    EOD = "eod"
    MONTHLY = "monthly"


class EvidenceKind(Word):
    """One of: series, class, promotion."""

    SERIES = "series"
    CLASS = "class"
    PROMOTION = "promotion"


class Fallback(Word):
    """One of: none, naive."""

    NONE = "none"
    NAIVE = "naive"


class FeedShapeState(Word):
    """One of: idle, connecting, live, waiting, needs_key, key_refused, refused, stopped, lost."""

    IDLE = "idle"
    CONNECTING = "connecting"
    LIVE = "live"
    WAITING = "waiting"
    NEEDS_KEY = "needs_key"
    KEY_REFUSED = "key_refused"
    REFUSED = "refused"
    STOPPED = "stopped"
    LOST = "lost"


class GapState(Word):
    """One of: open, filling, filled, unfillable."""

    OPEN = "open"
    FILLING = "filling"
    FILLED = "filled"
    UNFILLABLE = "unfillable"


class HealthStatus(Word):
    """One of: ok, degraded, down."""

    OK = "ok"
    DEGRADED = "degraded"
    DOWN = "down"


class Interval(Word):
    """Bar length. The value is the public spelling."""

    M1 = "1m"
    M5 = "5m"
    M15 = "15m"
    M30 = "30m"
    H1 = "1h"
    H4 = "4h"
    D1 = "1d"
    W1 = "1w"
    MO1 = "1mo"
    Q1 = "1q"
    Y1 = "1y"


class LiveStatus(Word):
    """One of: ok."""

    OK = "ok"


class LoadedStatus(Word):
    """One of: ready, unavailable."""

    READY = "ready"
    UNAVAILABLE = "unavailable"


class Method(Word):
    """How losses are imagined."""

    HISTORICAL = "historical"
    FILTERED = "filtered"
    PARAMETRIC = "parametric"


class Mode(Word):
    """One of: live, replay."""

    LIVE = "live"
    REPLAY = "replay"


class ModelStatus(Word):
    """One of: ready, stale, training, unavailable."""

    READY = "ready"
    STALE = "stale"
    TRAINING = "training"
    UNAVAILABLE = "unavailable"


class QuarantineState(Word):
    """One of: refused, held, released, rejected."""

    REFUSED = "refused"
    HELD = "held"
    RELEASED = "released"
    REJECTED = "rejected"


class RecordKind(Word):
    """One of: ledger, walk_forward."""

    LEDGER = "ledger"
    WALK_FORWARD = "walk_forward"


class ResolvedForecastsOrder(Word):
    """One of: newest, best, worst."""

    NEWEST = "newest"
    BEST = "best"
    WORST = "worst"


class RiskBodyNoBenchmark(Word):
    """One of: not_asked, none_for_class, not_stored, no_exchange_rate."""

    NOT_ASKED = "not_asked"
    NONE_FOR_CLASS = "none_for_class"
    NOT_STORED = "not_stored"
    NO_EXCHANGE_RATE = "no_exchange_rate"


class RunState(Word):
    """One of: running, done, failed."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


class Scale(Word):
    """What becomes of a column when all prices are multiplied by c."""

    FREE = "free"
    MOVE = "move"
    LEVEL = "level"
    PRICE = "price"


class Scope(Word):
    """What a key allows. `admin` allows everything."""

    READ = "read"
    FORECAST = "forecast"
    TRAIN = "train"
    TRADE = "trade"
    ADMIN = "admin"


class SourceShapeLimitsOf(Word):
    """One of: process, all."""

    PROCESS = "process"
    ALL = "all"


class SourceShapeState(Word):
    """One of: ok, idle, resting, over_budget, needs_key, key_refused, local, off."""

    OK = "ok"
    IDLE = "idle"
    RESTING = "resting"
    OVER_BUDGET = "over_budget"
    NEEDS_KEY = "needs_key"
    KEY_REFUSED = "key_refused"
    LOCAL = "local"
    OFF = "off"


class Verdict(Word):
    """One of: positive, none, negative."""

    POSITIVE = "positive"
    NONE = "none"
    NEGATIVE = "negative"


class VersionStatus(Word):
    """One of: champion, challenger, unavailable."""

    CHAMPION = "champion"
    CHALLENGER = "challenger"
    UNAVAILABLE = "unavailable"


class VolatilityUnit(Word):
    """One of: fraction, price."""

    FRACTION = "fraction"
    PRICE = "price"


AdjustLike = Adjust | Literal["raw", "split", "all"]
AnswerKindLike = AnswerKind | Literal["prices", "candles", "forecasts", "history", "performance", "said"]
AssetClassLike = AssetClass | Literal["fx", "crypto", "equity", "etf", "index", "commodity", "macro"]
CoverageOverTimeStretchLike = CoverageOverTimeStretch | Literal["hour", "day", "week", "month", "year"]
FallbackLike = Fallback | Literal["none", "naive"]
GapStateLike = GapState | Literal["open", "filling", "filled", "unfillable"]
IntervalLike = Interval | Literal["1m", "5m", "15m", "30m", "1h", "4h", "1d", "1w", "1mo", "1q", "1y"]
MethodLike = Method | Literal["historical", "filtered", "parametric"]
RecordKindLike = RecordKind | Literal["ledger", "walk_forward"]
ResolvedForecastsOrderLike = ResolvedForecastsOrder | Literal["newest", "best", "worst"]
ScopeLike = Scope | Literal["read", "forecast", "train", "trade", "admin"]

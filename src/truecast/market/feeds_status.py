"""How a live feed does: counted by who runs it, shown to whoever asks."""

from collections import Counter
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any, Literal

from truecast.kit.clock import from_us, to_us
from truecast.kit.errors import TruecastError
from truecast.kit.logs import get_logger
from truecast.kit.metrics import FEED_CONNECTED, FEED_DROPPED, FEED_EVENTS, FEED_GAPS, FEED_MESSAGES

_log = get_logger(__name__)

FeedState = Literal["idle", "connecting", "live", "waiting", "needs_key", "key_refused", "refused", "stopped"]
ENDED: frozenset[FeedState] = frozenset({"needs_key", "key_refused"})  # nothing but a new setting changes these


@dataclass(frozen=True, slots=True)
class FeedStanding:
    """A feed at one moment. Counts are since the process that runs it took it over.

    `reconnects` after a loss, `renewals` planned ones without any; `gaps` holes in sequence numbers, `missing`
    messages in them; `resyncs` questions for the latest quotes because of that; `fills` stretches of bars fetched
    afterwards; `dropped` messages by reason; `malformed` frames that could not be read.
    """

    name: str
    source: str
    state: FeedState
    symbols: int
    connected_since: datetime | None
    last_message_at: datetime | None
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
    refused: dict[str, str]  # symbols, and what the source says of them
    last_error: str | None
    last_error_at: datetime | None
    told_at: datetime
    holder: str | None = None  # the process that runs it, where several could

    def as_json(self) -> dict[str, Any]:
        """To be kept in a row."""
        return {key: to_us(value) if isinstance(value, datetime) else value for key, value in asdict(self).items()}

    @classmethod
    def from_json(cls, row: dict[str, Any], holder: str) -> "FeedStanding":
        """What `as_json` gave."""
        times = {key: None if row[key] is None else from_us(row[key]) for key in _TIMES}
        return cls(**{**row, **times, "holder": holder})


_TIMES = ("connected_since", "last_message_at", "last_error_at", "told_at")


@dataclass(slots=True)
class FeedStatus:
    """The same while it is counted. Times in microseconds, 0 for never. `publish` brings the metrics up to date."""

    name: str
    source: str
    state: FeedState = "idle"
    symbols: int = 0
    connected_us: int = 0
    message_us: int = 0
    messages: int = 0
    reconnects: int = 0
    renewals: int = 0
    resyncs: int = 0
    gaps: int = 0
    missing: int = 0
    fills: int = 0
    bars: int = 0
    malformed: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    refused: dict[str, str] = field(default_factory=dict)
    last_error: str | None = None
    last_error_us: int = 0
    _told: "FeedStatus | None" = None

    def note(self, error: TruecastError, now: datetime) -> None:
        """Remember what went wrong last."""
        self.last_error, self.last_error_us = f"{error.code}: {error.detail}", to_us(now)
        _log.warning("feed", feed=self.name, code=error.code, detail=error.detail)

    def standing(self, now: datetime) -> FeedStanding:
        """What there is to show."""
        return FeedStanding(
            name=self.name,
            source=self.source,
            state=self.state,
            symbols=self.symbols,
            connected_since=from_us(self.connected_us) if self.connected_us else None,
            last_message_at=from_us(self.message_us) if self.message_us else None,
            messages=self.messages,
            reconnects=self.reconnects,
            renewals=self.renewals,
            resyncs=self.resyncs,
            gaps=self.gaps,
            missing=self.missing,
            fills=self.fills,
            bars=self.bars,
            malformed=self.malformed,
            dropped=dict(self.dropped),
            refused=dict(self.refused),
            last_error=self.last_error,
            last_error_at=from_us(self.last_error_us) if self.last_error_us else None,
            told_at=now,
        )

    def publish(self) -> None:
        """Metrics are brought up to date once a second rather than with every message."""
        before, source = self._told or FeedStatus(self.name, self.source), self.source
        FEED_MESSAGES.labels(source, "read").inc(self.messages - before.messages)
        FEED_MESSAGES.labels(source, "malformed").inc(self.malformed - before.malformed)
        for kind in ("reconnects", "renewals", "resyncs", "fills"):
            FEED_EVENTS.labels(source, kind).inc(getattr(self, kind) - getattr(before, kind))
        FEED_GAPS.labels(source).inc(self.missing - before.missing)
        for reason, count in self.dropped.items():
            FEED_DROPPED.labels(source, reason).inc(count - before.dropped[reason])
        FEED_CONNECTED.labels(self.name).set(self.state == "live")
        self._told = replace(self, dropped=Counter(self.dropped), _told=None)

"""Log lines of the level `error` and above as events for Sentry. The library is loaded when the first is wanted."""

import logging
import sys
import time
from collections.abc import Mapping
from typing import Any

from truecast import __version__
from truecast.kit.limits import REPORT_APART_S, REPORTS_REMEMBERED_MAX, REPORTS_WAITING_MAX, TELEMETRY_CLOSE_S_MAX
from truecast.kit.logs import REQUEST_ID, TRACE_ID, Redaction
from truecast.kit.metrics import ERROR_REPORTS
from truecast.kit.telemetry_otlp import TelemetryMissing

_OF_TELEMETRY = ("sentry_sdk", "opentelemetry", "urllib3")  # what they say of their own troubles would go in circles
_TAGS = ("job", "code", "route", "method", "model", "feed", "source")


class Sentry(logging.Handler):
    """Turns log records into events. The same error at the same place is reported once in REPORT_APART_S.

    No integration of the library's own is used: they would send headers, bodies, local variables and command lines.
    """

    def __init__(self, dsn: str, *, environment: str, redaction: Redaction) -> None:
        super().__init__(logging.ERROR)
        try:
            import sentry_sdk  # noqa: PLC0415 a third of a second, for who asked for it
            from sentry_sdk.utils import event_from_exception  # noqa: PLC0415
        except ImportError as error:
            raise TelemetryMissing(setting="TRUECAST_SENTRY_DSN", package="sentry-sdk") from error
        self._event_of = event_from_exception
        self._redaction = redaction
        self._told_s: dict[tuple[str, ...], float] = {}
        self._client = sentry_sdk.Client(
            dsn=dsn,
            release=f"truecast@{__version__}",
            environment=environment,
            default_integrations=False,
            auto_enabling_integrations=False,
            auto_session_tracking=False,
            include_local_variables=False,
            send_client_reports=False,
            max_breadcrumbs=0,
            transport_queue_size=REPORTS_WAITING_MAX,
            shutdown_timeout=TELEMETRY_CLOSE_S_MAX,
            before_send=self._redacted,
        )
        logging.getLogger().addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        """Report it, unless the same was reported a moment ago. Never raises: logging must go on."""
        if record.name.startswith(_OF_TELEMETRY):
            return
        try:
            self._report(record)
        except Exception:  # noqa: BLE001 as every handler of the standard library does
            self.handleError(record)

    def close(self) -> None:
        """Send what waits, TELEMETRY_CLOSE_S_MAX at most."""
        logging.getLogger().removeHandler(self)
        self._client.close(timeout=TELEMETRY_CLOSE_S_MAX)
        super().close()

    def _report(self, record: logging.LogRecord) -> None:
        facts: dict[str, Any] = dict(record.msg) if isinstance(record.msg, Mapping) else {}
        text = str(facts.pop("event", "")) or record.getMessage()
        error = _error_of(facts.pop("exc_info", None) or record.exc_info)
        if not self._is_news((record.name, text if facts else str(record.msg), type(error).__name__, *_places(facts))):
            ERROR_REPORTS.labels("held_back").inc()
            return
        event: Any = {"level": record.levelname.lower()}
        if error is not None:
            about, _hint = self._event_of(error, client_options=self._client.options, mechanism=_MECHANISM)
            event |= about
        tags = {name: str(facts[name]) for name in _TAGS if name in facts}
        ids = {"request_id": REQUEST_ID.get(), "trace_id": TRACE_ID.get()}
        tags |= {name: value for name, value in ids.items() if value is not None}
        kept = {name: value for name, value in facts.items() if not name.startswith("_") and name not in _OF_LOGGING}
        event |= {"logger": record.name, "logentry": {"message": text}, "tags": tags, "extra": kept}
        self._client.capture_event(event)
        ERROR_REPORTS.labels("queued").inc()

    def _is_news(self, key: tuple[str, ...]) -> bool:
        now_s = time.monotonic()
        if key in self._told_s and now_s - self._told_s[key] < REPORT_APART_S:
            return False
        self._told_s.pop(key, None)  # so that the oldest stands first
        self._told_s[key] = now_s
        if len(self._told_s) > REPORTS_REMEMBERED_MAX:
            del self._told_s[next(iter(self._told_s))]
        return True

    def _redacted(self, event: Any, _hint: Any) -> Any:
        """The whole event without secrets: by known value, by shape in any text, and by the name of a field."""
        return self._walked(event)

    def _walked(self, value: Any, name: str = "") -> Any:
        if isinstance(value, Mapping):
            return {key: self._walked(inner, str(key)) for key, inner in value.items()}
        if isinstance(value, list | tuple):
            return [self._walked(inner, name) for inner in value]
        return self._redaction.value(value, name)


_MECHANISM = {"type": "logging", "handled": True}
_OF_LOGGING = ("level", "logger", "timestamp", "stack_info", "request_id", "trace_id")


def _error_of(info: Any) -> BaseException | None:
    if info is True:
        return sys.exc_info()[1]
    if isinstance(info, tuple):
        return info[1] if isinstance(info[1], BaseException) else None
    return info if isinstance(info, BaseException) else None


def _places(facts: Mapping[str, Any]) -> list[str]:
    return [str(facts.get(name, "")) for name in _TAGS]

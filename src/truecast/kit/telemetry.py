"""Traces and reports of errors for other tools; both are off unless the settings name a place for them.

Off, a span costs one look at a variable, and none of the libraries is imported. On, spans go to a collector by OTLP
over HTTP, and every log line of the level `error` or above becomes an event for Sentry. Both wait in bounded queues
that threads of their own empty: a collector that is away costs spans, never time. What leaves has been redacted.

What is on belongs to the process, like its metrics.
"""

import atexit
import threading
import time
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Literal, Protocol, Self

from pydantic import SecretStr

from truecast.kit.limits import TELEMETRY_CLOSE_S_MAX
from truecast.kit.logs import Redaction
from truecast.kit.settings import Settings
from truecast.kit.telemetry_otlp import Otlp
from truecast.kit.telemetry_sentry import Sentry

Kind = Literal["internal", "server", "client"]
Facts = Mapping[str, str | int | float | bool]
_NO_FACTS: Facts = {}


class Span(Protocol):
    """A stretch of work that is told of when it has ended."""

    def name(self, text: str) -> None:
        """Call it this, once more is known than at its beginning."""

    def note(self, facts: Facts) -> None:
        """Remember these with it."""

    def fail(self, reason: str) -> None:
        """It did not come to a good end."""


@dataclass(slots=True)
class _On:
    """What is switched on in this process."""

    traces: Otlp | None = None
    reports: Sentry | None = None


_on = _On()


def start(settings: Settings, secrets: Iterable[SecretStr]) -> None:
    """Switch on what the settings name, until the process ends. Raises TelemetryMissing where it is not installed."""
    close()
    redaction = Redaction(secrets)
    if settings.otlp_endpoint is not None:
        headers = {name: value.get_secret_value() for name, value in settings.otlp_headers.items()}
        _on.traces = Otlp(
            settings.otlp_endpoint,
            headers,
            share=settings.trace_sample_rate,
            environment=settings.environment,
            redaction=redaction,
        )
    if settings.sentry_dsn is not None:
        _on.reports = Sentry(
            settings.sentry_dsn.get_secret_value(), environment=settings.environment, redaction=redaction
        )
    if _on.traces or _on.reports:
        atexit.register(close)


def close() -> None:
    """Switch off, and send what waits if that takes no longer than TELEMETRY_CLOSE_S_MAX."""
    traces, reports, _on.traces, _on.reports = _on.traces, _on.reports, None, None
    # A collector that does not answer must not keep the process: its thread is left behind, and dies with it.
    closing = [threading.Thread(target=one.close, daemon=True) for one in (traces, reports) if one is not None]
    until_s = time.monotonic() + TELEMETRY_CLOSE_S_MAX
    for thread in closing:
        thread.start()
    for thread in closing:
        thread.join(max(until_s - time.monotonic(), 0.0))
    if closing:
        atexit.unregister(close)


def is_tracing() -> bool:
    """Whether spans go anywhere."""
    return _on.traces is not None


def span(
    name: str, facts: Facts = _NO_FACTS, *, kind: Kind = "internal", given: Mapping[str, str] | None = None
) -> AbstractContextManager[Span]:
    """A stretch of work, part of the one around it, or of the one that `given` names (headers of W3C trace context).

    An error that leaves the block is noted. The block must begin and end in the same task.
    """
    return _NOTHING if _on.traces is None else _on.traces.span(name, facts, kind=kind, given=given)


def headers() -> dict[str, str]:
    """What tells the one who is asked of the present span; nothing while traces are off."""
    return {} if _on.traces is None else _on.traces.headers()


class _Nothing:
    """A span while traces are off."""

    __slots__ = ()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def name(self, text: str) -> None:
        pass

    def note(self, facts: Facts) -> None:
        pass

    def fail(self, reason: str) -> None:
        pass


_NOTHING = _Nothing()

"""Spans, sent to a collector by OTLP over HTTP. The library is loaded when the first one is made."""

import asyncio
from collections.abc import Mapping, Sequence
from contextvars import Token
from typing import Any, Self

from truecast import __version__
from truecast.kit.errors import EXIT_CONFIG, TruecastError
from truecast.kit.limits import TRACE_EXPORT_S_MAX, TRACE_SPANS_EVERY_S, TRACE_SPANS_WAITING_MAX
from truecast.kit.logs import TRACE_ID, Redaction, get_logger
from truecast.kit.metrics import TRACE_SPANS

_PATH = "/v1/traces"
_log = get_logger(__name__)


class TelemetryMissing(TruecastError):
    """A setting asks for traces or reports, and what makes them is not installed."""

    code = "telemetry_missing"
    status = 500
    title = "Telemetry is not installed"
    template = "{setting} is set, and {package} is not installed: pip install 'truecast[telemetry]', or unset it"
    exit_code = EXIT_CONFIG


class Otlp:
    """Makes spans. A tracer of its own: what other libraries trace is theirs, and has not been redacted."""

    def __init__(
        self, endpoint: str, headers: Mapping[str, str], *, share: float, environment: str, redaction: Redaction
    ) -> None:
        # One named place: half a second, and nobody pays it who did not ask for traces.
        try:
            from opentelemetry import context, trace  # noqa: PLC0415
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
            from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
            from opentelemetry.sdk.trace import SpanLimits, TracerProvider  # noqa: PLC0415
            from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415
            from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased  # noqa: PLC0415
            from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator  # noqa: PLC0415
        except ImportError as error:
            package = "opentelemetry-exporter-otlp-proto-http"
            raise TelemetryMissing(setting="TRUECAST_OTLP_ENDPOINT", package=package) from error
        self._context, self._trace = context, trace
        self._redaction = redaction
        self._propagator = TraceContextTextMapPropagator()
        about = {"service.name": "truecast", "service.version": __version__, "deployment.environment.name": environment}
        self._provider = TracerProvider(
            sampler=ParentBased(TraceIdRatioBased(share)),
            resource=Resource.create(about),
            shutdown_on_exit=False,  # it would wait for as long as the collector likes
            span_limits=SpanLimits(max_span_attributes=32, max_attribute_length=1024),
        )
        url = endpoint if endpoint.endswith(_PATH) else endpoint.rstrip("/") + _PATH
        exporter = OTLPSpanExporter(endpoint=url, headers=dict(headers), timeout=TRACE_EXPORT_S_MAX)
        self._provider.add_span_processor(
            BatchSpanProcessor(
                _counted(exporter),
                max_queue_size=TRACE_SPANS_WAITING_MAX,
                schedule_delay_millis=TRACE_SPANS_EVERY_S * 1000,
                max_export_batch_size=TRACE_SPANS_WAITING_MAX // 4,
            )
        )
        self._tracer = self._provider.get_tracer("truecast", __version__)
        self._kinds = {
            "internal": trace.SpanKind.INTERNAL,
            "server": trace.SpanKind.SERVER,
            "client": trace.SpanKind.CLIENT,
        }

    def span(self, name: str, facts: Mapping[str, Any], *, kind: str, given: Mapping[str, str] | None) -> "_Live":
        """A span that begins when its block does."""
        return _Live(self, name, facts, kind, given)

    def headers(self) -> dict[str, str]:
        """The present span as W3C trace context."""
        carrier: dict[str, str] = {}
        self._propagator.inject(carrier)
        return carrier

    def close(self) -> None:
        """Send what waits; as long as that takes."""
        self._provider.shutdown()

    def begin(self, name: str, facts: Mapping[str, Any], kind: str, given: Mapping[str, str] | None) -> tuple[Any, Any]:
        """A span under way, and what ends its being the present one."""
        around = None if given is None else self._propagator.extract(given, context=self._context.Context())
        span = self._tracer.start_span(name, around, kind=self._kinds[kind], attributes=self.clean(facts))
        return span, self._context.attach(self._trace.set_span_in_context(span, around))

    def leave(self, span: Any, token: Any) -> None:
        """It has ended."""
        self._context.detach(token)
        span.end()

    def clean(self, facts: Mapping[str, Any]) -> dict[str, Any]:
        """Facts as they may leave."""
        return {name: self._redaction.value(value, name) for name, value in facts.items()}

    def failure(self, span: Any, reason: str) -> None:
        """Mark it as one that failed, and say why."""
        span.set_status(self._trace.StatusCode.ERROR, self._redaction.text(reason)[:1024])


class _Live:
    """One span, as a block."""

    __slots__ = ("_about", "_maker", "_said", "_span", "_token")

    def __init__(
        self, maker: Otlp, name: str, facts: Mapping[str, Any], kind: str, given: Mapping[str, str] | None
    ) -> None:
        self._maker = maker
        self._about = (name, facts, kind, given)
        self._span: Any = None
        self._token: Any = None
        self._said: Token[str | None] | None = None

    def __enter__(self) -> Self:
        self._span, self._token = self._maker.begin(*self._about)
        self._said = TRACE_ID.set(f"{self._span.get_span_context().trace_id:032x}")
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> None:
        if error is not None and not isinstance(error, asyncio.CancelledError | GeneratorExit):
            self.note({"error.type": getattr(error, "code", type(error).__name__)})
            self.fail(str(error))
        if self._said is not None:
            TRACE_ID.reset(self._said)
        self._maker.leave(self._span, self._token)

    def name(self, text: str) -> None:
        self._span.update_name(text)

    def note(self, facts: Mapping[str, Any]) -> None:
        self._span.set_attributes(self._maker.clean(facts))

    def fail(self, reason: str) -> None:
        self._maker.failure(self._span, reason)


def _counted(exporter: Any) -> Any:
    """An exporter that counts what was delivered and lost, and says once that the collector is away or back."""
    from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult  # noqa: PLC0415 see Otlp

    class Counted(SpanExporter):
        away = False

        def export(self, spans: Sequence[Any]) -> Any:
            result = exporter.export(spans)
            lost = result is not SpanExportResult.SUCCESS
            TRACE_SPANS.labels("lost" if lost else "delivered").inc(len(spans))
            if lost != self.away:
                self.away = lost
                (_log.warning if lost else _log.info)("traces are lost" if lost else "traces arrive again")
            return result

        def shutdown(self) -> None:
            exporter.shutdown()

        def force_flush(self, timeout_millis: int = 30_000) -> bool:
            return bool(exporter.force_flush(timeout_millis))

    return Counted()

"""Structured logs on stderr: lines for people on a terminal, JSON otherwise, secrets never.

Our lines and those of libraries take the same way: event -> request id -> redaction -> console or JSON.
"""

import asyncio
import contextlib
import functools
import logging
import re
import sys
import threading
import time
from collections import deque
from collections.abc import Iterable, Mapping, MutableMapping
from contextvars import ContextVar
from typing import Any, NamedTuple, TextIO

import orjson
from pydantic import SecretStr

from truecast.kit.settings import LogFormat, LogLevel

REDACTED = "[redacted]"
EventDict = MutableMapping[str, Any]
REQUEST_ID: ContextVar[str | None] = ContextVar("request_id", default=None)
TRACE_ID: ContextVar[str | None] = ContextVar("trace_id", default=None)  # set while traces are on, see telemetry.py

OWN_SECRETS = ("tc_", "tct_", "tci_")  # how our API keys, tickets and invitations begin, to be known anywhere
_NAMES = re.compile(
    r"(?i)(^|[_\-.])(pass(word|wd|phrase)?|secret|token|auth|authorization|cookie|credential|signature|session_?id|dsn"
    r"|otp|private)s?($|[_\-.])|(api|access|secret|signing|private|encryption)[_\-]?keys?($|[_\-.])|secret_?id"
)
# Every repetition is bounded: a line of a hostile source must not cost quadratic time.
_IN_TEXT: tuple[tuple[re.Pattern[str], str], ...] = (
    # user:password@ in a URL; the password may itself hold an @
    (re.compile(r"(?i)(\b[a-z][a-z0-9+.\-]{0,20}://[^\s/:@]{0,64}:)[^\s/]+(@)"), rf"\1{REDACTED}\2"),
    # our own keys, tickets and invitations; of a key the part that names it may be shown
    (re.compile(r"\b(tc_[0-9a-f]{12}_|tct_|tci_)[A-Za-z0-9_\-]{20,}"), rf"\1{REDACTED}"),
    # Authorization: Bearer xyz / Basic xyz, also as the repr of a mapping
    (re.compile(r"(?i)\b((?:bearer|basic|digest|token)\s+)[a-z0-9._~+/\-]{6,}=*"), rf"\1{REDACTED}"),
    # key=value and "key": "value" where the key is one of the above
    (
        re.compile(
            r"(?i)((?:password|passwd|secret|token|api[_\-]?key|apikey|access[_\-]?key|authorization|cookie"
            r"|signature|credential)[\w\-]{0,32}[\"']?\s{0,4}[=:]\s{0,4})(\"[^\"]*\"|'[^']*'|[^\s&,;\"'}\])]+)"
        ),
        rf"\1{REDACTED}",
    ),
)
_DEPTH_MAX = 8
_TEXT_CHARS_MAX = 16_384
_LINES_WAIT_S = 0.05
_LINES_WAITING_MAX = 1_000
_QUIET = {
    "httpx": logging.WARNING,
    "httpcore": logging.WARNING,
    "asyncio": logging.WARNING,
    "aiosqlite": logging.INFO,
    "alembic": logging.WARNING,
    "matplotlib": logging.WARNING,
    "opentelemetry": logging.CRITICAL,  # telemetry_otlp.py says once that traces are lost
    "urllib3": logging.ERROR,  # which brings traces and reports away, and tells of each repetition
}


class Redaction:
    """Takes secrets out of an event: by the name of a field, by their shape in a text, and known ones anywhere."""

    def __init__(self, known: Iterable[SecretStr] = ()) -> None:
        values = {secret.get_secret_value() for secret in known}
        self._known = tuple(sorted((v for v in values if v), key=len, reverse=True))

    def __call__(self, _logger: Any, _method: str, event: MutableMapping[str, Any]) -> EventDict:
        """As a structlog processor."""
        return {key: self.value(value, key) if key != "event" else self.value(value) for key, value in event.items()}

    def value(self, value: Any, name: str = "", depth: int = 0) -> Any:
        """`value` as it may be shown, when it stands under `name`."""
        if isinstance(value, SecretStr) or (name and value is not None and _NAMES.search(name)):
            return REDACTED
        if isinstance(value, bool | int | float) or value is None:
            return value
        if depth >= _DEPTH_MAX:
            return "…"
        if isinstance(value, Mapping):
            named = ((_as_text(key), inner) for key, inner in value.items())
            return {self.text(key): self.value(inner, key, depth + 1) for key, inner in named}
        if isinstance(value, list | tuple | set | frozenset):
            return [self.value(v, name, depth + 1) for v in value]
        return self.text(_as_text(value))

    def without_known(self, text: str) -> str:
        """A text without known secrets."""
        for secret in self._known:
            text = text.replace(secret, REDACTED)
        return text

    def text(self, text: str) -> str:
        """A text without known secrets and without what looks like one."""
        text = self.without_known(text[:_TEXT_CHARS_MAX])
        for pattern, instead in _IN_TEXT:
            text = pattern.sub(instead, text)
        return text


class Same:
    """Facts that are said again and again: their text is made once."""

    __slots__ = ("_by", "_text", "facts")

    def __init__(self, facts: Mapping[str, str | int | None]) -> None:
        self.facts = facts
        self._by: Redaction | None = None
        self._text = ""

    def text(self, redaction: Redaction) -> str:
        """As the beginning of an object in JSON."""
        if self._by is not redaction:
            self._by = redaction
            shown = {name: redaction.text(fact) if isinstance(fact, str) else fact for name, fact in self.facts.items()}
            self._text = orjson.dumps(shown).decode()[:-1] + "," * bool(shown)
        return self._text


class Logger:
    """Says things under a name. What stands in the way of a line is asked for when the first one is logged."""

    __slots__ = ("_bound", "_name", "_named")

    def __init__(self, name: str) -> None:
        self._name = name
        self._bound: Any = None
        self._named: logging.Logger | None = None

    def debug(self, event: str, **facts: Any) -> None:
        """For whoever looks for a fault."""
        self._logger().debug(event, **facts)

    def info(self, event: str, **facts: Any) -> None:
        """What a person may want to know."""
        self._logger().info(event, **facts)

    def warning(self, event: str, **facts: Any) -> None:
        """What a person should look at some day."""
        self._logger().warning(event, **facts)

    def error(self, event: str, **facts: Any) -> None:
        """What a person should look at now."""
        self._logger().error(event, **facts)

    def exception(self, event: str, **facts: Any) -> None:
        """The same with the traceback of the exception being handled."""
        self._logger().exception(event, **facts)

    def often(self, event: str, same: Same, **numbers: float) -> None:
        """`info`, for what is said thousands of times a second: where it is JSON, at a hundredth of the cost."""
        if self._named is None:
            self._named = logging.getLogger(self._name)
        if not self._named.isEnabledFor(logging.INFO):
            return
        handlers = logging.root.handlers
        if len(handlers) == 1 and isinstance(out := handlers[0], _Out) and out.is_json and not self._named.handlers:
            out.often(self._name, event, same, numbers)
        else:
            self.info(event, **same.facts, **numbers)

    def _logger(self) -> Any:
        if self._bound is None:
            self._bound = _structlog().stdlib.get_logger(self._name)
        return self._bound


def configure_logs(
    level: LogLevel = "info",
    log_format: LogFormat = "auto",
    *,
    secrets: Iterable[SecretStr] = (),
    stream: TextIO | None = None,
) -> None:
    """Send every log line of the process to `stream` (stderr), formatted and redacted. May be called again."""
    out = sys.stderr if stream is None else stream
    console = log_format == "console" or (log_format == "auto" and out.isatty())
    redaction = Redaction(secrets)
    handler = _Out(out, redaction, is_json=not console)
    handler.setFormatter(_formatter(redaction, console=console, colors=console and out.isatty()))
    root = logging.getLogger()
    for old in [h for h in root.handlers if isinstance(h, _Out)]:
        old.flush()
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(level.upper())
    for name, least in _QUIET.items():
        logging.getLogger(name).setLevel(max(least, root.level))
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):  # they bring handlers of their own
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = True


def get_logger(name: str) -> Logger:
    """A logger whose lines carry named facts: `log.info("bars taken", symbol="EUR-USD", rows=3)`."""
    return Logger(name)


class _Often(NamedTuple):
    """A line that is written some milliseconds later: made with others at once, it costs half."""

    logger: str
    event: str
    same: Same
    numbers: Mapping[str, float]
    request_id: str | None
    trace_id: str | None
    at_ns: int


class _Out(logging.StreamHandler[TextIO]):
    """Where lines go. Those that are said often wait here for some milliseconds, so that many are written at once."""

    def __init__(self, stream: TextIO, redaction: Redaction, *, is_json: bool) -> None:
        super().__init__(stream)
        self.is_json = is_json
        self._redaction = redaction
        self._waiting: deque[_Often] = deque()
        self._second = (0, "")

    def often(self, logger: str, event: str, same: Same, numbers: Mapping[str, float]) -> None:
        """One line. Names and event are ours; texts are redacted when they come for the first time."""
        said = _Often(logger, event, same, numbers, REQUEST_ID.get(), TRACE_ID.get(), time.time_ns())
        self._waiting.append(said)
        if len(self._waiting) == 1:
            try:
                asyncio.get_running_loop().call_later(_LINES_WAIT_S, self.flush)
            except RuntimeError:  # nobody comes back later
                self.flush()
        elif len(self._waiting) >= _LINES_WAITING_MAX:
            self.flush()

    def _line(self, said: _Often) -> str:
        ids = ""
        if said.request_id is not None:  # may be a client's; no pattern of secrets fits it
            ids = f',"request_id":"{self._redaction.without_known(said.request_id)}"'
        if said.trace_id is not None:
            ids += f',"trace_id":"{said.trace_id}"'
        numbers = "".join([f'"{name}":{number},' for name, number in said.numbers.items()])
        head = f'{said.same.text(self._redaction)}{numbers}"event":"{said.event}"{ids}'
        return f'{head},"level":"info","logger":"{said.logger}","timestamp":"{self._time(said.at_ns)}"}}\n'

    def emit(self, record: logging.LogRecord) -> None:
        """Write the line, behind those that wait."""
        self._write()
        super().emit(record)

    def flush(self) -> None:
        """Write what waits."""
        self._write()
        with contextlib.suppress(ValueError, OSError):  # as there
            super().flush()

    def _write(self) -> None:
        with self.lock or threading.Lock():
            lines = []
            while self._waiting:
                lines.append(self._line(self._waiting.popleft()))
            if lines:
                with contextlib.suppress(ValueError, OSError):  # whoever reads them has gone
                    self.stream.write("".join(lines))

    def _time(self, at_ns: int) -> str:
        """As all lines have it."""
        second, us = divmod(at_ns // 1000, 1_000_000)
        if second != self._second[0]:
            self._second = (second, time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second)))
        return f"{self._second[1]}.{us:06d}Z"


@functools.cache
def _structlog() -> Any:
    """structlog, configured. Imported by the first line that is logged, because it brings rich: a tenth of a second.

    Configured here and not in `configure_logs`, so that a line logged before that goes to logging's own last resort
    (warnings on stderr) and never to stdout, where the answers of the command line stand.
    """
    import structlog  # noqa: PLC0415 see above

    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_shared(structlog),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    return structlog


def _formatter(redaction: Redaction, *, console: bool, colors: bool) -> logging.Formatter:
    structlog = _structlog()
    if console:
        last = structlog.dev.ConsoleRenderer(
            colors=colors, pad_event_to=32, exception_formatter=structlog.dev.plain_traceback
        )
    else:
        last = structlog.processors.JSONRenderer(serializer=_json)
    formatter: logging.Formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[structlog.stdlib.ExtraAdder(), *_shared(structlog)],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,  # to text before redaction: a message may quote a secret
            redaction,
            last,
        ],
    )
    return formatter


def _as_text(value: object) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _json(value: Any, **_: Any) -> str:
    return orjson.dumps(value, default=str, option=orjson.OPT_NON_STR_KEYS | orjson.OPT_SERIALIZE_NUMPY).decode()


def _drop_colors(_logger: Any, _method: str, event: EventDict) -> EventDict:
    event.pop("color_message", None)  # uvicorn says some things twice, the second time in colors
    return event


def _add_ids(_logger: Any, _method: str, event: EventDict) -> EventDict:
    if (request_id := REQUEST_ID.get()) is not None:
        event["request_id"] = request_id
    if (trace_id := TRACE_ID.get()) is not None:
        event["trace_id"] = trace_id
    return event


def _shared(structlog: Any) -> tuple[Any, ...]:
    """What our lines and those of libraries have in common."""
    return (
        structlog.contextvars.merge_contextvars,
        _add_ids,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.PositionalArgumentsFormatter(),
        _drop_colors,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    )

"""What may go wrong between a program and a Truecast server, each a class of its own.

    ClientError
    ├── ConnectionFailed        nobody answered: refused, cut off
    │   └── TimedOut            … or not in time
    ├── AnswerUnreadable        somebody answered, but not as Truecast does: a proxy's page, half a body
    ├── NaiveTime, ExtraMissing nothing was sent: the mistake is on this side
    └── Problem                 the server says what is wrong: `code`, `status`, `detail`, `request_id`, `facts`
        ├── Malformed           4xx that no repetition mends: 422 and others
        ├── Unauthorized        401
        ├── Forbidden           403
        ├── NotFound            404
        ├── Conflict            409
        ├── TooManyRequests     429
        └── ServerFailed        5xx
            └── Unavailable     503

Below these, `truecast.client.problems` has one class for each code: `UnknownSymbol`, `HistoryTooShort`, `RateLimited`…
"""

from collections.abc import Mapping
from typing import Any, ClassVar

_STANDARD = frozenset({"type", "title", "status", "code", "detail", "instance", "request_id"})


class ClientError(Exception):
    """Base of every error of this package."""


class ConnectionFailed(ClientError):
    """Nobody answered at `url`. `sent`: whether the request may have reached the server all the same."""

    def __init__(self, url: str, reason: str, *, sent: bool) -> None:
        super().__init__(f"{url} cannot be reached: {reason}")
        self.url = url
        self.reason = reason
        self.sent = sent


class TimedOut(ConnectionFailed):
    """No answer in time."""


class AnswerUnreadable(ClientError):
    """Not an answer of Truecast: another server, a proxy's page, or a body that broke off."""

    def __init__(self, url: str, status: int, content_type: str, reason: str, excerpt: str) -> None:
        super().__init__(f"{url} answered {status} ({content_type or 'no type'}): {reason}")
        self.url = url
        self.status = status
        self.content_type = content_type
        self.reason = reason
        self.excerpt = excerpt


class NaiveTime(ClientError, ValueError):
    """A time without a zone may mean anything; nothing was sent."""

    def __init__(self, given: object) -> None:
        super().__init__(f"{given} has no time zone; for UTC: .replace(tzinfo=datetime.UTC)")


class ExtraMissing(ClientError, ImportError):
    """A table was asked for in a library that is not installed."""

    def __init__(self, library: str) -> None:
        super().__init__(f"{library} is not installed: pip install 'truecast[{library}]'", name=library)
        self.library = library


class Problem(ClientError):
    """What the server says is wrong (RFC 9457). `facts` are the numbers and names of the case."""

    code: str = "unknown"  # of the classes in `problems`, the code they stand for
    known_status: ClassVar[int | None] = None

    def __init__(self, body: Mapping[str, Any], *, retry_after_s: float | None = None) -> None:
        self.status = int(body.get("status", self.known_status or 0))
        self.code = str(body.get("code", self.code))
        self.title = str(body.get("title", ""))
        self.detail = str(body.get("detail", ""))
        self.instance = str(body.get("instance", ""))
        self.request_id = str(body.get("request_id", ""))
        self.facts: dict[str, Any] = {name: value for name, value in body.items() if name not in _STANDARD}
        self._retry_after_s = retry_after_s
        super().__init__(f"{self.detail} [{self.code}]")

    @property
    def retry_after_s(self) -> float | None:
        """After how many seconds the same request may succeed, where the server says so."""
        if self._retry_after_s is not None:
            return self._retry_after_s
        said = self.facts.get("retry_after_s")
        return float(said) if isinstance(said, int | float) else None


class Malformed(Problem):
    """4xx: the request itself is wrong. For 422, `facts["errors"]` may name the fields."""

    known_status = 422


class Unauthorized(Problem):
    """401: no key, or one that is not accepted."""

    known_status = 401


class Forbidden(Problem):
    """403: the key is good, but not for this."""

    known_status = 403


class NotFound(Problem):
    """404: no such symbol, forecast, model, key…"""

    known_status = 404


class Conflict(Problem):
    """409: the request is right, the state of things is not: too little history, a model that cannot serve…"""

    known_status = 409


class TooManyRequests(Problem):
    """429: more than is allowed. `retry_after_s` says when there is room again."""

    known_status = 429


class ServerFailed(Problem):
    """5xx: it is not the request."""

    known_status = 500


class Unavailable(ServerFailed):
    """503: not now."""

    known_status = 503


BY_STATUS: Mapping[int, type[Problem]] = {
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    429: TooManyRequests,
    503: Unavailable,
}


def class_of_status(status: int) -> type[Problem]:
    """The class for a problem whose code is not known here."""
    if status in BY_STATUS:
        return BY_STATUS[status]
    return ServerFailed if status >= 500 else Malformed

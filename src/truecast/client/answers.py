"""What came back over HTTP, as the shape that was asked for or as the error it is."""

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

import msgspec

from truecast.client import problems
from truecast.client.errors import AnswerUnreadable, Problem, class_of_status
from truecast.client.reply import Reply

T = TypeVar("T")

EXCERPT_CHARS_MAX = 300
_STANDARD = {"code", "status", "title", "detail"}
_BY_CODE: Mapping[str, type[Problem]] = {
    one.code: one for one in vars(problems).values() if isinstance(one, type) and issubclass(one, Problem)
}


def answer_of(reply: Reply, shape: type[T]) -> T:
    """The answer in its shape. Raises Problem, or AnswerUnreadable where it is not one of Truecast's."""
    if not 200 <= reply.status < 300:
        raise error_of(reply)
    found: Any
    if shape is type(None):
        found = None
    elif shape is str:
        found = reply.body.decode("utf-8", "replace")
    else:
        if not _is_json(reply):
            raise _unreadable(reply, "this is not JSON")
        try:
            found = msgspec.json.decode(reply.body, type=shape, dec_hook=plain_problem)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise _unreadable(reply, str(error)) from None
    answer: T = found
    return answer


def plain_problem(kind: type, value: Any) -> Any:
    """For msgspec: a problem inside an answer (of one item of a batch) as the exception it would have been."""
    if issubclass(kind, Problem) and isinstance(value, Mapping):
        return problem_of(value)
    raise NotImplementedError(f"no shape of an answer is a {kind.__name__}")


def problem_of(body: Mapping[str, Any], *, retry_after_s: float | None = None) -> Problem:
    """The exception that a problem is: of its code, else of its status."""
    status = body.get("status")
    kind = _BY_CODE.get(str(body.get("code"))) or class_of_status(status if isinstance(status, int) else 500)
    return kind(body, retry_after_s=retry_after_s)


def error_of(reply: Reply) -> Problem | AnswerUnreadable:
    """What an answer other than 2xx says."""
    try:
        body = msgspec.json.decode(reply.body) if _is_json(reply) else None
    except (msgspec.DecodeError, UnicodeDecodeError):
        body = None
    if not isinstance(body, dict) or not body.keys() >= _STANDARD:
        return _unreadable(reply, "this is not an error of Truecast")
    return problem_of({**body, "status": reply.status}, retry_after_s=retry_after_s(reply))


def retry_after_s(reply: Reply) -> float | None:
    """Seconds that the answer asks to wait: by Retry-After, else by RateLimit where nothing remains."""
    said = reply.header("retry-after").strip()
    if said.isdecimal():
        return float(said)
    if said and (at := _date(said)) is not None:
        sent = _date(reply.header("date")) or datetime.now(UTC)  # noqa: TID251 the client stands alone
        return max((at - sent).total_seconds(), 0.0)
    fields = dict(part.strip().partition("=")[::2] for part in reply.header("ratelimit").split(";"))
    if reply.status == 429 and fields.get("r") == "0" and fields.get("t", "").isdecimal():
        return float(fields["t"])
    return None


def _date(text: str) -> datetime | None:
    try:
        return parsedate_to_datetime(text)
    except ValueError:
        return None


def _is_json(reply: Reply) -> bool:
    kind = reply.header("content-type").partition(";")[0].strip().lower()
    return kind == "application/json" or kind.endswith("+json")


def _unreadable(reply: Reply, reason: str) -> AnswerUnreadable:
    excerpt = reply.body[: EXCERPT_CHARS_MAX * 4].decode("utf-8", "replace")[:EXCERPT_CHARS_MAX]
    return AnswerUnreadable(reply.url, reply.status, reply.header("content-type"), reason, excerpt)

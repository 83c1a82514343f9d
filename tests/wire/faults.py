"""How a provider misbehaves, and what that does to bytes."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

HTML = b"<!DOCTYPE html>\n<html><head><title>Just a moment...</title></head><body>Checking your browser</body></html>"


@dataclass(frozen=True)
class Fault:
    """What goes wrong. Fields combine; `path` limits it to requests whose path and query contain that text."""

    path: str = ""
    latency_s: float = 0.0  # before the answer, or before every frame
    hang: bool = False  # take the request, or the connection, and never say a word
    reset: bool = False  # RST instead of an answer; of a WebSocket after `after` frames
    slice_bytes: int = 0  # send the body, or every frame, in pieces of this size,
    slice_s: float = 0.001  # with so much time between them
    truncate: bool = False  # promise the whole body, send half of it, close; of a WebSocket half a frame after `after`
    status: int | None = None  # instead of the recorded one
    retry_after_s: int | None = None  # header Retry-After
    content_type: str | None = None
    html: bool = False  # 200 with a page instead of the data
    body: bytes | None = None  # instead of the recorded one
    file: str | None = None  # answer with this recorded file, or play this recorded dialogue
    skew_s: int = 0  # every time in the answer is so much later: the provider's clock is wrong
    duplicate: bool = False  # every WebSocket message twice
    reorder: bool = False  # WebSocket messages in pairs, the later first
    garbage: bool = False  # after every WebSocket message one that is not what it should be
    silent: bool = False  # a WebSocket that stays open and says nothing after `after` frames
    after: int = 0


_EPOCH = re.compile(rb"(?<![\d.])(1[4-9]\d{8})(\d{3}){0,3}(?![\d.])")
_ISO = re.compile(rb"(20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d)")


def skewed(body: bytes, skew_s: int) -> bytes:
    """The same answer from a clock that is `skew_s` ahead: epoch seconds, ms, us and ns, and ISO times."""

    def epoch(found: re.Match[bytes]) -> bytes:
        digits = found[0]
        return str(int(digits) + skew_s * 10 ** (len(digits) - 10)).encode()

    def iso(found: re.Match[bytes]) -> bytes:
        at = datetime.fromisoformat(found[1].decode()).replace(tzinfo=UTC) + timedelta(seconds=skew_s)
        return at.strftime("%Y-%m-%dT%H:%M:%S").encode()

    return _ISO.sub(iso, _EPOCH.sub(epoch, body)) if skew_s else body


def in_disorder(fault: Fault | None, messages: Sequence[bytes]) -> list[bytes]:
    """The messages as the fault would send them."""
    sent = list(messages)
    if fault is None:
        return sent
    if fault.reorder:
        for i in range(0, len(sent) - 1, 2):
            sent[i], sent[i + 1] = sent[i + 1], sent[i]
    if fault.duplicate:
        sent = [message for message in sent for _ in range(2)]
    if fault.garbage:
        sent = [part for message in sent for part in (message, message[: len(message) // 2])]
    return [skewed(message, fault.skew_s) for message in sent]

"""Opening the WebSocket of a stream: the address, who asks, and what a refusal means. The same for both streams."""

from collections.abc import Mapping
from typing import Any

import httpx
from websockets.exceptions import InvalidStatus

from truecast.client.answers import error_of
from truecast.client.errors import AnswerUnreadable, ClientError, ConnectionFailed, Problem, TimedOut
from truecast.client.following import Following
from truecast.client.news import Lost
from truecast.client.reply import Reply
from truecast.client.request import Sender
from truecast.client.retry import NEVER_CARRIED_OUT, PASSING, PASSING_STATUSES, jitter_s

PATH = "/api/v1/stream/ws"
OPEN_S_MAX = 10.0
MESSAGE_BYTES_MAX = 16_777_216
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


class Dialling:
    """When to connect again, and when to give up. `clock` is that of the sender."""

    def __init__(self, sender: Sender, following: Following, give_up_s: float | None) -> None:
        self._sender = sender
        self._following = following
        self._give_up_s = give_up_s
        self._failures = 0
        self._down_since = sender.pace.clock()
        self._was_open = False
        self._ever_open = False

    @property
    def url(self) -> str:
        """Of the WebSocket."""
        return self._sender.url.replace("http", "ws", 1) + PATH

    @property
    def silence_s(self) -> float:
        """After so long without a word the connection is dead: two heartbeats and some."""
        return 2.0 * self._following.heartbeat_s + 5.0

    def options(self, ticket: str | None) -> Mapping[str, Any]:
        """For `connect` of websockets. The heartbeat of the server stands for pings."""
        headers = {name: value for name, value in self._sender.headers.items() if name not in ("User-Agent", "Accept")}
        if ticket is not None:
            headers.pop("Authorization", None)
        local = httpx.URL(self._sender.url).host in _LOOPBACK
        return {
            "additional_headers": headers,
            "user_agent_header": self._sender.headers["User-Agent"],
            "subprotocols": ["truecast.v1", *([] if ticket is None else [f"truecast.ticket.{ticket}"])],
            "compression": None,
            "open_timeout": OPEN_S_MAX,
            "ping_interval": None,
            "close_timeout": 1.0,
            "max_size": MESSAGE_BYTES_MAX,
            "proxy": None if local else True,
        }

    def opened(self) -> None:
        """The server has answered the subscription: what comes now is another loss."""
        self._was_open, self._failures = True, 0

    def failed(self, error: Exception) -> Lost:
        """What is told of it, and how long to wait. Raises what no repetition mends, and what took too long."""
        meant = self._meaning(error)
        cause = None if meant is error else error
        if not _passes(meant):
            raise meant from cause
        now_s = self._sender.pace.clock()
        if self._was_open:
            self._was_open, self._ever_open, self._down_since = False, True, now_s
        self._failures += 1
        asked_s = meant.retry_after_s if isinstance(meant, Problem) else None
        wait_s = (asked_s or 0.0) + jitter_s(self._sender.retry, self._failures, self._sender.pace.chance)
        lost = self._following.lost(str(meant), wait_s)
        if now_s + lost.retry_in_s - self._down_since > self._patience_s():
            raise meant from cause
        return lost

    def _patience_s(self) -> float:
        if self._give_up_s is not None:
            return self._give_up_s
        return float("inf") if self._ever_open else self._sender.retry.total_s

    def _meaning(self, error: Exception) -> ClientError:
        if isinstance(error, ClientError):
            return error
        if isinstance(error, InvalidStatus):
            answer = error.response
            headers = {name.lower(): value for name, value in answer.headers.raw_items()}
            return error_of(Reply(self.url, answer.status_code, headers, bytes(answer.body or b"")))
        kind = TimedOut if isinstance(error, TimeoutError) else ConnectionFailed
        return kind(self.url, str(error) or type(error).__name__, sent=True)


def _passes(error: ClientError) -> bool:
    """Whether another connection may go better."""
    match error:
        case ConnectionFailed():
            return True
        case AnswerUnreadable():
            return error.status in PASSING_STATUSES
        case Problem():
            return error.code in NEVER_CARRIED_OUT | PASSING
        case _:
            return False

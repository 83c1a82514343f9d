"""The server's side of a request: what can be answered without waiting is answered as soon as its head is read."""

from collections.abc import Sequence
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from truecast.api.express import Asker, Express
from truecast.api.intake import IntakeProtocol
from truecast.api.ready import Pair
from truecast.api.stream_transport import EXTENSION, Wire
from truecast.kit.logs import get_logger

Asked = tuple[str, bytes, Asker]  # path, query, by whom

_KNOWN_MAX = 4  # requests that a connection remembers, so that an idle one costs little
_KNOWN_BYTES_MAX = 2_048
_log = get_logger(__name__)


class RequestProtocol(IntakeProtocol):
    """HTTP of uvicorn, with its transport in reach of answers that never end.

    What the application can answer without waiting for anything, it answers here: no task is made for it, no scope.
    A client that asks the same again over a connection does so with the same bytes, which need not be read again.
    """

    def __init__(self, config: Any, *args: Any, **given: Any) -> None:
        super().__init__(config, *args, **given)
        self.wire: Wire | None = None
        self._extensions: dict[str, Any] = {}
        self._express: Express | None = getattr(config.loaded_app, "express", None)
        self._answered = False  # the request that is being read
        self._said: Sequence[Pair] = ()  # its headers, or those of one before it
        self._asker: Asker | None = None  # what they say
        self._begun = 0  # requests in the bytes that are being read
        self._asked: list[Asked] = []  # those of them that were answered at once
        self._known: dict[bytes, Asked] = {}  # what was asked by some bytes
        self._own: Sequence[Pair] = ()  # headers of the server, and
        self._own_lines = b""  # as they are sent
        self._stays = True  # the connection, after this answer
        self._active_s = 0.0  # when the last request was answered

    def connection_made(self, transport: Any) -> None:
        """Somebody is there."""
        super().connection_made(transport)
        self.wire = Wire(transport)
        self._extensions = {EXTENSION: self.wire}

    def data_received(self, data: bytes) -> None:
        """Some bytes; perhaps those of a request that was asked before."""
        fresh = not self._unfinished and not self._refused
        asked = self._known.get(data)
        if asked is not None and fresh and self._answers(asked):
            return
        self._begun = 0
        self._asked.clear()
        super().data_received(data)
        # The same bytes are the same request where they were one, whole, and nothing else.
        if self._asked and fresh and self._begun == 1 and not self._unfinished and self._stays:
            self._remember(data, self._asked[0])

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self._answered = False
        self._begun += 1
        self.scope["extensions"] = self._extensions

    def headed(self) -> None:
        """The head of a request that is to be answered."""
        if not self._at_once():
            super().headed()

    def on_message_complete(self) -> None:
        """Its end."""
        if not self._answered:
            super().on_message_complete()
            return
        self._unfinished, self._bytes = False, 0

    def _at_once(self) -> bool:
        """Whether the request is answered. If not, nothing has happened."""
        raw, _, query = self.url.partition(b"?")
        if self._express is None or self.parser.get_method() != b"GET" or b"%" in raw or b"#" in query:
            return False
        if self.headers != self._said:
            self._asker = self._express.asker(self.headers, self.client)
            self._said = self.headers
        if self._asker is None:
            return False
        self._stays = self.parser.get_http_version() != "1.0" and self.parser.should_keep_alive()
        asked = raw.decode("ascii"), query, self._asker
        if self._answers(asked):
            self._asked.append(asked)
        return self._answered

    def _answers(self, asked: Asked) -> bool:
        """Whether this is answered. If not, nothing has happened."""
        assert self._express is not None
        self._answered = False
        busy = self.cycle is not None and not self.cycle.response_complete
        if busy or self.flow.write_paused or self.transport.is_closing():
            return False
        try:
            self._express.answer(*asked, self._write)
        except Exception:  # noqa: BLE001 told in the log; what is not answered yet goes the long way
            _log.exception("short way failed")
        return self._answered

    def _remember(self, data: bytes, asked: Asked) -> None:
        if len(data) <= _KNOWN_BYTES_MAX:
            if len(self._known) >= _KNOWN_MAX:
                self._known.clear()
            self._known[data] = asked

    def _write(self, status: int, head: bytes, body: bytes) -> None:
        """Send a whole answer. `head` is lines as they are sent, and nobody checks them again."""
        self._answered = True
        own = self.server_state.default_headers
        if own is not self._own:  # it is a new one every second
            self._own, self._own_lines = own, b"".join([b"%b: %b\r\n" % pair for pair in own])
        last = b"\r\n" if self._stays else b"connection: close\r\n\r\n"
        self.transport.write(b"".join((STATUS_LINE[status], self._own_lines, head, last, body)))
        self.server_state.total_requests += 1
        self._active_s = self.loop.time()
        if not self._stays:
            self.transport.close()
        elif self.timeout_keep_alive_task is None:
            self.timeout_keep_alive_handler()

    def timeout_keep_alive_handler(self) -> None:
        """Whoever has not asked for a while is sent away. One timer for many answers, as it costs more than they do."""
        self.timeout_keep_alive_task = None
        left_s = self._active_s + self.timeout_keep_alive - self.loop.time()
        if left_s > 0:
            self.timeout_keep_alive_task = self.loop.call_later(left_s, self.timeout_keep_alive_handler)
        else:
            super().timeout_keep_alive_handler()

    def pause_writing(self) -> None:
        """The transport has no room."""
        super().pause_writing()
        if self.wire is not None:
            self.wire.pause()

    def resume_writing(self) -> None:
        """The transport has room again."""
        super().resume_writing()
        if self.wire is not None:
            self.wire.resume()

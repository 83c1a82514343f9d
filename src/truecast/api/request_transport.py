"""The server's side of a request: what can be answered without waiting is answered as soon as its head is read."""

from collections.abc import Sequence
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from truecast.api.express import Asker, Express
from truecast.api.intake import IntakeProtocol
from truecast.api.ready import Pair
from truecast.api.stream_transport import EXTENSION, Wire
from truecast.kit.logs import get_logger

_log = get_logger(__name__)


class RequestProtocol(IntakeProtocol):
    """HTTP of uvicorn, with its transport in reach of answers that never end.

    What the application can answer without waiting for anything, it answers here: no task is made for it, no scope.
    """

    def __init__(self, config: Any, *args: Any, **given: Any) -> None:
        super().__init__(config, *args, **given)
        self.wire: Wire | None = None
        self._extensions: dict[str, Any] = {}
        self._express: Express | None = getattr(config.loaded_app, "express", None)
        self._answered = False  # the request that is being read
        self._said: Sequence[Pair] = ()  # its headers, or those of one before it
        self._asker: Asker | None = None  # what they say
        self._own: Sequence[Pair] = ()  # headers of the server, and
        self._own_lines = b""  # as they are sent

    def connection_made(self, transport: Any) -> None:
        """Somebody is there."""
        super().connection_made(transport)
        self.wire = Wire(transport)
        self._extensions = {EXTENSION: self.wire}

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self._answered = False
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
        busy = self.cycle is not None and not self.cycle.response_complete
        if self._express is None or busy or self.flow.write_paused or self.parser.get_method() != b"GET":
            return False
        raw, _, query = self.url.partition(b"?")
        if b"%" in raw or b"#" in query:
            return False
        try:
            if self.headers != self._said:
                self._asker = self._express.asker(self.headers, self.client)
                self._said = self.headers
            if self._asker is not None:
                self._answered = self._express.answer(raw.decode("ascii"), query, self._asker, self._write)
        except Exception:  # noqa: BLE001 told in the log; what is not answered yet goes the long way
            _log.exception("short way failed")
        return self._answered

    def _write(self, status: int, head: bytes, body: bytes) -> None:
        """Send a whole answer. `head` is lines as they are sent, and nobody checks them again."""
        self._answered = True
        stays = self.parser.get_http_version() != "1.0" and self.parser.should_keep_alive()
        own = self.server_state.default_headers
        if own is not self._own:  # it is a new one every second
            self._own, self._own_lines = own, b"".join([b"%b: %b\r\n" % pair for pair in own])
        last = b"\r\n" if stays else b"connection: close\r\n\r\n"
        self.transport.write(b"".join((STATUS_LINE[status], self._own_lines, head, last, body)))
        if not stays:
            self.transport.close()
        self.on_response_complete()

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

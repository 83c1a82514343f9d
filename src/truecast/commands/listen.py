"""Bind the address, run the server until it is told to stop, and let requests in flight end."""

import asyncio
import contextlib
import errno
import logging
import signal
import socket
import sys
from collections.abc import Callable, Iterator

import uvicorn

from truecast.api.app import App
from truecast.api.request_transport import RequestProtocol
from truecast.api.stream_transport import StreamProtocol
from truecast.commands.voice import start_voice
from truecast.kit import garbage
from truecast.kit.errors import EXIT_CONFIG, EXIT_UNAVAILABLE, TruecastError
from truecast.kit.limits import STREAM_MESSAGE_BYTES_MAX
from truecast.kit.secret import secret_of
from truecast.kit.settings import Settings

DRAIN_S_MAX = 8  # of the 10 s that a supervisor gives us; the rest is for closing the database
_BACKLOG = 1024
_LOOK_S = 0.5


class PortInUse(TruecastError):
    """Somebody else listens there."""

    code = "port_in_use"
    status = 409
    title = "Port in use"
    template = "Port {port} on {host} is in use; choose another with --port, or 0 for any free one"
    exit_code = EXIT_UNAVAILABLE


class AddressUnusable(TruecastError):
    """Not an address of this machine, or one we may not use."""

    code = "address_unusable"
    status = 500
    title = "Address unusable"
    template = "Cannot listen on {host} port {port}: {reason}"
    exit_code = EXIT_CONFIG


def start_logs(settings: Settings) -> None:
    """Logs of a server. On a terminal only what a person should read: no line per request, none of the server's own."""
    start_voice(settings, secret_of(settings))
    if settings.log_level == "info" and sys.stderr.isatty():
        for name in ("truecast.access", "uvicorn.error"):
            logging.getLogger(name).setLevel(logging.WARNING)


def bind(host: str, port: int) -> socket.socket:
    """A listening socket. Raises PortInUse or AddressUnusable, before anything expensive is begun."""
    try:
        family, kind, proto, _, address = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, proto)
    except OSError as error:
        raise AddressUnusable(host=host, port=port, reason=error.strerror or str(error)) from None
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise PortInUse(host=host, port=port) from None
        raise AddressUnusable(host=host, port=port, reason=error.strerror or str(error)) from None
    return listener


def url_of(listener: socket.socket) -> str:
    """The address to open in a browser."""
    host, port = listener.getsockname()[:2]
    if host in ("0.0.0.0", "::"):  # noqa: S104 compared, not bound
        host = "localhost"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def serve(app: App, listener: socket.socket, *, started: Callable[[], None]) -> None:
    """Run until SIGTERM or SIGINT; then tell the streams, answer what is in flight and end, all within 10 s."""
    config = config_of(app)
    server = _Server(config, app, started)
    with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
        runner.run(server.serve(sockets=[listener]))


def config_of(app: App) -> uvicorn.Config:
    """How the application is served."""
    return uvicorn.Config(
        app,
        log_config=None,
        access_log=False,  # the middleware writes a structured one
        server_header=False,
        http=RequestProtocol,
        ws=StreamProtocol,
        ws_max_size=STREAM_MESSAGE_BYTES_MAX,
        ws_per_message_deflate=False,  # costs each client memory and time, and saves little on short messages
        lifespan="on",
        timeout_graceful_shutdown=DRAIN_S_MAX,
        proxy_headers=False,
    )


class _Server(uvicorn.Server):
    """Being told to stop is a normal end: uvicorn itself would die of the signal after draining."""

    def __init__(self, config: uvicorn.Config, app: App, started: Callable[[], None]) -> None:
        super().__init__(config)
        self._app = app
        self._told = started
        self._settling: asyncio.Task[None] | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._told()
            self._settling = asyncio.create_task(self._settle())

    async def _settle(self) -> None:
        """Once everything that lasts is loaded."""
        while not self._app.state.services.loading.ready:
            await asyncio.sleep(_LOOK_S)
        garbage.settle()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Streams never end by themselves: their clients are told first."""
        if self._settling is not None:
            self._settling.cancel()
        await self._app.state.streams.drain()
        await super().shutdown(sockets)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            yield
        finally:
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.remove_signal_handler(number)

"""The server: one port for every provider, `/<provider>/...` for HTTP and WebSocket alike."""

import asyncio
import contextlib
import json
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field, fields
from urllib.parse import parse_qsl, urlsplit

from tests.listening import listening
from tests.wire.dialogue import Capture, Connection, Step, Stream, steps
from tests.wire.faults import HTML, Fault, skewed
from tests.wire.index import Recorded, by_file, folder_of, match, recorded, recorded_folders
from truecast.providers.catalog import known_sources


@dataclass(frozen=True)
class Asked:
    """A request as it came in. `at` is the event loop's time."""

    at: float
    method: str
    path: str  # below the provider, with the query
    query: Mapping[str, str]
    headers: Mapping[str, str]


@dataclass(frozen=True)
class Made:
    """An answer that was not recorded but computed for the request."""

    body: bytes
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=lambda: {"Content-Type": "application/json"})


Maker = Callable[[str, Mapping[str, str]], Made | None]  # path, query -> an answer, None to look it up


@dataclass
class _Ordered:
    fault: Fault
    left: int | None  # None: until told otherwise


@dataclass
class WireServer:
    """Providers by source key or folder name; both spellings mean the same one."""

    root: str = ""  # host and port
    _faults: dict[str, list[_Ordered]] = field(default_factory=lambda: defaultdict(list))
    _asked: dict[str, list[Asked]] = field(default_factory=lambda: defaultdict(list))
    _heard: dict[str, list[bytes]] = field(default_factory=lambda: defaultdict(list))
    _captures: dict[str, Capture | Stream] = field(default_factory=dict)
    _makers: dict[str, Maker] = field(default_factory=dict)

    def base_url(self, key: str) -> str:
        """What to set as the source's base URL: the server's address and the path that its own base URL has."""
        info = known_sources().get(key)
        path = urlsplit(info.base_url or "").path.rstrip("/") if info else ""
        return f"http://{self.root}/{key}{path}"

    def ws_url(self, key: str, path: str = "") -> str:
        """Where the provider's WebSocket is."""
        return f"ws://{self.root}/{key}{path}"

    def misbehave(self, key: str, fault: Fault, *, times: int | None = None) -> None:
        """From now on, or for the next `times` requests it applies to. Later orders come first."""
        self._faults[folder_of(key)].insert(0, _Ordered(fault, times))

    def behave(self, key: str) -> None:
        """Everything as recorded again."""
        self._faults.pop(folder_of(key), None)

    def play(self, key: str, capture: Capture | None) -> None:
        """To every WebSocket that connects, instead of a recorded dialogue."""
        if capture is None:
            self._captures.pop(folder_of(key), None)
        else:
            self._captures[folder_of(key)] = capture

    def stream(self, key: str, answer: Callable[[bytes], AsyncIterator[bytes]]) -> None:
        """To every WebSocket that connects: frames made in answer to what it says."""
        self._captures[folder_of(key)] = Stream(answer)

    def make(self, key: str, maker: Maker | None) -> None:
        """Answers computed for the request come before recorded ones."""
        if maker is None:
            self._makers.pop(folder_of(key), None)
        else:
            self._makers[folder_of(key)] = maker

    def asked(self, key: str) -> list[Asked]:
        """Every request so far, WebSockets included (method WS)."""
        return self._asked[folder_of(key)]

    def paths(self, key: str) -> list[str]:
        """Path and query of every request so far."""
        return [one.path for one in self.asked(key)]

    def heard(self, key: str) -> list[bytes]:
        """Every WebSocket message that clients sent."""
        return self._heard[folder_of(key)]

    # ------------------------------------------------------------------ one connection

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                while await self._serve(reader, writer):
                    pass
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = await reader.readuntil(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        method, target = lines[0].split(" ")[:2]
        pairs = (line.split(":", 1) for line in lines[1:] if ":" in line)
        headers = {name.lower(): value.strip() for name, value in pairs}
        await reader.readexactly(int(headers.get("content-length", 0)))
        if target == "/" or target.startswith("/_wire"):
            _write(writer, self._commanded(target))
            await writer.drain()
            return True
        _, key, *rest = target.split("?", 1)[0].split("/")
        path = "/" + "/".join(rest)
        query = dict(parse_qsl(urlsplit(target).query, keep_blank_values=True))
        socket = headers.get("upgrade", "").lower() == "websocket"
        shown = target.removeprefix(f"/{key}") or "/"
        asked = Asked(asyncio.get_running_loop().time(), "WS" if socket else method, shown, query, headers)
        self.asked(key).append(asked)
        fault = self._due(key, asked)
        if fault is not None and not (socket and (fault.after or fault.silent)):
            await asyncio.sleep(fault.latency_s)
            if fault.hang:
                await asyncio.Event().wait()
            if fault.reset:
                writer.transport.abort()
                return False
        if socket and (fault is None or (fault.status is None and not fault.html)):
            await self._converse(key, head, path, query, fault, reader, writer)
            return False
        return await self._answer(writer, fault, self._found(key, asked, path, fault))

    def _due(self, key: str, asked: Asked) -> Fault | None:
        for order in self._faults[folder_of(key)]:
            if order.left != 0 and order.fault.path in asked.path:
                if order.left is not None:
                    order.left -= 1
                return order.fault
        return None

    def _found(self, key: str, asked: Asked, path: str, fault: Fault | None) -> Recorded | Made:
        if fault is not None and fault.file:
            return by_file(key, fault.file)
        maker = self._makers.get(folder_of(key))
        if maker is not None and (made := maker(path, asked.query)) is not None:
            return made
        found = match(key, asked.method, path, asked.query) if folder_of(key) in recorded_folders() else None
        return found or Made(json.dumps({"wire": f"nothing recorded for {asked.method} {asked.path}"}).encode(), 404)

    async def _answer(self, writer: asyncio.StreamWriter, fault: Fault | None, found: Recorded | Made) -> bool:
        """Whether the connection is kept."""
        if fault is None:
            _write(writer, found)
            await writer.drain()
            return True
        body = HTML if fault.html else found.body if fault.body is None else fault.body
        body = skewed(body, fault.skew_s)
        headers = {"Content-Type": "text/html; charset=utf-8"} if fault.html else dict(found.headers)
        if fault.content_type:
            headers["Content-Type"] = fault.content_type
        if fault.retry_after_s is not None:
            headers["Retry-After"] = str(fault.retry_after_s)
        status = fault.status or (200 if fault.html else found.status)
        _write(
            writer,
            Made(body, status, headers),
            send=b"" if fault.slice_bytes else body[: len(body) // 2 if fault.truncate else None],
        )
        await writer.drain()
        if fault.slice_bytes:
            end = len(body) // 2 if fault.truncate else len(body)
            for at in range(0, end, fault.slice_bytes):
                writer.write(body[at : min(at + fault.slice_bytes, end)])
                await writer.drain()
                await asyncio.sleep(fault.slice_s)
        return not fault.truncate

    async def _converse(
        self,
        key: str,
        opening: bytes,
        path: str,
        query: Mapping[str, str],
        fault: Fault | None,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        part: list[Step] | Capture | Stream
        if fault is not None and fault.file:
            part = steps(by_file(key, fault.file))
        elif folder_of(key) in self._captures:
            part = self._captures[folder_of(key)]
        else:
            found = match(key, "WS", path, query) or next((one for one in recorded(key) if one.method == "WS"), None)
            part = steps(found) if found else []
        once = None if any(o.fault is fault and o.left is None for o in self._faults[folder_of(key)]) else fault

        def now() -> Fault | None:
            """A fault that is ordered while the connection lives takes effect on it as well, and ends with the order."""
            orders = (o.fault for o in self._faults[folder_of(key)] if o.left is None)
            return next((order for order in orders if order.path in path), once)

        await Connection(reader, writer, fault=now, heard=self.heard(key).append).play(opening, part)

    # ------------------------------------------------------------------ by hand

    def _commanded(self, target: str) -> Made:
        """`/`: what there is. `/_wire/<provider>/behave`, `/_wire/<provider>/misbehave?hang=1&times=3`: do so.
        `/_wire/<provider>/<file>`: that recording with its status and headers."""
        parts = [part for part in urlsplit(target).path.split("/") if part]
        if len(parts) < 3:
            listed = {key: [one.file for one in recorded(key)] for key in recorded_folders()}
            return Made(json.dumps(listed, indent=1).encode())
        _, key, what = parts[:3]
        if what == "behave":
            self.behave(key)
        elif what == "misbehave":
            wanted = dict(parse_qsl(urlsplit(target).query))
            times = wanted.pop("times", None)
            kinds = {one.name: str(one.type) for one in fields(Fault)}
            self.misbehave(
                key,
                Fault(**{name: _read(kinds[name], text) for name, text in wanted.items()}),
                times=int(times) if times else None,
            )
        else:
            one = by_file(key, what)
            return Made(one.body, one.status, one.headers)
        return Made(b'{"done":true}')


@contextlib.asynccontextmanager
async def wire_server(host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[WireServer]:
    """A running server on a free port."""
    wire = WireServer()
    async with listening(wire.handle, host, port) as address:
        wire.root = address
        yield wire


def _write(writer: asyncio.StreamWriter, answer: Recorded | Made, *, send: bytes | None = None) -> None:
    lines = [f"HTTP/1.1 {answer.status} X", *(f"{name}: {value}" for name, value in answer.headers.items())]
    if answer.status != 304:
        lines.append(f"Content-Length: {len(answer.body)}")
    writer.write("\r\n".join([*lines, "", ""]).encode() + (answer.body if send is None else send))


def _read(kind: str, text: str) -> object:
    if "bool" in kind:
        return text.lower() in {"1", "true", "yes"}
    if "bytes" in kind:
        return text.encode()
    return float(text) if "float" in kind else int(text) if "int" in kind else text

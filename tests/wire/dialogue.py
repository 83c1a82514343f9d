"""One WebSocket connection: a recorded dialogue, or a capture, played to whoever connects."""

import asyncio
import base64
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass

from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import State
from websockets.server import ServerProtocol

from tests.wire.faults import Fault, in_disorder
from tests.wire.index import Recorded

_TEXT_MAX = 16_777_216


@dataclass(frozen=True)
class Step:
    """A frame that the server sends, or one that it waits for."""

    server: bool
    frame: str  # text, binary, ping, pong
    data: bytes


@dataclass(frozen=True)
class Capture:
    """Frames with the time between them; played `speed` times as fast as they came (None: as fast as possible)."""

    frames: Iterable[tuple[float, bytes]]
    speed: float | None = 1.0


@dataclass(frozen=True)
class Stream:
    """Frames made as they go, in answer to each message of the client."""

    answer: Callable[[bytes], AsyncIterator[bytes]]


def steps(one: Recorded) -> list[Step]:
    """The dialogue of a `.ws.jsonl` file. Text frames are compact JSON, as providers send it."""
    found = []
    for line in one.body.decode().splitlines():
        row = json.loads(line)
        data = row["data"]
        if row["frame"] == "binary":
            raw = base64.b64decode(data) if isinstance(data, str) else json.dumps(data, separators=(",", ":")).encode()
        else:
            text = data if isinstance(data, str) else json.dumps(data, separators=(",", ":"), ensure_ascii=False)
            raw = text.encode()
        found.append(Step(row["from"] == "server", row["frame"], raw))
    return found


class Connection:
    """Answers the handshake, plays, and listens: what the client says is told to `heard`."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        *,
        fault: Callable[[], Fault | None],
        heard: Callable[[bytes], None],
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._fault = fault
        self._heard = heard
        self._protocol = ServerProtocol(max_size=_TEXT_MAX)
        self._said: asyncio.Queue[bytes] = asyncio.Queue()
        self._sent = 0
        self._held: bytes | None = None

    async def play(self, opening: bytes, part: list[Step] | Capture | Stream) -> None:
        """From the handshake until the client leaves, or the fault ends it."""
        self._protocol.receive_data(opening)
        [request] = [event for event in self._protocol.events_received() if isinstance(event, Request)]
        self._protocol.send_response(self._protocol.accept(request))
        await self._flush()
        listening = asyncio.create_task(self._listen())
        try:
            if isinstance(part, Capture):
                await self._play_capture(part)
            elif isinstance(part, Stream):
                await self._play_stream(part, listening)
            else:
                await self._play_steps(part)
            await listening
        except ConnectionError:
            pass
        finally:
            listening.cancel()
            with contextlib.suppress(asyncio.CancelledError, ConnectionError):
                await listening

    async def _play_steps(self, dialogue: list[Step]) -> None:
        at = 0
        while at < len(dialogue):
            step = dialogue[at]
            if not step.server:
                if step.frame == "text":
                    await self._said.get()  # pongs are answered by the client's library whenever they are
                at += 1
                continue
            run = [step]
            while at + len(run) < len(dialogue) and _follows(dialogue[at + len(run)], step):
                run.append(dialogue[at + len(run)])
            at += len(run)
            if step.frame in {"ping", "pong"}:
                self._protocol.send_ping(step.data) if step.frame == "ping" else self._protocol.send_pong(step.data)
                await self._flush()
                continue
            for data in in_disorder(self._fault(), [one.data for one in run]):
                if not await self._send(data, binary=step.frame == "binary"):
                    return

    async def _play_capture(self, capture: Capture) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time()
        for wait_s, data in capture.frames:
            if capture.speed is not None:
                due += wait_s / capture.speed
                if due > loop.time():
                    await asyncio.sleep(due - loop.time())
            for one in self._mixed(data):
                if not await self._send(one, binary=False):
                    return

    async def _play_stream(self, stream: Stream, listening: asyncio.Task[None]) -> None:
        """Until the client leaves; a message of it begins a stream of its own."""

        async def answer(said: bytes) -> None:
            async for frame in stream.answer(said):
                if not all([await self._send(one, binary=False) for one in self._mixed(frame)]):
                    return

        answering: set[asyncio.Task[None]] = set()
        try:
            while not listening.done():
                saying = asyncio.create_task(self._said.get())
                await asyncio.wait({saying, listening, *answering}, return_when=asyncio.FIRST_COMPLETED)
                if saying.done():
                    answering.add(asyncio.create_task(answer(saying.result())))
                else:
                    saying.cancel()
                    for done in [task for task in answering if task.done()]:
                        answering.discard(done)
                        done.result()
        finally:
            for task in answering:
                task.cancel()
            await asyncio.gather(*answering, return_exceptions=True)

    def _mixed(self, frame: bytes) -> list[bytes]:
        """What to send now that this frame is due: nothing, when it has to come after the next one."""
        fault = self._fault()
        if fault is not None and fault.reorder and self._held is None:
            self._held = frame
            return []
        together = [frame] if self._held is None else [self._held, frame]
        self._held = None
        return in_disorder(fault, together)

    async def _send(self, data: bytes, *, binary: bool) -> bool:
        """False when the fault has silenced or cut the connection."""
        fault = self._fault()
        if fault is not None:
            await asyncio.sleep(fault.latency_s)
            if (fault.silent or fault.hang) and self._sent >= fault.after:
                return False
            if fault.reset and self._sent >= fault.after:
                self._writer.transport.abort()
                raise ConnectionResetError
        if self._protocol.state is not State.OPEN:
            raise ConnectionResetError
        self._sent += 1
        self._protocol.send_binary(data) if binary else self._protocol.send_text(data)
        if fault is not None and fault.truncate and self._sent > fault.after:
            self._writer.write(b"".join(self._protocol.data_to_send())[: len(data) // 2])
            await self._writer.drain()
            self._writer.close()
            raise ConnectionResetError
        await self._flush(fault)
        return True

    async def _listen(self) -> None:
        while data := await self._reader.read(65_536):
            self._protocol.receive_data(data)
            for event in self._protocol.events_received():
                if isinstance(event, Frame) and event.opcode in {Opcode.TEXT, Opcode.BINARY}:
                    self._heard(bytes(event.data))
                    self._said.put_nowait(bytes(event.data))
            await self._flush()
        self._protocol.receive_eof()

    async def _flush(self, fault: Fault | None = None) -> None:
        for data in self._protocol.data_to_send():
            if data and fault is not None and fault.slice_bytes:
                for at in range(0, len(data), fault.slice_bytes):
                    self._writer.write(data[at : at + fault.slice_bytes])
                    await self._writer.drain()
                    await asyncio.sleep(fault.slice_s)
            elif data:
                self._writer.write(data)
            elif self._writer.can_write_eof():
                self._writer.write_eof()
        await self._writer.drain()


def _follows(step: Step, first: Step) -> bool:
    return step.server and step.frame == first.frame and first.frame in {"text", "binary"}

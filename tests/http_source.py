"""A source on the local machine that answers what a test tells it to, and misbehaves on demand."""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field

from tests.listening import listening


@dataclass(frozen=True)
class Answer:
    """One answer. `cut` promises the whole body and closes halfway; `drip_s` sends it byte by byte."""

    body: bytes = b""
    status: int = 200
    content_type: str = "text/plain"
    headers: Mapping[str, str] = field(default_factory=dict)
    delay_s: float = 0.0
    drip_s: float = 0.0
    cut: bool = False
    hang_up: bool = False  # close the connection without a word


@dataclass
class HttpSource:
    """Serves `answers[path]`; a list is served in order, its last one for ever. Unknown paths are 404."""

    base_url: str = ""
    answers: dict[str, list[Answer]] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)  # path and headers of every request
    _served: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    def serve(self, path: str, *answers: Answer) -> None:
        """Replace what a path answers."""
        self.answers[path] = list(answers)
        self._served.pop(path, None)

    def paths(self) -> list[str]:
        """Every path asked for, in order."""
        return [path for path, _ in self.asked]

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                while request := await _request(reader):
                    self.asked.append(request)
                    if not await self._answer(request[0].split("?")[0], writer):
                        break
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    async def _answer(self, path: str, writer: asyncio.StreamWriter) -> bool:
        listed = self.answers.get(path, [Answer(b"not here", 404)])
        answer = listed[min(self._served[path], len(listed) - 1)]
        self._served[path] += 1
        await asyncio.sleep(answer.delay_s)
        if answer.hang_up:
            return False
        headers = {"content-type": answer.content_type, "content-length": str(len(answer.body)), **answer.headers}
        lines = [f"HTTP/1.1 {answer.status} X", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
        writer.write("\r\n".join(lines).encode())
        body = answer.body[: len(answer.body) // 2] if answer.cut else answer.body
        for i in range(0, len(body), 1 if answer.drip_s else max(len(body), 1)):
            writer.write(body[i:] if not answer.drip_s else body[i : i + 1])
            await writer.drain()
            await asyncio.sleep(answer.drip_s)
        await writer.drain()
        return not answer.cut


@contextlib.asynccontextmanager
async def http_source() -> AsyncIterator[HttpSource]:
    """A running source on a free port."""
    source = HttpSource()
    async with listening(source.handle) as address:
        source.base_url = f"http://{address}"
        yield source


async def _request(reader: asyncio.StreamReader) -> tuple[str, dict[str, str]] | None:
    lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    path = lines[0].split(" ")[1]
    pairs = (line.split(":", 1) for line in lines[1:] if ":" in line)
    return path, {name.lower(): value.strip() for name, value in pairs}

"""Work in a process of our own beside the server, so that answering never waits for the interpreter lock.

    apart = Apart("truecast.rounds", begin, hear)         begin(): what the process is told first, as JSON
    found = await apart.ask({"do": "issue", ...})         raises WorkDied, WorkOverdue, WorkFailed

`python -m` the module is started with the first question and ended when nobody has asked for idle_s, on `close`, and
with us, whose pipe it reads. Both sides speak lines of JSON. Questions have numbers and may be answered in any order:
{"id", "found"} or {"id", "failed"}. A line without a number is news, which `hear` is told before whatever is answered
after it. Who was promised an answer by a process that died asks another one once: a question must bear being asked
twice.
"""

import asyncio
import contextlib
import itertools
import os
import sys
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import orjson

from truecast.kit.errors import TruecastError
from truecast.kit.limits import APART_IDLE_S, APART_LEAVE_S, APART_LINE_BYTES_MAX, APART_S_MAX
from truecast.kit.logs import get_logger

_LIBRARIES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")

Begin = Callable[[], Mapping[str, Any]]
Hear = Callable[[Mapping[str, Any]], Awaitable[None]]
Died = Callable[[], Awaitable[None]]

_log = get_logger(__name__)


class WorkDied(TruecastError):
    """The process ended without an answer, twice."""

    code = "work_died"
    title = "A process that works for us died"
    template = "The process that should {what} ended with status {status}"


class WorkOverdue(TruecastError):
    """The answer took longer than it may."""

    code = "work_overdue"
    title = "A process that works for us is overdue"
    template = "The process that should {what} was stopped after {deadline_s:g} s"


class WorkFailed(TruecastError):
    """The process said why it cannot."""

    code = "work_failed"
    title = "A process that works for us failed"
    template = "{reason}"


async def _nothing() -> None:
    pass


class Apart:
    """The parent's end. `died`: told when a process ended with questions open, whose news may be lost."""

    def __init__(
        self,
        module: str,
        begin: Begin,
        hear: Hear,
        *,
        died: Died = _nothing,
        idle_s: float = APART_IDLE_S,
        deadline_s: float = APART_S_MAX,
    ) -> None:
        self._module = module
        self._begin = begin
        self._hear = hear
        self._died = died
        self._idle_s = idle_s
        self._deadline_s = deadline_s
        self._numbers = itertools.count(1)
        self._child: _Child | None = None
        self._starting = asyncio.Lock()
        self._idle: asyncio.TimerHandle | None = None
        self._asked = 0  # questions under way
        self._closed = False

    @property
    def pid(self) -> int | None:
        """Of the process, while there is one."""
        return None if self._child is None or self._child.ended else self._child.process.pid

    async def ask(self, question: Mapping[str, Any]) -> Any:
        """What the process finds. Raises WorkDied, WorkOverdue, WorkFailed."""
        what = str(question["do"])
        self._asked += 1
        if self._idle is not None:
            self._idle.cancel()
        try:
            async with asyncio.timeout(self._deadline_s):
                try:
                    return await self._ask(question)
                except WorkDied as death:
                    if self._closed:
                        raise
                    _log.warning("process died", module=self._module, what=what, status=death.facts["status"])
                    await self._died()
                return await self._ask(question)
        except TimeoutError:
            await self._end()
            raise WorkOverdue(what=what, deadline_s=self._deadline_s) from None
        finally:
            self._asked -= 1
            if not self._asked and not self._closed:
                self._idle = asyncio.get_running_loop().call_later(self._idle_s, self._leave)

    async def close(self) -> None:
        """End the process; questions under way end with WorkDied."""
        self._closed = True
        if self._idle is not None:
            self._idle.cancel()
        await self._end()

    async def _ask(self, question: Mapping[str, Any]) -> Any:
        async with self._starting:
            if self._closed:
                raise WorkDied(what=question["do"], status=None)
            if self._child is not None and self._child.ended:
                await self._end()
            if self._child is None:
                self._child = await self._started()
            child = self._child
        number = next(self._numbers)
        answer: asyncio.Future[Mapping[str, Any]] = asyncio.get_running_loop().create_future()
        child.open[number] = answer
        try:
            await child.say({**question, "id": number})
            said = await answer
        except (EOFError, BrokenPipeError, ConnectionResetError):
            raise WorkDied(what=question["do"], status=child.process.returncode) from None
        finally:
            child.open.pop(number, None)
        if "failed" in said:
            raise WorkFailed(reason=said["failed"])
        return said["found"]

    async def _started(self) -> "_Child":
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            self._module,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=APART_LINE_BYTES_MAX,
            start_new_session=True,  # Ctrl-C is the parent's to answer
            env=dict(os.environ) | dict.fromkeys(_LIBRARIES, "1"),  # noqa: TID251 libraries of the child read it
        )
        child = _Child(process, self._hear)
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            await child.say(self._begin())
        return child

    def _leave(self) -> None:
        """Nobody has asked for a while: the process ends when it reads that nothing comes any more."""
        if not self._asked and self._child is not None:
            self._child.hang_up()

    async def _end(self) -> None:
        child, self._child = self._child, None
        if child is not None:
            await child.end()


class _Child:
    """One process, and who waits for it to answer."""

    def __init__(self, process: asyncio.subprocess.Process, hear: Hear) -> None:
        self.process = process
        self.open: dict[int, asyncio.Future[Mapping[str, Any]]] = {}
        self.ended = False
        self._hear = hear
        self._reading = asyncio.create_task(self._read(), name="apart")

    async def say(self, line: Mapping[str, Any]) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(orjson.dumps(line) + b"\n")
        await self.process.stdin.drain()

    def hang_up(self) -> None:
        self.ended = True
        assert self.process.stdin is not None
        self.process.stdin.close()

    async def end(self) -> None:
        """Given time to go where nothing is open; killed if it lives, and reaped, whatever is cancelled meanwhile."""
        if not self.open:
            self.hang_up()
            await asyncio.wait([self._reading], timeout=APART_LEAVE_S)
        with contextlib.suppress(ProcessLookupError):
            if self.process.returncode is None:
                self.process.kill()
        await asyncio.shield(self._reading)

    async def _read(self) -> None:
        """Until it ends. What it said is told in order; then who still waits is told that nothing will come."""
        assert self.process.stdout is not None
        try:
            while line := await self.process.stdout.readline():
                said = orjson.loads(line)
                if "id" not in said:
                    await self._told(said)
                elif (answer := self.open.get(said["id"])) is not None and not answer.done():
                    answer.set_result(said)
        except ValueError:  # no line of ours, or one without an end
            _log.exception("process spoke nonsense", pid=self.process.pid)
            with contextlib.suppress(ProcessLookupError):
                self.process.kill()
        finally:
            self.ended = True
            await self.process.wait()
            for answer in self.open.values():
                if not answer.done():
                    answer.set_exception(EOFError())

    async def _told(self, news: Mapping[str, Any]) -> None:
        try:
            await self._hear(news)
        except Exception:  # noqa: BLE001 what a listener does wrong must not cost the answers that follow
            _log.exception("news of a process not taken", pid=self.process.pid)
        await asyncio.sleep(0)  # what was read at once must not hold up everybody else

"""Rounds for the server that started this process: `python -m truecast.rounds`; see forecasts/rounds.py.

Standard input says first the settings and then what to do, a line of JSON each; standard output says what came of it.
The end of the input is the end of this process, in the middle of a round, too: the database bears it.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import orjson

from truecast.commands.voice import start_voice
from truecast.forecasts.rounds import COUNTED, Rounds
from truecast.kit import telemetry
from truecast.kit.bus_relay import RelayBus
from truecast.kit.clock import Clock, FixedClock, SystemClock, from_us
from truecast.kit.errors import TruecastError
from truecast.kit.limits import APART_LINE_BYTES_MAX
from truecast.kit.logs import get_logger
from truecast.kit.metrics_relay import Growth
from truecast.kit.priority import give_way
from truecast.kit.settings_relay import loaded
from truecast.services import Services
from truecast.wiring import Role, build

NICE = 5
_TOLD_TOGETHER = 200  # counts in one line: who reads it answers requests, too
_log = get_logger(__name__)


class Worker:
    """The services of this process, and what it says of them."""

    def __init__(self, begin: Mapping[str, Any], say: Callable[[Mapping[str, Any]], None]) -> None:
        settings = loaded(begin["settings"])
        start_voice(settings)
        self._say = say
        self._clock: Clock = SystemClock()
        if begin["clock"] != "system":  # of a replay: told with every question
            self._clock = FixedClock(from_us(0))
            self._clock.kind = begin["clock"]
        self._bus = None if settings.redis_url else RelayBus(self._clock, say)
        models = None if begin["models"] is None else Path(begin["models"])
        self._services: Services = build(settings, Role.ROUNDS, clock=self._clock, models=models, bus=self._bus)
        self._growth = Growth(COUNTED)
        self._loading = asyncio.Lock()
        self._is_loaded = False

    async def answer(self, question: Mapping[str, Any]) -> None:
        """Do one round and say what it came to."""
        if isinstance(self._clock, FixedClock):
            await self._clock.sleep_until(from_us(question["now_us"]))
        if self._bus is not None:
            self._bus.listened = question["listened"]
        try:
            async with self._loading:
                await self._load()
            with telemetry.span(f"round {question['do']}", given=question["trace"]):
                found = asdict(await _round(self._services.rounds, question))
        except TruecastError as error:
            _log.exception("round failed", what=question["do"], code=error.code)
            self._say({"id": question["id"], "failed": f"{error.code}: {error.detail}"})
        except Exception as error:  # noqa: BLE001 the edge of a task: logged here, told to the job
            _log.exception("round failed", what=question["do"])
            self._say({"id": question["id"], "failed": f"{type(error).__name__}: {error}"})
        else:
            told = self._growth.since()
            for first in range(0, len(told), _TOLD_TOGETHER):
                self._say({"counted": told[first : first + _TOLD_TOGETHER]})
            self._say({"id": question["id"], "found": found})

    async def _load(self) -> None:
        """The models that serve now."""
        if self._is_loaded:
            await self._services.models.poll()
        else:
            await self._services.models.load()
            self._is_loaded = True


async def _round(rounds: Rounds, question: Mapping[str, Any]) -> Any:
    match question["do"]:
        case "resolve":
            return await rounds.resolve()
        case "learn":
            return await rounds.learn_news()
        case "issue":
            return await rounds.issue_news(question["steps"], again=question["again"])
        case other:
            raise ValueError(other)


def _say(line: Mapping[str, Any]) -> None:
    sys.stdout.buffer.write(orjson.dumps(line) + b"\n")
    sys.stdout.buffer.flush()


async def work() -> None:
    """Until nothing comes any more; then at once, whatever is under way: nobody is left to be told."""
    lines = asyncio.StreamReader(limit=APART_LINE_BYTES_MAX)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin.buffer)
    worker, tasks = None, set[asyncio.Task[None]]()
    while line := await lines.readline():
        if worker is None:
            worker = Worker(orjson.loads(line), _say)
            continue
        task = asyncio.create_task(worker.answer(orjson.loads(line)))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
    telemetry.close()
    os._exit(0)


def main() -> None:
    """The process."""
    give_way(NICE)
    for number in (signal.SIGINT, signal.SIGTERM):  # told to everybody at once; the server ends us when it is ready
        signal.signal(number, signal.SIG_IGN)
    asyncio.run(work())


if __name__ == "__main__":
    main()

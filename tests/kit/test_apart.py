"""Work apart: answered, told in order, asked again after a death, and gone when nobody wants it any more."""

import asyncio
import os
import subprocess
import sys
import time
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest

from truecast.kit.apart import Apart, WorkDied, WorkFailed, WorkOverdue

MODULE = "tests.kit.echoing"


@asynccontextmanager
async def apart(**given):
    heard, died = [], []

    async def hear(news):
        heard.append(news["news"])

    async def mourn():
        died.append(True)

    one = Apart(MODULE, lambda: {"greeting": "hello"}, hear, died=mourn, **given)
    one.heard, one.deaths = heard, died
    try:
        yield one
    finally:
        await one.close()


async def gone(pid):
    """Once it is."""
    deadline = time.monotonic() + 20
    while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)


async def test_a_process_is_started_by_the_first_question_and_kept():
    async with apart() as one:
        assert one.pid is None
        assert await one.ask({"do": "echo", "say": 1}) == ["hello", 1, one.pid]
        first = one.pid
        assert await one.ask({"do": "echo", "say": 2}) == ["hello", 2, first]
        assert one.heard == [1, 2]
    assert one.pid is None
    await gone(first)


async def test_answers_may_come_in_any_order():
    async with apart() as one:
        early = [asyncio.create_task(one.ask({"do": "keep"})) for _ in range(3)]
        await asyncio.sleep(0)
        last = await one.ask({"do": "release"})
        assert [*await asyncio.gather(*early), last] == [1, 2, 3, 4]


async def test_who_was_promised_an_answer_asks_another_process(tmp_path):
    async with apart() as one:
        assert await one.ask({"do": "die once", "mark": str(tmp_path / "mark")}) == "alive"
        assert one.deaths == [True]


async def test_a_second_death_is_a_typed_end():
    async with apart() as one:
        with pytest.raises(WorkDied) as died:
            await one.ask({"do": "die"})
        assert died.value.facts == {"what": "die", "status": 3}
        assert (await one.ask({"do": "echo"}))[0] == "hello"


async def test_nonsense_ends_the_process_and_not_us():
    async with apart() as one:
        with pytest.raises(WorkDied):
            await one.ask({"do": "nonsense"})


async def test_what_cannot_be_done_is_said():
    async with apart() as one:
        with pytest.raises(WorkFailed, match="too_little: there is nothing"):
            await one.ask({"do": "fail"})


async def test_an_answer_that_does_not_come_is_a_typed_end():
    async with apart(deadline_s=3.0) as one:
        await one.ask({"do": "echo"})
        pid = one.pid
        with pytest.raises(WorkOverdue) as overdue:
            await one.ask({"do": "keep"})
        assert overdue.value.facts == {"what": "keep", "deadline_s": 3.0}
        await gone(pid)
        assert (await one.ask({"do": "echo"}))[0] == "hello"


async def test_a_process_nobody_asks_goes_and_another_comes():
    async with apart(idle_s=0.01) as one:
        _, _, first = await one.ask({"do": "echo"})
        await gone(first)
        _, _, second = await one.ask({"do": "echo"})
        assert second != first and one.deaths == []


async def test_closing_ends_what_is_under_way():
    async with apart() as one:
        await one.ask({"do": "echo"})
        pid, waiting = one.pid, asyncio.create_task(one.ask({"do": "keep"}))
        await asyncio.sleep(0)
        await one.close()
        with pytest.raises(WorkDied):
            await waiting
        await gone(pid)
        with pytest.raises(WorkDied):
            await one.ask({"do": "echo"})
        assert one.deaths == []


async def test_a_listener_that_fails_costs_no_answer():
    async def fail(_news):
        raise RuntimeError("no")

    one = Apart(MODULE, lambda: {"greeting": "hello"}, fail)
    assert (await one.ask({"do": "echo"}))[0] == "hello"
    await one.close()


ORPHANED = """
import asyncio
from truecast.kit.apart import Apart
async def hear(news): ...
async def main():
    one = Apart("tests.kit.echoing", lambda: {"greeting": "hello"}, hear)
    await one.ask({"do": "echo"})
    print(one.pid, flush=True)
    await one.ask({"do": "keep"})
asyncio.run(main())
"""


async def test_the_process_does_not_outlive_its_parent(tmp_path):
    script = tmp_path / "orphaned.py"
    script.write_text(ORPHANED)
    parent = subprocess.Popen(  # noqa: ASYNC220
        [sys.executable, str(script)], stdout=subprocess.PIPE, env=os.environ | {"PYTHONPATH": str(Path.cwd())}  # noqa: TID251 for the child
    )  # fmt: skip
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    parent.stdout.close()
    await gone(pid)

"""Training in a process of its own, at the lowest priority, so that serving does not feel it.

    outcome = await trained_apart(request)          raises what learning refuses, TrainingDied, TrainingOverdue

The parent writes the request into a folder, starts `python -m truecast.models.train_process <folder>`, and reads what
that leaves there; no event loop and no compute thread waits for it. The child has one thread, priority NICE and a limit
of memory; it ends when it is cancelled, when its time is up, and with its parent, whose pipe it holds. On its standard
output it says how far it is, one line of JSON for every anchor learned.
"""

import asyncio
import contextlib
import itertools
import json
import os
import resource
import signal
import sys
import tempfile
import threading
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any, cast

from truecast.domain.bar import FloatArray
from truecast.kit.errors import TruecastError
from truecast.kit.limits import TRAINING_BYTES_MAX, TRAINING_S_MAX
from truecast.kit.priority import give_way
from truecast.models.catalog import GROWERS
from truecast.models.heavy import ModelUnavailable
from truecast.models.location.trees import Grower
from truecast.models.registry.training import (
    TrainingOutcome,
    TrainingRequest,
    learn,
    read_outcome,
    read_request,
    write_outcome,
    write_refusal,
    write_request,
)
from truecast.models.training import TooLittleToLearn

NICE = 19
_LIBRARIES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
_GIVEN, _LEFT = "request", "outcome"
_STDERR_CHARS = 500

Tell = Callable[[int, int], None]  # anchors learned, of how many


class TrainingDied(TruecastError):
    """The process ended without an outcome: it was killed, or its memory was not enough."""

    code = "training_died"
    title = "Training died"
    template = "The training of {model} for {scope} ended with status {status} and no outcome; it said: {said}"


class TrainingOverdue(TruecastError):
    """The training took longer than it may."""

    code = "training_overdue"
    title = "Training overdue"
    template = "The training of {model} for {scope} was stopped after {deadline_s:g} s"


async def trained_apart(
    request: TrainingRequest,
    *,
    tell: Tell | None = None,
    deadline_s: float = TRAINING_S_MAX,
    bytes_max: int = TRAINING_BYTES_MAX,
) -> TrainingOutcome:
    """The same outcome as `learn(request)`, from a process that nobody waits for but the caller.

    Raises TooLittleToLearn, ModelUnavailable, TrainingDied, TrainingOverdue; cancelled, it takes the process with it.
    """
    about = {"model": request.model, "scope": " ".join(request.scope)}
    with tempfile.TemporaryDirectory(prefix="truecast-training-") as place:
        folder = Path(place)
        await asyncio.to_thread(write_request, request, folder / _GIVEN)
        process = await _started(folder, bytes_max)
        try:
            async with asyncio.timeout(deadline_s):
                said = await _followed(process, tell)
        except TimeoutError:
            raise TrainingOverdue(deadline_s=deadline_s, **about) from None
        finally:
            await _ended(process)
        try:
            return await asyncio.to_thread(read_outcome, folder / _LEFT, request.model)
        except FileNotFoundError:
            raise TrainingDied(status=process.returncode, said=said or "nothing", **about) from None


async def _started(folder: Path, bytes_max: int) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        __spec__.name,
        str(folder),
        str(bytes_max),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,  # Ctrl-C is the parent's to answer
        env=dict(os.environ) | dict.fromkeys(_LIBRARIES, "1"),  # noqa: TID251 libraries of the child read it
    )


async def _followed(process: asyncio.subprocess.Process, tell: Tell | None) -> str:
    """Until it ends: its progress told, the end of its complaints returned."""
    assert process.stdout is not None and process.stderr is not None
    complaints = asyncio.create_task(_tail(process.stderr))
    try:
        while line := await process.stdout.readline():
            if tell is not None:
                said = json.loads(line)
                tell(said["done"], said["total"])
        await process.wait()
        return await complaints
    finally:
        complaints.cancel()


async def _tail(stream: asyncio.StreamReader) -> str:
    kept = b""
    while more := await stream.read(4096):
        kept = (kept + more)[-4 * _STDERR_CHARS :]
    return kept.decode(errors="replace").strip()[-_STDERR_CHARS:]


async def _ended(process: asyncio.subprocess.Process) -> None:
    """Killed if it lives, and reaped; a second cancellation does not leave it behind."""
    with contextlib.suppress(ProcessLookupError):
        if process.returncode is None:
            process.kill()
    await asyncio.shield(process.wait())


def main(folder: Path, bytes_max: int) -> int:
    """The child: learn what the folder asks for, and leave the outcome or the refusal there."""
    give_way(NICE)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
    resource.setrlimit(resource.RLIMIT_DATA, (bytes_max, hard))
    threading.Thread(target=_end_with_parent, args=(sys.stdin.buffer,), daemon=True).start()
    request = read_request(folder / _GIVEN)
    growers = {request.model: telling(GROWERS[request.model], 2 * len(request.anchors))}
    try:
        write_outcome(learn(request, growers), folder / _LEFT)
    except (TooLittleToLearn, ModelUnavailable) as refusal:
        write_refusal(refusal, folder / _LEFT)
    return 0


def telling(grower: Any, total: int) -> Grower:
    """The same grower, which says after each anchor how many of them it has learned."""
    kind, done = type(grower), itertools.count(1)

    def learned(self: Any, x: FloatArray, y: FloatArray, seed: int) -> str:
        text = str(kind.learned(self, x, y, seed))
        sys.stdout.write(json.dumps({"done": next(done), "total": total}) + "\n")
        sys.stdout.flush()
        return text

    # A subclass and not a wrapper: what is recorded of a training are the fields of its grower.
    return cast("Grower", type(kind.__name__, (kind,), {"__slots__": (), "learned": learned})(**asdict(grower)))


def _end_with_parent(pipe: IO[bytes]) -> None:
    pipe.read()  # nothing is ever written: it returns when the other end is gone
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2])))

"""Runs an evaluation over all cores: one process per task at a time, finished tasks kept, so that a kill costs little.

A task is one model on one series. What a model refuses (a library that is missing, a horizon beyond its training) is a
line of the report, not the end of the run.
"""

import multiprocessing
import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path

from truecast.features.frame import Frame
from truecast.kit.errors import EXIT_NOT_FOUND, TruecastError
from truecast.kit.limits import EVALUATE_WORKERS_MAX
from truecast.models.evaluate import parts
from truecast.models.evaluate.plan import EvaluationMalformed, Plan
from truecast.models.evaluate.tasks import Record, evaluated
from truecast.models.evaluate.worker import begin


class OriginsBeyondHistory(TruecastError):
    """No series has room for the origins asked for."""

    code = "origins_beyond_history"
    status = 409
    title = "Origins beyond history"
    template = "{origins} origins need {need} bars at {interval}; the longest series, {symbol}, has {have}"
    exit_code = EXIT_NOT_FOUND


class NothingEvaluated(TruecastError):
    """No task gave a forecast."""

    code = "nothing_evaluated"
    status = 409
    title = "Nothing evaluated"
    template = "No model could be evaluated on any series; the first refusal: {reason}"
    exit_code = EXIT_NOT_FOUND


class WorkerDied(TruecastError):
    """A process of the pool ended by itself, or was killed for its memory."""

    code = "worker_died"
    title = "Worker died"
    template = "A worker process ended before its task was done; what is finished is kept: run the command again"


@dataclass(frozen=True, slots=True)
class Failure:
    """What a task was refused for."""

    symbol: str
    model: str
    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class Evaluated:
    """All that came out, in order of series and model."""

    plan: Plan
    records: tuple[Record, ...]
    failures: tuple[Failure, ...]
    left_out: tuple[tuple[str, int], ...]  # series that are too short, with their bars
    wall_s: float  # of this run; a resumed one counts its own part
    workers: int


Tell = Callable[[int, int], None]  # tasks done, of how many


def run(plan: Plan, frames: Sequence[Frame], folder: Path, *, workers: int | None, tell: Tell) -> Evaluated:
    """Everything that is not done yet, then all records of the folder.

    Raises EvaluationMalformed, OriginsBeyondHistory, OutputOccupied, OutputNotWritten, WorkerDied, NothingEvaluated.
    """
    started = time.perf_counter()
    n_workers = os.cpu_count() or 1 if workers is None else workers
    if not 1 <= n_workers <= EVALUATE_WORKERS_MAX:
        raise EvaluationMalformed(name="--workers", expected=f"from 1 to {EVALUATE_WORKERS_MAX}", given=workers)
    ordered = sorted(frames, key=lambda frame: frame.symbol)
    long_enough = [frame for frame in ordered if len(frame) >= plan.bars_needed]
    if not long_enough:
        longest = max(ordered, key=len)
        raise OriginsBeyondHistory(
            origins=plan.origins,
            need=plan.bars_needed,
            interval=plan.interval.value,
            symbol=longest.symbol,
            have=len(longest),
        )
    parts.claim(folder, parts.described(plan, long_enough))
    failures = _work(plan, long_enough, folder, n_workers, tell)
    paths = [parts.part_path(folder, frame.symbol, model) for frame in long_enough for model in plan.models]
    records = tuple(parts.load(path) for path in paths if path.exists())
    if not records:
        raise NothingEvaluated(reason=failures[0].detail)
    left_out = tuple((frame.symbol, len(frame)) for frame in ordered if len(frame) < plan.bars_needed)
    return Evaluated(plan, records, tuple(failures), left_out, time.perf_counter() - started, n_workers)


def _work(plan: Plan, frames: Sequence[Frame], folder: Path, workers: int, tell: Tell) -> list[Failure]:
    """Tasks without a part, each in a process; the refusals, in order of series and model."""
    tasks = [(frame, model) for frame in frames for model in plan.models]
    left = [task for task in tasks if not parts.part_path(folder, task[0].symbol, task[1]).exists()]
    done = len(tasks) - len(left)
    tell(done, len(tasks))
    if not left:
        return []
    refused: dict[tuple[str, str], Failure] = {}
    context = multiprocessing.get_context("spawn")  # a fork would copy locks that other threads hold
    pool = ProcessPoolExecutor(min(workers, len(left)), context, begin)
    try:
        waiting: set[Future[Failure | None]] = {
            pool.submit(perform, plan, model, parts.used(plan, frame), str(folder)) for frame, model in left
        }
        while waiting:
            finished, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            for future in finished:
                if failure := future.result():
                    refused[failure.symbol, failure.model] = failure
            done += len(finished)
            tell(done, len(tasks))
    except BrokenProcessPool:
        raise WorkerDied from None
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
    return [refused[frame.symbol, model] for frame, model in left if (frame.symbol, model) in refused]


def perform(plan: Plan, model: str, frame: Frame, folder: str) -> Failure | None:
    """One task, in whatever process: its record on the disk, or why there is none."""
    try:
        record = evaluated(plan, model, frame)
        parts.save(parts.part_path(Path(folder), frame.symbol, model), record)
    except parts.OutputNotWritten:
        raise
    except TruecastError as refusal:
        return Failure(frame.symbol, model, refusal.code, refusal.detail)
    return None

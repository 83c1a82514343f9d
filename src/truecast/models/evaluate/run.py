"""Runs an evaluation over all cores: one process per task at a time, finished tasks kept, so that a kill costs little.

A task is one model on one series. Trainings come first, with the tasks that need none; then trained models, the
ensemble and the evidence of every series; then `auto`, which weighs that. What a model refuses (a library that is
missing, a horizon beyond its training) is a line of the report, not the end of the run.
"""

import multiprocessing
import os
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

from truecast.features.frame import Frame
from truecast.kit.errors import EXIT_NOT_FOUND, TruecastError
from truecast.kit.limits import EVALUATE_WORKERS_MAX
from truecast.models.evaluate import parts
from truecast.models.evaluate.blends import is_heard, testify
from truecast.models.evaluate.plan import EvaluationMalformed, Plan, Stage, Variant
from truecast.models.evaluate.refits import (
    Cost,
    Refit,
    Refits,
    cost_of,
    cuts_of,
    is_kept,
    learn,
    reason_of,
    refits_of,
    trained_on,
)
from truecast.models.evaluate.tasks import Record, evaluated
from truecast.models.evaluate.whole import OutputNotWritten
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


@dataclass(frozen=True, slots=True)
class Refused:
    """A training that could not be."""

    refit: Refit
    reason: str


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
    trainings: tuple[tuple[Refit, Cost], ...]  # those that were done, now or in a run before
    wall_s: float  # of this run; a resumed one counts its own part
    workers: int


Tell = Callable[[int, int], None]  # trainings and tasks done, of how many
UNKNOWN_CLASS = "unknown"
_Outcome = Failure | Refused | None


def run(
    plan: Plan,
    frames: Sequence[Frame],
    folder: Path,
    *,
    workers: int | None,
    tell: Tell,
    classes: Mapping[str, str] | None = None,
) -> Evaluated:
    """Everything that is not done yet, then all records of the folder.

    `classes` says of what asset class a symbol is; those it does not know are a class of their own. Raises
    EvaluationMalformed, OriginsBeyondHistory, OutputOccupied, OutputNotWritten, WorkerDied, NothingEvaluated.
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
    class_of = {frame.symbol: (classes or {}).get(frame.symbol, UNKNOWN_CLASS) for frame in ordered}
    parts.claim(folder, parts.described(plan, ordered if plan.learns else long_enough, class_of))
    cuts = cuts_of(plan, long_enough, class_of)
    refits = Refits(str(folder), class_of, cuts, tuple(refits_of(plan, cuts)), {})
    failures = _work(plan, _Series(ordered, long_enough), refits, n_workers, tell)
    paths = [parts.part_path(folder, frame.symbol, variant) for frame in long_enough for variant in plan.variants]
    records = tuple(parts.load(path) for path in paths if path.exists())
    if not records:
        raise NothingEvaluated(reason=failures[0].detail)
    return Evaluated(
        plan,
        records,
        tuple(failures),
        left_out=tuple((frame.symbol, len(frame)) for frame in ordered if len(frame) < plan.bars_needed),
        trainings=tuple((refit, cost_of(refit, folder)) for refit in refits.listed if is_kept(refit, folder)),
        wall_s=time.perf_counter() - started,
        workers=n_workers,
    )


@dataclass(frozen=True, slots=True)
class _Series:
    """All that were read, and those of them that are evaluated."""

    read: Sequence[Frame]
    evaluated: Sequence[Frame]


def _work(plan: Plan, series: _Series, refits: Refits, workers: int, tell: Tell) -> list[Failure]:
    """Trainings and tasks without a file, each in a process; the refusals, in order of series and model."""
    folder = Path(refits.folder)
    tasks = [(frame, variant) for frame in series.evaluated for variant in plan.variants]
    left = [(frame, v) for frame, v in tasks if not parts.part_path(folder, frame.symbol, v).exists()]
    wanted = {training for _, variant in left for training in plan.trainings_of(variant)}
    due = [refit for refit in refits.listed if (refit.model, refit.seed) in wanted and not is_kept(refit, folder)]
    asked = any(variant.stage == Stage.CLASS for _, variant in left)
    unheard = [frame for frame in series.evaluated if asked and not is_heard(frame, refits)]
    done, total = len(tasks) - len(left), len(tasks) + len(due) + len(unheard)
    tell(done, total)
    if not left:
        return []
    context = multiprocessing.get_context("spawn")  # a fork would copy locks that other threads hold
    pool = ProcessPoolExecutor(min(workers, len(left) + len(due)), context, begin)
    outcomes: list[_Outcome] = []

    def collect(begun: Sequence[Future[_Outcome]], stage: Stage, refits: Refits) -> None:
        these = [(frame, variant) for frame, variant in left if variant.stage == stage]
        more: list[Future[_Outcome]] = [
            pool.submit(perform, plan, variant, parts.used(plan, frame), refits) for frame, variant in these
        ]
        for future in as_completed([*begun, *more]):
            outcomes.append(future.result())
            tell(done + len(outcomes), total)

    try:
        collect([_begun_training(pool, refit, plan, series, refits) for refit in due], Stage.ALONE, refits)
        refits = replace(refits, refused={one.refit: one.reason for one in outcomes if isinstance(one, Refused)})
        heard = [pool.submit(testify, parts.used(plan, frame), plan.seed, refits) for frame in unheard]
        collect(cast("list[Future[_Outcome]]", heard), Stage.TRAINED, refits)
        collect([], Stage.CLASS, refits)
    except BrokenProcessPool:
        raise WorkerDied from None
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
    failures = {(one.symbol, one.model): one for one in outcomes if isinstance(one, Failure)}
    return [failures[frame.symbol, str(v)] for frame, v in left if (frame.symbol, str(v)) in failures]


def _begun_training(
    pool: ProcessPoolExecutor, refit: Refit, plan: Plan, series: _Series, refits: Refits
) -> Future[_Outcome]:
    seen = trained_on(refit, series.read, refits.class_of)
    return pool.submit(learned, refit, seen, plan.horizons[-1], refits.folder)


def learned(refit: Refit, frames: Sequence[Frame], steps: int, folder: str) -> Refused | None:
    """One training, in whatever process: its files on the disk, or why there are none. Raises OutputNotWritten."""
    try:
        learn(refit, frames, steps, Path(folder))
    except OSError as error:
        raise OutputNotWritten(path=folder, reason=error.strerror or str(error)) from None
    except TruecastError as refusal:
        return Refused(refit, reason_of(refusal))
    return None


def perform(plan: Plan, variant: Variant, frame: Frame, refits: Refits) -> Failure | None:
    """One task, in whatever process: its record on the disk, or why there is none. Raises OutputNotWritten."""
    try:
        record = evaluated(plan, variant, frame, refits)
        parts.save(parts.part_path(Path(refits.folder), frame.symbol, variant), record)
    except OutputNotWritten:
        raise
    except TruecastError as refusal:
        return Failure(frame.symbol, str(variant), refusal.code, refusal.detail)
    return None

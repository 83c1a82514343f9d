"""Where the time goes: processor and wall seconds by phase, by looking every few milliseconds at what is being done.

A clock of the process's own processor time interrupts it; all the time since the last look is counted to the phase of
the innermost of our modules on the stack, so that nothing has to be told to watch itself, and a long call of a library
counts in full. Looking costs less than 1 %. Only the main thread of a process can be looked at.
"""

import signal
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import FrameType

LOOK_S = 0.005

PHASES = ("read", "features", "training", "scale", "location", "calibration", "ensemble", "score", "write", "other")
# The first prefix that fits a module says its phase.
_OF_MODULE = (
    ("truecast.models.evaluate.parts", "write"),
    ("truecast.models.evaluate.table", "write"),
    ("truecast.models.evaluate.plots", "write"),
    ("truecast.models.evaluate.measure", "score"),
    ("truecast.models.evaluate.report", "score"),
    ("truecast.models.evaluate.folder", "read"),
    ("truecast.features.", "features"),
    ("truecast.models.training", "training"),
    ("truecast.models.location.succession", "location"),
    ("truecast.models.location.", "location"),
    ("truecast.models.calibrate", "calibration"),
    ("truecast.models.ensemble", "ensemble"),
    ("truecast.models.auto", "ensemble"),
    ("truecast.models.evidence", "ensemble"),
    ("truecast.models.boa", "ensemble"),
    ("truecast.models.losses", "score"),
    ("truecast.models.skill", "score"),
    ("truecast.models.", "scale"),  # walks, and what their scale is made of
    ("truecast.", "other"),
)

Seconds = dict[str, tuple[float, float]]  # wall and processor, by phase


class Watched:
    """What was seen since the watch began. `phase`: of all that is done, whatever module does it."""

    def __init__(self, phase: str | None = None) -> None:
        self._phase = phase
        self._found: dict[str, list[float]] = {}
        self._wall, self._cpu = time.perf_counter(), time.process_time()

    def look(self, _signal: int, frame: FrameType | None) -> None:
        """Count the time since the last look."""
        wall, cpu = time.perf_counter(), time.process_time()
        total = self._found.setdefault(self._phase or _phase_of(frame), [0.0, 0.0])
        total[0] += wall - self._wall
        total[1] += cpu - self._cpu
        self._wall, self._cpu = wall, cpu

    def end(self) -> None:
        """Count what is left since the last look: to all phases seen, as they were seen."""
        wall, cpu = time.perf_counter() - self._wall, time.process_time() - self._cpu
        if self._phase or not self._found:
            self.look(0, None)
            return
        whole = sum(total[1] for total in self._found.values())
        for total in self._found.values():
            share = total[1] / whole
            total[0] += wall * share
            total[1] += cpu * share

    @property
    def seconds(self) -> Seconds:
        """By phase, in the order of PHASES."""
        return {name: (self._found[name][0], self._found[name][1]) for name in PHASES if name in self._found}


@contextmanager
def watched(phase: str | None = None) -> Iterator[Watched]:
    """Look at the block; where that cannot be done, all of it is of one phase."""
    watch = Watched(phase)
    if phase is not None or threading.current_thread() is not threading.main_thread():
        try:
            yield watch
        finally:
            watch.end()
        return
    before = signal.signal(signal.SIGPROF, watch.look)
    signal.setitimer(signal.ITIMER_PROF, LOOK_S, LOOK_S)
    try:
        yield watch
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0.0)
        signal.signal(signal.SIGPROF, before)
        watch.end()


def added(*parts: Mapping[str, tuple[float, float]]) -> Seconds:
    """Together."""
    found: Seconds = {}
    for name in PHASES:
        times = [part[name] for part in parts if name in part]
        if times:
            found[name] = sum(wall for wall, _ in times), sum(cpu for _, cpu in times)
    return found


def _phase_of(frame: FrameType | None) -> str:
    while frame is not None:
        module = str(frame.f_globals.get("__name__", ""))
        if module.startswith("truecast."):
            return next(phase for prefix, phase in _OF_MODULE if module.startswith(prefix))
        frame = frame.f_back
    return "other"

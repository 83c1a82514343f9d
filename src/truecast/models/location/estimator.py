"""Estimating in a process of its own, so that the library's 200 MB are given back: `python -m` this module.

One line of JSON asks, one answers: {"model", "interval", "y"} -> {"found": parameters | null} or {"refused": why}. The
process is started when it is needed, ends IDLE_S after the last question or with its parent, and has one thread and a
low priority. Who asks waits at most ESTIMATE_S_MAX.
"""

import contextlib
import os
import select
import subprocess
import sys
import threading
from typing import Any

import numpy as np
import orjson

from truecast.domain.bar import FloatArray
from truecast.domain.interval import Interval
from truecast.kit.limits import ESTIMATE_S_MAX
from truecast.kit.priority import give_way
from truecast.models.heavy import ModelUnavailable
from truecast.models.location import arima, ets, theta
from truecast.models.location.estimates import Plain, Remembered

IDLE_S = 30.0
NICE = 5
_LIBRARIES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
REMEMBERED: dict[str, Remembered] = {one.model: one for one in (ets.ESTIMATE, theta.ESTIMATE, arima.ESTIMATE)}


class Estimator:
    """The parent's end. One question at a time; a process that has ended is started again once."""

    def __init__(self, deadline_s: float = ESTIMATE_S_MAX) -> None:
        self._deadline_s = deadline_s
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()

    @property
    def pid(self) -> int | None:
        """Of the process, while there is one."""
        process = self._process
        return None if process is None or process.poll() is not None else process.pid

    def estimated(self, model: str, y: FloatArray, interval: Interval) -> Plain | None:
        """The parameters; raises ModelUnavailable when the process ends without an answer, or takes too long."""
        question = orjson.dumps({"model": model, "interval": interval.value, "y": y.tolist()}) + b"\n"
        with self._lock:
            answer = self._asked(question) or self._asked(question)
        if answer is None:
            raise ModelUnavailable(model=model, reason="the process that estimates its parameters ended")
        said: dict[str, Any] = orjson.loads(answer)
        if "refused" in said:
            raise ModelUnavailable(model=model, reason=said["refused"])
        found: Plain | None = said["found"]
        return found

    def close(self) -> None:
        """End the process."""
        with self._lock:
            self._end()

    def _asked(self, question: bytes) -> bytes | None:
        """The answer; None when the process ended instead."""
        if self.pid is None:
            self._end()
            self._process = _started()
        process = self._process
        assert process is not None and process.stdin is not None and process.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(question)
            process.stdin.flush()
        ready, _, _ = select.select([process.stdout], [], [], self._deadline_s)
        answer = process.stdout.readline() if ready else b""
        if not answer.endswith(b"\n"):
            self._end()
            return None
        return answer

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            with contextlib.suppress(OSError):
                process.communicate()  # reaps it and closes its pipes


def _started() -> "subprocess.Popen[bytes]":
    return subprocess.Popen(  # noqa: S603 our own interpreter and this module
        [sys.executable, "-m", __spec__.name],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # Ctrl-C is the parent's to answer
        env=dict(os.environ) | dict.fromkeys(_LIBRARIES, "1"),  # noqa: TID251 libraries of the child read it
    )


def main() -> int:
    """The child: answer until nobody asks any more."""
    give_way(NICE)
    while select.select([sys.stdin.buffer], [], [], IDLE_S)[0]:
        line = sys.stdin.buffer.readline()
        if not line:
            return 0
        sys.stdout.buffer.write(orjson.dumps(answered(orjson.loads(line))) + b"\n")
        sys.stdout.buffer.flush()
    return 0


def answered(question: dict[str, Any]) -> dict[str, Any]:
    """One answer."""
    try:
        y = np.array(question["y"], np.float64)
        return {"found": REMEMBERED[question["model"]].anew(y, Interval(question["interval"]))}
    except ModelUnavailable as refusal:
        return {"refused": refusal.detail}


if __name__ == "__main__":
    sys.exit(main())

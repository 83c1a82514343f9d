"""What was estimated once is not estimated again: parameters by what they follow from, in memory and in a file.

An estimation takes a tenth of a second and a library that takes 200 MB; what it comes to fits into a line. The name of
a line is a digest of the model, its version, the interval and the path, so that a line is right or never asked for.
Those of the bundled sample lie beside this file (scripts/build_estimates.py). Where a server says so (`elsewhere`),
another process does what is left (estimator.py), and the library never enters this one.
"""

import contextlib
import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from truecast.domain.bar import FloatArray
from truecast.domain.interval import Interval
from truecast.kit.limits import ESTIMATES_FILE_BYTES_MAX, ESTIMATES_KEPT_MAX
from truecast.models.heavy import ModelUnavailable, lacking
from truecast.models.location.schedule import Estimate, Estimated

Plain = Mapping[str, Any]  # parameters as JSON
Elsewhere = Callable[[str, FloatArray, Interval], Plain | None]  # model, path, interval; None: no opinion

_DIGITS = 1e6  # of the mean move
BUNDLED = Path(__file__).with_name("estimates.jsonl")


class Estimates:
    """Lines by name. Several threads ask; several processes add lines to one file."""

    def __init__(self, bundled: Path | None = None) -> None:
        self._kept: OrderedDict[str, bytes] = OrderedDict()  # as JSON, which takes a tenth of the room
        self._lock = threading.Lock()
        self._file: Path | None = None
        self._read_bytes = 0  # of the file
        self._bundled = bundled
        self.elsewhere: Elsewhere | None = None

    def open(self, file: Path | None) -> None:
        """Remember what the file says, and write there from now on; None: nowhere."""
        with self._lock:
            self._file, self._read_bytes = file, 0
        self._read_on()

    def of(self, model: str, version: str, estimate: Callable[[], Plain | None], y: FloatArray, iv: Interval) -> Any:
        """The parameters, estimated now if they never were; None: no opinion."""
        if self._bundled is not None:
            bundled, self._bundled = self._bundled, None
            self._read(bundled)
        name = name_of(model, version, y, iv)
        line = self._of(name)
        if line is None:
            self._read_on()
            line = self._of(name)
        if line is not None:
            return orjson.loads(line)
        found = estimate() if self.elsewhere is None else self.elsewhere(model, y, iv)
        self._keep(name, found)
        if self._file is not None:
            self._write(self._file, line_of(name, found))
        return found

    def _of(self, name: str) -> bytes | None:
        with self._lock:
            if name in self._kept:
                self._kept.move_to_end(name)
            return self._kept.get(name)

    def _read_on(self) -> None:
        """What other processes have added to the file since: the one that runs rounds estimates most."""
        file, since = self._file, self._read_bytes
        if file is not None:
            with contextlib.suppress(OSError):
                self._read_bytes = min(file.stat().st_size, ESTIMATES_FILE_BYTES_MAX)
                if self._read_bytes > since:
                    self._read(file, since)

    def _keep(self, name: str, found: Plain | None) -> None:
        with self._lock:
            self._kept[name] = orjson.dumps(found)
            while len(self._kept) > ESTIMATES_KEPT_MAX:
                self._kept.popitem(last=False)

    def _read(self, file: Path, since: int = 0) -> None:
        """What is no line of ours is passed over: it would be estimated anew."""
        with contextlib.suppress(FileNotFoundError):
            for line in file.read_bytes()[since:ESTIMATES_FILE_BYTES_MAX].splitlines():
                with contextlib.suppress(ValueError, TypeError, KeyError):
                    said = orjson.loads(line)
                    self._keep(str(said["name"]), said["found"])

    def _write(self, file: Path, line: bytes) -> None:
        """At the end; without a place to write it is estimated again by the next process."""
        with contextlib.suppress(OSError):
            file.parent.mkdir(parents=True, exist_ok=True)
            if not file.exists() or file.stat().st_size < ESTIMATES_FILE_BYTES_MAX:
                with file.open("ab") as end:
                    end.write(line)


ESTIMATES = Estimates(BUNDLED)


def name_of(model: str, version: str, y: FloatArray, interval: Interval) -> str:
    """Of a line."""
    digest = hashlib.sha256(f"{model} {version} {interval.value} ".encode())
    digest.update(np.round(y * _DIGITS).astype("<i8").tobytes())  # what rounding did elsewhere makes no other path
    return digest.hexdigest()[:32]


def line_of(name: str, found: Plain | None) -> bytes:
    """As it stands in a file."""
    return orjson.dumps({"name": name, "found": found}) + b"\n"


@dataclass(frozen=True, slots=True)
class Remembered:
    """An Estimate (schedule.py) by way of what was estimated before."""

    model: str
    version: str
    estimate: Estimate
    plain: Callable[[Any], Plain]
    read: Callable[[Plain], Estimated]

    def __call__(self, y: FloatArray, interval: Interval) -> Estimated | None:
        """The parameters read. What a file says wrongly is estimated anew."""
        found = ESTIMATES.of(self.model, self.version, lambda: self.anew(y, interval), y, interval)
        try:
            return None if found is None else self.read(found)
        except (KeyError, TypeError, ValueError):
            return self.estimate(y, interval)

    def anew(self, y: FloatArray, interval: Interval) -> Plain | None:
        """Estimated, whatever is known."""
        found = self.estimate(y, interval)
        return None if found is None else self.plain(found)


def require_library(model: str) -> None:
    """Raise ModelUnavailable where statsforecast is not installed, without importing it."""
    reason = lacking("statsforecast")
    if reason is not None:
        raise ModelUnavailable(model=model, reason=reason)

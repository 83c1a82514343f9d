"""The last forecasts of walks: who explains one asks a moment later; who forecasts around one needs the same again."""

import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from truecast.domain.bar import FloatArray
from truecast.features.activity import Activity
from truecast.features.frame import Frame


@dataclass(frozen=True, slots=True, eq=False)
class Scaled:
    """What a walk's scale was made of at the last bar of a frame, and what it said."""

    parts: FloatArray  # (C,)
    activity: Activity | None
    quantiles: FloatArray | None = None  # (H, K)


class Scales:
    """By walk and frame, as an object. What is kept holds on to the frame, so that no other can have its id."""

    def __init__(self, most: int) -> None:
        self._kept: OrderedDict[tuple[int, int], tuple[Frame, Scaled]] = OrderedDict()
        self._walks: dict[object, int] = {}
        self._most = most
        self._lock = threading.Lock()

    def keep(self, walk: object, frames: Sequence[Frame], found: Sequence[Scaled]) -> None:
        """Until `most` others came."""
        with self._lock:
            number = self._walks.setdefault(walk, len(self._walks))
            for frame, one in zip(frames, found, strict=True):
                self._kept[number, id(frame)] = frame, one
            self._trim()

    def get(self, walk: object, frames: Sequence[Frame]) -> list[Scaled | None]:
        """None for those not forecast lately."""
        with self._lock:
            number = self._walks.get(walk, -1)
            found = [self._kept.get((number, id(frame))) for frame in frames]
        return [None if one is None else one[1] for one in found]

    @contextmanager
    def room(self, more: int) -> Iterator[None]:
        """For so many more while the block runs: a round forecasts all of a panel before it explains any."""
        with self._lock:
            self._most += more
        try:
            yield
        finally:
            with self._lock:
                self._most -= more
                self._trim()

    def _trim(self) -> None:
        while len(self._kept) > self._most:
            self._kept.popitem(last=False)


SCALES = Scales(32)

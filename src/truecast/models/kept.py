"""Scales of the last forecasts: who explains one asks a moment later, and computing them again is half a forecast."""

import threading
from collections import OrderedDict
from dataclasses import dataclass

from truecast.domain.bar import FloatArray
from truecast.features.activity import Activity
from truecast.features.frame import Frame


@dataclass(frozen=True, slots=True, eq=False)
class Scaled:
    """What a walk's scale was made of at the last bar of a frame."""

    parts: FloatArray  # (C,)
    activity: Activity | None


class Scales:
    """By walk and frame, as objects. What is kept holds on to both, so that nothing else can have their ids."""

    def __init__(self, most: int) -> None:
        self._kept: OrderedDict[tuple[int, int], tuple[object, Frame, Scaled]] = OrderedDict()
        self._most = most
        self._lock = threading.Lock()

    def keep(self, walk: object, frame: Frame, found: Scaled) -> None:
        """Until `most` others came."""
        with self._lock:
            self._kept[id(walk), id(frame)] = walk, frame, found
            if len(self._kept) > self._most:
                self._kept.popitem(last=False)

    def get(self, walk: object, frame: Frame) -> Scaled | None:
        """None when it was not forecast lately."""
        with self._lock:
            kept = self._kept.get((id(walk), id(frame)))
        return None if kept is None else kept[2]


SCALES = Scales(32)

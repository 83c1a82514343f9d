"""Answers that are dear to compute, kept until others push them out."""

import threading
from collections import OrderedDict
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Kept(Generic[T]):
    """The last answers; those not asked for longest go first. Several threads may ask."""

    def __init__(self, most: int) -> None:
        self._kept: OrderedDict[tuple[Any, ...], T] = OrderedDict()
        self._most = most
        self._lock = threading.Lock()

    def get(self, key: tuple[Any, ...]) -> T | None:
        """The answer, if it is kept."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
            return self._kept.get(key)

    def keep(self, key: tuple[Any, ...], answer: T) -> T:
        """Keep it, and give it back."""
        with self._lock:
            self._kept[key] = answer
            if len(self._kept) > self._most:
                self._kept.popitem(last=False)
        return answer

"""What happens thousands of times a second, counted and timed at the cost of a list."""

import weakref

from prometheus_client import Counter, Histogram

_WAITING_MAX = 1_000


class Meter:
    """Tells Prometheus's own objects many at once. Of one thread."""

    def __init__(self, counter: Counter, seconds: Histogram) -> None:
        self._counter = counter
        self._seconds = seconds
        self._took_s: list[float] = []
        _meters.add(self)

    def add(self, took_s: float) -> None:
        """It happened once, and took so long."""
        self._took_s.append(took_s)
        if len(self._took_s) >= _WAITING_MAX:
            self.tell()

    def tell(self) -> None:
        """What was counted since the last time."""
        took_s, self._took_s = self._took_s, []
        self._counter.inc(len(took_s))
        for one_s in took_s:
            self._seconds.observe(one_s)


_meters: weakref.WeakSet[Meter] = weakref.WeakSet()


def tell_all() -> None:
    """What every meter was not told yet: before somebody looks."""
    for meter in tuple(_meters):
        meter.tell()

"""What a process that works for another one has counted, so that it is counted there, where somebody looks.

growth = Growth([FORECASTS_ISSUED])         in the worker
for told in growth.since():                 what came since the last time: [metric, labels, value]
    ...
counted([FORECASTS_ISSUED], told)           there
"""

from collections.abc import Iterable, Sequence
from typing import Any

from prometheus_client import Counter, Gauge

Told = tuple[str, dict[str, str], float]  # metric, labels, by how much it grew or, of a gauge, what it is


class Growth:
    """Of counters and gauges that this process alone moves."""

    def __init__(self, metrics: Sequence[Counter | Gauge]) -> None:
        self._metrics = metrics
        self._seen: dict[tuple[Any, ...], float] = {}

    def since(self) -> list[Told]:
        """What has changed since it was asked last."""
        changed: list[Told] = []
        for metric in self._metrics:
            for family in metric.collect():
                for sample in family.samples:
                    key = (sample.name, *sorted(sample.labels.items()))
                    before = self._seen.get(key, 0.0)
                    if sample.name.endswith("_created") or sample.value == before:
                        continue
                    self._seen[key] = sample.value
                    counts = isinstance(metric, Counter)
                    changed.append((family.name, dict(sample.labels), sample.value - counts * before))
        return changed


def counted(metrics: Sequence[Counter | Gauge], told: Iterable[Sequence[Any]]) -> None:
    """Count here what was counted there."""
    known = {family.name: metric for metric in metrics for family in metric.collect()}
    for name, labels, value in told:
        metric = known[name]
        one = metric.labels(**labels) if labels else metric
        if isinstance(one, Counter):
            one.inc(value)
        else:
            one.set(value)

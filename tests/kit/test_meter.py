"""What is counted many at once is all there when somebody looks."""

from prometheus_client import CollectorRegistry, Counter, Histogram

from truecast.kit.meter import Meter, tell_all


def test_everything_is_told_before_somebody_looks():
    registry = CollectorRegistry()
    counter = Counter("asked_total", "x", registry=registry)
    seconds = Histogram("took", "x", buckets=(0.1, 1), registry=registry)
    meter = Meter(counter, seconds)
    for number in range(2_345):
        meter.add(0.05 if number % 5 else 0.5)
    tell_all()
    assert registry.get_sample_value("asked_total") == registry.get_sample_value("took_count") == 2_345
    assert registry.get_sample_value("took_bucket", {"le": "0.1"}) == 1_876
    tell_all()
    assert registry.get_sample_value("asked_total") == 2_345

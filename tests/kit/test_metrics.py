"""Metrics: named once, described, exposed."""

import re

from truecast.kit import metrics


def test_every_metric_is_ours_and_described() -> None:
    families = [f for f in metrics.REGISTRY.collect() if not f.name.startswith("process_")]
    assert len(families) >= 12
    for family in families:
        assert re.fullmatch(r"truecast_[a-z_]+", family.name), family.name
        assert family.documentation.endswith("."), family.name


def test_the_exposition_holds_what_was_counted() -> None:
    metrics.JOB_RUNS.labels("unit_test", "ok").inc()
    text = metrics.exposition().decode()
    assert 'truecast_job_runs_total{job="unit_test",outcome="ok"} 1.0' in text
    assert "process_resident_memory_bytes" in text or not text.count("process_")

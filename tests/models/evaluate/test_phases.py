"""Time is counted where it is spent, in full, and nothing is left behind."""

import signal
import threading
import time

import numpy as np
import pytest

from tests.models.evaluate.series import frame
from truecast.domain.interval import Interval
from truecast.models.evaluate import phases
from truecast.models.evaluate.phases import PHASES, added, watched
from truecast.models.evaluate.plan import Plan, Variant
from truecast.models.evaluate.tasks import evaluated


def spin(seconds):
    until = time.process_time() + seconds
    while time.process_time() < until:
        pass


def test_processor_time_adds_up_to_all_of_it():
    before = time.process_time()
    with watched() as watch:
        spin(0.2)
    spent = time.process_time() - before
    assert watch.seconds["other"][1] == pytest.approx(spent, abs=0.02)
    assert watch.seconds["other"][0] >= watch.seconds["other"][1] - 0.02


def test_a_long_call_of_a_library_counts_in_full_for_who_made_it():
    work = compile("for _ in range(30): numpy.linalg.svd(a)", "x", "exec")
    inside = {"__name__": "truecast.models.calibrate", "numpy": np, "a": np.random.default_rng(0).random((150, 150))}
    before = time.process_time()
    with watched() as watch:
        exec(work, inside)
    assert watch.seconds["calibration"][1] > 0.8 * (time.process_time() - before)


def test_a_phase_that_was_said_is_not_looked_for():
    with watched("read") as watch:
        spin(0.01)
    assert set(watch.seconds) == {"read"}


def test_the_signal_is_given_back_and_another_thread_has_one_phase():
    before = signal.getsignal(signal.SIGPROF)
    with watched():
        assert signal.getsignal(signal.SIGPROF) != before
    assert signal.getsignal(signal.SIGPROF) == before
    assert signal.getitimer(signal.ITIMER_PROF) == (0.0, 0.0)
    found = []

    def elsewhere():
        with watched() as watch:
            spin(0.01)
        found.append(watch.seconds)

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert set(found[0]) == {"other"}


def test_a_task_tells_its_phases():
    record = evaluated(Plan(Interval.D1, ("ewma_walk",), (1, 5), origins=60, refit_every=1), Variant("ewma_walk", 0),
                       frame("EUR-USD", 400))  # fmt: skip
    assert sum(cpu for _, cpu in record.phases.values()) == pytest.approx(record.cpu_s, rel=0.1, abs=0.02)
    assert {"scale", "calibration"} <= set(record.phases) <= set(PHASES)


def test_every_phase_of_a_module_is_one_that_is_listed():
    assert {phase for _, phase in phases._OF_MODULE} <= set(PHASES)
    assert added({"read": (1.0, 0.5)}, {"read": (1.0, 0.25), "score": (2.0, 1.0)}) == {
        "read": (2.0, 0.75), "score": (2.0, 1.0),
    }  # fmt: skip

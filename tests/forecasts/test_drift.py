"""Triggers stay silent on well-behaved series, and speak when a promise is broken; what they found is kept."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
import sqlalchemy as sa

from tests.models import walks
from truecast.domain.quantiles import STANDARD_LEVELS
from truecast.features.build import build
from truecast.features.frame import frame_of_closes
from truecast.forecasts import drift
from truecast.forecasts.drift import Check, Scores, coverage_check, crps_check, novelty_check
from truecast.kit.db import Database
from truecast.models.location.boosted import LightGbm
from truecast.models.training import train

CHECKS = 1_000
DAY_US = 86_400_000_000


def scores(rng, *, moments=250, series=1, step=1, together=0.0, wide=1.0, worse=0.0):
    """Outcomes of forecasts that are right: sums of `step` shocks, which series share in part; intervals x `wide`.

    CRPS of the model and of naive have the same expectation, and differ by noise that overlaps in the same way.
    """

    def sums(part):
        shocks = np.sqrt(part) * rng.standard_normal(moments + step)[:, None] + np.sqrt(1 - part) * rng.standard_normal(
            (moments + step, series)
        )
        total = np.cumsum(np.vstack([np.zeros(series), shocks]), axis=0)
        return (total[step:] - total[:-step])[:moments] / np.sqrt(step)

    z, noise = sums(together), sums(together)
    inside = np.zeros(z.shape, np.int64)
    for k, level in enumerate(STANDARD_LEVELS):
        inside |= (np.abs(z) <= wide * _NORMAL[level]).astype(np.int64) << k
    naive = np.abs(z) + 0.2
    crps = naive * (1 + worse) + 0.3 * noise * naive
    moment = np.repeat(np.arange(moments), series) * DAY_US
    rows = (inside, crps, naive, np.tile(np.arange(series), (moments, 1)))
    inside, crps, naive, which = (one.reshape(-1) for one in rows)
    return Scores(step, moment, inside, crps, naive, which)


_NORMAL = {0.5: 0.6744897502, 0.8: 1.2815515655, 0.9: 1.6448536270, 0.95: 1.9599639845}
WELL = (
    {"moments": 250}, {"moments": 100}, {"moments": 250, "series": 8, "together": 0.6}, {"moments": 180, "step": 5},
    {"moments": 250, "step": 5, "series": 4, "together": 0.9},
)  # fmt: skip


@pytest.mark.parametrize("case", WELL, ids=str)
@pytest.mark.parametrize("check", [coverage_check, crps_check])
def test_at_most_one_false_alarm_in_a_hundred_checks(check, case):
    rng = np.random.default_rng(5)
    found = [check([scores(rng, **case)]) for _ in range(CHECKS)]
    assert all(one is not None for one in found)
    assert sum(one.drifted for one in found) <= 0.01 * CHECKS


@pytest.mark.parametrize("check", [coverage_check, crps_check])
def test_at_most_one_false_alarm_in_a_hundred_checks_of_all_steps_together(check):
    rng = np.random.default_rng(6)
    found = [check([scores(rng), scores(rng, step=5)]) for _ in range(CHECKS)]
    assert sum(one.drifted for one in found) <= 0.01 * CHECKS


@pytest.mark.parametrize("wide", [0.7, 1.45])
def test_intervals_that_are_too_narrow_or_too_wide_are_found(wide):
    rng = np.random.default_rng(7)
    found = [coverage_check([scores(rng, wide=wide)]) for _ in range(100)]
    assert sum(one.drifted for one in found) >= 90
    assert "interval, 1 ahead" in found[0].detail


def test_all_inside_is_off_the_promise_too():
    assert coverage_check([scores(np.random.default_rng(8), wide=10)]).drifted


def test_a_model_that_loses_to_naive_is_found_and_one_that_wins_is_not():
    rng = np.random.default_rng(9)
    losing = [crps_check([scores(rng, worse=0.12)]) for _ in range(100)]
    winning = [crps_check([scores(rng, worse=-0.12)]) for _ in range(100)]
    assert sum(one.drifted for one in losing) >= 90
    assert not any(one.drifted for one in winning)
    assert losing[0].detail.startswith("CRPS is 1.") and winning[0].detail.startswith("CRPS is 0.")


def test_what_does_no_harm_is_no_drift_however_certain():
    rng = np.random.default_rng(10)
    one = scores(rng, series=400, worse=0.005)
    check = crps_check([one])
    assert check.limit == drift.CRPS_WORSE_MIN and not check.drifted
    check = coverage_check([scores(rng, series=400, wide=1.03)])
    assert check.limit == drift.COVERAGE_OFF_MIN and not check.drifted


def test_too_few_moments_say_nothing():
    rng = np.random.default_rng(11)
    assert coverage_check([scores(rng, moments=59, series=50)]) is None
    assert crps_check([scores(rng, moments=179, step=5)]) is None
    assert coverage_check([]) is None and crps_check([]) is None


def test_only_the_last_moments_count():
    rng = np.random.default_rng(12)
    old, new = scores(rng, moments=1000, wide=0.3), scores(rng)
    columns = ("moment", "inside", "crps", "crps_naive", "series")
    both = Scores(
        1, *(np.concatenate([getattr(old, c), getattr(new, c) + (c == "moment") * 2000 * DAY_US]) for c in columns)
    )
    assert coverage_check([both]) == coverage_check([new])


def test_a_market_that_never_moved_is_no_drift():
    one = scores(np.random.default_rng(13))
    flat = Scores(1, one.moment, one.inside, np.zeros(250), np.zeros(250), one.series)
    assert crps_check([flat]) is None


@pytest.fixture(scope="module")
def artifact():
    frames = [frame_of_closes(walks.clustered(seed, 1500), symbol=f"S{seed}") for seed in range(4)]
    return train(LightGbm(trees=5), frames, asset_class="fx", anchors=(1,))


def read(frame):
    return np.asarray(build([frame], "tree/1").of(0))


def test_new_series_of_the_same_kind_are_not_new(artifact):
    found = [
        novelty_check(
            artifact, [read(frame_of_closes(walks.clustered(1000 + 4 * k + s, 450))) for s in range(1 + k % 4)]
        )
        for k in range(150)
    ]
    assert sum(one.drifted for one in found) <= 0.01 * len(found)
    assert np.median([one.measured for one in found]) < 0.03
    assert found[0].n == drift.NOVELTY_BARS


def trending(seed):
    rng = np.random.default_rng(seed)
    return 100 * np.exp(np.cumsum(0.003 + 0.003 * rng.standard_normal(450)))


def seldom_quoted(seed):
    return walks.gaussian(seed, 450)[np.arange(450) // 20 * 20]


def jumping(seed):
    rng = np.random.default_rng(seed)
    return 100 * np.exp(np.cumsum(rng.standard_normal(450) * np.where(np.arange(450) % 25 == 0, 0.2, 0.001)))


@pytest.mark.parametrize("kind", [trending, seldom_quoted, jumping])
def test_a_market_of_another_kind_is_new(artifact, kind):
    found = [novelty_check(artifact, [read(frame_of_closes(kind(seed)))]) for seed in range(20)]
    assert all(one.drifted for one in found)
    assert "most of all " in found[0].detail


def test_a_model_without_ranges_or_with_too_few_rows_is_not_judged(artifact):
    from dataclasses import replace

    rows = [read(frame_of_closes(walks.clustered(1, 450)))]
    assert novelty_check(replace(artifact, lowest=(), highest=()), rows) is None
    assert novelty_check(artifact, [rows[0][-30:]]) is None
    assert novelty_check(artifact, [np.full((200, 40), np.nan)]) is None


AT = datetime(2026, 1, 1, tzinfo=UTC)


async def test_the_latest_of_every_scope_and_trigger_is_told(db: Database):
    async with db.write() as conn:
        for day, measured in enumerate((0.01, 0.2)):
            checks = [Check("coverage", measured, 0.05, 250, "said"), Check("crps", -0.1, 0.02, 250, "said")]
            await drift.record_checks(conn, AT + timedelta(days=day), "ewma_walk", ("fx", "1d"), checks)
        await drift.record_checks(conn, AT, "naive", ("fx", "1d"), [])
    async with db.read() as conn:
        found = await drift.latest_drift(conn)
        alarms = await drift.latest_drift(conn, drifted_only=True)
    assert [(one.trigger, one.measured, one.drifted) for one in found] == [
        ("coverage", 0.2, True),
        ("crps", -0.1, False),
    ]
    assert alarms == found[:1] and found[0].at == AT + timedelta(days=1) and found[0].scope == ("fx", "1d")


async def test_what_was_found_stays(db: Database):
    async with db.write() as conn:
        await drift.record_checks(conn, AT, "naive", ("fx", "1d"), [Check("crps", 0.1, 0.2, 250, "said")])
    with pytest.raises(sa.exc.DatabaseError, match="append-only"):
        async with db.write() as conn:
            await conn.execute(sa.delete(drift.drift))

"""Sealed forecasts as evidence: against the random walk, between two versions, at a promotion, and as a hint."""

import dataclasses
from datetime import timedelta

import numpy as np
import pytest

from tests.models.registry.house import FX, World, registry
from truecast.domain.interval import Interval
from truecast.models.registry.live import Live, against_naive, between, worst_of
from truecast.models.registry.promotion import PromotionRefused

D1 = Interval.D1
DAY_US = 86_400_000_000


def lived(factor: float, *, n: int = 120, seed: int = 0, since: int = 0, step: int = 1, noise: float = 0.1) -> Live:
    """A version whose losses are `factor` times those of the random walk, on two series at n moments."""
    rng = np.random.default_rng(seed)
    moment = np.repeat(np.arange(since, since + n) * DAY_US, 2)
    naive = np.tile([1.0, 100.0], n) * rng.uniform(0.5, 1.5, 2 * n)
    crps = naive * factor * np.exp(noise * rng.standard_normal(2 * n))
    return Live(step, moment, crps, naive, np.tile([0, 1], n))


def test_a_version_is_measured_against_the_random_walk_beside_it():
    (good,) = against_naive([lived(0.95)])
    assert good.crps_ratio == pytest.approx(0.955, abs=0.02) and good.p_value < 0.01 and not good.worse
    assert (good.n, good.series, good.moments) == (240, 2, 120)
    bad = against_naive([lived(1.05), lived(1.2, step=5)])
    assert all(one.worse for one in bad) and worst_of(bad).horizon == 5
    assert worst_of([good]) is None and against_naive([lived(1.0, n=0)]) == []
    assert worst_of(against_naive([lived(1.2, n=30)])) is None, "too few moments prove nothing"


def test_two_versions_are_compared_on_the_bars_they_share():
    rng = np.random.default_rng(1)
    mine = lived(1.0, noise=0.0)
    theirs = dataclasses.replace(mine, crps=mine.crps_naive * 1.02 * np.exp(0.01 * rng.standard_normal(240)))
    (better,) = between([mine], [theirs], "B")
    (worse,) = between([theirs], [mine], "A")
    assert better.crps_ratio < 0.99 and better.p_value < 1e-6 and not better.worse and worse.worse
    assert better.against == "B" and better.moments == 120


def test_versions_that_served_one_after_the_other_are_compared_by_their_distance_from_the_random_walk():
    """The later one met a market twice as wild: its raw losses are higher, and say nothing."""
    late = lived(0.95, seed=2, since=500)
    late = dataclasses.replace(late, crps=2 * late.crps, crps_naive=2 * late.crps_naive)
    (better,) = between([late], [lived(1.0, seed=3)], "B")
    assert better.crps_ratio == pytest.approx(0.95, abs=0.02) and better.p_value < 0.05 and not better.worse
    (worse,) = between([lived(1.0, seed=3)], [late], "A")
    assert worse.worse
    assert between([lived(0.9, n=40)], [lived(1.0)], "B") == [], "too few"
    assert between([lived(0.9, step=5)], [lived(1.0)], "B") == [], "no step of both"


def test_what_is_the_same_is_seldom_called_worse():
    alarms = sum(
        worst_of(against_naive([lived(np.exp(-0.005), seed=seed, noise=0.1)])) is not None for seed in range(200)
    )
    assert alarms <= 10, alarms


@pytest.fixture
async def two(sqlite_db, tmp_path, clock):
    """A register with two versions that served one after the other, and a ledger that says what it is told to."""
    world, told = World(), {}

    async def live_of(model, scope, versions):
        assert (model, scope) == ("lightgbm", FX)
        return {version: told.get(version, []) for version in versions}

    made = registry(sqlite_db, tmp_path / "models", clock, world)
    made._sources = dataclasses.replace(made._sources, live_of=live_of)
    await made.load()
    names = []
    for _ in range(2):
        world.bars += 100
        clock.advance(timedelta(days=100))
        (trained,) = await made.train("lightgbm", "fx", D1)
        await made.promote("lightgbm", trained.version)
        names.append(trained.version)
    return made, told, names


async def test_a_version_that_served_before_comes_back_on_what_the_ledger_says(two):
    made, told, (first, second) = two
    with pytest.raises(PromotionRefused, match="nothing has come since"):
        await made.promote("lightgbm", first)
    told |= {first: [lived(0.95)], second: [lived(1.0, since=300)]}
    (changed,) = await made.promote("lightgbm", first)
    assert (changed.version, changed.before) == (first, second)
    evidence = (await made.events())[0].evidence
    assert evidence["decided_on"] == "ledger" and evidence["ledger"][0]["moments"] == 120
    assert evidence["versus_champion"][0]["against"] == second and evidence["versus_champion"][0]["crps_ratio"] < 1


async def test_what_the_ledger_proves_worse_does_not_come_back(two):
    made, told, (first, second) = two
    told |= {first: [lived(1.1)], second: [lived(1.0, since=300)]}
    with pytest.raises(PromotionRefused, match="worse than the random walk in the ledger"):
        await made.promote("lightgbm", first)
    told |= {first: [lived(0.99)], second: [lived(0.9, since=300)]}
    with pytest.raises(PromotionRefused, match=f"worse than {second} in the ledger"):
        await made.promote("lightgbm", first)


async def test_a_champion_that_the_ledger_proves_worse_than_the_random_walk_is_hinted_at(two):
    made, told, (first, second) = two
    assert not (await made.live("lightgbm")).hints
    told |= {first: [lived(1.2)], second: [lived(1.1, since=300)]}
    lived_so = await made.live("lightgbm")
    (hint,) = lived_so.hints
    assert hint.version == second and "truecast models rollback lightgbm --class fx --interval 1d" in hint.told
    assert "worse than the random walk" in hint.told and set(lived_so.record) == {(FX, first), (FX, second)}
    await made.rollback("lightgbm")
    assert [one.version for one in (await made.live("lightgbm")).hints] == [first]

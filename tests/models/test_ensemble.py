"""The ensemble, and `auto`: the contract of all models, and facts of their own."""

import json
from dataclasses import replace
from typing import ClassVar

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.models import walks
from tests.models.contract import ModelContract
from truecast.domain.forecast import Skill
from truecast.domain.interval import Interval
from truecast.features.frame import frame_of_closes
from truecast.models.auto import Auto, choose
from truecast.models.base import HistoryTooShort, Model
from truecast.models.boa import FLOOR, fresh
from truecast.models.catalog import MODELS, Trial
from truecast.models.ensemble import Ensemble, among, at_horizons
from truecast.models.evidence import BANDS, RENEWED, Band, Evidence, Judgement, learn, read_evidence
from truecast.models.heavy import ModelUnavailable
from truecast.models.located import Located

WALKS = tuple(MODELS[name] for name in ("naive", "ewma_walk", "vol_walk"))


class TestEnsemble(ModelContract):
    model: ClassVar[Model] = Ensemble(WALKS)


class TestAuto(ModelContract):
    model: ClassVar[Model] = Auto(WALKS)


class Refusing:
    """A model that never is available."""

    name, version, min_bars, feature_set, description = "away", "1", 30, "walk/1", "never there"

    def fit(self, frame):
        raise ModelUnavailable(model=self.name, reason="switched off")


class Constant:
    """A location that expects nothing, and knows of few steps."""

    def __init__(self, horizon_max: int) -> None:
        self.name, self.version, self.description = "near", "1", "near"
        self.min_bars, self.feature_set, self.horizon_max = 30, "walk/1", horizon_max

    def fit(self, frame, x):
        return self

    shaping, judged_from = False, 0

    def mu(self, origins, horizons):
        return np.zeros((len(origins), len(horizons)))

    def carried(self, frame, x):
        return self


def test_a_member_that_refuses_is_none_and_is_named_with_its_reason():
    frame = frame_of_closes(walks.gaussian(seed=1, bars=300))
    fitted = Ensemble((*WALKS, Refusing())).fit(frame)
    assert fitted.evidence.names == ("naive", "ewma_walk", "vol_walk")
    assert [(one.model, one.code) for one in fitted.evidence.refused] == [("away", "model_unavailable")]
    assert "switched off" in fitted.evidence.refused[0].reason
    assert np.array_equal(fitted.predict(5).quantiles.values, Ensemble(WALKS).fit(frame).predict(5).quantiles.values)


def test_where_all_others_refuse_the_random_walk_serves():
    frame = frame_of_closes(walks.gaussian(seed=1, bars=300))
    expected = MODELS["naive"].fit(frame).predict(5).quantiles.values
    for model in (Ensemble((MODELS["naive"], Refusing())), Auto((MODELS["naive"], Refusing()))):
        assert np.allclose(model.fit(frame).predict(5).quantiles.values, expected, rtol=1e-12)


def test_what_the_random_walk_refuses_is_refused():
    with pytest.raises(HistoryTooShort):
        Ensemble(WALKS).fit(frame_of_closes(walks.gaussian(seed=1, bars=1)))


def test_a_member_that_knows_few_steps_is_none_beyond_them():
    frame = frame_of_closes(walks.clustered(seed=2, bars=500))
    near = Ensemble((*WALKS, Located(Constant(horizon_max=7)))).fit(frame)
    values = near.predict(24).quantiles.values
    assert np.isfinite(values).all() and (np.diff(values, axis=1) >= 0).all()
    assert (near.weights[:2, 3] > 0).all()
    beyond = near.quantiles(np.array([499]), np.array([24]))[0]
    others = np.delete(near.weights[2], 3)
    said = np.stack([f.quantiles(np.array([499]), np.array([24]))[0] for f in near.fits.fitted[:3]])
    assert np.allclose(beyond, np.tensordot(others / others.sum(), said, 1), rtol=1e-9)


def test_weights_at_an_origin_follow_from_outcomes_known_there():
    """The outcomes of horizon h after the origin change nothing, those before do."""
    close = walks.clustered(seed=3, bars=600)
    frame = frame_of_closes(close)
    model = Ensemble(WALKS)
    known = model.fit(frame[:500]).evidence
    other = frame_of_closes(np.concatenate([close[:500], close[499] * np.exp(np.arange(100) * 0.05)]))
    assert learn(model.fit(other).fits, other, 500) == known
    shocked = close.copy()
    shocked[470:] *= 1.2
    assert model.fit(frame_of_closes(shocked)[:500]).evidence.bands[0].boa != known.bands[0].boa


def test_evidence_of_a_horizon_counts_only_outcomes_that_have_come():
    frame = frame_of_closes(walks.gaussian(seed=4, bars=400))
    evidence = Ensemble(WALKS).fit(frame).evidence
    assert [band.horizon for band in evidence.bands] == list(BANDS)
    first = 50  # where shapes are renewed, after the shortest history
    assert [band.judged[0].skill.n for band in evidence.bands] == [400 - first - h for h in BANDS]


def test_evidence_survives_json():
    evidence = Ensemble((*WALKS, Refusing())).fit(frame_of_closes(walks.clustered(seed=5, bars=300))).evidence
    assert read_evidence(json.loads(json.dumps(evidence.plain()))) == evidence


def test_the_random_walk_always_keeps_its_floor():
    for seed in range(5):
        weights = Ensemble(WALKS).fit(frame_of_closes(walks.clustered(seed=seed, bars=900))).weights
        assert (weights[:, 0] >= FLOOR - 1e-12).all() and np.allclose(weights.sum(axis=1), 1)


def stormy(seed, bars):
    """Sixty bars of calm, sixty of storm."""
    rng = np.random.default_rng(seed)
    wild = np.arange(bars) // 60 % 2 == 1
    return 100 * np.exp(np.cumsum(rng.standard_normal(bars) * np.where(wild, 0.02, 0.005)))


def test_in_a_market_of_calms_and_storms_the_walk_that_follows_volatility_serves():
    for seed in range(4):
        choice = Auto(WALKS).choice(frame_of_closes(stormy(seed, 900)))
        assert dict(choice.by_horizon)[1] != "naive" and "on this series" in choice.reason
        assert {c.model for c in choice.candidates} == {"ewma_walk", "vol_walk", "ensemble"}
        (best,) = (c for c in choice.candidates if (c.model, c.horizon) == (dict(choice.by_horizon)[1], 1))
        assert best.verdict == "positive" and best.crps_ratio < 0.99


def test_on_random_walks_at_most_one_in_twenty_is_served_something_better():
    """Issue 3, point 5, through `auto`: at any horizon, whichever candidate."""
    served = 0
    for seed in range(200):
        choice = Auto(WALKS).choice(frame_of_closes(walks.gaussian(seed=5000 + seed, bars=725)))
        served += {name for _, name in choice.by_horizon} != {"naive"}
    assert served <= 10, served


def test_the_evidence_of_a_class_serves_where_the_series_says_too_little():
    panel = [frame_of_closes(walks.clustered(seed=20 + s, bars=900)) for s in range(8)]
    young = frame_of_closes(walks.clustered(seed=40, bars=90))
    alone = Auto(WALKS)
    assert alone.choice(young).served == "naive"
    together = alone.pooling(panel)
    choice = together.choice(young)
    assert dict(choice.by_horizon)[1] != "naive" and "class" in choice.reason
    assert {c.evidence for c in choice.candidates} == {"series", "class"}
    expected = together.fit(young).predict(1).quantiles.values
    served = MODELS[dict(choice.by_horizon)[1]].fit(young).predict(1).quantiles.values
    assert np.allclose(expected, served, rtol=1e-12)


def test_a_class_of_random_walks_proves_nothing():
    wrong = 0
    for group in range(10):
        frames = [frame_of_closes(walks.gaussian(seed=7000 + group * 10 + s, bars=500)) for s in range(5)]
        auto = Auto(WALKS).pooling(frames)
        wrong += auto.choice(frames[0]).served != "naive"
    assert wrong <= 1, wrong


def test_different_horizons_may_be_served_by_different_models_without_a_step():
    frame = frame_of_closes(walks.clustered(seed=6, bars=800))
    fitted = Auto(WALKS).fit(frame)
    weights = np.array([[1.0, 0, 0], [0, 1.0, 0], [0, 0, 1.0]])
    path = at_horizons(weights, np.arange(1, 31))
    assert np.allclose(path.sum(axis=1), 1) and path[0].tolist() == [1, 0, 0] and path[29].tolist() == [0, 0, 1]
    assert np.abs(np.diff(path, axis=0)).max() < 0.5
    mixed = replace(fitted, model=_Fixed(WALKS, weights)).predict(30).quantiles.values
    assert (np.diff(mixed, axis=1) >= 0).all()
    width = mixed[:, 22] - mixed[:, 4]
    assert (np.diff(width) > -0.02 * width[1:]).all()


class _Fixed(Ensemble):
    """Weights as told."""

    __slots__ = ("told",)

    def __init__(self, members, told) -> None:
        super().__init__(members)
        object.__setattr__(self, "told", told)

    def weigh(self, evidence):
        return self.told


def evidence_of(**ratios):
    """One candidate at the three horizons: (ratio, p-value) each."""
    bands = []
    for b, horizon in enumerate(BANDS):
        judged = [
            Judgement(
                name,
                Skill("none" if (at[b][1] or 1) > 0.05 else "positive" if at[b][0] < 1 else "negative", *at[b], 400),
                (),
            )
            for name, at in ratios.items()
        ]
        bands.append(Band(horizon, fresh(1 + len(ratios)), tuple(judged)))
    return Evidence((("naive", "1"), *((name, "1") for name in ratios)), (), 0, 500, tuple(bands), ())


def test_a_model_proven_at_one_horizon_serves_all_where_it_is_not_behind():
    proven, ahead, even, worse = (0.97, 0.001), (0.997, 0.9), (0.999, 0.9), (1.05, 0.001)
    assert choose(evidence_of(a=(proven, proven, ahead))).served == "a"
    assert choose(evidence_of(a=(ahead, proven, ahead))).served == "a"
    assert choose(evidence_of(a=(ahead, ahead, ahead))).served == "naive"
    two = choose(evidence_of(a=(even, proven, ahead), b=(proven, worse, worse)))
    assert two.by_horizon == ((1, "b"), (5, "a"), (24, "naive")), "b is proven first, and worse there"
    for last in (even, worse):
        choice = choose(evidence_of(a=(proven, proven, last)))
        assert choice.served == "auto" and choice.by_horizon == ((1, "a"), (5, "a"), (24, "naive"))


def test_of_statistical_models_the_average_serves_wherever_it_is_proven():
    best, good, unproven = (0.90, 1e-6), (0.93, 1e-6), (0.999, 0.4)
    averaged = choose(evidence_of(ets=(best, best, best), ensemble=(good, good, good)))
    assert averaged.served == "ensemble"
    choice = choose(evidence_of(ets=(best, best, unproven), ensemble=(good, unproven, unproven)))
    assert choice.by_horizon == ((1, "ensemble"), (5, "ets"), (24, "naive"))
    assert choose(evidence_of(a=(best, best, best), ensemble=(good, good, good))).served == "a", "of walks it does not"


def test_of_equally_good_models_the_one_listed_first_serves():
    a, b, c = ((ratio, 1e-6) for ratio in (0.970, 0.969, 0.960))
    assert choose(evidence_of(a=(a, a, a), b=(b, b, b))).served == "a"
    assert choose(evidence_of(a=(a, a, a), b=(c, c, c))).served == "b"
    unproven = (0.961, 0.2)
    assert choose(evidence_of(a=(a, a, unproven), b=(b, b, c))).served == "a"
    assert choose(evidence_of(a=(unproven, unproven, unproven), b=(b, b, c))).served == "b"
    assert choose(evidence_of(a=(a, a, a), b=(a, a, c))).by_horizon == ((1, "b"), (5, "b"), (24, "b"))


def test_evidence_of_the_class_does_not_overrule_that_of_the_series():
    of_class = evidence_of(a=((0.95, 1e-6),) * 3).bands
    assert choose(evidence_of(a=((0.99, 0.5),) * 3), of_class).served == "a"
    assert choose(evidence_of(a=((1.05, 1e-6),) * 3), of_class).served == "naive"


def trials(naive=(0.95, 1e-4), walk=(0.98, 1e-4), verdict="positive", n=600):
    """A trial of `trees` at the three horizons: (ratio, p-value) against both walks."""
    return {"trees": tuple(Trial(h, Skill(verdict, *naive, n), Skill(verdict, *walk, n)) for h in BANDS)}


def test_a_version_just_promoted_is_judged_by_its_trial():
    young = evidence_of(trees=((1.0, None),) * 3)
    assert choose(young).served == "naive", "no outcome of its own, no trial"
    choice = choose(young, trials=trials())
    assert choice.served == "trees" and "in the trial before it was promoted" in choice.reason
    told = [c for c in choice.candidates if c.evidence == "promotion"]
    assert [c.horizon for c in told] == list(BANDS) and told[0].crps_ratio == 0.95 and told[0].p_value == 1e-4
    assert choose(young, trials=trials(), able={"other"}).served == "naive"


def test_a_trial_must_beat_the_random_walk_and_its_own_walk_and_is_compared_over_the_same_past():
    young = evidence_of(ewma_walk=((0.99, 0.5),) * 3, trees=((1.0, None),) * 3)
    for unproven in (trials(verdict="none"), trials(naive=(1.2, 1e-4), walk=(1.1, 1e-4), verdict="negative")):
        assert choose(young, trials=unproven).served == "naive"
    one_only = {"trees": tuple(replace(t, walk=Skill("none", 1.0, 0.9, 600)) for t in trials()["trees"])}
    assert choose(young, trials=one_only).served == "naive", "what wins is its walk, which needs no training"
    of_class = evidence_of(ewma_walk=((0.97, 1e-6),) * 3).bands
    choice = choose(young, of_class, trials=trials())
    (first, *_) = (c for c in choice.candidates if c.evidence == "promotion")
    assert first.crps_ratio == pytest.approx(0.98 * 0.97) and choice.served == "trees"
    close = choose(young, of_class, trials=trials(walk=(0.999, 1e-4)))
    assert close.served == "ewma_walk", "within a tie the simpler one serves"


def test_outcomes_of_its_own_count_for_more_than_a_trial():
    bad = evidence_of(trees=((1.05, 1e-4),) * 3)
    assert choose(bad, trials=trials()).served == "naive"
    young = evidence_of(trees=((1.0, None),) * 3)
    proven_worse = evidence_of(trees=((1.02, 1e-4),) * 3).bands
    choice = choose(young, proven_worse, trials=trials())
    assert choice.served == "naive" and "promotion" not in {c.evidence for c in choice.candidates}


def test_many_candidates_need_more_proof_than_one():
    at = (0.98, 0.03)
    assert choose(evidence_of(a=(at, at, at))).served == "a"
    assert choose(evidence_of(a=(at, at, at), b=(at, at, at))).served == "naive"


def test_only_members_that_say_something_have_weight():
    weights = np.array([[0.2, 0.3, 0.5], [0.0, 1.0, 0.0]])
    says = np.array([[True, False, True], [True, False, False]])
    assert np.allclose(among(weights, says), [[2 / 7, 0, 5 / 7], [1, 0, 0]])


def test_evidence_is_renewed_every_so_many_bars_only():
    frame = frame_of_closes(walks.clustered(seed=7, bars=530))
    fitted = Ensemble(WALKS).fit(frame[:500])
    kept = [fitted.update(frame[500:n]).evidence is fitted.evidence for n in (501, 500 + RENEWED - 1, 500 + RENEWED)]
    assert kept == [True, True, False]
    assert fitted.update(frame[500:]).evidence.bars == 500 + RENEWED


@pytest.mark.parametrize("kind", [Ensemble, Auto])
def test_whatever_the_prices_quantiles_are_finite_and_in_order(kind):
    members = (*WALKS, MODELS["drift"])

    @given(st.integers(0, 2**32 - 1), st.integers(30, 260), st.floats(1e-6, 0.3), st.floats(0, 1), st.booleans())
    def check(seed, bars, spread, still, below_zero):
        rng = np.random.default_rng(seed)
        moves = rng.standard_t(2, bars) * spread * (rng.random(bars) >= still)
        close = 100 * np.exp(np.clip(np.cumsum(moves), -50, 50)) - (60 if below_zero else 0)
        fitted = kind(members).fit(frame_of_closes(close, interval=Interval.D1))
        values = fitted.predict(30).quantiles.values
        assert np.isfinite(values).all() and (np.diff(values, axis=1) >= 0).all()
        assert np.isfinite(fitted.weights).all() and np.allclose(fitted.weights.sum(axis=1), 1)

    check()

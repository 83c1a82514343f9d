"""One training: learned, judged on what its twin had not seen, handed from process to process."""

import dataclasses

import numpy as np
import pytest

from tests.models.location.panels import remembering
from truecast.domain.interval import Interval
from truecast.models.location.boosted import LightGbm, RandomForest
from truecast.models.registry.judge import compare, found
from truecast.models.registry.training import (
    TrainingRequest,
    learn,
    read_outcome,
    read_request,
    write_outcome,
    write_refusal,
    write_request,
)
from truecast.models.training import TooLittleToLearn, train

SMALL = {"lightgbm": LightGbm(trees=10), "random_forest": RandomForest(trees=4)}


def request(model="lightgbm", *, bars=1250, series=10, memory=0.3, **more):
    frames = tuple(remembering(seed, bars, memory=memory) for seed in range(series))
    return TrainingRequest(model=model, asset_class="fx", interval=Interval.D1, frames=frames, anchors=(1, 5), **more)


@pytest.fixture(scope="module")
def outcome():
    return learn(request(), SMALL)


def test_what_serves_has_learned_from_all_and_what_is_judged_has_not(outcome):
    last = int(remembering(0, 1250).end[-1])
    assert outcome.artifact.trained_until == outcome.evaluation.until == last
    assert outcome.evaluation.held_from < last - 100 * 86_400_000_000
    assert [one.horizon for one in outcome.evaluation.walk] == [1, 5]


def test_a_memory_that_is_there_is_found_on_bars_not_seen(outcome):
    first = outcome.evaluation.walk[0]
    assert first.crps_ratio < 0.99 and first.p_value < 0.05 and not first.worse
    assert first.series == 10 and first.moments > 100 and first.n > 1000
    assert found(outcome.evaluation.walk) == found(outcome.evaluation.naive) == "not worse"
    assert outcome.evaluation.champion == ()


def test_what_is_believed_and_harms_is_worse():
    frames = request(memory=-0.3).frames
    wrong = train(SMALL["lightgbm"], request(memory=0.6).frames, asset_class="fx", anchors=(1, 5))
    wrong = dataclasses.replace(wrong, trained_until=int(frames[0].end[900]), shrink=(1.0, 1.0))
    evaluation = learn(request(memory=-0.3, champion=wrong), SMALL).evaluation
    assert evaluation.champion[0].crps_ratio < 0.97 and found(evaluation.champion) == "not worse"
    right = learn(request(memory=0.0), SMALL).artifact
    from truecast.models.catalog import catalogue_of

    def bound(artifact):
        artifact = dataclasses.replace(artifact, trained_until=int(frames[0].end[900]))
        return catalogue_of({"lightgbm": {("fx", "1d"): ("v", artifact)}}, {f.symbol: "fx" for f in frames})

    two = compare(
        bound(wrong).get("lightgbm"), bound(right).get("lightgbm"), frames,
        since_us=int(frames[0].end[900]), against="right", horizons=(1, 5),
    )  # fmt: skip
    assert found(two) == "worse" and two[0].crps_ratio > 1.01


def test_a_champion_is_asked_about_what_it_has_not_seen_only(outcome):
    young = learn(request(champion=outcome.artifact), SMALL).evaluation
    assert young.champion == () and young.champion_from == outcome.artifact.trained_until
    earlier = dataclasses.replace(outcome.artifact, trained_until=int(remembering(0, 1250).end[1150]))
    older = learn(request(champion=earlier), SMALL).evaluation
    assert older.champion_from == earlier.trained_until and older.champion[0].moments == 99


def test_the_same_request_gives_the_same_outcome_in_another_process_too(tmp_path, outcome):
    write_request(request(champion=outcome.artifact), tmp_path / "ask")
    again = read_request(tmp_path / "ask")
    assert again.champion == outcome.artifact
    for mine, theirs in zip(request().frames, again.frames, strict=True):
        assert mine.symbol == theirs.symbol and np.array_equal(mine.end, theirs.end)
        assert np.array_equal(mine.close, theirs.close)
    other = learn(dataclasses.replace(again, champion=None), SMALL)
    assert other.artifact == outcome.artifact and other.evaluation == outcome.evaluation
    write_outcome(other, tmp_path / "out")
    back = read_outcome(tmp_path / "out", "lightgbm")
    assert back.artifact == outcome.artifact and back.evaluation == outcome.evaluation


def test_a_refusal_crosses_the_border_with_its_facts(tmp_path):
    with pytest.raises(TooLittleToLearn) as refused:
        learn(request(bars=100), SMALL)
    write_refusal(refused.value, tmp_path)
    with pytest.raises(TooLittleToLearn) as read:
        read_outcome(tmp_path, "lightgbm")
    assert read.value.facts == refused.value.facts


def test_too_few_bars_to_hold_any_back_are_learned_from_without_a_judgement():
    barely = request(bars=125, series=10)
    outcome = learn(barely, SMALL)
    assert outcome.artifact.rows[0] >= 300 and found(outcome.evaluation.walk) == "too little"

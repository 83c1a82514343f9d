"""Facts about what serves: the choice by evidence, what is recorded of it, and requests answered together."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from sqlalchemy.exc import DatabaseError, DBAPIError

from tests.forecasts.house import DAY, MONDAY, House, Made, a_house, a_walk, an_offer
from tests.forecasts.test_issue import as_said_at
from truecast.domain.forecast import Forecast
from truecast.domain.horizon import Horizon
from truecast.domain.instrument import UnknownSymbol
from truecast.domain.interval import Interval
from truecast.forecasts.basis import basis_of
from truecast.forecasts.issue import AUTO, Request
from truecast.forecasts.relearn import relearned
from truecast.kit.clock import FixedClock, from_us
from truecast.market.calendar import calendar
from truecast.models import losses
from truecast.models.base import HistoryTooShort
from truecast.models.boa import fresh, learned
from truecast.models.catalog import MODELS, UnknownModel
from truecast.models.evidence import BANDS, teaches
from truecast.models.heavy import ModelUnavailable

NOW = MONDAY + timedelta(hours=1)
STORMY = [an_offer(f"ST{i}-USD") for i in range(4)]
CALM, YOUNG, STILL, ONE, OIL = (an_offer(s) for s in ("CALM-USD", "YOUNG-USD", "STILL-USD", "ONE-USD", "OIL-USD"))
OIL = replace(OIL, instrument=replace(OIL.instrument, signed=True))
LAST = MONDAY + 90 * DAY


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(NOW)


@pytest.fixture
async def house(sqlite_db, clock):
    async with a_house(sqlite_db, clock, steps=5) as built:
        await built.take(made(clock))
        yield built


def priced(bars, close):
    before = np.append(close[0], close[:-1])
    return replace(bars, close=close, open=before, high=np.maximum(close, before), low=np.minimum(close, before))


def storms(offer, days: int, seed: int):
    """Sixty bars of calm, sixty of storm."""
    bars = a_walk(offer, MONDAY - days * DAY, LAST)
    wild = np.arange(len(bars)) // 60 % 2 == 1
    moves = np.random.default_rng(seed).standard_normal(len(bars)) * np.where(wild, 0.03, 0.005)
    return priced(bars, 100 * np.exp(np.cumsum(moves)))


def made(clock) -> Made:
    still = a_walk(STILL, MONDAY - 200 * DAY, LAST)
    oil = a_walk(OIL, MONDAY - 300 * DAY, LAST)
    return Made(
        clock,
        *((offer, storms(offer, 900, i)) for i, offer in enumerate(STORMY)),
        (CALM, a_walk(CALM, MONDAY - 700 * DAY, LAST)),
        (YOUNG, storms(YOUNG, 45, 9)),
        (STILL, priced(still, np.full(len(still), 7.8))),
        (ONE, a_walk(ONE, MONDAY - DAY, LAST)),
        (OIL, priced(oil, oil.close - 110.0)),
    )


async def ask(house, symbol, model=AUTO, steps=5, **facts) -> Forecast:
    return await house.issuer.forecast(symbol, Interval.D1, steps, model=model, **facts)


async def test_auto_names_what_serves_and_why(house: House):
    said = await ask(house, "ST0-USD")
    assert said.choice is not None and said.model == said.choice.served != "naive"
    assert "on this series, its forecasts were" in said.choice.reason and "serves 1" in said.choice.reason
    assert "better than those of the calibrated random walk" in said.choice.reason
    assert not any(name in said.choice.reason for name in ("naive", "_walk")), "technical names are in the fields"
    best = next(c for c in said.choice.candidates if c.model == said.model and c.horizon == 1)
    assert best.verdict == "positive" and best.crps_ratio < 1 and best.p_value < 0.05 and best.n >= 400
    assert said.skill.verdict == "positive" and len(said.coverage) == 4 and said.coverage[0].n == said.skill.n


async def test_where_nothing_is_proven_the_random_walk_serves(house: House):
    said = await ask(house, "CALM-USD")
    assert said.model == "naive" and "nothing is proven" in said.choice.reason
    assert said.skill.verdict == "none"
    assert (await house.ledger.verify()).rows == 1


async def test_a_model_by_name_has_no_choice(house: House):
    assert (await ask(house, "ST0-USD", "vol_walk")).choice is None


async def test_what_is_learned_on_the_spot_is_what_the_job_records(house: House):
    before = await ask(house, "ST1-USD", "ensemble", record=False)
    chosen = await ask(house, "ST1-USD", record=False)
    done = await house.issuer.learn_news()
    assert done.series == 8 and done.classes == 1 and done.waiting == 0
    after = await ask(house, "ST1-USD", "ensemble", record=False)
    assert as_said_at(after, after) == as_said_at(before, before)
    again = await ask(house, "ST1-USD", record=False)
    assert [c for c in again.choice.candidates if c.evidence == "series"] == list(chosen.choice.candidates)


async def test_evidence_is_renewed_when_a_boundary_has_passed_and_not_before(house: House, clock):
    assert (await house.issuer.learn_news()).series == 8
    assert (await house.issuer.learn_news()).series == 0
    clock.advance(DAY)
    await house.take(made(clock))
    assert (await house.issuer.learn_news()).series == 0
    clock.advance(28 * DAY)
    await house.take(made(clock))
    assert (await house.issuer.learn_news()).series >= 8


async def test_evidence_of_the_class_serves_a_series_that_is_too_young(house: House):
    alone = await ask(house, "YOUNG-USD", record=False)
    assert alone.model == "naive"
    await house.issuer.learn_news()
    said = await ask(house, "YOUNG-USD", record=False)
    assert said.model != "naive" and "over all series of its class" in said.choice.reason
    assert {c.evidence for c in said.choice.candidates} == {"series", "class"}


@pytest.mark.parametrize("model", ["auto", "ensemble"])
async def test_a_forecast_about_the_past_uses_what_was_known_then(house: House, clock, model):
    await house.issuer.learn_news()
    issued = await ask(house, "ST2-USD", model)
    clock.advance(60 * DAY)
    await house.take(made(clock))
    assert (await house.issuer.learn_news()).series
    then = await ask(house, "ST2-USD", model, as_of=NOW)
    assert as_said_at(then, issued) == as_said_at(issued, issued)
    assert then.choice == issued.choice


async def test_rows_of_evidence_are_only_added(house: House, sqlite_db):
    await house.issuer.learn_news()
    for statement in ("UPDATE evidence SET body = '{}'", "DELETE FROM evidence"):
        with pytest.raises((DBAPIError, DatabaseError), match="append-only"):
            async with sqlite_db.engine.begin() as conn:
                await conn.exec_driver_sql(statement)


async def test_the_ensemble_seals_its_weights(house: House):
    said = await ask(house, "ST3-USD", "ensemble")
    assert said.model == "ensemble" and said.weights is not None
    weights = dict(said.weights)
    assert set(weights) == {"naive", "ewma_walk", "vol_walk"} and weights["naive"] >= 0.05 - 1e-9
    assert sum(weights.values()) == pytest.approx(1.0)
    kept = await house.ledger.by_id(said.id)
    assert kept.weights == said.weights and kept.explanation == said.explanation
    assert {f.model for f in await house.ledger.latest(["ST3-USD"])} == {*weights, "ensemble"}


async def test_the_ensemble_lies_between_its_members(house: House):
    together = (await ask(house, "ST0-USD", "ensemble", record=False)).quantiles.values
    apart = np.stack([(await ask(house, "ST0-USD", m, record=False)).quantiles.values for m in list(MODELS)[:3]])
    assert (together >= apart.min(axis=0) - 1e-6).all() and (together <= apart.max(axis=0) + 1e-6).all()
    assert (np.diff(together, axis=1) >= 0).all()


async def test_what_cannot_serve_is_refused_or_replaced_as_asked(house: House):
    with pytest.raises(ModelUnavailable):
        await ask(house, "ST0-USD", "lightgbm")
    assert (await ask(house, "ST0-USD", "lightgbm", fallback="naive")).model == "naive"
    with pytest.raises(UnknownModel) as unknown:
        await ask(house, "ST0-USD", "oracle", fallback="naive")
    assert {"auto", "ensemble", "naive"} <= set(unknown.value.facts["choices"])


@pytest.mark.parametrize("model", ["auto", "ensemble", "naive", "vol_walk"])
async def test_bad_series_give_a_typed_error_or_finite_quantiles(house: House, model):
    await house.issuer.learn_news()
    with pytest.raises(HistoryTooShort):
        await ask(house, "ONE-USD", model)
    with pytest.raises(HistoryTooShort):
        await ask(house, "ONE-USD", model, fallback="naive")
    for symbol in ("STILL-USD", "OIL-USD"):
        values = (await ask(house, symbol, model, steps=168, record=False)).quantiles.values
        assert np.isfinite(values).all() and (np.diff(values, axis=1) >= 0).all()


async def test_a_batch_answers_each_item_and_computes_the_same_once(house: House):
    one = Request("ST0-USD", Interval.D1, 5)
    asked = [
        one,
        Request("NOPE-USD", Interval.D1, 5),
        replace(one, symbol="st0/usd"),
        replace(one, model="oracle"),
        Request("ONE-USD", Interval.D1, 5),
        replace(one, symbol="CALM-USD"),
        replace(one, steps=[]),
        one,
    ]
    found = await house.issuer.forecast_many(asked)
    assert [type(f) for f in found[1:2] + found[3:5]] == [UnknownSymbol, UnknownModel, HistoryTooShort]
    assert found[6].code == "horizon_out_of_range"
    assert found[0].id == found[2].id == found[7].id != found[5].id
    single = await ask(house, "ST0-USD")
    assert single.id == found[0].id and np.array_equal(single.quantiles.values, found[0].quantiles.values)
    assert (await house.ledger.verify()).rows == 3  # two of ST0-USD, one of CALM-USD


async def test_company_in_a_batch_changes_nothing(house: House):
    asked = [
        Request(f"ST{i}-USD", Interval.D1, 5, model=m, record=False) for i in range(4) for m in ("auto", "ensemble")
    ]
    together = await house.issuer.forecast_many(asked)
    for request, found in zip(asked, together, strict=True):
        alone = await ask(house, request.symbol, request.model, record=False)
        assert np.array_equal(alone.quantiles.values, found.quantiles.values) and alone.choice == found.choice


async def test_weights_from_the_ledger_are_those_from_the_bars(house: House, clock):
    """Every day one forecast of all members; then both ways."""
    names = ("naive", "ewma_walk", "vol_walk")
    for _ in range(40):
        for name in names[1:]:
            await ask(house, "ST1-USD", name, steps=5)
        clock.advance(DAY)
        await house.take(made(clock))
        await house.resolver.resolve()
    async with house.db.read() as conn:
        told = await relearned(conn, "ST1-USD", Interval.D1, names, calendar("24/7"))
    instrument = (await house.store.universe()).get("ST1-USD")
    bars = (await house.history.bars(instrument, Interval.D1)).bars
    first = int(np.flatnonzero(bars.start == int((MONDAY - DAY).timestamp() * 1e6))[0])
    slice_ = await house.history.bars(instrument, Interval.D1)
    frame = basis_of(slice_, instrument, Horizon(1, Interval.D1), from_us(int(bars.known_at[-1]))).frame
    for horizon in BANDS[:2]:
        origins = np.arange(first, len(frame) - horizon)
        origins = origins[teaches(frame.end[origins], horizon, Interval.D1)]
        rows = [
            losses.crps(frame.close[origins + horizon], MODELS[n].walk(frame, origins, np.array([horizon]))[:, 0])
            for n in names
        ]
        state, _ = learned(fresh(3), np.stack(rows, axis=1).tolist())
        assert told[horizon].n == state.n > 15
        assert np.allclose(told[horizon].weights(), state.weights(), rtol=1e-6)
        assert np.allclose(told[horizon].regret, state.regret, rtol=1e-5, atol=1e-7)

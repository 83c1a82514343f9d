"""Which model answers, and what it says: from bars and evidence to the drafts of forecasts. Computes only.

    auto       the choice by evidence (models/auto.py): one model, or several over the horizons
    ensemble   all members with their weights
    a name     that model

Beside every answer stands the random walk. Evidence is that recorded by the job; a series of which nothing is known,
neither of itself nor of its class, is walked through on the spot, which gives what the job would have recorded.
"""

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

import numpy as np

from truecast.domain.bar import FloatArray
from truecast.domain.forecast import Choice, Coverage, Forecast, Mode, Skill
from truecast.forecasts.basis import Basis
from truecast.forecasts.body import Draft, rounded, rounded_explanation
from truecast.forecasts.canonical import significant_one
from truecast.forecasts.evidence import Known
from truecast.forecasts.ledger import Bundle
from truecast.forecasts.predict import Records, quantiles_of
from truecast.kit.clock import from_us
from truecast.kit.errors import TruecastError
from truecast.models.auto import AUTO, PRICES, choose, members_of, weights_of
from truecast.models.base import Model, require_bars
from truecast.models.catalog import GROWERS, Catalogue
from truecast.models.ensemble import Ensemble, among, at_horizons
from truecast.models.evidence import ENSEMBLE, REFUSALS, Evidence, about, blended, horizon_max, nothing
from truecast.models.explain import Member, explain, explain_average
from truecast.models.kept import SCALES
from truecast.models.located import Located
from truecast.models.location.base import HorizonBeyondTraining
from truecast.models.walk import mase_scale

NAIVE = "naive"
Fallback = Literal["none", "naive"]


@dataclass(frozen=True, slots=True)
class Question:
    """One forecast to be made: on which bars, by which model, with what evidence."""

    basis: Basis
    model: str
    catalogue: Catalogue
    known: Known
    fallback: Fallback = "none"
    without: frozenset[str] = frozenset()  # members that turned out to refuse these bars

    @property
    def scope(self) -> tuple[str, str]:
        """Of trained models."""
        return self.basis.instrument.asset_class.value, self.basis.horizon.interval.value


@dataclass(frozen=True, slots=True)
class Seal:
    """When forecasts are issued, and in what kind of time."""

    issued_at: datetime
    mode: Mode


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """What was said: the random walk and what serves, which may be the same. `choice`: where `auto` was asked."""

    bundle: Bundle
    choice: Choice | None

    @property
    def served(self) -> Draft:
        """The one that was asked for."""
        return (self.bundle.others or (self.bundle.naive,))[-1]


@dataclass(frozen=True, slots=True, eq=False)
class _Plan:
    """What serves a question: members, and the weight of each at every step. One with all the weight serves alone."""

    question: Question
    name: str
    members: tuple[Model, ...]
    weights: FloatArray  # (H, M)
    evidence: Evidence | None
    choice: Choice | None

    @property
    def alone(self) -> Model | None:
        """The one model that serves, if there is only one."""
        return self.members[0] if len(self.members) == 1 else None


def answers(questions: Sequence[Question], records: Records, seal: Seal) -> list[Answer | TruecastError]:
    """The answer to each question, or why there is none. Models that many questions need are asked once for all."""
    with SCALES.room(len(questions) * len(PRICES)):  # a forecast and its explanation stand on the same scale
        return _answers(questions, records, seal)


def _answers(questions: Sequence[Question], records: Records, seal: Seal) -> list[Answer | TruecastError]:
    plans: dict[int, _Plan] = {}
    found: dict[int, Answer | TruecastError] = {}
    for i, question in enumerate(questions):
        try:
            plans[i] = _plan(question, records)
        except TruecastError as refusal:
            found[i] = refusal
    said = _said(plans)
    for i, plan in plans.items():
        mine = {name: one for (name, j), one in said.items() if j == i}
        refusals = {name: one for name, one in mine.items() if isinstance(one, TruecastError)}
        question = plan.question
        if not refusals:
            found[i] = _answer(plan, mine, records, seal)
        elif NAIVE not in refusals and question.model in (AUTO, ENSEMBLE):
            without = question.without | frozenset(refusals)
            (found[i],) = _answers([replace(question, without=without)], records, seal)
        elif NAIVE not in refusals and question.fallback == "naive":
            (found[i],) = _answers([replace(question, model=NAIVE, fallback="none")], records, seal)
        else:
            found[i] = next(iter(refusals.values()))
    return [found[i] for i in range(len(questions))]


def _plan(question: Question, records: Records) -> _Plan:
    """Raises UnknownModel and what the model refuses, unless the random walk may take its place."""
    naive = question.catalogue.get(NAIVE)
    require_bars(naive, question.basis.frame)
    try:
        if question.model == AUTO:
            return _auto(question, records)
        if question.model == ENSEMBLE:
            return _together(question, records)
        model = question.catalogue.get(question.model, question.scope)
        require_bars(model, question.basis.frame)
        _require_horizon(model, question.basis.horizon.steps)
    except (*REFUSALS, HorizonBeyondTraining):
        if question.fallback == "none":
            raise
        model = naive
    return _single(question, model)


def _single(question: Question, model: Model, choice: Choice | None = None) -> _Plan:
    return _Plan(question, model.name, (model,), np.ones((question.basis.horizon.steps, 1)), None, choice)


def _together(question: Question, records: Records) -> _Plan:
    members = _members(question)
    evidence = _own(question, members) or records.learned(members, question.basis.frame)
    weights = np.stack([band.boa.weights() for band in evidence.bands])
    return _averaged(question, members, weights, evidence=evidence)


def _auto(question: Question, records: Records) -> _Plan:
    members = _members(question)
    own = question.known.own and about(question.known.own, members, GROWERS)
    if own is None and not question.known.of_class:
        own = records.learned(members, question.basis.frame)
    known = own or nothing(members)
    steps, bars = question.basis.horizon.steps, len(question.basis.frame)
    able = {model.name for model in members if horizon_max(model) >= steps and model.min_bars <= bars}
    trials = question.catalogue.trials_of(question.scope)
    choice = choose(known, question.known.of_class, {*able, ENSEMBLE}, trials)
    names = {name for _, name in choice.by_horizon}
    if len(names) == 1 and ENSEMBLE not in names:
        return _single(question, _of(members, choice.served), choice)
    weights = weights_of(choice, known)
    named = ENSEMBLE if names == {ENSEMBLE} else AUTO
    return _averaged(question, members, weights, evidence=known, name=named, choice=choice)


def _averaged(
    question: Question,
    members: Sequence[Model],
    weights: FloatArray,
    *,
    evidence: Evidence,
    name: str = ENSEMBLE,
    choice: Choice | None = None,
) -> _Plan:
    """Weights (B, M) of the evidence's members, brought to the steps; members without any are left out."""
    horizons = np.arange(1, question.basis.horizon.steps + 1)
    kept = [_of(members, known) for known in evidence.names]
    says = np.array([[h <= horizon_max(model) for model in kept] for h in horizons])
    shares = among(at_horizons(weights, horizons), says)  # (H, M)
    used = np.flatnonzero((shares > 0).any(axis=0)).tolist()
    serving = tuple(kept[m] for m in used)
    if len(serving) == 1:
        return _single(question, serving[0], choice and replace(choice, served=serving[0].name))
    if choice is not None:
        choice = replace(choice, served=name)
    return _Plan(question, name, serving, shares[:, used], evidence, choice)


def _members(question: Question) -> tuple[Model, ...]:
    """Those that accept the series at all; which of them refuse its bars is part of the evidence."""
    asset_class, interval = question.basis.instrument.asset_class.value, question.basis.horizon.interval
    found = members_of(question.catalogue, asset_class, interval)
    return tuple(model for model in found if model.name not in question.without)


def _own(question: Question, members: Sequence[Model]) -> Evidence | None:
    """What is known of the series, as far as it is about members that still serve in the same version."""
    own = question.known.own
    if own is None:
        return None
    versions = {model.name: model.version for model in members}
    return own if all(versions.get(name) == version for name, version in own.members) else None


def _said(plans: Mapping[int, _Plan]) -> dict[tuple[str, int], FloatArray | TruecastError]:
    """Quantiles by model and question, or why a model refuses."""
    asked: defaultdict[tuple[str, str, int], list[tuple[int, Model]]] = defaultdict(list)
    for i, plan in plans.items():
        steps = plan.question.basis.horizon.steps
        naive = plan.question.catalogue.get(NAIVE)
        for model in {one.name: one for one in (naive, *plan.members)}.values():
            asked[model.name, model.version, steps].append((i, model))
    found: dict[tuple[str, int], FloatArray | TruecastError] = {}
    for (name, _, steps), group in asked.items():
        found |= {(name, i): one for i, one in _of_model(group, plans, steps).items()}
    return found


def _of_model(
    group: Sequence[tuple[int, Model]], plans: Mapping[int, _Plan], steps: int
) -> dict[int, FloatArray | TruecastError]:
    """Quantiles by question, or why the model refuses: those that it refuses are found by halves."""
    frames = [plans[i].question.basis.frame for i, _ in group]
    try:
        values = quantiles_of(group[0][1], frames, steps)
        return {i: one for (i, _), one in zip(group, values, strict=True)}
    except REFUSALS as refusal:
        if len(group) == 1:
            return {group[0][0]: refusal}
    half = len(group) // 2
    return _of_model(group[:half], plans, steps) | _of_model(group[half:], plans, steps)


def _answer(plan: _Plan, said: Mapping[str, FloatArray | TruecastError], records: Records, seal: Seal) -> Answer:
    values = {name: found for name, found in said.items() if not isinstance(found, TruecastError)}
    naive_model = plan.question.catalogue.get(NAIVE)
    naive = _draft(plan.question.basis, naive_model, values[NAIVE], _record(plan.question, naive_model, records), seal)
    if plan.alone is not None:
        if plan.alone.name == NAIVE:
            return Answer(Bundle(naive), plan.choice)
        one = _draft(
            plan.question.basis, plan.alone, values[plan.name], _record(plan.question, plan.alone, records), seal
        )
        return Answer(Bundle(naive, (one,)), plan.choice)
    return Answer(
        Bundle(naive, (*_members_beside(plan, values, records, seal), _average(plan, values, seal))), plan.choice
    )


def _members_beside(plan: _Plan, values: Mapping[str, FloatArray], records: Records, seal: Seal) -> list[Draft]:
    """Members that were computed for the average anyway: recorded too, so that the ledger keeps their score."""
    return [
        _draft(plan.question.basis, model, values[model.name], _record(plan.question, model, records), seal)
        for model in plan.members
        if model.name != NAIVE
    ]


def _record(question: Question, model: Model, records: Records) -> tuple[tuple[Coverage, ...], Skill]:
    """How the model did one step ahead: as recorded, else measured; whoever asks, and whatever for, gets the same."""
    own = question.known.own
    if own is not None and (model.name, model.version) in own.members:
        coverage, skill = own.record(model.name)
        if coverage:
            return coverage, skill
    return records.of(model, question.basis.frame)


def _average(plan: _Plan, values: Mapping[str, FloatArray], seal: Seal) -> Draft:
    basis, evidence = plan.question.basis, plan.evidence
    assert evidence is not None, "an average has weights, which are evidence"
    quantiles = np.stack([values[model.name] for model in plan.members])  # (M, H, K)
    together = rounded(blended(quantiles, plan.weights))
    served = plan.choice.by_horizon[0][1] if plan.name == AUTO and plan.choice is not None else ENSEMBLE
    coverage, skill = evidence.record(served)
    weights = tuple(
        (model.name, significant_one(float(w)))
        for model, w in zip(plan.members, plan.weights.mean(axis=0), strict=True)
    )
    members = [
        Member(model, float(weight), one[-1])
        for model, weight, one in zip(plan.members, plan.weights[-1], quantiles, strict=True)
    ]
    why = explain_average(basis.frame, basis.horizon.steps, together.values[-1], members)
    digest = hashlib.sha256(np.round(plan.weights, 10).tobytes()).hexdigest()[:8]
    forecast = Forecast(
        **_facts(basis, seal),
        model=plan.name,
        model_version=f"{Ensemble(plan.members).version}.{digest}",
        feature_set=plan.members[0].feature_set,
        quantiles=together,
        coverage=coverage,
        skill=skill,
        weights=weights,
        explanation=rounded_explanation(why),
    )
    return _drafted(basis, forecast)


def _draft(
    basis: Basis, model: Model, quantiles: FloatArray, record: tuple[tuple[Coverage, ...], Skill], seal: Seal
) -> Draft:
    sealed = rounded(quantiles)
    forecast = Forecast(
        **_facts(basis, seal),
        model=model.name,
        model_version=model.version,
        feature_set=model.feature_set,
        quantiles=sealed,
        coverage=record[0],
        skill=record[1],
        explanation=rounded_explanation(explain(model, basis.frame, basis.horizon.steps, sealed.values)),
    )
    return _drafted(basis, forecast)


def _facts(basis: Basis, seal: Seal) -> dict[str, Any]:
    return {
        "id": "",
        "symbol": basis.instrument.symbol,
        "horizon": basis.horizon,
        "data_fingerprint": basis.fingerprint,
        "mode": seal.mode,
        "issued_at": seal.issued_at,
        "as_of": basis.as_of,
        "anchor": basis.anchor,
        "targets": tuple(map(from_us, basis.targets.tolist())),
        "target_ends": tuple(map(from_us, basis.target_ends.tolist())),
    }


def _drafted(basis: Basis, forecast: Forecast) -> Draft:
    scale = significant_one(mase_scale(basis.frame.close))
    return Draft(forecast, scale, due=np.maximum(basis.due, basis.target_ends))


def _require_horizon(model: Model, steps: int) -> None:
    if isinstance(model, Located):
        model.require_horizon(steps)


def _of(members: Sequence[Model], name: str) -> Model:
    return next(model for model in members if model.name == name)

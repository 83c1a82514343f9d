"""The models: whether each can serve, the versions of those that are trained, and what puts them in service."""

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Any

from fastapi import Path

from truecast.api.deps import MarkDep, ServicesDep, resource
from truecast.api.errors import documented
from truecast.api.model_shapes import (
    AbsentShape,
    CardShape,
    ChangedShape,
    ComparisonShape,
    DriftShape,
    EvaluationShape,
    EventShape,
    LoadedShape,
    MembersShape,
    ModelChanges,
    ModelDetail,
    Models,
    ModelScopeShape,
    ModelShape,
    ModelsStatus,
    PromoteRequest,
    Reloaded,
    RetrainShape,
    RunShape,
    StatusShape,
    TrainedShape,
    TrainingStarted,
    TrainRequest,
    VersionShape,
)
from truecast.forecasts.drift import latest_drift
from truecast.kit.clock import from_us
from truecast.models.catalog import GROWERS, Catalogue, UnknownModel
from truecast.models.location.artifact import ArtifactRefused
from truecast.models.registry.again import changed_by
from truecast.models.registry.answers import (
    Changed,
    Loaded,
    NothingToRollBack,
    NotTrainable,
    TrainingUnderWay,
    UnknownVersion,
)
from truecast.models.registry.card import Card
from truecast.models.registry.events import Event, who_of
from truecast.models.registry.judge import Comparison
from truecast.models.registry.promotion import NothingToPromote, PromotionRefused
from truecast.models.registry.record import rollback_command
from truecast.models.registry.runs import Run
from truecast.models.roster import listed, names, status_of
from truecast.services import Services

router = resource("models")

EVENTS_SHOWN = 20
VERSIONS_SHOWN = 50
RETRAIN = "retrain"  # the job
WHO = "api"

ModelPath = Annotated[str, Path(max_length=64, description="Name of a model, see `/models`.", examples=["lightgbm"])]


@router.get("/models", response_model=Models, responses=documented())
async def list_models(services: ServicesDep) -> Models:
    """All models, and whether each can serve."""
    catalogue = services.models.catalogue()
    return Models(items=[ModelShape(**_model(catalogue, name)) for name in names(catalogue)])


@router.get("/models/status", response_model=ModelsStatus, responses=documented())
async def get_models_status(services: ServicesDep) -> ModelsStatus:
    """Whether each model can serve, what is being trained, when that is due again, and which models drift."""
    catalogue, last = services.models.catalogue(), services.training.last
    items = []
    for name in names(catalogue):
        status = status_of(catalogue, name)
        facts = {"status": status.status, "reason": status.reason, "version": status.version, "since": status.since}
        items.append(StatusShape(name=name, **facts))
    return ModelsStatus(items=items, training=None if last is None else _run(last), retrain=await _retrain(services))


@router.post("/models/reload", response_model=Reloaded, responses=documented())
async def reload_models(services: ServicesDep) -> Reloaded:
    """Read and verify all files again. Forecasts that have begun end with what they began with."""
    loaded = await services.models.load(again=True)
    return Reloaded(loaded=[LoadedShape(**_plain(one)) for one in loaded])


@router.get("/models/{name}", response_model=ModelDetail, responses=documented(UnknownModel))
async def get_model(services: ServicesDep, name: ModelPath) -> ModelDetail:
    """One model, with the cards of its versions."""
    registry, catalogue = services.models, services.models.catalogue()
    short = _model(catalogue, name)
    if name not in GROWERS:
        return ModelDetail(**short, versions=[], events=[], hints=[])
    lived = await registry.live(name)
    versions = [
        _version(loaded, await registry.card(version), lived.record.get((version.key[1], version.version), ()))
        for version, loaded in registry.versions(name)[:VERSIONS_SHOWN]
    ]
    versions += [_version(loaded, None, ()) for loaded in await registry.foreign(name)]
    return ModelDetail(
        **short,
        versions=versions,
        events=[_event(event) for event in await registry.events(name, limit=EVENTS_SHOWN)],
        hints=[hint.told for hint in lived.hints],
    )


@router.post(
    "/models/{name}/train",
    response_model=TrainingStarted,
    status_code=202,
    responses=documented(UnknownModel, NotTrainable, TrainingUnderWay),
)
async def train_model(
    services: ServicesDep, name: ModelPath, mark: MarkDep, asked: TrainRequest | None = None
) -> TrainingStarted:
    """Train challengers in the background, in a process of their own. Nothing serves before it is promoted."""
    asked = asked or TrainRequest()
    run = await services.training.begin(name, asked.asset_class, asked.interval, who=WHO, mark=mark)
    return TrainingStarted(run=_run(run))


@router.post(
    "/models/{name}/promote",
    response_model=ModelChanges,
    responses=documented(
        UnknownModel, NotTrainable, UnknownVersion, NothingToPromote, PromotionRefused, ArtifactRefused
    ),
)
async def promote_model(
    services: ServicesDep, name: ModelPath, mark: MarkDep, asked: PromoteRequest | None = None
) -> ModelChanges:
    """Put a version in service, if the evidence in its card suffices; `promotion_refused` says what it lacks."""
    asked = asked or PromoteRequest()
    models, who = services.models, who_of(WHO, mark)
    if mark is not None and (before := await changed_by(models, name, who, "promoted")):
        return _changes(before)
    return _changes(await models.promote(name, asked.version, asked.asset_class, asked.interval, who=who))


@router.post(
    "/models/{name}/rollback",
    response_model=ModelChanges,
    responses=documented(UnknownModel, NotTrainable, NothingToRollBack),
)
async def roll_back_model(
    services: ServicesDep, name: ModelPath, mark: MarkDep, asked: TrainRequest | None = None
) -> ModelChanges:
    """Put back what served before the last promotion."""
    asked = asked or TrainRequest()
    models, who = services.models, who_of(WHO, mark)
    if mark is not None and (before := await changed_by(models, name, who, "rolled_back")):
        return _changes(before)
    return _changes(await models.rollback(name, asked.asset_class, asked.interval, who=who))


def _model(catalogue: Catalogue, name: str) -> dict[str, Any]:
    """The fields of ModelShape; raises UnknownModel."""
    one = listed(catalogue, name)
    same = ("name", "title", "version", "feature_set", "min_bars", "description")
    return {
        **{field: getattr(one, field) for field in same},
        "status": one.status.status,
        "reason": one.status.reason,
        "trainable": name in GROWERS,
        "trained_until": one.status.trained_until,
        "scopes": [
            ModelScopeShape(
                asset_class=asset_class,
                interval=interval,
                status=said.status,
                reason=said.reason,
                version=said.version,
                trained_until=said.trained_until,
            )
            for (asset_class, interval), said in sorted(catalogue.scopes(name).items())
        ],
        "members": [
            MembersShape(
                intervals=list(of.intervals),
                models=list(of.models),
                absent=[AbsentShape(model=gone.model, reason=gone.reason) for gone in of.absent],
            )
            for of in one.members
        ],
    }


def _version(loaded: Loaded, card: Card | None, live: Iterable[Comparison]) -> VersionShape:
    facts = {name: value for name, value in _plain(loaded).items() if name != "model"}
    return VersionShape(**facts, card=None if card is None else _card(card), live=_comparisons(live))


def _card(card: Card) -> CardShape:
    judged = card.judged
    evaluation = EvaluationShape(
        held_from=_time(judged.held_from),
        until=_time(judged.until),
        walk=_comparisons(judged.walk),
        naive=_comparisons(judged.naive),
        champion=_comparisons(judged.champion),
        against=card.against,
    )
    same = ("code_version", "recipe_version", "feature_set", "parameters", "seed", "symbols", "anchors", "shrink")
    return CardShape(
        **{name: getattr(card, name) for name in (*same, "rows", "files")},
        **{name: from_us(getattr(card, name)) for name in ("created_at", "trained_from", "trained_until")},
        evaluation=evaluation,
    )


def _comparisons(found: Iterable[Comparison]) -> list[ComparisonShape]:
    return [ComparisonShape(**one.plain()) for one in found]


def _event(event: Event) -> EventShape:
    same = ("id", "at", "kind", "asset_class", "interval", "version", "who", "reason")
    return EventShape(**{name: getattr(event, name) for name in same}, evidence=dict(event.evidence))


def _run(run: Run) -> RunShape:
    same = ("id", "model", "asset_class", "interval", "state", "started_at", "ended_at", "error")
    trained = [
        TrainedShape(
            asset_class=one.asset_class,
            interval=one.interval,
            version=one.version,
            refused=None if one.refused is None else one.refused.detail,
        )
        for one in run.trained
    ]
    return RunShape(**{name: getattr(run, name) for name in same}, trained=trained)


async def _retrain(services: Services) -> RetrainShape:
    job = next((info for info in await services.jobs.jobs() if info.name == RETRAIN), None)
    async with services.db.read() as conn:
        found = await latest_drift(conn, drifted_only=True)
    return RetrainShape(
        last_run=None if job is None or job.last_run is None else job.last_run.started_at,
        next_due=None if job is None else job.next_due_at,
        drift=[
            DriftShape(
                model=one.model,
                asset_class=one.scope[0],
                interval=one.scope[1],
                trigger=one.trigger,
                measured=one.measured,
                limit=one.limit,
                detail=one.detail,
                hint=rollback_command(one.model, one.scope) if one.trigger == "crps" and one.model in GROWERS else None,
                at=one.at,
            )
            for one in found
        ],
    )


def _changes(changed: Iterable[Changed]) -> ModelChanges:
    return ModelChanges(items=[ChangedShape(**_plain(one)) for one in changed])


def _plain(one: Loaded | Changed) -> dict[str, Any]:
    return {name: getattr(one, name) for name in type(one).__slots__}


def _time(us: int | None) -> datetime | None:
    return None if us is None else from_us(us)

"""Keeps trained models up to date: looks for drift, trains challengers, and lets the better one serve.

A scope of a model is trained again when its last training is older than the update interval, or when it has drifted
since. The challenger serves only if the register finds it no worse than the champion and the walks on bars its twin
had not seen; else the champion stays. Everything is written down: checks in `drift`, trainings, promotions and refusals
as events of the register. Trainings run in processes of their own, one after the other.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from truecast.domain.interval import Interval
from truecast.forecasts.drift import drift, latest_drift
from truecast.forecasts.watch import Found
from truecast.kit.clock import Clock, from_us, to_us
from truecast.kit.db import Database
from truecast.kit.errors import TruecastError
from truecast.kit.limits import DRIFT_CHECK_S, TRAINING_APART_S_MIN, TRAINING_FIRST_S
from truecast.kit.logs import get_logger
from truecast.models.catalog import GROWERS, LEARNS_WITH, Scope
from truecast.models.heavy import ModelUnavailable, lacking
from truecast.models.location.artifact import ArtifactRefused
from truecast.models.registry.answers import TrainingUnderWay
from truecast.models.registry.promotion import NothingToPromote, PromotionRefused
from truecast.models.registry.registry import Registry
from truecast.models.registry.tables import model_events
from truecast.models.train_process import TrainingDied, TrainingOverdue
from truecast.models.training import TooLittleToLearn

KEPT = ("lightgbm",)  # trained without being asked; the others once somebody has trained them
WHO = "retrain"
Key = tuple[str, Scope]  # model, (asset class, interval)

_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Retrained:
    """What one run did. `kept`: challengers that were not better. `failed`: trainings that ended without an outcome."""

    checked: int = 0
    drifted: int = 0
    trained: int = 0
    promoted: int = 0
    kept: int = 0
    refused: int = 0
    failed: int = 0
    errors: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Due:
    """A scope to train, and why."""

    key: Key
    reason: str


class Looks(Protocol):
    """What finds drift, and records it: watch.py."""

    async def look(self) -> Sequence[Found]:
        """What the checks of every model and scope said."""


@dataclass(slots=True)
class Retrainer:
    """The rule and its parts. Nothing is trained before TRAINING_FIRST_S have passed: a start is busy enough."""

    db: Database
    registry: Registry
    watch: Looks
    clock: Clock
    update_interval_s: float  # 0: never
    began: datetime = field(init=False)

    def __post_init__(self) -> None:
        self.began = self.clock.now()

    async def run(self) -> Retrained:
        """Look for drift, at most every DRIFT_CHECK_S, then train what is due and promote what is better."""
        if not self.update_interval_s or self.clock.now() < self.began + timedelta(seconds=TRAINING_FIRST_S):
            return Retrained()
        checked = drifted = 0
        if await self._look_is_due():
            found = await self.watch.look()
            checked, drifted = sum(len(one.checks) for one in found), sum(len(one.drifted) for one in found)
            for one in found:
                if one.model in GROWERS and one.drifted:
                    reason = "; ".join(check.detail for check in one.drifted)
                    await self.registry.mark_stale(one.model, one.scope, reason, who=WHO)
        counts = dict.fromkeys(("trained", "promoted", "kept", "refused", "failed"), 0)
        errors = []
        for due in await self.due():
            try:
                await self._train(due, counts)
            except (TrainingDied, TrainingOverdue, ArtifactRefused) as error:
                counts["failed"] += 1
                errors.append(error.detail)
        return Retrained(checked, drifted, **counts, errors=tuple(errors))

    async def due(self) -> list[Due]:
        """What is to be trained now, in the order in which it will be."""
        now, found = self.clock.now(), []
        async with self.db.read() as conn:
            last, alarms = await last_trainings(conn), await _alarms(conn)
        for key in await self._scopes(last):
            before = last.get(key)
            if before is None:
                found.append(Due(key, "never trained"))
            elif (now - before).total_seconds() >= self.update_interval_s:
                found.append(Due(key, f"trained last on {before:%Y-%m-%d}"))
            elif key in alarms and (now - before).total_seconds() >= TRAINING_APART_S_MIN:
                at, detail = alarms[key]
                if at > before:
                    found.append(Due(key, detail))
        return found

    async def _look_is_due(self) -> bool:
        async with self.db.read() as conn:
            last = await conn.scalar(select(func.max(drift.c.at)))
        return last is None or to_us(self.clock.now()) - int(last) >= DRIFT_CHECK_S * 1_000_000

    async def _scopes(self, last: Mapping[Key, datetime]) -> list[Key]:
        """Of models that are kept up to date here, every scope of which series are stored; none of slow series."""
        names = [name for name in GROWERS if name in KEPT or any(model == name for model, _ in last)]
        found = [
            (name, scope)
            for name in names
            if lacking(LEARNS_WITH[name]) is None
            for scope in await self.registry.trainable(name)
            if Interval(scope[1]).seconds < Interval.W1.seconds
        ]
        return sorted(found)

    async def _train(self, due: Due, counts: dict[str, int]) -> None:
        model, (asset_class, interval) = due.key
        _log.info("training begins", model=model, scope=f"{asset_class} {interval}", reason=due.reason)
        try:
            (trained,) = await self.registry.train(model, asset_class, Interval(interval), who=WHO)
            counts["trained"] += 1
            await self.registry.promote(model, trained.version, asset_class, Interval(interval), who=WHO)
            counts["promoted"] += 1
        except (TooLittleToLearn, ModelUnavailable, TrainingUnderWay) as refused:
            counts["refused"] += 1
            self._tell(due, refused)
        except (PromotionRefused, NothingToPromote) as kept:
            counts["kept"] += 1
            self._tell(due, kept)

    def _tell(self, due: Due, said: TruecastError) -> None:
        _log.info("training ended", model=due.key[0], scope=" ".join(due.key[1]), code=said.code, detail=said.detail)


async def last_trainings(conn: AsyncConnection) -> dict[Key, datetime]:
    """When each scope of a model was last trained, or refused because it could not be."""
    c = model_events.c
    tried = (c.kind == "trained") | ((c.kind == "refused") & c.version.is_(None))
    query = select(c.model, c.asset_class, c.interval, func.max(c.at)).where(tried)
    query = query.group_by(c.model, c.asset_class, c.interval)
    return {(model, (asset, interval)): from_us(at) for model, asset, interval, at in await conn.execute(query)}


async def _alarms(conn: AsyncConnection) -> dict[Key, tuple[datetime, str]]:
    """The latest alarm of each scope whose last check still raised it."""
    found: dict[Key, tuple[datetime, str]] = {}
    for one in await latest_drift(conn, drifted_only=True):
        key = one.model, one.scope
        if key not in found or found[key][0] < one.at:
            found[key] = one.at, one.detail
    return found

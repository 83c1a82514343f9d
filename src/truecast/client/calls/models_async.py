"""Calls about models, awaited.

Written by scripts/write_client.py from the OpenAPI document; run `make docs` after a change of the API.
"""

from truecast.client.ask import Ask, part
from truecast.client.asker import AsyncAsker
from truecast.client.shapes import (
    AssetClassLike,
    IntervalLike,
    ModelChanges,
    ModelDetail,
    Models,
    ModelsStatus,
    Reloaded,
    TrainingStarted,
)


class AsyncModelsCalls(AsyncAsker):
    """Everything about models."""

    async def list_models(self) -> Models:
        """All models, and whether each can serve.

        Raises: DatabaseBusy, DatabaseUnavailable.
        """
        return await self._ask(Ask("GET", "/api/v1/models", Models))

    async def get_models_status(self) -> ModelsStatus:
        """Whether each model can serve, what is being trained, when that is due again, and which models drift.

        Raises: DatabaseBusy, DatabaseUnavailable.
        """
        return await self._ask(Ask("GET", "/api/v1/models/status", ModelsStatus))

    async def reload_models(self, *, idempotency_key: str | None = None) -> Reloaded:
        """Read and verify all files again. Forecasts that have begun end with what they began with.

        idempotency_key: Yours, to repeat this call from another process; otherwise one is made for each call.
        Raises: RequestUnderWay, AnswerNotKept, IdempotencyKeyInvalid, IdempotencyKeyReused, DatabaseBusy,
            DatabaseUnavailable.
        """
        return await self._ask(Ask("POST", "/api/v1/models/reload", Reloaded, repeat="by_key", key=idempotency_key))

    async def get_model(self, name: str) -> ModelDetail:
        """One model, with the cards of its versions.

        name: Name of a model, see `/models`.
        Raises: UnknownModel, DatabaseBusy, DatabaseUnavailable.
        """
        return await self._ask(Ask("GET", f"/api/v1/models/{part(name)}", ModelDetail))

    async def train_model(
        self,
        name: str,
        *,
        asset_class: AssetClassLike | None = None,
        interval: IntervalLike | None = None,
        idempotency_key: str | None = None,
    ) -> TrainingStarted:
        """Train challengers in the background, in a process of their own. Nothing serves before it is promoted.

        name: Name of a model, see `/models`.
        idempotency_key: Yours, to repeat this call from another process; otherwise one is made for each call.
        Raises: UnknownModel, NotTrainable, TrainingUnderWay, RequestUnderWay, AnswerNotKept, IdempotencyKeyInvalid,
            IdempotencyKeyReused, DatabaseBusy, DatabaseUnavailable.
        """
        return await self._ask(
            Ask(
                "POST",
                f"/api/v1/models/{part(name)}/train",
                TrainingStarted,
                body={"asset_class": asset_class, "interval": interval},
                repeat="by_key",
                key=idempotency_key,
            )
        )

    async def promote_model(
        self,
        name: str,
        *,
        asset_class: AssetClassLike | None = None,
        interval: IntervalLike | None = None,
        version: str | None = None,
        idempotency_key: str | None = None,
    ) -> ModelChanges:
        """Put a version in service, if the evidence in its card suffices; `promotion_refused` says what it lacks.

        name: Name of a model, see `/models`.
        idempotency_key: Yours, to repeat this call from another process; otherwise one is made for each call.
        Raises: UnknownModel, UnknownVersion, NotTrainable, NothingToPromote, PromotionRefused, ArtifactRefused,
            RequestUnderWay, AnswerNotKept, IdempotencyKeyInvalid, IdempotencyKeyReused, DatabaseBusy,
            DatabaseUnavailable.
        """
        return await self._ask(
            Ask(
                "POST",
                f"/api/v1/models/{part(name)}/promote",
                ModelChanges,
                body={"asset_class": asset_class, "interval": interval, "version": version},
                repeat="by_key",
                key=idempotency_key,
            )
        )

    async def roll_back_model(
        self,
        name: str,
        *,
        asset_class: AssetClassLike | None = None,
        interval: IntervalLike | None = None,
        idempotency_key: str | None = None,
    ) -> ModelChanges:
        """Put back what served before the last promotion.

        name: Name of a model, see `/models`.
        idempotency_key: Yours, to repeat this call from another process; otherwise one is made for each call.
        Raises: UnknownModel, NotTrainable, NothingToRollBack, RequestUnderWay, AnswerNotKept,
            IdempotencyKeyInvalid, IdempotencyKeyReused, DatabaseBusy, DatabaseUnavailable.
        """
        return await self._ask(
            Ask(
                "POST",
                f"/api/v1/models/{part(name)}/rollback",
                ModelChanges,
                body={"asset_class": asset_class, "interval": interval},
                repeat="by_key",
                key=idempotency_key,
            )
        )

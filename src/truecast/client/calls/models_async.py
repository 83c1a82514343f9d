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
        """All models, and whether each can serve."""
        return await self._ask(Ask("GET", "/api/v1/models", Models))

    async def get_models_status(self) -> ModelsStatus:
        """Whether each model can serve, what is being trained, when that is due again, and which models drift."""
        return await self._ask(Ask("GET", "/api/v1/models/status", ModelsStatus))

    async def reload_models(self) -> Reloaded:
        """Read and verify all files again. Forecasts that have begun end with what they began with."""
        return await self._ask(Ask("POST", "/api/v1/models/reload", Reloaded))

    async def get_model(self, name: str) -> ModelDetail:
        """One model, with the cards of its versions.

        name: Name of a model, see `/models`.
        Raises: UnknownModel.
        """
        return await self._ask(Ask("GET", f"/api/v1/models/{part(name)}", ModelDetail))

    async def train_model(
        self, name: str, *, asset_class: AssetClassLike | None = None, interval: IntervalLike | None = None
    ) -> TrainingStarted:
        """Train challengers in the background, in a process of their own. Nothing serves before it is promoted.

        name: Name of a model, see `/models`.
        Raises: UnknownModel, NotTrainable, TrainingUnderWay.
        """
        return await self._ask(
            Ask(
                "POST",
                f"/api/v1/models/{part(name)}/train",
                TrainingStarted,
                body={"asset_class": asset_class, "interval": interval},
            )
        )

    async def promote_model(
        self,
        name: str,
        *,
        asset_class: AssetClassLike | None = None,
        interval: IntervalLike | None = None,
        version: str | None = None,
    ) -> ModelChanges:
        """Put a version in service, if the evidence in its card suffices; `promotion_refused` says what it lacks.

        name: Name of a model, see `/models`.
        Raises: UnknownModel, UnknownVersion, NotTrainable, NothingToPromote, PromotionRefused, ArtifactRefused.
        """
        return await self._ask(
            Ask(
                "POST",
                f"/api/v1/models/{part(name)}/promote",
                ModelChanges,
                body={"asset_class": asset_class, "interval": interval, "version": version},
            )
        )

    async def roll_back_model(
        self, name: str, *, asset_class: AssetClassLike | None = None, interval: IntervalLike | None = None
    ) -> ModelChanges:
        """Put back what served before the last promotion.

        name: Name of a model, see `/models`.
        Raises: UnknownModel, NotTrainable, NothingToRollBack.
        """
        return await self._ask(
            Ask(
                "POST",
                f"/api/v1/models/{part(name)}/rollback",
                ModelChanges,
                body={"asset_class": asset_class, "interval": interval},
            )
        )

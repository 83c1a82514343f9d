"""The models and whether they can serve."""

from typing import Literal

from truecast.api.deps import resource
from truecast.api.errors import documented
from truecast.api.shapes import Output
from truecast.models.catalog import MODELS

router = resource("models")


class ModelShape(Output):
    """A model. `reason` says why it is unavailable."""

    name: str
    version: str
    status: Literal["available", "unavailable"]
    reason: str | None
    feature_set: str
    min_bars: int
    description: str


class Models(Output):
    """All models."""

    items: list[ModelShape]


@router.get("/models", response_model=Models, responses=documented())
async def list_models() -> Models:
    """All models, and whether each can serve."""
    return Models(
        items=[
            ModelShape(
                name=model.name,
                version=model.version,
                status="available",
                reason=None,
                feature_set=model.feature_set,
                min_bars=model.min_bars,
                description=model.description,
            )
            for model in MODELS.values()
        ]
    )

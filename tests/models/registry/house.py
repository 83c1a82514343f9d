"""A register over made-up series with a memory, and a trainer that is quick."""

import asyncio
import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np

from tests.models.location.panels import remembering
from truecast.domain.interval import Interval
from truecast.features.frame import Frame, frame_of_closes
from truecast.kit.clock import FixedClock, from_us
from truecast.kit.compute import Compute
from truecast.kit.db import Database
from truecast.models.location.boosted import LightGbm, RandomForest
from truecast.models.registry.answers import Sources
from truecast.models.registry.card import Card, card_of, digest
from truecast.models.registry.registry import Registry
from truecast.models.registry.training import TrainingOutcome, TrainingRequest, learn

SMALL = {"lightgbm": LightGbm(trees=8), "random_forest": RandomForest(trees=3)}
FX, EQUITY = ("fx", "1d"), ("equity", "1d")
SERIES = 6


class World:
    """Series that grow when told to; what was learned once from the same bars is not learned again."""

    learned: ClassVar[dict[tuple[object, ...], TrainingOutcome]] = {}

    def __init__(self, bars: int = 1000, memory: float = 0.4) -> None:
        self.bars, self.memory, self.seed = bars, memory, 0

    def frames(self, asset_class: str) -> list[Frame]:
        first = 0 if asset_class == "fx" else 50
        whole = [remembering(first + i, 1500, memory=self.memory) for i in range(SERIES)]
        return [frame[: self.bars] for frame in whole]

    async def frames_of(self, asset_class: str, interval: Interval) -> Sequence[Frame]:
        return self.frames(asset_class) if interval is Interval.D1 else []

    async def scopes_of(self) -> Sequence[tuple[str, str]]:
        return [EQUITY, FX]

    async def classes_of(self) -> dict[str, str]:
        return {f"S{i}": "fx" if i < 50 else "equity" for i in range(100)} | {"": "fx"}

    async def trainer(self, request: TrainingRequest) -> TrainingOutcome:
        request = dataclasses.replace(request, anchors=(1, 5), seed=self.seed)
        against = None if request.champion is None else request.champion.files()["location.json"]
        key = (request.model, request.scope, self.bars, self.memory, self.seed, against)
        if key not in self.learned:
            self.learned[key] = await asyncio.to_thread(learn, request, SMALL)
        return self.learned[key]

    async def trainer_outcome(self) -> TrainingOutcome:
        """What a first training would find."""
        frames = self.frames("fx")
        return await self.trainer(
            TrainingRequest(model="lightgbm", asset_class="fx", interval=Interval.D1, frames=frames)
        )

    def card(self, outcome: TrainingOutcome, second: int) -> Card:
        """Its card, had it ended in that second."""
        return card_of(outcome, outcome.artifact.files(), at=from_us(second * 1_000_000 + 2**50), against=None)

    def seal(self, outcome: TrainingOutcome, version: str) -> str:
        """The digest of the card of that version."""
        cards = (self.card(outcome, second) for second in range(100))
        return next(digest(card.encoded()) for card in cards if card.version == version)

    def after(self) -> Frame:
        """A series of the class fx that comes after everything learned."""
        return frame_of_closes(100 * np.exp(np.cumsum(0.01 * np.random.default_rng(7).standard_normal(400))))


def registry(db: Database, root: Path, clock: FixedClock, world: World, **more) -> Registry:
    sources = Sources(world.frames_of, world.scopes_of, world.classes_of)
    return Registry(db, root, clock, Compute(1), sources=sources, trainer=world.trainer, **more)

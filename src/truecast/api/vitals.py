"""How the parts of this server have been: looked at every minute, kept for a day, told on the bus when one changes."""

import asyncio
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from truecast.api.health import Component, Health, Status, examine
from truecast.kit.clock import iso
from truecast.kit.errors import TruecastError
from truecast.kit.limits import VITALS_EVERY_S, VITALS_KEPT
from truecast.kit.logs import get_logger
from truecast.kit.metrics import COMPONENT_STATUS, DATA_AGE_SECONDS, READY
from truecast.services import Services

_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Turn:
    """A part became this."""

    at: datetime
    status: Status
    detail: str


@dataclass(slots=True)
class Trend:
    """How one part has been since it was first looked at."""

    name: str
    looked: int
    well: int
    turns: deque[Turn]


TURNS_KEPT = 50


class Vitals:
    """What was seen of each part by this process, since it began or for a day."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._seen: deque[tuple[datetime, dict[str, Status]]] = deque(maxlen=VITALS_KEPT)
        self._turns: dict[str, deque[Turn]] = {}

    async def watch(self) -> None:
        """Look again and again, until cancelled. A look that fails is logged and not counted."""
        while True:
            try:
                await self.look()
                await self._mend()
            except TruecastError as error:
                _log.warning("the server could not look at itself", reason=error.detail)
            await asyncio.sleep(VITALS_EVERY_S)

    async def look(self) -> Health:
        """Look once, remember it, and tell what has changed."""
        health = await examine(self._services)
        _count(health)
        before = self._seen[-1][1] if self._seen else {}
        self._seen.append((health.checked_at, {part.name: part.status for part in health.components}))
        for part in health.components:
            if before.get(part.name) != part.status:
                await self._turned(part, health.checked_at, told=bool(before))
        return health

    async def _mend(self) -> None:
        """What costs more than a look, for the next one: the ledger, and models that could not be read."""
        if self._services.loading.ready:
            await self._services.ledger.verify(full=False)
            if self._services.models.refused:
                await self._services.models.load()

    def trends(self) -> Iterator[Trend]:
        """Every part, in the order of the latest look."""
        if not self._seen:
            return
        for name in self._seen[-1][1]:
            looks = [parts[name] for _, parts in self._seen if name in parts]
            yield Trend(name, len(looks), sum(status == "ok" for status in looks), self._turns[name])

    @property
    def since(self) -> datetime | None:
        """When the oldest look was."""
        return self._seen[0][0] if self._seen else None

    async def _turned(self, part: Component, at: datetime, *, told: bool) -> None:
        self._turns.setdefault(part.name, deque(maxlen=TURNS_KEPT)).append(Turn(at, part.status, part.detail))
        if told:
            news = {"component": part.name, "status": part.status, "detail": part.detail, "at": iso(at)}
            await self._services.bus.publish("health", news)


def _count(health: Health) -> None:
    """The same for who watches the figures; parts that are gone are not counted on."""
    READY.set(health.ready)
    COMPONENT_STATUS.clear()
    DATA_AGE_SECONDS.clear()
    for part in health.components:
        COMPONENT_STATUS.labels(part.name).set(_STATUSES.index(part.status))
        kind, _, asset_class = part.name.partition(":")
        if kind == "data" and part.age_s is not None:
            DATA_AGE_SECONDS.labels(asset_class).set(part.age_s)


_STATUSES = ("ok", "degraded", "down")

"""The rounds that the jobs run over all series: settle, learn, issue. Here, or in a process of their own.

A round reads, computes and writes for seconds; in the process that answers requests each of these would make them wait
for the interpreter. So a server has its rounds computed apart (`python -m truecast.rounds`, kit/apart.py), on the same
database and with the same results; what they tell on the bus, and what they count, is told and counted here.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from truecast.forecasts.examine import Examined
from truecast.forecasts.issue import Issued, Issuer
from truecast.forecasts.resolve import Resolved, Resolver
from truecast.kit import telemetry
from truecast.kit.apart import Apart
from truecast.kit.bus import CHANGED, Bus, InProcessBus
from truecast.kit.bus_relay import relayed
from truecast.kit.clock import Clock, to_us
from truecast.kit.metrics import (
    FORECAST_ISSUED_AT,
    FORECAST_STEPS_INSIDE,
    FORECAST_STEPS_SCORED,
    FORECAST_STEPS_SETTLED,
    FORECASTS_ISSUED,
)
from truecast.kit.metrics_relay import counted
from truecast.kit.settings import Settings
from truecast.kit.settings_relay import dumped
from truecast.market.store import BarStore

COUNTED = (
    FORECASTS_ISSUED,
    FORECAST_ISSUED_AT,
    FORECAST_STEPS_SETTLED,
    FORECAST_STEPS_SCORED,
    FORECAST_STEPS_INSIDE,
)
MODULE = "truecast.rounds"


class Rounds(Protocol):
    """What jobs ask for."""

    async def resolve(self) -> Resolved:
        """See forecasts/resolve.py."""

    async def learn_news(self) -> Examined:
        """See forecasts/examine.py."""

    async def issue_news(self, steps: int, *, again: bool = False) -> Issued:
        """See forecasts/issue.py."""

    async def close(self) -> None:
        """Let go of what computes. May be called twice."""


class RoundsHere:
    """In this process."""

    def __init__(self, issuer: Issuer, resolver: Resolver) -> None:
        self.resolve = resolver.resolve
        self.learn_news = issuer.learn_news
        self.issue_news = issuer.issue_news

    async def close(self) -> None:
        """Nothing to let go of."""


class RoundsApart:
    """In a process of their own, which is started with the first round and ends when there is none for a while.

    Raises WorkDied, WorkOverdue, WorkFailed. A process that dies in the middle of a round leaves the database as any
    crash does, and the round is run again by another; what it recorded but could not tell any more is told as a change
    of every symbol.
    """

    def __init__(self, settings: Settings, models: Path | None, clock: Clock, bus: Bus, store: BarStore) -> None:
        self._clock = clock
        self._bus = bus if isinstance(bus, InProcessBus) else None  # else the other process tells Redis itself
        self._store = store
        begin = {"settings": dumped(settings), "models": None if models is None else str(models), "clock": clock.kind}
        self.process = Apart(MODULE, lambda: begin, self._hear, died=self._died)

    async def resolve(self) -> Resolved:
        """As in process."""
        return Resolved(**await self._ask("resolve"))

    async def learn_news(self) -> Examined:
        """As in process."""
        return Examined(**await self._ask("learn"))

    async def issue_news(self, steps: int, *, again: bool = False) -> Issued:
        """As in process."""
        return Issued(**await self._ask("issue", steps=steps, again=again))

    async def close(self) -> None:
        """End the process."""
        await self.process.close()

    async def _ask(self, what: str, **facts: Any) -> Mapping[str, Any]:
        listened = [] if self._bus is None else self._bus.patterns
        question = {"do": what, "now_us": to_us(self._clock.now()), "listened": listened, **facts}
        question["trace"] = telemetry.headers()
        found: Mapping[str, Any] = await self.process.ask(question)
        return found

    async def _hear(self, news: Mapping[str, Any]) -> None:
        if "counted" in news:
            counted(COUNTED, news["counted"])
        elif self._bus is not None:
            await relayed(self._bus, news)

    async def _died(self) -> None:
        """What was recorded and not told: any of it."""
        if self._bus is not None:
            symbols: Sequence[str] = [i.symbol for i in (await self._store.universe()).instruments]
            for what in ("forecasts", "scores"):
                await self._bus.publish(f"{CHANGED}{what}", {"symbols": symbols})
            await self._bus.publish(f"{CHANGED}evidence", {})

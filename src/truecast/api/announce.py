"""Tells what the ledger has just recorded: every forecast as the API says it, and every score.

The ledger calls this after its transaction is committed. Nothing is made while nobody listens.
"""

import asyncio
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from truecast.api.forecast_body import forecast_body
from truecast.api.provenance import anchor_provenance
from truecast.domain.forecast import Forecast
from truecast.forecasts.news import Scored
from truecast.kit.bus import CHANGED, Bus
from truecast.kit.clock import Clock
from truecast.market.store import BarStore

LEVELS_TOLD = (0.5, 0.8, 0.95)  # as the API says a forecast to who asks for no levels


class Announcer:
    """Publishes `forecasts:<symbol>`, `scores:<symbol>` and, in one message each, of which symbols there were any."""

    def __init__(self, bus: Bus, store: BarStore, clock: Clock) -> None:
        self._bus = bus
        self._store = store
        self._clock = clock

    async def forecasts(self, recorded: Sequence[Forecast]) -> None:
        """See forecasts/news.py."""
        symbols = sorted({one.symbol for one in recorded})
        await self._bus.publish(f"{CHANGED}forecasts", {"symbols": symbols})
        for symbol, group in groupby(sorted(recorded, key=lambda one: one.symbol), key=lambda one: one.symbol):
            listed = list(group)

            async def make(listed: Sequence[Forecast] = listed) -> list[Mapping[str, Any]]:
                return await self._bodies(listed)

            await self._bus.publish_all(f"forecasts:{symbol}", len(listed), make)

    async def scores(self, scored: Sequence[Scored]) -> None:
        """See forecasts/news.py."""
        for symbol, group in groupby(sorted(scored, key=lambda one: one.symbol), key=lambda one: one.symbol):
            listed = list(group)

            async def make(listed: Sequence[Scored] = listed) -> list[Mapping[str, Any]]:
                return [one.plain() for one in listed]

            await self._bus.publish_all(f"scores:{symbol}", len(listed), make)

    async def settled(self, symbols: Sequence[str]) -> None:
        """See forecasts/news.py."""
        await self._bus.publish(f"{CHANGED}scores", {"symbols": list(symbols)})

    async def _bodies(self, listed: Sequence[Forecast]) -> list[Mapping[str, Any]]:
        universe, kept, now = await self._store.universe(), await self._store.series(), self._clock.now()
        bodies: list[Mapping[str, Any]] = []
        for forecast in listed:
            body = forecast_body(
                forecast,
                instrument=universe.get(forecast.symbol),
                provenance=anchor_provenance(forecast, kept, now),
                levels=LEVELS_TOLD,
                requested_model=forecast.model,
            )
            bodies.append(body.model_dump(mode="json"))
            await asyncio.sleep(0)  # a millisecond each: others get a turn
        return bodies

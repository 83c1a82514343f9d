"""Asks for the latest prices of what no live feed tells, while its market is open."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from truecast.domain.instrument import Instrument
from truecast.domain.quote import Quote
from truecast.jobs.job import Done, Job
from truecast.jobs.rhythm import kind_of
from truecast.jobs.schedule import Schedule
from truecast.kit.clock import Clock
from truecast.kit.errors import TruecastError
from truecast.kit.limits import QUOTE_POLLED_AGE_S
from truecast.market.board import QuoteBoard
from truecast.market.chain import Chain
from truecast.market.store import BarStore

_RANK = 0
_NEAR_S = 3_600.0  # a price older than that is no measure of what a price may be


@dataclass(frozen=True, slots=True)
class Polling:
    """The symbols of one kind, the sources in their order, and the board that keeps the answers.

    `hears` says of which symbols a live feed tells; they are not asked for as long as the board is fresh.
    """

    kind: str
    chain: Chain
    store: BarStore
    board: QuoteBoard
    clock: Clock
    hears: Callable[[str], bool] = lambda _symbol: False

    async def poll(self) -> Done:
        """Ask for all at once, so that a source gets one question for many. Who fails is told, not raised."""
        universe = await self.store.universe()
        wanted = [one for one in universe.instruments if self._is_wanted(one)]
        answers = await asyncio.gather(*map(self._ask, wanted))
        quotes = [answer for answer in answers if isinstance(answer, Quote)]
        taken = sum(self.board.take(quote) for quote in quotes)
        errors = [answer.detail for answer in answers if isinstance(answer, TruecastError)]
        counts = {"asked": len(wanted), "answered": len(quotes), "changed": taken, "failed": len(errors)}
        return Done(counts, error="; ".join(errors) or None, skipped=not wanted)

    async def _ask(self, instrument: Instrument) -> Quote | TruecastError:
        known = self.board.latest(instrument.symbol)
        is_near = known is not None and (self.clock.now() - known.at).total_seconds() < _NEAR_S
        try:
            return await self.chain.poll(instrument, near=known.last if known is not None and is_near else None)
        except TruecastError as error:
            return error

    def _is_wanted(self, instrument: Instrument) -> bool:
        if kind_of(instrument.calendar) != self.kind or not self.chain.sources_of(instrument, "quotes"):
            return False
        known = self.board.latest(instrument.symbol)
        age_s = None if known is None else (self.clock.now() - known.received_at).total_seconds()
        return age_s is None or age_s >= QUOTE_POLLED_AGE_S or not self.hears(instrument.symbol)


def quotes_job(polling: Polling, schedule: Schedule) -> Job:
    """The job of one kind."""

    async def work(_due: datetime) -> Done:
        return await polling.poll()

    return Job(f"quotes:{polling.kind}", f"Ask for the latest prices: {polling.kind}", schedule, _RANK, work)

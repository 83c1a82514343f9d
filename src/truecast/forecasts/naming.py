"""What `auto` stands for on one series, by the evidence that was known at a moment."""

from collections.abc import Callable
from datetime import datetime

from truecast.domain.interval import Interval
from truecast.forecasts.evidence import Book
from truecast.kit.clock import Clock
from truecast.kit.db import Database
from truecast.market.store import BarStore
from truecast.models.auto import AUTO, choose, members_of
from truecast.models.catalog import GROWERS, Catalogue
from truecast.models.evidence import about, nothing


class Naming:
    """Reads the evidence; `as_of` is now where it is not given."""

    def __init__(
        self, db: Database, store: BarStore, clock: Clock, *, book: Book, catalogue_of: Callable[[], Catalogue]
    ) -> None:
        self._db = db
        self._store = store
        self._clock = clock
        self._book = book
        self._catalogue_of = catalogue_of

    async def model_at(
        self, symbol: str, interval: Interval, horizon: int | None, as_of: datetime | None = None
    ) -> str:
        """The model that serves so many steps ahead, one if not given."""
        by_horizon = await self._by_horizon(symbol, interval, as_of)
        return next((name for at, name in by_horizon if at >= (horizon or 1)), by_horizon[-1][1])

    async def in_ledger(self, symbol: str, interval: Interval, as_of: datetime | None = None) -> str:
        """The name under which the ledger has what is served: of one model its own, of several that of `auto`."""
        names = {name for _, name in await self._by_horizon(symbol, interval, as_of)}
        return names.pop() if len(names) == 1 else AUTO

    async def _by_horizon(self, symbol: str, interval: Interval, as_of: datetime | None) -> tuple[tuple[int, str], ...]:
        instrument, catalogue = (await self._store.universe()).get(symbol), self._catalogue_of()
        asset_class = instrument.asset_class.value
        async with self._db.read() as conn:
            moment = as_of or self._clock.now()
            found = await self._book.known(conn, instrument.symbol, asset_class, interval, moment)
        members = members_of(catalogue, asset_class, interval)
        own = (found.own and about(found.own, members, GROWERS)) or nothing(members)
        return choose(own, found.of_class, trials=catalogue.trials_of((asset_class, interval.value))).by_horizon

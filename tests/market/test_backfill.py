"""What was missed is fetched: the newest first, of the same source first, and every outcome is written down."""

from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import pytest

from tests.market.offers import HOUR, T0
from tests.market.test_chain import BTC, UNREACHABLE, Fake
from truecast.domain.bar import Bars
from truecast.domain.interval import Interval
from truecast.kit.bus import InProcessBus
from truecast.kit.clock import FixedClock, from_us, to_us
from truecast.kit.db import Database
from truecast.kit.guard import Guard
from truecast.kit.limits import BACKFILL_BATCH_BARS, GAP_EMPTIES_MIN, GAP_RETRY_S_FIRST
from truecast.market.backfill import BEYOND_HISTORY, CONFIRMED_EMPTY, Backfill, Filled
from truecast.market.chain import Chain
from truecast.market.gaps import Cause, Gap
from truecast.market.ingest import Ingest
from truecast.market.store import BarStore
from truecast.providers.guarded import Guarded


class Past(Fake):
    """Remembers what it was asked for; has no bars at the hours `without`."""

    def __init__(self, key: str, clock: FixedClock, **more: float) -> None:
        super().__init__(key, clock, **more)  # type: ignore[arg-type]
        self.windows: list[tuple[float, float]] = []
        self.without: set[int] = set()

    async def between(self, symbol: str, interval: Interval, first: object, end: object) -> Bars:
        self.windows.append(((first - T0) / HOUR, (end - T0) / HOUR))  # type: ignore[operator]
        bars = await super().between(symbol, interval, first, end)  # type: ignore[arg-type]
        hours = (bars.start - to_us(T0)) // 3_600_000_000
        return bars[~np.isin(hours, list(self.without))]


@dataclass
class World:
    clock: FixedClock
    fakes: dict[str, Past]
    sources: dict[str, Guarded]
    chain: Chain
    store: BarStore
    ingest: Ingest
    backfill: Backfill

    async def has(self, source: str, *hours: int) -> None:
        """The source delivered these hours when they were over."""
        fake = self.fakes[source]
        await self.store.add_series(fake.offers()[0], source)
        start = np.array([to_us(T0 + h * HOUR) for h in hours])
        price = np.full(len(start), fake.price)
        await self.ingest.take(
            Bars(
                BTC.symbol, Interval.H1, start, start + 3_600_000_000, price, price, price, price, price,
                np.ones(len(start), np.bool_), np.zeros(len(start), np.int16), (source,),
            )
        )  # fmt: skip

    async def fill(self, first: int, end: int, cause: Cause = "not_delivered", prefer: str | None = "a") -> Filled:
        frm, to = T0 + first * HOUR, T0 + end * HOUR
        return await self.backfill.fill("BTC-USDT", Interval.H1, frm, to, cause=cause, prefer=prefer)

    async def gaps(self) -> list[tuple[float, float, str, str | None]]:
        found = await self.store.gaps()
        return [((g.first - T0) / HOUR, (g.last - T0) / HOUR, g.state, g.filled_by) for g in found]

    async def gap(self) -> Gap:
        (gap,) = await self.store.gaps()
        return gap

    async def hours(self, source: str | None = None) -> list[tuple[int, str]]:
        bars = await self.store.read(BTC.symbol, Interval.H1, source=source)
        return [(int((from_us(bars.start[t]) - T0) / HOUR), bars.source_of(t)) for t in range(len(bars))]


@pytest.fixture
def world(sqlite_db: Database) -> World:
    clock = FixedClock(T0 + 30 * HOUR)
    fakes = {key: Past(key, clock, price=price) for key, price in (("a", 100.0), ("b", 101.0))}
    sources = {key: Guarded(fake, Guard(key, clock=clock)) for key, fake in fakes.items()}
    store, chain = BarStore(sqlite_db), Chain(sources, clock)
    ingest = Ingest(store, InProcessBus(clock), clock)
    return World(clock, fakes, sources, chain, store, ingest, Backfill(store, ingest, chain, clock))


async def test_the_same_source_fills_its_own_gap_and_nobody_else_is_asked(world: World) -> None:
    await world.has("a", 0, 1, 5, 6)
    filled = await world.fill(2, 5)
    assert (filled.rows, filled.source, filled.left) == (3, "a", 0)
    assert await world.gaps() == [(2, 4, "filled", None)]
    assert [hour for hour, _ in await world.hours("a")] == [0, 1, 2, 3, 4, 5, 6]
    assert world.fakes["b"].asked == 0


async def test_another_source_fills_it_under_its_own_name(world: World) -> None:
    await world.has("a", 0, 1, 5, 6)
    world.fakes["a"].fails = UNREACHABLE
    filled = await world.fill(2, 5)
    assert (filled.rows, filled.source, filled.left) == (3, "b", 0)
    assert [(one.source, one.code) for one in filled.tried] == [("a", "source_unreachable")]
    assert await world.gaps() == [(2, 4, "filled", "b")]
    assert await world.hours() == [(0, "a"), (1, "a"), (2, "b"), (3, "b"), (4, "b"), (5, "a"), (6, "a")]
    assert [hour for hour, _ in await world.hours("a")] == [0, 1, 5, 6]


async def test_a_gap_that_another_source_filled_is_closed_again_when_its_own_delivers(world: World) -> None:
    await world.has("a", 0, 1, 5, 6)
    world.fakes["a"].fails = UNREACHABLE
    await world.fill(2, 5)
    await world.has("a", 3)
    assert await world.gaps() == [(2, 2, "filled", "b"), (4, 4, "filled", "b")]
    await world.has("a", 2, 4)
    assert await world.gaps() == [(2, 2, "filled", None), (4, 4, "filled", None)]


async def test_each_source_gives_its_part_and_the_rest_stays_open(world: World) -> None:
    await world.has("a", 0, 1, 9, 10)
    world.fakes["a"].without = {2, 3, 4, 5}
    world.fakes["b"].without = {4, 5}
    filled = await world.fill(2, 9)
    assert (filled.by_source, filled.left) == ({"a": 3, "b": 2}, 2)
    assert await world.gaps() == [(2, 3, "filled", "b"), (4, 5, "open", None)]


async def test_what_every_source_says_it_has_not_is_confirmed_empty_after_enough_attempts(world: World) -> None:
    await world.has("a", 0, 1, 4, 5)
    for fake in world.fakes.values():
        fake.without = {2, 3}
    waits = []
    for attempt in range(1, GAP_EMPTIES_MIN + 1):
        await world.fill(2, 4)
        gap = await world.gap()
        assert (gap.attempts, gap.empties) == (attempt, attempt)
        if gap.retry_at is not None:
            waits.append((gap.retry_at - world.clock.now()).total_seconds())
            world.clock.advance(gap.retry_at - world.clock.now())
    assert gap.state == "unfillable"
    assert gap.reason == f"{CONFIRMED_EMPTY} (a: empty; b: empty)"
    assert waits == [GAP_RETRY_S_FIRST * 2**n for n in range(GAP_EMPTIES_MIN - 1)]
    assert await world.hours() == [(0, "a"), (1, "a"), (4, "a"), (5, "a")]  # nothing was made up


async def test_asking_many_times_in_a_row_confirms_nothing(world: World) -> None:
    """A bar that has just ended is often not at its source yet."""
    await world.has("a", 0, 1, 4, 5)
    for fake in world.fakes.values():
        fake.without = {2, 3}
    for _ in range(GAP_EMPTIES_MIN + 2):
        await world.fill(2, 4)
    gap = await world.gap()
    assert (gap.state, gap.empties, gap.attempts) == ("open", 1, GAP_EMPTIES_MIN + 2)


async def test_a_source_that_fails_confirms_nothing(world: World) -> None:
    await world.has("a", 0, 1, 4, 5)
    world.fakes["a"].without = {2, 3}
    world.fakes["b"].fails = UNREACHABLE
    for _ in range(GAP_EMPTIES_MIN + 2):
        await world.fill(2, 4)
    gap = await world.gap()
    assert (gap.state, gap.empties, gap.attempts) == ("open", 0, GAP_EMPTIES_MIN + 2)
    assert gap.reason == "b: source_unreachable; a: empty"


async def test_where_no_source_reaches_back_so_far_the_gap_says_so(world: World) -> None:
    await world.has("a", 0, 1, 4, 5)
    for fake in world.fakes.values():
        object.__setattr__(fake.info, "history", {Interval.H1: 1.0})
    world.clock.advance(timedelta(days=30))
    for _ in range(GAP_EMPTIES_MIN):
        filled = await world.fill(2, 4)
        world.clock.advance(timedelta(seconds=GAP_RETRY_S_FIRST))
    assert filled.beyond == ("a", "b")
    assert (await world.gap()).reason == f"{BEYOND_HISTORY} (a: {BEYOND_HISTORY}; b: {BEYOND_HISTORY})"
    assert world.fakes["a"].asked == world.fakes["b"].asked == 0


async def test_a_disconnect_opens_the_gap_that_is_filled(world: World) -> None:
    await world.has("a", 0, 1, 2)
    filled = await world.fill(3, 6, "disconnect")
    assert (filled.rows, filled.left) == (3, 0)
    gap = await world.gap()
    assert (gap.cause, gap.state, gap.missing) == ("disconnect", "filled", 3)


async def test_what_came_late_is_known_from_when_it_came_and_history_from_when_it_was_published(world: World) -> None:
    await world.has("a", 10, 11, 14)
    await world.fill(12, 14)
    await world.fill(5, 10, "history")
    bars = await world.store.read(BTC.symbol, Interval.H1)
    known = [(from_us(us) - T0) / HOUR for us in bars.known_at]
    assert known == [6, 7, 8, 9, 10, 11, 12, 30, 30, 15]
    assert [g.cause for g in await world.store.gaps()] == ["not_delivered"]


async def test_a_long_stretch_is_asked_for_in_batches_the_newest_first(world: World) -> None:
    last = 3 * BACKFILL_BATCH_BARS - 5
    world.clock.advance((last + 10) * HOUR)
    await world.has("a", 0, last)
    filled = await world.fill(1, last)
    assert (filled.rows, filled.left) == (last - 1, 0)
    ends = [end for _, end in world.fakes["a"].windows]
    assert ends == sorted(ends, reverse=True) and len(ends) == 3
    left_for_the_last = last - 1 - 2 * BACKFILL_BATCH_BARS  # a gap shrinks with every batch
    assert await world.gaps() == [(1, left_for_the_last, "filled", None)]


async def test_a_batch_that_fails_keeps_those_before(world: World) -> None:
    last = 2 * BACKFILL_BATCH_BARS
    world.clock.advance((last + 10) * HOUR)
    await world.has("a", 0, last)
    fake = world.fakes["a"]
    asked: list[float] = []

    async def between(symbol: str, interval: Interval, first: object, end: object) -> Bars:
        asked.append(1)
        if len(asked) == 2:
            raise UNREACHABLE
        return await Past.between(fake, symbol, interval, first, end)

    fake.between = between  # type: ignore[method-assign]
    world.fakes["b"].fails = UNREACHABLE
    filled = await world.fill(1, last)
    assert (filled.rows, filled.left) == (BACKFILL_BATCH_BARS, last - 1 - BACKFILL_BATCH_BARS)
    assert await world.gaps() == [(1, last - 1 - BACKFILL_BATCH_BARS, "open", None)]


async def test_what_is_not_over_yet_is_neither_asked_for_nor_missing(world: World) -> None:
    await world.has("a", 26, 27)
    filled = await world.fill(28, 40)
    assert (filled.rows, filled.left) == (2, 0)
    assert world.fakes["a"].windows[0][1] <= 30


async def test_bars_that_are_there_are_not_touched(world: World) -> None:
    await world.has("a", 0, 1, 4)
    world.fakes["a"].price = 500.0
    await world.fill(0, 5)
    bars = await world.store.read(BTC.symbol, Interval.H1)
    assert bars.close.tolist() == [100, 100, 500, 500, 100]

"""A day on a clock of its own, with every source failing at random: nothing is lost, doubled or mislabelled.

Real adapters over real HTTP to a local server, real guards, chain, intake, quality and gap keeper. Prices are a fixed
function of time and differ by source, so that every stored bar can be checked against what its source would say.
"""

import gc
import json
import resource
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa

from tests.wire import Fault, WireServer, wire_server
from tests.wire import market as wire_market
from tests.wire.server import Made, Maker
from truecast.domain.bar import Bars
from truecast.domain.interval import Interval
from truecast.jobs.ingest import Intake
from truecast.kit.bus import InProcessBus
from truecast.kit.clock import FixedClock, to_us
from truecast.kit.db import Database
from truecast.market.backfill import CONFIRMED_EMPTY, Backfill
from truecast.market.chain import Chain
from truecast.market.gaps import Gap
from truecast.market.ingest import Ingest
from truecast.market.keeper import Keeper
from truecast.market.store import BarStore
from truecast.market.tables import bars as bars_table
from truecast.providers.base import Reach, SeriesOffer
from truecast.providers.catalog import build_provider, source_info
from truecast.providers.guarded import Guarded, guard_of

START = datetime(2026, 11, 20, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
ROUND = timedelta(minutes=10)
SYMBOL = "BTC-USDT"
SOURCES = ("binance", "coinbase", "kraken")
SCALE = {"binance": 1.0, "coinbase": 1.002, "kraken": 0.998}  # each has its own price
COLUMNS = {"binance": (1, 5), "coinbase": (1, 5), "kraken": (1, 6)}  # where the prices are in a row
MEMORY_BYTES_MAX = 48 * 2**20  # that the process may grow by in the second half of the day

FAULTS: Sequence[tuple[str, Fault | None]] = (
    ("out of service", Fault(status=503)),
    ("over its limit", Fault(status=429, retry_after_s=20)),
    ("a page instead of data", Fault(html=True)),
    ("cut off", Fault(truncate=True)),
    ("hung up on", Fault(reset=True)),
    ("nonsense", Fault(body=b'{"what": [1, 2')),
    ("nothing", Fault(body=b"[]")),
    ("from tomorrow", Fault(skew_s=86_400)),
    ("a number too few", Fault(body=b'[[1, "2"]]')),
    ("pence for pounds", None),
    ("holes", None),
)


@dataclass
class Source:
    """How a provider does at the moment."""

    key: str
    fault: str | None = None
    until: datetime = START
    seen: set[str] = field(default_factory=set)


@dataclass
class Day:
    """One source of everything."""

    clock: FixedClock
    wire: WireServer
    generator: np.random.Generator
    states: dict[str, Source]
    never: dict[str, set[int]] = field(default_factory=dict)  # minutes that a source will never have

    def maker(self, key: str, made_by: Maker) -> Maker:
        """The market's own answers in the source's prices, with what does not show in a status."""

        def maker(path: str, query: Mapping[str, str]) -> Made | None:
            made = made_by(path, query)
            if made is None or made.status != 200:
                return made
            document = json.loads(made.body)
            rows = document["result"][next(iter(document["result"]))] if isinstance(document, dict) else document
            rows[:] = [row for row in rows if self._minute(row[0]) not in self.never.get(key, ())]
            fault = self.states[key].fault
            if fault == "holes":
                rows[:] = [row for row in rows if self._minute(row[0]) % 3 or len(rows) > 200]
            scale = SCALE[key] * (100 if fault == "pence for pounds" else 1)
            first, last = COLUMNS[key]
            for row in rows:
                row[first:last] = [as_was(cell, float(cell) * scale) for cell in row[first:last]]
            return Made(json.dumps(document).encode())

        return maker

    @staticmethod
    def _minute(stamp: float) -> int:
        return int(stamp // (60_000 if stamp > 1e12 else 60))

    def change(self) -> None:
        """Sources break and heal; on average one is broken a third of the time."""
        now = self.clock.now()
        for state in self.states.values():
            if now < state.until:
                continue
            self.wire.behave(state.key)
            broken = state.fault is None and self.generator.random() < 0.7
            state.until = now + timedelta(minutes=float(self.generator.exponential(40 if broken else 25)))
            state.fault = None
            if broken:
                name, fault = FAULTS[int(self.generator.integers(len(FAULTS)))]
                state.fault = name
                state.seen.add(name)
                if fault is not None:
                    self.wire.misbehave(state.key, fault)

    def heal(self) -> None:
        for state in self.states.values():
            self.wire.behave(state.key)
            state.fault, state.until = None, datetime.max.replace(tzinfo=UTC)


def as_was(cell: Any, value: float) -> Any:
    return f"{value:.8f}" if isinstance(cell, str) else value


@pytest.fixture
async def day() -> AsyncIterator[Day]:
    clock = FixedClock(START)
    async with wire_server() as wire:
        made = Day(clock, wire, np.random.default_rng(3), {key: Source(key) for key in SOURCES})
        for key in SOURCES:
            market = getattr(wire_market, key)(lambda: clock.now().timestamp())
            wire.make(key, made.maker(key, market))
        yield made


def source(key: str, day: Day) -> Guarded:
    """The adapter as it is wired, following one series."""
    guard = guard_of(source_info(key), day.clock, timeout_s=5.0)
    reach = Reach(np.random.default_rng(1), base_url=day.wire.base_url(key), timeout_s=5.0, guard=guard)
    provider: Any = build_provider(key, day.clock, reach)
    provider.offers = lambda: [provider.offer(SYMBOL, Interval.M1)]
    return Guarded(provider, guard)


async def test_a_day_of_random_faults_leaves_no_unexplained_gap_no_double_and_no_wrong_label(
    day: Day, sqlite_db: Database
) -> None:
    clock, store = day.clock, BarStore(sqlite_db)
    sources = {key: source(key, day) for key in SOURCES}
    chain = Chain(sources, clock)
    ingest = Ingest(store, InProcessBus(clock), clock)
    keeper = Keeper(store, Backfill(store, ingest, chain, clock), chain, clock)
    intakes = [Intake(provider, store, ingest, clock, chain) for provider in sources.values()]
    noon = int(START.timestamp() // 60) + 720
    day.never = {"binance": {noon + i for i in range(20)}, "coinbase": {noon + 5}, "kraken": {noon + 5, noon + 6}}
    await _begin(store, ingest, sources["binance"].offers()[0])

    half_bytes = 0
    while clock.now() < START + timedelta(hours=24):
        day.change()
        await _round(intakes, keeper, clock)
        if not half_bytes and clock.now() >= START + timedelta(hours=12):
            half_bytes = _memory_bytes()
        clock.advance(ROUND - (clock.now() - START) % ROUND)  # waiting took its own part of it
    grown_bytes = _memory_bytes() - half_bytes
    day.heal()
    end = clock.now()
    for _ in range(40):  # ten hours to mend it: a gap waits longer after each attempt in vain
        clock.advance(timedelta(minutes=15))
        await _round(intakes, keeper, clock)
    for provider in sources.values():
        await provider.close()

    assert {name for state in day.states.values() for name in state.seen} == {name for name, _ in FAULTS}
    await _check(store, day, end)
    assert grown_bytes < MEMORY_BYTES_MAX


async def _begin(store: BarStore, ingest: Ingest, offer: SeriesOffer) -> None:
    """An hour of history, so that no day's worth of candles is read first."""
    start = np.arange(to_us(START - timedelta(hours=2)), to_us(START - MINUTE) + 1, 60_000_000, np.int64)
    rows = np.array([truth("binance", int(us)) for us in start])
    await store.add_series(offer, "binance")
    await ingest.take(
        Bars(
            SYMBOL, Interval.M1, start, start + 60_000_000, rows[:, 0], rows[:, 1], rows[:, 2], rows[:, 3],
            np.full(len(start), 1.0), np.ones(len(start), np.bool_), np.zeros(len(start), np.int16), ("binance",),
        )
    )  # fmt: skip


async def _round(intakes: Sequence[Intake], keeper: Keeper, clock: FixedClock) -> None:
    for intake in intakes:
        await intake.take_news()
    if clock.now().minute % 15 in (0, 10):
        await keeper.run()


def truth(key: str, start_us: int) -> tuple[float, ...]:
    """What the source says of that minute."""
    return tuple(
        price * SCALE[key]
        for price in wire_market.candle(SYMBOL.replace("-", ""), start_us // 1_000_000, 60, float("inf"))[:4]
    )


async def _check(store: BarStore, day: Day, end: datetime) -> None:
    bars = await store.read(SYMBOL, Interval.M1, start=START)
    gaps = [gap for gap in await store.gaps(SYMBOL) if gap.last >= START]
    expected = np.arange(to_us(START), to_us(end), 60_000_000, np.int64)
    missing = expected[~np.isin(expected, bars.start)]

    unexplained = [us for us in missing.tolist() if not any(_covers(gap, us) and gap.reason for gap in gaps)]
    assert not unexplained  # every minute is there, or a gap says why not
    nobody_has = set.intersection(*day.never.values())
    assert {us // 60_000_000 for us in missing.tolist()} == nobody_has
    left = [gap for gap in gaps if gap.state != "filled"]
    assert {to_us(gap.first) // 60_000_000 for gap in left} == nobody_has and all(gap.missing == 1 for gap in left)
    assert all(gap.state == "unfillable" and (gap.reason or "").startswith(CONFIRMED_EMPTY) for gap in left)
    assert len(gaps) > 20 and {gap.filled_by for gap in gaps} == {None, "coinbase", "kraken"}
    assert set(SOURCES) == {bars.source_of(t) for t in range(len(bars))}

    async with store.db.read() as conn:
        rows = await conn.scalar(sa.select(sa.func.count()).select_from(bars_table))
        pairs = sa.select(bars_table.c.series_id, bars_table.c.start).distinct().subquery()
        assert rows == await conn.scalar(sa.select(sa.func.count()).select_from(pairs))  # nothing twice
    for key in SOURCES:
        own = await store.read(SYMBOL, Interval.M1, source=key, start=START)
        told = np.array([truth(key, int(us)) for us in own.start]).reshape(-1, 4)
        for i, name in enumerate(("open", "high", "low", "close")):
            np.testing.assert_allclose(getattr(own, name), told[:, i], rtol=1e-6, err_msg=f"{name} of {key}")
        assert all(int(us) // 60_000_000 not in day.never[key] for us in own.start)


def _covers(gap: Gap, us: int) -> bool:
    return to_us(gap.first) <= us <= to_us(gap.last)


def _memory_bytes() -> int:
    gc.collect()
    return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * resource.getpagesize()

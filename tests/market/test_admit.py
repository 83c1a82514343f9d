"""Bars that wait: held until the next bar or a person says what they are, and never lost."""

from dataclasses import dataclass

import numpy as np
import pytest

from tests.market.offers import HOUR, T0, bar, bars, offer
from tests.market.test_quality import calm
from truecast.kit.bus import InProcessBus, Message
from truecast.kit.clock import FixedClock, from_us
from truecast.kit.db import Database
from truecast.market.ingest import Ingest
from truecast.market.quality import HELD
from truecast.market.quarantine import NotReleasable, Quarantined, UnknownQuarantine
from truecast.market.store import BarStore

PAST = calm(40, 1.2)


@dataclass
class Desk:
    store: BarStore
    ingest: Ingest
    clock: FixedClock
    heard: list[Message]

    async def at(self, hour: int, close: float, source: str = "test") -> tuple[int, int]:
        """The hour's bar comes when it is over: how many were written, and how many refused."""
        self.clock.advance(max(T0 + (hour + 1) * HOUR - self.clock.now(), 0 * HOUR))
        taken = await self.ingest.take(bars([bar(hour, close)], source))
        return taken.appended.changed, taken.quarantined

    async def only(self) -> Quarantined:
        (found,) = await self.store.quarantined()
        return found

    async def closes(self, first: int) -> list[float]:
        return (await self.store.read("EUR-USD", offer().interval, start=T0 + first * HOUR)).close.tolist()


@pytest.fixture
async def desk(db: Database) -> Desk:
    store, clock = BarStore(db), FixedClock(T0 + 40 * HOUR)
    await store.add_series(offer(), "test")
    bus, heard = InProcessBus(clock), list[Message]()

    async def hear(message: Message) -> None:
        heard.append(message)

    desk = Desk(store, Ingest(store, bus, clock), clock, heard)
    await desk.ingest.take(bars([bar(hour, close) for hour, close in enumerate(PAST)]))
    bus.subscribe("bars:*", hear)
    return desk


async def test_a_suspicious_last_bar_waits_and_goes_in_when_the_next_confirms_it(desk: Desk) -> None:
    assert await desk.at(40, 2.0) == (0, 1)
    held = await desk.only()
    assert (held.state, held.reason) == ("held", HELD + "spike")
    assert await desk.closes(40) == [] and desk.heard == []
    assert await desk.at(41, 2.02) == (2, 0)
    assert await desk.closes(40) == [2.0, 2.02]
    ruled = await desk.only()
    assert (ruled.state, ruled.ruled_by, ruled.ruled_at) == ("released", "later_bars", T0 + 42 * HOUR)
    assert await desk.store.gaps() == []


async def test_what_was_released_is_known_from_then_on_and_not_before(desk: Desk) -> None:
    await desk.at(40, 2.0)
    await desk.at(41, 2.02)
    found = await desk.store.read("EUR-USD", offer().interval, start=T0 + 40 * HOUR)
    assert [from_us(us) for us in found.known_at] == [T0 + 42 * HOUR] * 2


async def test_when_the_old_level_is_back_it_stays_out_and_leaves_a_gap_that_says_so(desk: Desk) -> None:
    await desk.at(40, PAST[-1] * 100)
    assert await desk.at(41, PAST[-1]) == (1, 0)
    ruled = await desk.only()
    assert (ruled.state, ruled.reason) == ("rejected", HELD + "unit_error")
    (gap,) = await desk.store.gaps()
    assert (gap.first, gap.missing, gap.cause) == (T0 + 40 * HOUR, 1, "quarantined")


async def test_another_source_that_saw_it_too_lets_it_in_at_once(desk: Desk) -> None:
    await desk.store.add_series(offer(), "other")
    await desk.ingest.take(bars([bar(38, PAST[38]), bar(39, PAST[39])], "other"))
    await desk.at(40, 2.0, "other")  # too little is known of that source to doubt it
    assert await desk.at(40, 2.0) == (1, 0)
    assert await desk.store.quarantined() == []


async def test_a_person_lets_a_row_in_and_that_is_written_down(desk: Desk) -> None:
    await desk.at(40, PAST[-1] * 100)
    number = (await desk.only()).id
    desk.clock.advance(HOUR)
    released = await desk.ingest.release(number, by="cli", note="the coin was redenominated")
    assert (released.state, released.ruled_by, released.note) == ("released", "cli", "the coin was redenominated")
    assert await desk.closes(40) == [PAST[-1] * 100]
    (bar_in,) = (await desk.store.read("EUR-USD", offer().interval, start=T0 + 40 * HOUR)).known_at
    assert from_us(bar_in) == T0 + 42 * HOUR
    assert [message.topic for message in desk.heard] == ["bars:EUR-USD:1h"]
    with pytest.raises(NotReleasable, match="already"):
        await desk.ingest.release(number, by="cli")
    assert await desk.at(42, PAST[-1] * 101) == (1, 0)  # the new level is believed from now on


async def test_a_rejected_row_can_still_be_let_in(desk: Desk) -> None:
    await desk.at(40, PAST[-1] * 100)
    await desk.at(41, PAST[-1])
    await desk.ingest.release((await desk.only()).id, by="cli")
    assert (await desk.only()).state == "released"
    assert [gap.state for gap in await desk.store.gaps()] == ["filled"]


async def test_what_can_be_no_bar_stays_out_whoever_asks(desk: Desk) -> None:
    await desk.ingest.take(bars([bar(40, -1.0)]))
    with pytest.raises(NotReleasable, match="price_negative"):
        await desk.ingest.release((await desk.only()).id, by="cli")
    with pytest.raises(UnknownQuarantine):
        await desk.ingest.release(4711, by="cli")


async def test_the_same_held_row_told_again_is_one_row(desk: Desk) -> None:
    assert await desk.at(40, PAST[-1] * 100) == (0, 1)
    assert await desk.at(40, PAST[-1] * 100) == (0, 0)
    assert len(await desk.store.quarantined()) == 1


async def test_a_held_row_that_its_source_corrects_is_replaced(desk: Desk) -> None:
    await desk.at(40, PAST[-1] * 100)
    assert await desk.at(40, PAST[-1]) == (1, 0)
    assert (await desk.only()).state == "rejected"
    assert await desk.closes(40) == [PAST[-1]]


async def test_a_batch_is_judged_as_a_whole(desk: Desk) -> None:
    desk.clock.advance(20 * HOUR)
    closes = [*np.array(PAST[-5:]), PAST[-1] * 100, PAST[-1]]
    taken = await desk.ingest.take(bars([bar(40 + hour, close) for hour, close in enumerate(closes)]))
    assert (taken.appended.inserted, taken.quarantined, taken.gaps_opened) == (6, 1, 1)
    assert (await desk.only()).reason == "unit_error"

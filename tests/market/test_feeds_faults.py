"""Whatever a source does on its socket and beside it: in the end every bar is there, once, and as it was."""

import asyncio
import itertools
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.market.live import EVERY_S, StillClock, house, running, until
from tests.market.test_feeds import MINUTE, agrees
from tests.wire import Fault
from truecast.kit.db import Database
from truecast.market.tables import bars
from truecast.migrations.upgrade import upgrade

SOCKET = "/stream"
FAULTS = {
    "drop": Fault(reset=True, path=SOCKET),
    "drop after some": Fault(reset=True, after=40, path=SOCKET),
    "hang": Fault(hang=True, path=SOCKET),
    "silence": Fault(silent=True, path=SOCKET),
    "slices": Fault(slice_bytes=16, slice_s=0, path=SOCKET),
    "half a frame": Fault(truncate=True, after=20, path=SOCKET),
    "twice": Fault(duplicate=True, path=SOCKET),
    "disorder": Fault(reorder=True, path=SOCKET),
    "garbage": Fault(garbage=True, path=SOCKET),
    "a page": Fault(html=True, path=SOCKET),
    "503": Fault(status=503, path=SOCKET),
    "clock ahead": Fault(skew_s=120, path=SOCKET),
    "clock behind": Fault(skew_s=-120, path=SOCKET),
    "no candles by HTTP either": Fault(status=503),
    "everything cut": Fault(reset=True),
}


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with all tables."""

    async def make(path: Path) -> None:
        db = Database.open(f"sqlite:///{path}")
        await upgrade(db)
        await db.close()

    path = tmp_path_factory.mktemp("empty") / "truecast.db"
    asyncio.run(make(path))
    return path


_numbers = itertools.count()


@settings(max_examples=8)
@given(st.lists(st.tuples(st.sampled_from(sorted(FAULTS)), st.integers(1, 3)), min_size=1, max_size=4))
async def test_no_bar_is_lost_none_comes_twice_and_none_is_wrong(
    empty: Path, tmp_path: Path, troubles: list[tuple[str, int]]
) -> None:
    path = tmp_path / f"{next(_numbers)}.db"
    shutil.copy(empty, path)
    db = Database.open(f"sqlite:///{path}")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("truecast.market.feeds_candles.FEED_FILL_AGAIN_S", (0.05,) * 200)
        await suffer(db, troubles)
    await db.close()


async def suffer(db: Database, troubles: list[tuple[str, int]]) -> None:
    clock = StillClock(datetime(2026, 11, 21, 5, 0, 5, tzinfo=UTC))
    async with house(db, clock, silence_s_max=0.8, open_s_max=0.3) as live:
        first_s = live.minute_s() - 4 * 60
        for symbol in ("BTC-USDT", "ETH-USDT"):
            await live.history(symbol, 5)
        async with running(live.feed):
            await until(lambda: live.feed.status.state == "live")
            for name, minutes in troubles:
                live.wire.misbehave("binance", FAULTS[name])
                for _ in range(minutes):
                    clock.advance(MINUTE)
                    await asyncio.sleep(6 * EVERY_S)
                live.wire.behave("binance")
            clock.advance(MINUTE)
            await until(lambda: live.feed.status.state == "live")
            for symbol in ("BTC-USDT", "ETH-USDT"):
                await until(lambda symbol=symbol: agrees(live, symbol, first_s))
        async with db.read() as conn:
            rows = await conn.scalar(sa.select(sa.func.count()).select_from(bars))
        assert rows == 2 * (live.minute_s() - first_s) // 60
        assert {gap.state for gap in await live.store.gaps()} <= {"filled"}

"""How long risk takes: one symbol with 1,000 bars, from SQLite to the answer's body, with and without intervals.

python benchmarks/risk.py      (writes benchmarks/results/risk.md)
"""

import one_thread  # noqa: F401, I001 before numpy is loaded
import asyncio
import os
import statistics
import tempfile
import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np

from truecast.api.risk_body import RiskRequest, question_of, risk_body
from truecast.domain.bar import Bars
from truecast.domain.instrument import AssetClass, Instrument
from truecast.domain.interval import Interval
from truecast.kit.clock import FixedClock, to_us
from truecast.kit.compute import Compute
from truecast.kit.db import Database
from truecast.market.calendar import calendar
from truecast.market.history import History
from truecast.market.store import BarStore
from truecast.migrations.upgrade import upgrade
from truecast.providers.base import SeriesOffer
from truecast.risk.read import measure

NOW = datetime(2026, 10, 30, 22, tzinfo=UTC)
BARS, RUNS = 1_000, 40
RESULTS = Path(__file__).parent / "results" / "risk.md"


def made(symbol: str, market: str, seed: int) -> tuple[SeriesOffer, Bars]:
    """A random walk with fat tails on the sessions of New York."""
    kept = calendar(market)
    start = kept.expected(to_us(NOW - timedelta(days=1_700)), to_us(NOW - timedelta(days=2)), Interval.D1)[-BARS:]
    close = 100 * np.exp(np.cumsum(0.01 * np.random.default_rng(seed).standard_t(5, BARS)))
    instrument = Instrument(symbol, symbol, AssetClass.EQUITY, "USD", Decimal("0.01"), market)
    bars = Bars(
        symbol, Interval.D1, start=start, known_at=kept.known_at(start, Interval.D1), open=close, high=close, low=close,
        close=close, volume=np.ones(BARS), final=np.ones(BARS, np.bool_), source=np.zeros(BARS, np.int16),
        sources=("made",),
    )  # fmt: skip
    return SeriesOffer(instrument, Interval.D1, market, "eod", None, "made up"), bars


async def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        db = Database.open(f"sqlite:///{folder}/risk.db")
        await upgrade(db)
        clock, store, compute = FixedClock(NOW), BarStore(db), Compute(1)
        for seed, symbol in enumerate(("AAA", "BBB", "CCC", "DDD", "SPY")):
            offer, bars = made(symbol, "XNYS", seed)
            await store.add_instruments([offer.instrument])
            await store.add_series(offer, "made")
            await store.append(bars, received_at=NOW)
        history = History(store, clock)
        cases = {
            "one symbol, without intervals": {"symbol": "AAA", "bootstrap": False, "include_benchmark": False},
            "one symbol and its benchmark, without intervals": {"symbol": "AAA", "bootstrap": False},
            "one symbol, with intervals": {"symbol": "AAA", "include_benchmark": False},
            "one symbol and its benchmark, with intervals": {"symbol": "AAA"},
            "four symbols and a benchmark, with intervals": {
                "positions": [{"symbol": s, "weight": 1.0} for s in ("AAA", "BBB", "CCC", "DDD")]
            },
            "one symbol over ten bars, with intervals": {"symbol": "AAA", "horizon": 10, "levels": [0.95]},
        }
        rows = []
        for name, asked in cases.items():
            request = RiskRequest.model_validate({"period_days": 5_000, **asked})
            taken, used = [], []
            for _ in range(RUNS):
                begun, busy = time.perf_counter(), time.process_time()
                question = question_of(request)
                found = await measure(question, store, history, compute)
                body = risk_body(found, question, symbol=True)
                body.model_dump_json(by_alias=True)
                taken.append(1_000 * (time.perf_counter() - begun))
                used.append(1_000 * (time.process_time() - busy))
            taken, used = taken[5:], used[5:]
            rows.append((name, body.n, statistics.median(used), min(taken), statistics.median(taken)))
            print(*rows[-1])
        compute.close()
        await db.close()
    write(rows)


def write(rows: list[tuple[str, int, float, float, float]]) -> None:
    lines = [
        "# Risk",
        "",
        f"`python benchmarks/risk.py`: {BARS:,} daily bars a series in SQLite, read for every question; all methods at",
        "95 and 99 %, stress windows included; one thread, to the encoded answer, without HTTP. Load of the machine:",
        f"{os.getloadavg()[0]:.0f} on {os.cpu_count()} cores, so that the CPU time says more than the clock.",
        "Goals: 15 ms for one symbol without intervals, 80 ms with.",
        "",
        "| question | returns | median CPU, ms | least, ms | median, ms |",
        "|---|---|---|---|---|",
        *(f"| {name} | {n:,} | {cpu:.1f} | {least:.1f} | {median:.1f} |" for name, n, cpu, least, median in rows),
    ]
    RESULTS.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    asyncio.run(main())

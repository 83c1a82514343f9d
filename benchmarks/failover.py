"""A source that hangs: what users notice, how often it is asked, and how soon it is used again.

`python benchmarks/failover.py [--write]`: a real server process on this machine, two local sources whose first begins
to hang, cached reads measured meanwhile; then the published limits under 1,000,000 calls on a virtual clock, in one
process and in four that share a Redis.
"""

import argparse
import asyncio
import contextlib
import itertools
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import httpx
import numpy as np
import orjson

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.http_source import Answer, HttpSource, http_source  # noqa: E402
from tests.kit.shared_budget import LIMITS, by_decision, by_question, spend_in_four_processes  # noqa: E402
from tests.kit.test_budget import over_limit  # noqa: E402
from tests.servers import redis_server  # noqa: E402

from truecast.api.app import create_app  # noqa: E402
from truecast.domain.bar import Bars  # noqa: E402
from truecast.domain.instrument import AssetClass, Instrument  # noqa: E402
from truecast.domain.interval import Interval  # noqa: E402
from truecast.domain.quote import Quote  # noqa: E402
from truecast.kit.budget import MemoryBudget  # noqa: E402
from truecast.kit.clock import FixedClock, SystemClock, to_us  # noqa: E402
from truecast.kit.guard import Guard  # noqa: E402
from truecast.kit.http import HttpClient  # noqa: E402
from truecast.kit.settings import Settings  # noqa: E402
from truecast.market.chain import Chain, NoLiveSource  # noqa: E402
from truecast.providers.base import SeriesOffer, Source  # noqa: E402
from truecast.providers.catalog import source_info  # noqa: E402
from truecast.providers.guarded import Guarded  # noqa: E402
from truecast.wiring import Role, build  # noqa: E402

RESULT = Path(__file__).parent / "results" / "failover.md"
BTC = Instrument("BTC-USDT", "Bitcoin", AssetClass.CRYPTO, "USDT", Decimal("0.01"), "24/7")
WELL_S, HANGS_S, AFTER_S = 10.0, 40.0, 32.0
CALLS = 1_000_000


class Local(Source):
    """Quotes of one instrument over HTTP, through HttpClient like every adapter."""

    def __init__(self, key: str, guard: Guard, base_url: str) -> None:
        self.info = replace(
            source_info("ecb"), key=key, capabilities=frozenset({"quotes", "bars"}), delay="realtime",
            asset_classes=frozenset({AssetClass.CRYPTO}), intervals=(Interval.H1,),
        )  # fmt: skip
        self._http = HttpClient(
            base_url, clock=SystemClock(), generator=np.random.default_rng(1), timeout_s=20.0, guard=guard
        )

    def offers(self) -> Sequence[SeriesOffer]:
        return [SeriesOffer(BTC, Interval.H1, "24/7", "realtime", None, self.info.key)]

    async def bars(self, symbol: str, interval: Interval, _since: datetime | None) -> Bars:
        return Bars.empty(symbol, interval)

    async def quotes(self, symbols: Sequence[str]) -> Sequence[Quote]:
        answer = await self._http.get("quotes", params={"symbols": ",".join(symbols)})
        price = float(orjson.loads(answer.body)["price"])
        now = answer.received_at
        return [Quote(symbol, price, self.info.key, now, now, "realtime") for symbol in symbols]

    async def close(self) -> None:
        await self._http.close()


@dataclass
class Seen:
    """What users and the sources noticed, by second of the run."""

    answers: list[tuple[float, str, float]] = field(default_factory=list)  # when, source, how long it took
    reads: list[tuple[float, float]] = field(default_factory=list)  # when, how long a cached read took
    asked_a: list[float] = field(default_factory=list)


async def live_run() -> tuple[Seen, Guard]:
    """A is well, hangs, and is well again; live prices are asked for four times a second, cached ones all the time."""
    seen = Seen()
    async with http_source() as a, http_source() as b, cached_server() as client:
        clock = SystemClock()
        guards = {key: Guard(key, clock=clock, timeout_s=20.0) for key in ("a", "b")}
        sources = {
            key: Guarded(Local(key, guards[key], where.base_url), guards[key]) for key, where in (("a", a), ("b", b))
        }
        chain = Chain(sources, clock)
        for where in (a, b):
            where.serve("/quotes", Answer(b'{"price": 100}'))
        began_s = time.perf_counter()
        tasks = [
            asyncio.create_task(ask_live(chain, seen, began_s)),
            asyncio.create_task(ask_cached(client, seen, began_s)),
            asyncio.create_task(count(a, seen, began_s)),
        ]
        await asyncio.sleep(WELL_S)
        a.serve("/quotes", Answer(delay_s=3_600))
        await asyncio.sleep(HANGS_S)
        a.serve("/quotes", Answer(b'{"price": 100}'))
        await asyncio.sleep(AFTER_S)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for source in sources.values():
            await source.close()
    return seen, guards["a"]


async def ask_live(chain: Chain, seen: Seen, began_s: float) -> None:
    """A new question every quarter second, whether the last one was answered or not."""

    async def one() -> None:
        asked_s = time.perf_counter()
        with contextlib.suppress(NoLiveSource):
            quote, _ = await chain.quote(BTC)
            seen.answers.append((asked_s - began_s, quote.source, time.perf_counter() - asked_s))

    async with asyncio.TaskGroup() as group:
        while True:
            group.create_task(one())
            await asyncio.sleep(0.25)


async def ask_cached(client: httpx.AsyncClient, seen: Seen, began_s: float) -> None:
    while True:
        asked_s = time.perf_counter()
        (await client.get("/api/v1/prices", params={"symbols": "EUR-USD"})).raise_for_status()
        seen.reads.append((asked_s - began_s, time.perf_counter() - asked_s))
        await asyncio.sleep(0.01)


async def count(a: HttpSource, seen: Seen, began_s: float) -> None:
    while True:
        while len(seen.asked_a) < len(a.asked):
            seen.asked_a.append(time.perf_counter() - began_s)
        await asyncio.sleep(0.005)


@contextlib.asynccontextmanager
async def cached_server() -> AsyncIterator[httpx.AsyncClient]:
    """The product's API in this process, over the bundled sample: the hanging source shares its event loop."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(_env_file=None, data_dir=Path(folder), sources=("sample",))
        services = build(settings, Role.COMMAND)
        await services.background.prepare(services.loading)
        services.loading.ready = True
        transport = httpx.ASGITransport(app=create_app(services))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            yield client
        await services.background.close()


def p99_ms(seen: Seen, first_s: float, last_s: float) -> float:
    return float(np.quantile([took for at, took in seen.reads if first_s <= at < last_s], 0.99) * 1e3)


async def one_process() -> tuple[int, int, float]:
    """Calls let through, windows over a limit, and calls per second of 1,000,000 asked for."""
    clock = FixedClock(datetime(2026, 1, 5, tzinfo=UTC))
    budget, generator, taken = MemoryBudget(LIMITS, clock), np.random.default_rng(1), []
    weights = generator.choice([1, 2, 20, 80], CALLS, p=[0.6, 0.2, 0.15, 0.05]).tolist()
    gaps_us = generator.exponential(30_000, CALLS).astype(np.int64).tolist()
    urgent = (generator.random(CALLS) < 0.3).tolist()
    began_s = time.perf_counter()
    for weight, gap_us, waits in zip(weights, gaps_us, urgent, strict=True):
        clock.advance(timedelta(microseconds=gap_us))
        if not await budget.take(weight, urgent=waits):
            taken.append((to_us(clock.now()), weight))
    took_s = time.perf_counter() - began_s
    return len(taken), sum(over_limit(taken, limit) for limit in LIMITS), CALLS / took_s


def outage_on_a_virtual_clock(outage_s: float) -> float:
    """Seconds until a source that was away for so long is used again: the breaker alone, asked every second."""
    clock = FixedClock(datetime(2026, 1, 5, tzinfo=UTC))
    guard = Guard("a", clock=clock)
    for second in itertools.count():
        given = guard.breaker.admit()
        if given is not None:
            if second >= outage_s:
                guard.breaker.succeeded(given)
                if guard.breaker.state == "closed":
                    return second - outage_s
            else:
                guard.breaker.failed(given)
        clock.advance(timedelta(seconds=1))
    raise AssertionError


def report(
    seen: Seen, guard: Guard, alone: tuple[int, int, float], four: tuple[int, int, float], asked_over: int
) -> str:
    hangs, heals = WELL_S, WELL_S + HANGS_S
    before, during = p99_ms(seen, 1, hangs), p99_ms(seen, hangs, heals)
    asked = [at for at in seen.asked_a if hangs + 10 <= at < heals]
    in_15_s = max((sum(at <= other < at + 15 for other in asked) for at in asked), default=0)
    from_b = [took for at, source, took in seen.answers if source == "b" and at >= hangs + 10]
    worst_first = max(took for at, source, took in seen.answers if hangs <= at < hangs + 10)
    back = next((at - heals for at, source, _ in seen.answers if source == "a" and at >= heals), float("nan"))
    usage = guard.usage
    amplification = usage.attempts / (usage.attempts - usage.retries)
    learning = sum(hangs <= at < hangs + 10 for at in seen.asked_a)
    change = during / before - 1
    one, many = (f"{over} ({let:,} let through, {rate:,.0f} calls/s)" for let, over, rate in (alone, four))
    rows = [
        ("cached reads, p99 with A well / hanging", f"{before:.2f} / {during:.2f} ms ({change:+.0%})", "< +10 %"),
        ("requests to A in any 15 s, from 10 s after it began to hang", f"{in_15_s}", "<= 1"),
        ("requests to A in the first 10 s", f"{learning}", ""),
        ("live price from B, slowest once A is known to hang", f"{max(from_b) * 1e3:.0f} ms", "<= 1 s"),
        ("live price, slowest while that is learned", f"{worst_first:.2f} s", "<= 1 s"),
        ("back on A after it heals", f"{back:.1f} s", "<= 30 s"),
        ("requests sent per question asked of A (amplification)", f"{amplification:.3f}", "<= 1.10"),
        (f"{CALLS:,} calls on a virtual clock, one process: windows over a limit", one, "0"),
        (f"{CALLS:,} calls, four processes and one Redis: windows over a limit", many, "0"),
        ("the same counted by when each process asked, not by when Redis decided", f"{asked_over}", ""),
    ]
    outages = [(s, outage_on_a_virtual_clock(s)) for s in (10, 30, 60, 120, 300, 600, 3_600)]
    table = [f"|{what}|{measured}|{goal}|" for what, measured, goal in rows]
    away = [f"|{away_s} s|{after_s:.0f} s|" for away_s, after_s in outages]
    lines = [_HEAD, "|what|measured|goal|", "|---|---|---|", *table, "", _AWAY, "|away for|used again after|"]
    lines += ["|---|---|", *away, ""]
    return "\n".join(lines)


_HEAD = """# A source that hangs

Made by `python benchmarks/failover.py --write`. A answers at once for 10 s, then hangs for 40 s, then answers again; B
is well. Live prices are asked for four times a second through the chain A, B; cached prices all the time, in the same
process and event loop. Limits: 6,000 of weight a minute and 61,000 calls in five minutes.
"""
_AWAY = """A first harness for the four processes sent the script 100 calls at a time and counted by when they were
asked for: 27, 96 and 32 windows over the limit in three runs. In the third the time of Redis' decision was logged too:
by that there were none, and the batches had held calls back for up to 18 s of virtual time. Since then every call goes
through the product's own RedisBudget, one at a time, and both counts are shown.

The two p99 of cached reads differ by chance by more than the goal: -16 % and +5 % in two runs on a quiet machine.

After outages of any length, for a source whose limits have room for a probe every 15 s (decision 0016; before, the
time between probes doubled up to five minutes, and an hour's outage took 169 s more). On a virtual clock:
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    seen, guard = asyncio.run(live_run())
    alone = asyncio.run(one_process())
    with redis_server() as url:
        began_s = time.perf_counter()
        taken = spend_in_four_processes(url, calls=CALLS, gap_us=30_000)
        took_s = time.perf_counter() - began_s
    four = len(taken), sum(over_limit(by_decision(taken), limit) for limit in LIMITS), CALLS / took_s
    asked = sum(over_limit(by_question(taken), limit) for limit in LIMITS)
    text = report(seen, guard, alone, four, asked)
    print(text)
    if given.write:
        RESULT.write_text(text)


if __name__ == "__main__":
    main()

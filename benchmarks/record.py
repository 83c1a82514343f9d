"""What do track records, explanations and the check of the ledger cost on a store with hundreds of thousands of scores?

    python benchmarks/record.py --replay FILE [--times 4] [--passes 15]

FILE is the database of a replay (`truecast replay`, or benchmarks/replay.py with its folder kept). It is copied, and
what it says is said again, 30 days later each time, as rows of the same chain. Then the API is asked, in this process
and without a network. The first answer of a process reads everything; what counts later is the median.
"""

import argparse
import asyncio
import contextlib
import os
import sqlite3
import statistics
import tempfile
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import orjson
from result_file import keep

from truecast.api.app import create_app
from truecast.domain.interval import Interval
from truecast.features.frame import frame_of_closes
from truecast.forecasts import body as bodies
from truecast.forecasts import outcome as outcomes
from truecast.forecasts.canonical import canonical
from truecast.forecasts.chain import Entry, Head, Link, extend
from truecast.kit.clock import FixedClock, from_us
from truecast.kit.ids import content_id
from truecast.kit.settings import Settings
from truecast.migrations.upgrade import upgrade
from truecast.models.catalog import get_model
from truecast.models.explain import explain
from truecast.wiring import Role, build

MONTH_US = 30 * 86_400_000_000
ASKED: tuple[tuple[str, dict[str, str]], ...] = (
    ("/performance/leaderboard", {}),
    ("/performance/leaderboard", {"horizon": "5", "period": "30d"}),
    ("/performance/calibration", {"model": "naive"}),
    ("/performance/calibration", {"symbol": "EUR-USD", "interval": "1d", "model": "naive"}),
    ("/performance/trends/EUR-USD", {"interval": "1d", "model": "naive"}),
    ("/performance", {"symbol": "EUR-USD", "interval": "1d", "model": "naive", "period": "all"}),
    ("/performance", {"horizon": "1", "period": "all"}),
    ("/performance", {"period": "all"}),
    ("/ledger/verify", {}),
    ("/ledger/verify", {"full": "true"}),
)


def grown(replay: Path, path: Path, times: int) -> int:
    """A copy of the replay that says everything `times` times; the number of scores."""
    with contextlib.closing(sqlite3.connect(path)) as conn:
        with contextlib.closing(sqlite3.connect(f"file:{replay}?mode=ro", uri=True)) as source:
            source.backup(conn)
        for (name,) in conn.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            conn.execute(f'DROP TRIGGER "{name}"')
        rows = conn.execute("SELECT seq, kind, ref, recorded_at, body, hash FROM ledger ORDER BY seq").fetchall()
        head = Head(rows[-1][0], rows[-1][5])
        for again in range(1, times):
            links = extend(head, _later(rows, again))
            head = Head(links[-1].seq, links[-1].hash)
            _write(conn, links)
            conn.commit()
        return int(conn.execute("SELECT count(*) FROM scores").fetchone()[0])


def _later(rows: list[tuple[Any, ...]], again: int) -> list[Entry]:
    shift, ids, entries = again * MONTH_US, dict[str, str](), []
    for _, kind, ref, at, body, _ in rows:
        said = orjson.loads(body)
        if kind == "forecast":
            for part, names in ((said, ("as_of", "issued_at")), (said["anchor"], ("at", "bar_start", "known_at"))):
                part |= {name: part[name] + shift for name in names}
            said |= {name: [t + shift for t in said[name]] for name in ("targets", "target_ends")}
            said["data_fingerprint"] = f"{again}{said['data_fingerprint'][1:]}"
            said["naive"] = said["naive"] and ids[said["naive"]]
            text = canonical(said)
            ids[ref] = str(content_id(from_us(said["issued_at"]), text))
            entries.append(Entry(kind, ids[ref], at + shift, text))
        else:
            said["forecast"] = [seq + again * len(rows) for seq in said["forecast"]]
            said |= {n: said[n] + shift for n in ("known_at", "resolved_at", "target") if said[n] is not None}
            entries.append(Entry(kind, ref, at + shift, canonical(said)))
    return entries


def _write(conn: sqlite3.Connection, links: list[Link]) -> None:
    chain = [(k.seq, k.kind, k.ref, k.recorded_at, k.body.decode(), k.prev_hash, k.hash) for k in links]
    conn.executemany("INSERT INTO ledger VALUES (?, ?, ?, ?, ?, ?, ?)", chain)
    said = [bodies.columns(k.seq, k.ref, k.recorded_at, k.body) for k in links if k.kind == "forecast"]
    scored = [row for k in links if k.kind == "score" for row in outcomes.rows(k.seq, k.body)]
    for table, found in (("forecasts", said), ("scores", scored)):
        names = list(found[0])
        values = ", ".join(f":{name}" for name in names)
        conn.executemany(f"INSERT INTO {table} ({', '.join(names)}) VALUES ({values})", found)


async def asked(folder: Path, now_us: int, passes: int) -> list[str]:
    """A row for every question."""
    settings = Settings(_env_file=None, data_dir=folder, sources=("sample",), log_level="warning")
    services = build(settings, Role.SERVE, clock=FixedClock(from_us(now_us) + timedelta(hours=1)))
    await upgrade(services.db)
    services.loading.ready = True
    transport, lines = httpx.ASGITransport(app=create_app(services)), []
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", timeout=600) as client:
        for path, params in ASKED:
            walls, cpus = [], []
            for _ in range(2 if "full" in params else passes):
                wall, cpu = time.perf_counter(), time.process_time()
                answer = await client.get(f"/api/v1{path}", params=params)
                answer.raise_for_status()
                walls.append((time.perf_counter() - wall) * 1e3)
                cpus.append((time.process_time() - cpu) * 1e3)
            query = "&".join(f"{k}={v}" for k, v in params.items())
            p50, p50_cpu = statistics.median(walls[1:]), statistics.median(cpus[1:])
            size = f"{len(answer.content) / 1e3:.0f} kB"
            lines.append(
                f"| `{path}{'?' * bool(query)}{query}` | {size} | {walls[0]:.0f} ms | {p50:.1f} ms | {p50_cpu:.1f} ms |"
            )
            print(lines[-1], flush=True)
    await services.background.close()
    return lines


def explained(passes: int) -> list[str]:
    """What an explanation costs beside its forecast, in milliseconds of CPU."""
    rng, lines = np.random.default_rng(1), []
    for interval in (Interval.D1, Interval.H1):
        frame = frame_of_closes(1.1 * np.exp(np.cumsum(rng.standard_t(5, 1000) * 0.006)), interval=interval)
        for name in ("naive", "ewma_walk", "vol_walk", "drift"):
            model = get_model(name)
            values = model.predict_many([frame], 24)[0]
            took = []
            for _ in range(passes):
                cpu = time.process_time()
                explain(model, frame, 24, values)
                took.append((time.process_time() - cpu) * 1e3)
            lines.append(f"| `{name}` | {interval.value} | {min(took):.2f} ms | {statistics.median(took):.2f} ms |")
            print(lines[-1], flush=True)
    return lines


def main() -> None:
    """Measure and write the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--replay", type=Path, required=True)
    parser.add_argument("--times", type=int, default=4)
    parser.add_argument("--passes", type=int, default=15)
    given = parser.parse_args()
    reasons = explained(2 * given.passes)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "truecast.db"
        scores = grown(given.replay, path, given.times)
        with contextlib.closing(sqlite3.connect(path)) as conn:
            now_us = conn.execute("SELECT max(recorded_at) FROM ledger").fetchone()[0]
        lines = asyncio.run(asked(Path(folder), now_us, given.passes))
    found = ["| question | answer | first | p50 | p50, CPU |", "|---|---|---|---|---|", *lines, ""]
    found += [
        "| explanation of 24 steps, 1,000 bars | interval | least CPU | median CPU |",
        "|---|---|---|---|",
        *reasons,
    ]
    about = (
        f"{scores:,} scores, load {os.getloadavg()[0]:.0f} on 2 cores. The first answer of a process reads the ledger "
        "once; later ones read what came since. A kept answer is given until there is news."
    )
    title = "Track records, explanations, the check of the ledger"
    keep(__file__, title, about, found, options=f"--replay FILE --times {given.times}")


if __name__ == "__main__":
    main()

"""Streams: how many messages one core delivers, how fast, and what goes wrong when clients do.

    python benchmarks/stream.py [--write] [--quick] [--parts fanout,...] [--rounds 3] [--chaos-s 60]

The server has one core, the clients another; both are real sockets on loopback. Messages have 250 bytes. A publisher in
the server's process keeps at most 32 messages ahead of what the clients report, so nothing is conflated or dropped; the
rate is deliveries over the time until the clients have them all, and beside it over the processor time that the server
spent, because the machine is shared; ratios are of that. Medians of the rounds, the contestants in turn within each.
One ready frame written to every transport, and nothing else, is what this machine can do with one write for each
delivery. Ours is beyond it because messages that come while others are written share a write; "each message by itself"
is ours without that.

Chaos is the whole product: two `truecast serve` behind one Redis, and a proxy that cuts each connection after ten
seconds on average and sends whoever comes back to either of them.
"""

import argparse
import contextlib
import os
import resource
import statistics
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from result_file import keep  # noqa: E402
from stream_load import run  # noqa: E402
from stream_servers import BYTES, Job  # noqa: E402

NAMES = {
    "ws": "WebSocket, ours",
    "single": "WebSocket, ours, each message by itself",
    "sse": "SSE, ours",
    "limit": "one ready frame to every transport",
    "broadcast": "`websockets.broadcast`",
    "starlette": "Starlette `send_text` loop",
    "sio": "Socket.IO, ours",
    "library": "python-socketio `emit`",
}
GOALS = {("ws", 1_000): "200,000", ("ws", 5_000): "150,000", ("sse", 1_000): "100,000", ("sio", 1_000): "the library's"}


class Scale:
    """How much is measured."""

    rounds = 3
    part = 1.0  # of the messages and seconds


def fanout() -> Iterator[str]:
    yield from rates("limit", ["ws", "single", "sse", "limit", "broadcast", "starlette"], [(1_000, 500), (5_000, 80)])


def socketio() -> Iterator[str]:
    yield from rates("library", ["sio", "library"], [(1_000, 60)])


def rates(reference: str, contestants: Sequence[str], sizes: Sequence[tuple[int, int]]) -> Iterator[str]:
    """A table of deliveries a second, each beside that of the reference in the same rounds."""
    yield (
        f"| {BYTES}-byte messages | clients | deliveries/s | a processor second | ratio of that to {NAMES[reference]} "
        "| goal /s |"
    )
    yield "|---|--:|--:|--:|--:|--:|"
    for clients, messages in sizes:
        found: dict[str, list[dict[str, Any]]] = {name: [] for name in contestants}
        for _ in range(Scale.rounds):
            for name in contestants:
                job = Job(name, "", clients, max(int(messages * Scale.part), 10))
                found[name].append(run(job)[0])
                print(name, clients, found[name][-1], file=sys.stderr)
        base = statistics.median(one["per_cpu_s"] for one in found[reference])
        for name, rounds in found.items():
            per_s, per_cpu_s = (statistics.median(one[which] for one in rounds) for which in ("per_s", "per_cpu_s"))
            goal = GOALS.get((name, clients), "")
            yield f"| {NAMES[name]} | {clients:,} | {per_s:,.0f} | {per_cpu_s:,.0f} | {per_cpu_s / base:.2f} | {goal} |"


def _p(late: list[int] | None, q: float) -> float:
    assert late
    return float(np.percentile(np.array(late) / 1e6, q))


def latency() -> Iterator[str]:
    yield "| 1,000 clients, 10 messages/s each | p50 ms | p99 ms | goal p99 | waited for its core |"
    yield "|---|--:|--:|--:|--:|"
    for name in ("ws", "sse", "sio"):
        found, totals = run(Job(name, "", 1_000, rate=10.0, seconds=15.0 * Scale.part), late=True)
        p50, p99, waited = _p(totals.late, 50), _p(totals.late, 99), 100 * found["waited"]
        print(name, "latency", p50, p99, waited, file=sys.stderr)
        yield f"| {NAMES[name]} | {p50:.1f} | {p99:.1f} | 50 | {waited:.0f} % |"


def busy() -> Iterator[str]:
    """The same beside a training and a cycle of forecasts, and without, in turn; all of it on the server's one core.

    How long the server waited for that core says how much of a figure is the work beside it, or other programs.
    """
    seen: dict[bool, list[tuple[float, float, float]]] = {False: [], True: []}
    for _ in range(Scale.rounds):
        for more in (False, True):
            found, totals = run(Job("ws", "", 1_000, rate=10.0, seconds=15.0 * Scale.part, busy=more), late=True)
            seen[more].append((_p(totals.late, 50), _p(totals.late, 99), 100 * found["waited"]))
            print("busy", more, seen[more][-1], file=sys.stderr)
    medians = {more: [statistics.median(column) for column in zip(*seen[more], strict=True)] for more in seen}
    yield "| 1,000 WebSockets, 10 messages/s each | p50 ms | p99 ms | ratio | goal p99 | waited for its core |"
    yield "|---|--:|--:|--:|--:|--:|"
    for more, said in ((False, "nothing beside"), (True, "LightGBM trains and a forecast cycle runs")):
        p50, p99, waited = medians[more]
        yield f"| {said} | {p50:.1f} | {p99:.1f} | {p99 / medians[False][1]:.2f} | 50 | {waited:.0f} % |"


def memory() -> Iterator[str]:
    yield "| idle, one subscription, 5,000 open | KiB each | goal |"
    yield "|---|--:|--:|"
    for name in ("ws", "sse"):
        found, _ = run(Job(name, "", 5_000, rate=1.0, seconds=1.0))
        print("memory", name, found, file=sys.stderr)
        yield f"| {NAMES[name]} | {found['rss_per_client'] / 1024:.1f} | 40 |"


def slow() -> Iterator[str]:
    """The same with and without one that never reads, in turn."""
    late: dict[bool, list[float]] = {False: [], True: []}
    seen: list[dict[str, Any]] = []
    for _ in range(Scale.rounds):
        for heavy in (False, True):
            found, totals = run(Job("ws", "", 1_000, rate=10.0, seconds=14.0, heavy=heavy), late=True)
            late[heavy].append(_p(totals.late, 99))
            seen += [found] if heavy else []
            print("slow", heavy, late[heavy][-1], found, file=sys.stderr)
    without, with_ = (statistics.median(late[heavy]) for heavy in (False, True))
    closed_s = max(one.get("closed_after_s") or float("inf") for one in seen)
    yield "| one client never reads, fed 200 KB/s | measured | goal |"
    yield "|---|--:|--:|"
    yield f"| p99 of 1,000 others without it, ms | {without:.1f} | |"
    yield f"| p99 of 1,000 others with it, ms | {with_:.1f} ({100 * (with_ / without - 1):+.0f} %) | below +10 % |"
    yield f"| memory grew, MiB at most | {max(one['grown'] for one in seen) / 2**20:.1f} | 2 |"
    yield f"| closed after it had no room, s at most | {closed_s:.1f} | 10 |"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--write", action="store_true", help="write benchmarks/results/stream.md")
    parser.add_argument("--quick", action="store_true", help="one short round of each")
    parser.add_argument("--parts", default="fanout,socketio,latency,busy,memory,slow,chaos")
    parser.add_argument("--rounds", type=int, default=Scale.rounds)
    parser.add_argument("--chaos-s", type=float, default=60.0)
    asked = parser.parse_args()
    Scale.rounds = 1 if asked.quick else asked.rounds
    Scale.part = 0.4 if asked.quick else 1.0

    def chaos() -> Iterator[str]:
        from stream_storm import storm  # noqa: PLC0415 needs a Redis server

        yield from storm(min(asked.chaos_s, 15.0) if asked.quick else asked.chaos_s)

    parts = {
        "fanout": fanout,
        "socketio": socketio,
        "latency": latency,
        "busy": busy,
        "memory": memory,
        "slow": slow,
        "chaos": chaos,
    }
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    with contextlib.suppress(ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(20_000, most), most))
    lines = [f"Load average of the machine at the start: {os.getloadavg()[0]:.1f}; {Scale.rounds} rounds."]
    for name in asked.parts.split(","):
        lines += ["", *parts[name]()]
        print("\n".join(lines[-12:]), flush=True)
    print("\n".join(lines))
    if asked.write:
        keep(__file__, "Streams", __doc__ or "", lines)


if __name__ == "__main__":
    main()

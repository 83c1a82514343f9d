"""How fast is a live feed read? Frames of a raw Binance capture into ticks, on one core.

    .venv/bin/python benchmarks/feed.py [../shared/data/ship/ticks/binance_spot_ethusdt_20240808.gz]

33,618 frames of ETHUSDT (bookTicker 72 %, trade 18 %, depth 10 %), each decoded, checked and made an event as the live
path does it, beside the same frames through json.loads and msgspec into plain dicts, in the same run, taking turns.
Medians of 7 rounds by processor time, because the machine may be shared. Writes benchmarks/results/feed.md.
"""

import functools
import gzip
import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
from result_file import keep

from truecast.providers.binance_feed import decode
from truecast.providers.feed import SequenceWatch

ROOT = Path(__file__).resolve().parent.parent
CAPTURE = ROOT.parent / "shared" / "data" / "ship" / "ticks" / "binance_spot_ethusdt_20240808.gz"
ROUNDS = 7
GOAL = 20_000


def main() -> None:
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else CAPTURE
    lines = [line.split(b" ", 1) for line in gzip.decompress(path.read_bytes()).splitlines()]
    frames = [(int(ns) // 1_000, frame) for ns, frame in lines]
    read = functools.partial(decode, names={"ETHUSDT": "ETH-USDT"})

    def ours() -> int:
        return sum(len(read(frame, us)) for us, frame in frames)

    def watched() -> int:
        watch = SequenceWatch("gapless", "rising")
        return sum(watch.judge(event)[0] in {"fresh", "gap"} for us, frame in frames for event in read(frame, us))

    def plain_msgspec() -> int:
        plain = msgspec.json.Decoder()
        return sum(plain.decode(frame) is not None for _, frame in frames)

    def plain_json() -> int:
        return sum(json.loads(frame) is not None for _, frame in frames)

    ways: dict[str, Callable[[], int]] = {
        "decoded and normalised to events": ours,
        "the same, sequence numbers watched": watched,
        "msgspec alone, to dicts": plain_msgspec,
        "json.loads alone, to dicts": plain_json,
    }
    rates: dict[str, list[float]] = {name: [] for name in ways}
    events = ours()
    for _ in range(ROUNDS):
        for name, way in ways.items():
            began = time.process_time()
            way()
            rates[name].append(len(frames) / (time.process_time() - began))
    medians = {name: statistics.median(found) for name, found in rates.items()}
    best = medians["decoded and normalised to events"]
    rows = [f"| {name} | {rate:,.0f} | {best / rate:.2f} |" for name, rate in medians.items()]
    load, python = f"{os.getloadavg()[0]:.0f}", sys.version.split()[0]
    goal = f"{'reached' if best >= GOAL else 'NOT reached'}, {best / GOAL:.1f} times over"
    about = (
        f"{time.strftime('%Y-%m-%d')}, one core of a shared machine (load average {load}), Python {python}, msgspec "
        f"{msgspec.__version__}. {len(frames):,} frames of a raw Binance capture (ETHUSDT, 2024-08-08; bookTicker, "
        f"trade, depth) give {events:,} ticks; depth is read and left. Medians of {ROUNDS} rounds, by processor time."
    )
    found = [
        "| What | messages per second | ratio of ours to it |",
        "|---|---|---|",
        *rows,
        "",
        f"The goal was {GOAL:,} messages/s: {goal}. Every frame is checked (positive finite prices, bid not above ask,",
        "times in the right unit) and becomes a frozen value; plain dicts are neither.",
    ]
    keep(__file__, "Feed", about, found, options="")
    for name, rate in medians.items():
        print(f"{name:40} {rate:>12,.0f} messages/s   {best / rate:.2f}")


if __name__ == "__main__":
    main()

"""Settles forecast steps whose outcome is known by now: reads the bar, brings it to the anchor's units, scores.

A step waits in `pending` until the bar it is about can be known. The bar's start must match exactly. A bar that is
still missing OUTCOME_GRACE_S after it was due, while later bars of the series came, will not come (a holiday nobody
announced, a hole at the source): its steps are recorded as void, with the reason, never scored and never invented.
"""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from sqlalchemy import LargeBinary, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from truecast.domain.bar import Bars, BoolArray, FloatArray, IntArray
from truecast.domain.instrument import Instrument
from truecast.domain.interval import Interval
from truecast.domain.quantiles import GRID, STANDARD_LEVELS
from truecast.forecasts import tables
from truecast.forecasts.basis import adjustment_for
from truecast.forecasts.body import QUANTILE_ROW_BYTES
from truecast.forecasts.canonical import significant
from truecast.forecasts.ledger import Ledger
from truecast.forecasts.outcome import Outcome, no_scores
from truecast.forecasts.score import score
from truecast.forecasts.snapshot import snapshot
from truecast.kit.clock import Clock, from_us, to_us
from truecast.kit.compute import Compute
from truecast.kit.limits import OUTCOME_GRACE_S, RESOLVE_STEPS_MAX, WRITES_APART_S
from truecast.kit.metrics import FORECAST_STEPS_INSIDE, FORECAST_STEPS_SCORED, FORECAST_STEPS_SETTLED
from truecast.market.history import History, IntervalNotAvailable
from truecast.market.store import BarStore

NEVER_CAME = "the bar never came, later ones did"


@dataclass(frozen=True, slots=True)
class Resolved:
    """What became of the steps that were due. `waiting` ones have no bar yet."""

    scored: int
    void: int
    waiting: int


@dataclass(frozen=True, slots=True)
class _Steps:
    """N due steps of one series."""

    symbol: str
    interval: Interval
    due: IntArray  # (N,)
    forecast_seq: IntArray  # (N,)
    step: IntArray  # (N,)
    target: IntArray  # (N,) start of the bar
    target_end: IntArray  # (N,)
    recorded_at: IntArray  # (N,)
    anchor_start: IntArray  # (N,)
    anchor_price: FloatArray  # (N,)

    def __getitem__(self, rows: BoolArray) -> "_Steps":
        return _Steps(self.symbol, self.interval, *(getattr(self, name)[rows] for name in _STEP_COLUMNS))


@dataclass(frozen=True, slots=True)
class _Prices:
    """Raw bars, and what each of their prices is multiplied by to be comparable over splits and dividends."""

    bars: Bars
    factor: FloatArray  # (T,)


class _Met(NamedTuple):
    """Steps whose bars are there."""

    steps: _Steps
    prices: _Prices


_Said = dict[tuple[int, int], tuple[bytes, bytes]]  # by forecast and step: its quantiles, those of the random walk
_STEP_COLUMNS = ("due", "forecast_seq", "step", "target", "target_end", "recorded_at", "anchor_start", "anchor_price")


class Resolver:
    """Settles what is due."""

    def __init__(self, store: BarStore, history: History, ledger: Ledger, compute: Compute, clock: Clock) -> None:
        self._store = store
        self._history = history
        self._ledger = ledger
        self._compute = compute
        self._clock = clock

    async def resolve(self) -> Resolved:
        """Score every due step whose bar is known by the clock's now. Running it again changes nothing."""
        now_us = to_us(self._clock.now())
        async with snapshot(self._store) as store:
            groups = await _due(store.conn, now_us)
            if not groups:
                return Resolved(0, 0, 0)
            history, universe = History(store, self._clock), await store.universe()
            met, void = [], list[Outcome]()
            for steps in groups:
                prices = await self._prices(history, universe.get(steps.symbol), steps)
                known, never = _sort(steps, prices.bars.start, now_us)
                met += [_Met(steps[known], prices)] if known.any() else []
                void += _void(steps[never])
            said = await _quantiles(store.conn, [steps for steps, _ in met]) if met else {}
        settled = await self._compute.run(_score_all, met, said) + void
        scored = gone = 0
        for number, batch in enumerate(_batches(settled)):
            if number:
                await asyncio.sleep(WRITES_APART_S)
            counts = await self._ledger.append_scores(batch)
            scored, gone = scored + counts[0], gone + counts[1]
        FORECAST_STEPS_SETTLED.labels("scored").inc(scored)
        FORECAST_STEPS_SETTLED.labels("void").inc(gone)
        _count(settled)
        return Resolved(scored, gone, sum(len(steps.due) for steps in groups) - scored - gone)

    async def _prices(self, history: History, instrument: Instrument, steps: _Steps) -> _Prices:
        """Everything from the oldest anchor on; nothing when the series was taken away."""
        start, now = from_us(min(steps.anchor_start.min(), steps.target.min())), self._clock.now()
        try:
            raw = (await history.bars(instrument, steps.interval, start=start, as_of=now)).bars
        except IntervalNotAvailable:
            return _Prices(Bars.empty(steps.symbol, steps.interval), np.ones(0))
        if adjustment_for(instrument) == "raw" or len(raw) == 0:
            return _Prices(raw, np.ones(len(raw)))
        comparable = await history.bars(instrument, steps.interval, start=start, as_of=now, adjust="all")
        return _Prices(raw, comparable.bars.close / raw.close)


async def _due(conn: AsyncConnection, now_us: int) -> list[_Steps]:
    p, f = tables.pending.c, tables.forecasts.c
    query = (
        select(p.symbol, p.interval, p.due, p.forecast_seq, p.step, p.target, p.target_end)
        .add_columns(f.recorded_at, f.anchor_start, f.anchor_price)
        .join_from(tables.pending, tables.forecasts, f.seq == p.forecast_seq)
        .where(p.due <= now_us)
        .order_by(p.symbol, p.interval, p.target, p.forecast_seq, p.step)
    )
    by_series: dict[tuple[str, str], list[tuple[Any, ...]]] = {}
    for symbol, interval, *row in await conn.execute(query):
        by_series.setdefault((symbol, interval), []).append(tuple(row))
    return [_steps(symbol, Interval(interval), rows) for (symbol, interval), rows in by_series.items()]


def _sort(steps: _Steps, start: IntArray, now_us: int) -> tuple[BoolArray, BoolArray]:
    """Which steps have their bar, and which never will."""
    _, known = _find(start, steps.target)
    latest = int(start[-1]) if len(start) else -1
    never = ~known & (steps.target < latest) & (steps.due + int(OUTCOME_GRACE_S * 1e6) <= now_us)
    return known, never


def _steps(symbol: str, interval: Interval, rows: Sequence[tuple[Any, ...]]) -> _Steps:
    due, seq, step, target, end, recorded_at, anchor_start, anchor_price = zip(*rows, strict=True)
    return _Steps(
        symbol,
        interval,
        due=np.array(due, np.int64),
        forecast_seq=np.array(seq, np.int64),
        step=np.array(step, np.int64),
        target=np.array(target, np.int64),
        target_end=np.array(end, np.int64),
        recorded_at=np.array(recorded_at, np.int64),
        anchor_start=np.array(anchor_start, np.int64),
        anchor_price=np.array(anchor_price, np.float64),
    )


def _find(start: IntArray, wanted: IntArray) -> tuple[IntArray, BoolArray]:
    """The row of each wanted start, and whether there is one."""
    if len(start) == 0:
        return np.zeros(len(wanted), np.int64), np.zeros(len(wanted), np.bool_)
    row = np.minimum(np.searchsorted(start, wanted), len(start) - 1)
    return row, start[row] == wanted


async def _quantiles(conn: AsyncConnection, groups: Sequence[_Steps]) -> _Said:
    """What the forecasts, and the random walks beside them, said about the steps."""
    p, f, n = tables.pending.c, tables.forecasts.alias("f"), tables.forecasts.alias("n")
    first = (p.step - 1) * QUANTILE_ROW_BYTES + 1
    query = (
        select(p.forecast_seq, p.step)
        .add_columns(*(func.substr(t.c.quantiles, first, QUANTILE_ROW_BYTES, type_=LargeBinary) for t in (f, n)))
        .select_from(tables.pending)
        .join(f, f.c.seq == p.forecast_seq)
        .join(n, n.c.id == func.coalesce(f.c.naive_id, f.c.id))
        .where(p.due >= min(int(steps.due.min()) for steps in groups))
        .where(p.due <= max(int(steps.due.max()) for steps in groups))
    )
    return {(seq, step): (bytes(own), bytes(naive)) for seq, step, own, naive in await conn.execute(query)}


def _score_all(met: Sequence[_Met], said: _Said) -> list[Outcome]:
    settled = []
    for steps, prices in met:
        keys = zip(steps.forecast_seq.tolist(), steps.step.tolist(), strict=True)
        own, naive = zip(*(said[key] for key in keys), strict=True)
        settled += _score(steps, prices, _rows(own), _rows(naive))
    return settled


def _rows(blobs: Sequence[bytes]) -> FloatArray:
    return np.frombuffer(b"".join(blobs), "<f8").astype(np.float64).reshape(-1, len(GRID))


def _score(steps: _Steps, prices: _Prices, quantiles: FloatArray, naive: FloatArray) -> list[Outcome]:
    """One Outcome per bar. Each forecast is scored in the price units of its own anchor."""
    bars, factor = prices.bars, prices.factor
    row, _ = _find(bars.start, steps.target)
    anchor_row, anchored = _find(bars.start, steps.anchor_start)
    anchor_factor = np.where(anchored, factor[anchor_row], 1.0)
    value = significant(bars.close[row] * (factor[row] / anchor_factor))
    scores = score(value, quantiles, naive, steps.anchor_price)
    sealed = steps.recorded_at < steps.target_end
    settled = []
    for target in np.unique(steps.target):
        mine = steps.target == target
        bar = int(row[np.flatnonzero(mine)[0]])
        settled.append(
            Outcome(
                steps.symbol,
                steps.interval.value,
                int(target),
                int(bars.known_at[bar]),
                bars.source_of(bar),
                None,
                forecast_seq=steps.forecast_seq[mine],
                step=steps.step[mine],
                due=steps.due[mine],
                sealed=sealed[mine],
                outcome=value[mine],
                scores=scores[mine],
            )
        )
    return settled


def _count(settled: Iterable[Outcome]) -> None:
    """How many of the sealed steps lay inside their intervals; void ones say nothing."""
    for outcome in settled:
        if outcome.scores is not None:
            FORECAST_STEPS_SCORED.labels(outcome.interval).inc(int(outcome.sealed.sum()))
            for bit, level in enumerate(STANDARD_LEVELS):
                inside = (outcome.scores.inside[outcome.sealed] >> bit) & 1
                FORECAST_STEPS_INSIDE.labels(outcome.interval, str(level)).inc(int(inside.sum()))


def _void(steps: _Steps) -> list[Outcome]:
    settled = []
    for target in np.unique(steps.target):
        mine = steps.target == target
        keys = (steps.forecast_seq[mine], steps.step[mine], steps.due[mine])
        facts = (steps.symbol, steps.interval.value, int(target), None, None, NEVER_CAME)
        settled.append(Outcome(*facts, *keys, *no_scores(), None))
    return settled


def _batches(settled: Sequence[Outcome]) -> list[list[Outcome]]:
    """Groups of at most RESOLVE_STEPS_MAX steps, in order."""
    batches: list[list[Outcome]] = []
    room = 0
    for outcome in settled:
        if room < len(outcome.step):
            batches.append([])
            room = RESOLVE_STEPS_MAX
        batches[-1].append(outcome)
        room -= len(outcome.step)
    return batches

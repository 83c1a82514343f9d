"""The ledger: what was forecast and how it came out, appended to one chain, read back as values.

Whoever appends holds the database's one write lock (SQLite) or the ledger's own (PostgreSQL), so any number of
processes extend the same chain. A forecast by the same model on the same data is recorded once: asking again gives
the one that is already sealed.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from sqlalchemy import ColumnElement, func, insert, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from truecast.domain.forecast import Forecast
from truecast.domain.interval import Interval
from truecast.forecasts import body as bodies
from truecast.forecasts import outcome as outcomes
from truecast.forecasts import tables
from truecast.forecasts.body import Draft
from truecast.forecasts.chain import Entry, Head, Link, extend
from truecast.forecasts.news import News, Scored, scored_of
from truecast.forecasts.outcome import Outcome
from truecast.forecasts.past import LEVEL_SHOWN, PastStep, past_step, past_steps_query, single_steps_query
from truecast.forecasts.verify import Verification, Verifier
from truecast.kit.clock import Clock, to_us
from truecast.kit.db import Database
from truecast.kit.errors import EXIT_NOT_FOUND, TruecastError

_LOCK_KEY = 0x74727565636173  # "truecas": of PostgreSQL's advisory lock that appending to the chain takes


class UnknownForecast(TruecastError):
    """No forecast has that id."""

    code = "unknown_forecast"
    status = 404
    title = "Unknown forecast"
    template = "No forecast has the id {id!r}"
    exit_code = EXIT_NOT_FOUND


@dataclass(frozen=True, slots=True)
class Bundle:
    """Drafts on the same data: the random walk, and the models that will be scored against it."""

    naive: Draft
    others: tuple[Draft, ...] = ()


class Ledger:
    """Appends, and reads what was appended."""

    def __init__(self, db: Database, clock: Clock, news: News | None = None) -> None:
        self.db = db
        self._clock = clock
        self._news = news
        self._verifier = Verifier(db)
        self.checked: Verification | None = None  # what the latest check found

    async def append_forecasts(self, bundles: Sequence[Bundle]) -> list[tuple[Forecast, ...]]:
        """Record the drafts in one transaction. For each bundle the recorded forecasts, the random walk first."""
        async with self.db.write() as conn:
            head = await _locked_head(conn, self.db.dialect)
            known = await _already_recorded(conn, bundles)
            now = to_us(self._clock.now())
            batch = _Batch(head.seq, now)
            recorded = [_record(bundle, batch, known) for bundle in bundles]
            links = extend(head, batch.entries)
            await _insert_links(conn, links)
            if links:
                rows = [bodies.columns(link.seq, link.ref, link.recorded_at, link.body) for link in links]
                await conn.execute(insert(tables.forecasts), rows)
                await conn.execute(insert(tables.pending), batch.pending)
            said = [tuple([await _resolve(conn, found) for found in group]) for group in recorded]
        if self._news is not None and links:
            await self._news.forecasts([one for group in recorded for one in group if isinstance(one, Forecast)])
        return said

    async def append_scores(self, settled: Sequence[Outcome]) -> tuple[int, int]:
        """Record what bars said about forecasts, in one transaction; steps already recorded are left out.

        Returns the number of scored and of void steps.
        """
        async with self.db.write() as conn:
            head = await _locked_head(conn, self.db.dialect)
            fresh = await _still_pending(conn, settled)
            now = to_us(self._clock.now())
            links = extend(head, [outcomes.entry(outcome, now) for outcome in fresh])
            await _insert_links(conn, links)
            rows = [row for link in links for row in outcomes.rows(link.seq, link.body)]
            if rows:
                await conn.execute(insert(tables.scores), rows)
                await _settle(conn, fresh)
            told = await _scored(conn, fresh) if self._news is not None else []
        if self._news is not None and fresh:
            await self._news.settled(sorted({outcome.symbol for outcome in fresh}))
            await self._news.scores(told)
        void = sum(len(outcome.step) for outcome in fresh if outcome.void is not None)
        return len(rows) - void, void

    async def verify(self, *, full: bool = True) -> Verification:
        """Check the chain and its projections: all of it, or what came since the last time; see forecasts/verify.py."""
        self.checked = await self._verifier.verify(full=full)
        return self.checked

    async def head(self) -> Head:
        """The last row of the chain."""
        async with self.db.read() as conn:
            return await _head(conn)

    async def by_id(self, forecast_id: str) -> Forecast:
        """The forecast with that id, or UnknownForecast."""
        async with self.db.read() as conn:
            found = await _read(conn, tables.forecasts.c.id == forecast_id)
        if not found:
            raise UnknownForecast(id=forecast_id[:64])
        return found[0]

    async def latest(
        self,
        symbols: Iterable[str] | None = None,
        model: str | None = None,
        interval: Interval | None = None,
        as_of: datetime | None = None,
    ) -> list[Forecast]:
        """The forecast issued last for each symbol, interval and model, sorted by these; recorded by `as_of`."""
        f = tables.forecasts.c
        last = select(func.max(f.seq)).where(*_wanted(symbols, model, interval))
        if as_of is not None:
            last = last.where(f.recorded_at <= to_us(as_of))
        last = last.group_by(f.symbol, f.interval, f.model)
        async with self.db.read() as conn:
            found = await _read(conn, f.seq.in_(last))
        return sorted(found, key=lambda forecast: (forecast.symbol, forecast.horizon.interval, forecast.model))

    async def history(
        self,
        symbol: str,
        interval: Interval,
        *,
        model: str | None = None,
        step: int = 1,
        before: int | None = None,
        limit: int = 50,
        as_of: datetime | None = None,
        level: float = LEVEL_SHOWN,
    ) -> list[PastStep]:
        """What was said `step` bars ahead and what came, latest first; pages by `before`, the `seq` of the last one.

        With `as_of` as the ledger stood then. `level` is that of the bounds.
        """
        as_of_us = None if as_of is None else to_us(as_of)
        query = past_steps_query(
            symbol, interval, model=model, step=step, before=before, limit=limit, as_of_us=as_of_us
        )
        async with self.db.read() as conn:
            return [past_step(row, symbol, interval, step, level) for row in await conn.execute(query)]

    async def single(self, seqs: Sequence[int], step: int) -> dict[int, PastStep]:
        """The step of each of these forecasts, by the `seq` of the forecast."""
        query = single_steps_query(seqs, step)
        async with self.db.read() as conn:
            rows = await conn.execute(query)
            return {row.seq: past_step(row, row.symbol, Interval(row.interval), step) for row in rows}

    async def anchors(self, model: str, steps: int) -> dict[tuple[str, str], int]:
        """For each symbol and interval the start (µs) of the newest bar that `model` has forecast so far ahead on."""
        f = tables.forecasts.c
        query = select(f.symbol, f.interval, func.max(f.anchor_start)).where(f.model == model, f.steps >= steps)
        async with self.db.read() as conn:
            return {(s, i): start for s, i, start in await conn.execute(query.group_by(f.symbol, f.interval))}


def _wanted(symbols: Iterable[str] | None, model: str | None, interval: Interval | None) -> list[ColumnElement[bool]]:
    f = tables.forecasts.c
    wanted: list[ColumnElement[bool]] = []
    if symbols is not None:
        wanted.append(f.symbol.in_(list(symbols)))
    if model is not None:
        wanted.append(f.model == model)
    if interval is not None:
        wanted.append(f.interval == interval.value)
    return wanted


async def _read(conn: AsyncConnection, where: ColumnElement[bool]) -> list[Forecast]:
    f, chain = tables.forecasts.c, tables.ledger.c
    query = select(chain.seq, chain.ref, chain.body).join_from(tables.forecasts, tables.ledger, f.seq == chain.seq)
    rows = await conn.execute(query.where(where).order_by(f.seq))
    return [bodies.read(seq, ref, body).forecast for seq, ref, body in rows]


@dataclass(frozen=True, slots=True)
class _Known:
    """A forecast already in the ledger, of which the first `steps` steps are asked."""

    seq: int
    id: str
    steps: int


class _Batch:
    """Rows to come: grows while the bundles are gone through."""

    def __init__(self, seq: int, now: int) -> None:
        self.seq = seq
        self.now = now
        self.entries: list[Entry] = []
        self.pending: list[dict[str, Any]] = []

    def add(self, draft: Draft, naive_id: str | None) -> Forecast:
        forecast, body = bodies.seal(draft, naive_id)
        self.seq += 1
        self.entries.append(Entry("forecast", forecast.id, self.now, body))
        ends = zip(draft.due.tolist(), forecast.targets, forecast.target_ends, strict=True)
        for step, (due, target, target_end) in enumerate(ends, 1):
            self.pending.append(
                {
                    "due": due,
                    "forecast_seq": self.seq,
                    "step": step,
                    "symbol": forecast.symbol,
                    "interval": forecast.horizon.interval.value,
                    "target": to_us(target),
                    "target_end": to_us(target_end),
                }
            )
        return forecast


_Versions = dict[tuple[str, str, str], list[_Known]]  # by fingerprint, model, version


def _record(bundle: Bundle, batch: _Batch, known: _Versions) -> list[Forecast | _Known]:
    naive = _once(bundle.naive, None, batch, known)
    return [naive, *(_once(draft, naive.id, batch, known) for draft in bundle.others)]


def _once(draft: Draft, naive_id: str | None, batch: _Batch, known: _Versions) -> Forecast | _Known:
    """The forecast already recorded for at least as many steps, or a new one."""
    forecast, steps = draft.forecast, draft.forecast.horizon.steps
    same = known.setdefault((forecast.data_fingerprint, forecast.model, forecast.model_version), [])
    for recorded in same:
        if recorded.steps >= steps:
            return _Known(recorded.seq, recorded.id, steps)
    forecast = batch.add(draft, naive_id)
    same.append(_Known(batch.seq, forecast.id, steps))
    return forecast


async def _already_recorded(conn: AsyncConnection, bundles: Sequence[Bundle]) -> _Versions:
    f = tables.forecasts.c
    prints = sorted({bundle.naive.forecast.data_fingerprint for bundle in bundles})
    query = select(f.seq, f.id, f.steps, f.data_fingerprint, f.model, f.model_version)
    known: _Versions = {}
    for some in (prints[at : at + _VALUES_MAX] for at in range(0, len(prints), _VALUES_MAX)):
        for row in await conn.execute(query.where(f.data_fingerprint.in_(some)).order_by(f.seq)):
            key = (row.data_fingerprint, row.model, row.model_version)
            known.setdefault(key, []).append(_Known(row.seq, row.id, row.steps))
    return known


async def _resolve(conn: AsyncConnection, found: Forecast | _Known) -> Forecast:
    if isinstance(found, Forecast):
        return found
    (recorded,) = await _read(conn, tables.forecasts.c.seq == found.seq)
    return bodies.shortened(recorded, found.steps)


async def _locked_head(conn: AsyncConnection, dialect: str) -> Head:
    if dialect == "postgresql":  # SQLite's write transaction holds the database's only write lock already
        await conn.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK_KEY})
    return await _head(conn)


async def _head(conn: AsyncConnection) -> Head:
    chain = tables.ledger.c
    last = (await conn.execute(select(chain.seq, chain.hash).order_by(chain.seq.desc()).limit(1))).first()
    return Head() if last is None else Head(last.seq, last.hash)


async def _insert_links(conn: AsyncConnection, links: Sequence[Link]) -> None:
    if links:
        rows = [
            {
                "seq": link.seq,
                "kind": link.kind,
                "ref": link.ref,
                "recorded_at": link.recorded_at,
                "body": link.body.decode(),
                "prev_hash": link.prev_hash,
                "hash": link.hash,
            }
            for link in links
        ]
        await conn.execute(insert(tables.ledger), rows)


async def _still_pending(conn: AsyncConnection, settled: Sequence[Outcome]) -> list[Outcome]:
    """Another process may have settled some meanwhile; inside this transaction nobody can."""
    if not settled:
        return []
    p = tables.pending.c
    latest_due = max(int(outcome.due.max()) for outcome in settled)
    rows = await conn.execute(select(p.forecast_seq, p.step).where(p.due <= latest_due))
    waiting = {(seq, step) for seq, step in rows}
    fresh = []
    for outcome in settled:
        keys = zip(outcome.forecast_seq.tolist(), outcome.step.tolist(), strict=True)
        mask = np.array([key in waiting for key in keys], np.bool_)
        if mask.any():
            fresh.append(outcome if mask.all() else outcome[mask])
    return fresh


async def _scored(conn: AsyncConnection, settled: Sequence[Outcome]) -> list[Scored]:
    f = tables.forecasts.c
    wanted = sorted({seq for outcome in settled if outcome.scores is not None for seq in outcome.forecast_seq.tolist()})
    of: dict[int, tuple[str, str]] = {}
    for some in (wanted[at : at + _VALUES_MAX] for at in range(0, len(wanted), _VALUES_MAX)):
        rows = await conn.execute(select(f.seq, f.id, f.model).where(f.seq.in_(some)))
        of |= {row.seq: (row.id, row.model) for row in rows}
    return scored_of(settled, of)


async def _settle(conn: AsyncConnection, settled: Sequence[Outcome]) -> None:
    gone = [
        {"d": due, "f": seq, "s": step}
        for outcome in settled
        for due, seq, step in zip(
            outcome.due.tolist(), outcome.forecast_seq.tolist(), outcome.step.tolist(), strict=True
        )
    ]
    await conn.execute(_DELETE_PENDING, gone)


_VALUES_MAX = 500  # in one IN list; SQLite's own limit is 32,766 and long lists are slow to parse
_DELETE_PENDING = text("DELETE FROM pending WHERE due = :d AND forecast_seq = :f AND step = :s")

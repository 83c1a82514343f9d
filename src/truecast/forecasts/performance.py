"""How good the forecasts were: from the ledger, where only sealed steps count, and in walk-forward over the history.

The two are never mixed. The ledger cannot be argued with, but is young; walk-forward is long, but was computed
afterwards, and says so.
"""

import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Generic, TypeVar

from sqlalchemy import func, select

from truecast.domain.horizon import Horizon
from truecast.domain.instrument import AssetClass
from truecast.domain.interval import Interval
from truecast.features.frame import Frame, frame_of
from truecast.forecasts import tables
from truecast.forecasts.basis import adjustment_for, fingerprint_of
from truecast.forecasts.issue import AUTO, AUTO_MODEL
from truecast.forecasts.ledger import Ledger
from truecast.forecasts.pooled import Point, Reliability, Standing, leaderboard, reliability, trend
from truecast.forecasts.rows import LEDGER, WALK_FORWARD, WALKED, Kind, Row, empty_row, row_of, walked
from truecast.forecasts.settled import Groups, Key, Settled, Settlement
from truecast.kit.clock import Clock, from_us, iso, to_us
from truecast.kit.compute import Compute
from truecast.kit.errors import MalformedRequest
from truecast.kit.limits import HISTORY_BARS_MAX, SUMMARIES_KEPT_MAX, SUMMARY_ROWS_KEPT_MAX, WALK_FORWARD_ORIGINS
from truecast.market.calendar import calendar
from truecast.market.history import History
from truecast.market.store import BarStore
from truecast.models.backtest import walk_forward
from truecast.models.base import HistoryTooShort, Model
from truecast.models.catalog import GROWERS, get_model
from truecast.models.heavy import ModelUnavailable
from truecast.models.location.base import HorizonBeyondTraining
from truecast.models.location.trees import OutOfScope

PERIODS: Mapping[str, timedelta | None] = {
    "24h": timedelta(hours=24),
    "7d": timedelta(days=7),
    "30d": timedelta(days=30),
    "90d": timedelta(days=90),
    "1y": timedelta(days=365),
    "all": None,
}
_HORIZONS = (1, 2, 3, 5, 10, 24)  # of a walk-forward that names none

T = TypeVar("T")


class UnknownPeriod(MalformedRequest):
    """Not one of ours."""

    code = "unknown_period"
    title = "Unknown period"
    template = "{period!r} is not a period; choose one of {choices}"


class Kept(Generic[T]):
    """The last answers; those not asked for longest go first. Several threads may ask."""

    def __init__(self, most: int) -> None:
        self._kept: OrderedDict[tuple[Any, ...], T] = OrderedDict()
        self._most = most
        self._lock = threading.Lock()

    def get(self, key: tuple[Any, ...]) -> T | None:
        """The answer, if it is kept."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
            return self._kept.get(key)

    def keep(self, key: tuple[Any, ...], answer: T) -> T:
        """Keep it, and give it back."""
        with self._lock:
            self._kept[key] = answer
            if len(self._kept) > self._most:
                self._kept.popitem(last=False)
        return answer


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which groups are asked for, by canonical names; None is any."""

    symbol: str | None = None
    model: str | None = None
    interval: str | None = None
    step: int | None = None

    def of(self, groups: Mapping[Key, T]) -> Mapping[Key, T]:
        """Those of the groups."""
        asked = (self.symbol, self.interval, self.model, self.step)
        return {
            key: got
            for key, got in groups.items()
            if all(want is None or want == have for want, have in zip(asked, key, strict=True))
        }


class Performance:
    """Track records, kept until the ledger or the series has news."""

    def __init__(self, store: BarStore, history: History, ledger: Ledger, compute: Compute, clock: Clock) -> None:
        self._store = store
        self._history = history
        self._ledger = ledger
        self._compute = compute
        self._clock = clock
        self._settlement = Settlement(ledger.db, compute)
        self._summaries: Kept[list[Row]] = Kept(SUMMARIES_KEPT_MAX)
        self._waits: tuple[int, Mapping[Key, int]] = (-1, {})
        self._rows: Kept[tuple[Settled, Row]] = Kept(SUMMARY_ROWS_KEPT_MAX)
        self._walks: Kept[tuple[Groups, list[Row]]] = Kept(SUMMARIES_KEPT_MAX)
        self._standings: Kept[list[Standing]] = Kept(SUMMARIES_KEPT_MAX)
        self._reliabilities: Kept[Reliability | None] = Kept(SUMMARIES_KEPT_MAX)

    async def summary(
        self,
        symbol: str | None = None,
        model: str | None = None,
        interval: Interval | None = None,
        horizon: int | None = None,
        period: str = "30d",
    ) -> list[Row]:
        """What the ledger says about sealed forecasts that met their outcome within `period` before now.

        One row per series, model and horizon, sorted. Raises UnknownSymbol, AmbiguousSymbol, UnknownModel,
        UnknownPeriod, HorizonOutOfRange.
        """
        wanted = await self._wanted(symbol, model, interval, horizon)
        head, groups = await self._settled(period)
        key = (wanted, period, self._since_hour(period), head)
        if (kept := self._summaries.get(key)) is None:
            waiting = wanted.of(await self._waiting(head))
            args = (wanted.of(groups), waiting, wanted, period, self._since_us(period))
            kept = self._summaries.keep(key, await self._compute.run(self._summarised, *args))
        return kept

    async def walk_forward(
        self,
        symbol: str,
        interval: Interval,
        model: str = AUTO,
        horizon: int | None = None,
        origins: int = WALK_FORWARD_ORIGINS,
    ) -> list[Row]:
        """What the model would have said at the last `origins` bars, each from its own past, against what came.

        Raises what a forecast raises.
        """
        return (await self._walked(symbol, interval, model, horizon, origins))[1]

    async def leaderboard(
        self,
        asset_class: AssetClass | None = None,
        interval: Interval | None = None,
        horizon: int = 1,
        period: str = "all",
        kind: Kind | None = None,
    ) -> list[Standing]:
        """How every model did on every class of instruments, from sealed forecasts and in walk-forward."""
        wanted = await self._wanted(None, None, interval, horizon)
        head, groups = await self._settled(period)
        key = (asset_class, wanted, period, self._since_hour(period), head)
        if (kept := self._standings.get(key)) is None:
            universe = await self._store.universe()
            class_of = {i.symbol: i.asset_class for i in universe.instruments if asset_class in (None, i.asset_class)}
            chosen = _since(wanted.of(groups), self._since_us(period))
            kept = self._standings.keep(key, await self._compute.run(leaderboard, chosen, class_of, LEDGER))
        return kept if kind in (None, LEDGER) else []

    async def calibration(
        self,
        symbol: str | None = None,
        model: str | None = None,
        interval: Interval | None = None,
        horizon: int = 1,
        period: str = "all",
    ) -> list[Reliability]:
        """Whether intervals hold what they promise: in the ledger and, for one series, in walk-forward."""
        wanted = await self._wanted(symbol, model, interval, horizon)
        head, groups = await self._settled(period)
        key = (wanted, period, self._since_hour(period), head)
        if (kept := self._reliabilities.get(key)) is None:
            chosen = _since(wanted.of(groups), self._since_us(period))
            kept = self._reliabilities.keep(key, await self._compute.run(reliability, chosen, LEDGER))
        found = [kept]
        if symbol is not None and interval is not None:
            past = await self._past(symbol, interval, model or AUTO, horizon)
            found.append(await self._compute.run(reliability, past, WALK_FORWARD))
        return [one for one in found if one is not None]

    async def trends(self, symbol: str, interval: Interval, model: str = AUTO, horizon: int = 1) -> list[Point]:
        """The record of one series in rolling windows: from the ledger, then in walk-forward."""
        wanted = await self._wanted(symbol, model, interval, horizon)
        _, groups = await self._settled("all")
        found = [point for got in wanted.of(groups).values() for point in trend(got, LEDGER)]
        past = await self._past(symbol, interval, model, horizon)
        return found + [point for got in past.values() for point in trend(got, WALK_FORWARD)]

    async def _past(self, symbol: str, interval: Interval, model: str, horizon: int) -> Groups:
        """The walk-forward test where there can be one: not of a short history, nor of a model that is not trained."""
        try:
            return (await self._walked(symbol, interval, model, horizon))[0]
        except (HistoryTooShort, ModelUnavailable, OutOfScope, HorizonBeyondTraining):
            return {}

    async def _walked(
        self, symbol: str, interval: Interval, model: str, horizon: int | None, origins: int = WALK_FORWARD_ORIGINS
    ) -> tuple[Groups, list[Row]]:
        """The test of one series, one group and one row per horizon."""
        instrument = (await self._store.universe()).get(symbol)
        horizons = _HORIZONS if horizon is None else (Horizon(horizon, interval).steps,)
        chosen = get_model(AUTO_MODEL if model == AUTO else model)
        slice_ = await self._history.bars(
            instrument, interval, limit=HISTORY_BARS_MAX, adjust=adjustment_for(instrument)
        )
        fingerprint = fingerprint_of(slice_.bars, slice_.adjust)
        key = (chosen.name, chosen.version, horizons, origins, fingerprint)
        if (kept := self._walks.get(key)) is None:
            ends = calendar(slice_.calendar).ends(slice_.bars.start, interval)
            frame = frame_of(slice_.bars, ends, signed=instrument.signed, calendar=slice_.calendar)
            kept = self._walks.keep(key, await self._compute.run(_walk, chosen, frame, horizons, origins))
        return kept

    def model_name(self, model: str) -> str:
        """The model that stands for the asked one in the record; raises UnknownModel."""
        return _model_name(model) or model

    async def _settled(self, period: str) -> tuple[int, Groups]:
        if period not in PERIODS:
            raise UnknownPeriod(period=period[:32], choices=list(PERIODS))
        return await self._settlement.groups()

    def _since_us(self, period: str) -> int | None:
        span = PERIODS[period]
        return None if span is None else to_us(self._clock.now() - span)

    def _since_hour(self, period: str) -> int | None:
        """Within one hour the window hardly moves: nothing that matters is lost by keeping the answer."""
        since = self._since_us(period)
        return None if since is None else since // _HOUR_US

    async def _wanted(
        self, symbol: str | None, model: str | None, interval: Interval | None, horizon: int | None
    ) -> Wanted:
        canonical = None if symbol is None else (await self._store.universe()).get(symbol).symbol
        steps = None if horizon is None else Horizon(horizon, interval or Interval.D1).steps
        return Wanted(canonical, _model_name(model), None if interval is None else interval.value, steps)

    async def _waiting(self, head: int) -> Mapping[Key, int]:
        """For each group the moment (µs) at which the first of its waiting steps will be known; kept with the head."""
        if self._waits[0] != head:
            f, p = tables.forecasts.c, tables.pending.c
            query = (
                select(f.symbol, f.interval, f.model, p.step, func.min(p.due))
                .join_from(tables.pending, tables.forecasts, f.seq == p.forecast_seq)
                .where(p.target_end > f.recorded_at)
                .group_by(f.symbol, f.interval, f.model, p.step)
            )
            async with self._ledger.db.read() as conn:
                self._waits = head, {(s, i, m, step): due for s, i, m, step, due in await conn.execute(query)}
        return self._waits[1]

    def _summarised(
        self, groups: Groups, waiting: Mapping[Key, int], wanted: Wanted, period: str, since_us: int | None
    ) -> list[Row]:
        chosen = _since(groups, since_us)
        keys = sorted({*chosen, *waiting}, key=lambda key: (key[0], Interval(key[1]).seconds, *key[2:]))
        if not keys and wanted.symbol and wanted.interval:
            key = (wanted.symbol, wanted.interval, wanted.model or AUTO_MODEL, wanted.step or 1)
            return [empty_row(key, period, "no forecast has been issued yet", None)]
        rows = []
        for key in keys:
            if key in chosen:
                rows.append(self._row(key, period, groups[key], chosen[key]))
            else:
                first = from_us(waiting[key])
                rows.append(empty_row(key, period, f"no matured forecasts yet, first matures at {iso(first)}", first))
        return rows

    def _row(self, key: Key, period: str, group: Settled, chosen: Settled) -> Row:
        """The same group and as many of its last steps: the same row. What is kept holds on to the group's id."""
        of = (key, period, id(group), len(chosen))
        kept = self._rows.get(of) or self._rows.keep(of, (group, row_of(key, period, chosen)))
        return kept[1]


_HOUR_US = 3_600_000_000


def _since(groups: Groups, since_us: int | None) -> Groups:
    """What was resolved since then; groups without any are left out."""
    if since_us is None:
        return groups
    masks = {key: got.resolved_at >= since_us for key, got in groups.items()}
    return {key: groups[key] if mask.all() else groups[key][mask] for key, mask in masks.items() if mask.any()}


def _model_name(model: str | None) -> str | None:
    if model is None or model in GROWERS:
        return model
    return get_model(AUTO_MODEL if model == AUTO else model).name


def _walk(model: Model, frame: Frame, horizons: Sequence[int], origins: int) -> tuple[Groups, list[Row]]:
    possible = [h for h in horizons if len(frame) - h >= model.min_bars] or [min(horizons)]
    groups = walked(walk_forward(model, frame, possible, origins))
    return groups, [row_of(key, WALK_FORWARD, got, WALKED) for key, got in groups.items()]

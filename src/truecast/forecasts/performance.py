"""How good the forecasts were: from the ledger, where only sealed steps count, and in walk-forward over the history.

The two are never mixed. The ledger cannot be argued with, but is young; walk-forward is long, but was computed
afterwards, and says so.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from truecast.domain.horizon import Horizon
from truecast.domain.instrument import AssetClass, Instrument
from truecast.domain.interval import Interval
from truecast.features.frame import Frame, frame_of
from truecast.forecasts import tables
from truecast.forecasts.basis import adjustment_for
from truecast.forecasts.evidence import Book
from truecast.forecasts.evidence import evidence as evidence_table
from truecast.forecasts.issue import AUTO_MODEL
from truecast.forecasts.kept import Kept
from truecast.forecasts.ledger import Ledger
from truecast.forecasts.naming import Naming
from truecast.forecasts.past import PastStep
from truecast.forecasts.pooled import Point, Reliability, Standing, leaderboard, reliability, trend, walked_leaderboard
from truecast.forecasts.rows import LEDGER, WALK_FORWARD, WALKED, Kind, Row, empty_row, row_of, walked
from truecast.forecasts.settled import Groups, Key, Settled, Settlement
from truecast.forecasts.timeline import Order, Pick, Span, Stretch, picked, spans
from truecast.kit.clock import Clock, from_us, iso, to_us
from truecast.kit.compute import Compute
from truecast.kit.errors import MalformedRequest
from truecast.kit.limits import HISTORY_BARS_MAX, SUMMARIES_KEPT_MAX, SUMMARY_ROWS_KEPT_MAX, WALK_FORWARD_ORIGINS
from truecast.market.calendar import calendar
from truecast.market.history import History
from truecast.market.store import BarStore
from truecast.models.auto import AUTO, members_of
from truecast.models.backtest import walk_forward
from truecast.models.base import HistoryTooShort, Model
from truecast.models.catalog import UNTRAINED, Catalogue, UnknownModel
from truecast.models.ensemble import Ensemble
from truecast.models.evidence import ENSEMBLE
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

    def __init__(
        self,
        store: BarStore,
        history: History,
        ledger: Ledger,
        compute: Compute,
        clock: Clock,
        *,
        catalogue_of: Callable[[], Catalogue] = lambda: UNTRAINED,
    ) -> None:
        self._store = store
        self._history = history
        self._ledger = ledger
        self._compute = compute
        self._clock = clock
        self._catalogue_of = catalogue_of
        self._book = Book()
        self.naming = Naming(ledger.db, store, clock, book=self._book, catalogue_of=catalogue_of)
        self._settlement = Settlement(ledger.db, compute)
        self._summaries: Kept[list[Row]] = Kept(SUMMARIES_KEPT_MAX)
        self._waits: tuple[int, Mapping[Key, int]] = (-1, {})
        self._rows: Kept[tuple[Settled, Row]] = Kept(SUMMARY_ROWS_KEPT_MAX)
        self._walks: Kept[tuple[Groups, list[Row]]] = Kept(SUMMARIES_KEPT_MAX)
        self._standings: Kept[list[Standing]] = Kept(SUMMARIES_KEPT_MAX)
        self._reliabilities: Kept[Reliability | None] = Kept(SUMMARIES_KEPT_MAX)
        self._spans: Kept[tuple[Stretch, list[Span]]] = Kept(SUMMARIES_KEPT_MAX)

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
        wanted = await self.wanted(symbol, model, interval, horizon)
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
        wanted = await self.wanted(None, None, interval, horizon)
        head, groups = await self._settled(period)
        walked_through = [] if kind == LEDGER else await self._walked_standings(asset_class, interval, horizon)
        key = (asset_class, wanted, period, self._since_hour(period), head)
        if (kept := self._standings.get(key)) is None:
            class_of = await self._class_of(asset_class)
            chosen = _since(wanted.of(groups), self._since_us(period))
            kept = self._standings.keep(key, await self._compute.run(leaderboard, chosen, class_of, LEDGER))
        return [*([] if kind == WALK_FORWARD else kept), *walked_through]

    async def _walked_standings(
        self, asset_class: AssetClass | None, interval: Interval | None, horizon: int
    ) -> list[Standing]:
        """From the evidence that the job has recorded, which is what `auto` goes by (models/evidence.py)."""
        class_of = await self._class_of(asset_class)
        async with self._ledger.db.read() as conn:
            listed = await _with_evidence(conn)
            wanted = [one for one in listed if one[0] in class_of and interval in (None, one[1])]
            found = {
                (symbol, i): one
                for symbol, i in wanted
                for one in await self._book.of_series(conn, [symbol], i, self._clock.now())
            }
        return await self._compute.run(walked_leaderboard, found, class_of, horizon)

    async def unexamined(self, asset_class: AssetClass | None = None, interval: Interval | None = None) -> int:
        """How many series are long enough and have no evidence yet: the job has not come to them."""
        class_of, least = await self._class_of(asset_class), self._catalogue_of().get("naive").min_bars
        async with self._ledger.db.read() as conn:
            known = set(await _with_evidence(conn))
        listed = {(one.symbol, one.interval) for one in await self._store.series() if one.bars >= least}
        return sum(1 for one in listed - known if one[0] in class_of and interval in (None, one[1]))

    async def _class_of(self, asset_class: AssetClass | None) -> dict[str, AssetClass]:
        listed = (await self._store.universe()).instruments
        return {i.symbol: i.asset_class for i in listed if asset_class in (None, i.asset_class)}

    async def calibration(
        self,
        symbol: str | None = None,
        model: str | None = None,
        interval: Interval | None = None,
        horizon: int = 1,
        period: str = "all",
        *,
        asset_class: AssetClass | None = None,
    ) -> list[Reliability]:
        """Whether intervals hold what they promise: in the ledger and, for one series, in walk-forward."""
        wanted = await self.wanted(symbol, model, interval, horizon)
        head, groups = await self._settled(period)
        key = (wanted, asset_class, period, self._since_hour(period), head)
        if (kept := self._reliabilities.get(key)) is None:
            chosen = await self._chosen(groups, wanted, asset_class, period)
            kept = self._reliabilities.keep(key, await self._compute.run(reliability, chosen, LEDGER))
        found = [kept]
        if symbol is not None and interval is not None:
            past = await self._past(symbol, interval, model or AUTO, horizon)
            found.append(await self._compute.run(reliability, past, WALK_FORWARD))
        return [one for one in found if one is not None]

    async def trends(self, symbol: str, interval: Interval, model: str = AUTO, horizon: int = 1) -> list[Point]:
        """The record of one series in rolling windows: from the ledger, then in walk-forward."""
        wanted = await self.wanted(symbol, model, interval, horizon)
        _, groups = await self._settled("all")
        found = [point for got in wanted.of(groups).values() for point in trend(got, LEDGER)]
        past = await self._past(symbol, interval, model, horizon)
        return found + [point for got in past.values() for point in trend(got, WALK_FORWARD)]

    async def over_time(
        self, wanted: Wanted, asset_class: AssetClass | None, period: str = "all", stretch: Stretch | None = None
    ) -> tuple[Stretch, list[Span]]:
        """Coverage of sealed forecasts in each stretch of time. Raises UnknownPeriod."""
        head, groups = await self._settled(period)
        key = (wanted, asset_class, period, stretch, self._since_hour(period), head)
        if (kept := self._spans.get(key)) is None:
            chosen = await self._chosen(groups, wanted, asset_class, period)
            kept = self._spans.keep(key, await self._compute.run(spans, chosen, stretch))
        return kept

    async def picks(
        self, wanted: Wanted, asset_class: AssetClass | None, period: str, order: Order, limit: int
    ) -> list[tuple[Pick, PastStep]]:
        """Sealed forecasts that met their outcome, at one step: the newest, the best or the worst."""
        _, groups = await self._settled(period)
        chosen = await self._chosen(groups, wanted, asset_class, period)
        found = await self._compute.run(picked, chosen, order, limit)
        steps = await self._ledger.single([pick.forecast_seq for pick in found], wanted.step or 1)
        return [(pick, steps[pick.forecast_seq]) for pick in found]

    async def _chosen(
        self, groups: Groups, wanted: Wanted, asset_class: AssetClass | None, period: str
    ) -> Mapping[Key, Settled]:
        class_of = None if asset_class is None else await self._class_of(asset_class)
        of = {key: got for key, got in wanted.of(groups).items() if class_of is None or key[0] in class_of}
        return _since(of, self._since_us(period))

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
        name = await self.model_name(model, instrument.symbol, interval, horizon)
        chosen = self._model(name, instrument, interval)
        # Reading 2,000 bars to see that none is new costs more than the rest of the answer.
        series = await self._store.series(instrument.symbol)
        known = tuple((one.id, one.last, one.bars, one.known_until) for one in series)
        key = (chosen.name, chosen.version, instrument.symbol, interval, horizons, origins, known)
        if (kept := self._walks.get(key)) is None:
            slice_ = await self._history.bars(
                instrument, interval, limit=HISTORY_BARS_MAX, adjust=adjustment_for(instrument)
            )
            ends = calendar(slice_.calendar).ends(slice_.bars.start, interval)
            frame = frame_of(slice_.bars, ends, signed=instrument.signed, calendar=slice_.calendar)
            kept = self._walks.keep(key, await self._compute.run(_walk, chosen, frame, horizons, origins))
        return kept

    async def model_name(
        self, model: str, symbol: str | None = None, interval: Interval | None = None, horizon: int | None = None
    ) -> str:
        """The model whose record is asked for. Of one series `auto` is what it serves there at present.

        Raises UnknownModel.
        """
        known = (*self._catalogue_of().names, ENSEMBLE)
        if model != AUTO:
            if model not in known:
                raise UnknownModel(model=model[:64], choices=sorted((*known, AUTO)))
            return model
        if symbol is None or interval is None:
            return AUTO_MODEL
        return await self.naming.model_at(symbol, interval, horizon)

    def _model(self, name: str, instrument: Instrument, interval: Interval) -> Model:
        """Raises ModelUnavailable, OutOfScope."""
        asset_class = instrument.asset_class.value
        if name == ENSEMBLE:
            return Ensemble(members_of(self._catalogue_of(), asset_class, interval))
        return self._catalogue_of().get(name, (asset_class, interval.value))

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

    async def wanted(
        self, symbol: str | None, model: str | None, interval: Interval | None, horizon: int | None
    ) -> Wanted:
        """By canonical names. Raises UnknownSymbol, AmbiguousSymbol, UnknownModel, HorizonOutOfRange."""
        canonical = None if symbol is None else (await self._store.universe()).get(symbol).symbol
        steps = None if horizon is None else Horizon(horizon, interval or Interval.D1).steps
        name = None if model is None else await self.model_name(model, canonical, interval, horizon)
        return Wanted(canonical, name, None if interval is None else interval.value, steps)

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


async def _with_evidence(conn: AsyncConnection) -> list[tuple[str, Interval]]:
    """The series of which there is any, sorted."""
    e = evidence_table.c
    rows = await conn.execute(select(e.name, e.interval).where(e.kind == "series").distinct())
    return sorted((name, Interval(interval)) for name, interval in rows)


def _walk(model: Model, frame: Frame, horizons: Sequence[int], origins: int) -> tuple[Groups, list[Row]]:
    possible = [h for h in horizons if len(frame) - h >= model.min_bars] or [min(horizons)]
    groups = walked(walk_forward(model, frame, possible, origins))
    return groups, [row_of(key, WALK_FORWARD, got, WALKED) for key, got in groups.items()]

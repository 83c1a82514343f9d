"""Issues forecasts: on request, and for every series that has news when the schedule says so.

A forecast is computed from the last HISTORY_BARS_MAX bars that were known at `as_of`, so the same moment gives the
same answer for ever. Only what is said about the present is recorded: an answer about the past would not be sealed.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

import numpy as np

from truecast.domain.bar import FloatArray
from truecast.domain.forecast import Forecast, Mode
from truecast.domain.horizon import Horizon, parse_horizon
from truecast.domain.instrument import Instrument
from truecast.domain.interval import Interval
from truecast.forecasts.basis import Basis, adjustment_for, basis_of
from truecast.forecasts.body import Draft, rounded, rounded_explanation
from truecast.forecasts.canonical import significant_one
from truecast.forecasts.ledger import Bundle, Ledger
from truecast.forecasts.predict import Records, quantiles_of
from truecast.forecasts.recent import Recent
from truecast.forecasts.snapshot import snapshot
from truecast.kit.clock import Clock, from_us, to_us
from truecast.kit.compute import Compute
from truecast.kit.limits import HISTORY_BARS_MAX
from truecast.kit.metrics import FORECAST_ISSUED_AT, FORECAST_SECONDS, FORECASTS_ISSUED
from truecast.market.calendar import calendar
from truecast.market.history import History
from truecast.market.registry import SeriesInfo
from truecast.market.store import BarStore
from truecast.models.base import HistoryTooShort, Model
from truecast.models.catalog import get_model
from truecast.models.explain import explain
from truecast.models.walk import mase_scale

AUTO = "auto"  # what users ask for when they do not mind which model serves
AUTO_MODEL = "ewma_walk"
NAIVE = "naive"

Fallback = Literal["none", "naive"]


@dataclass(frozen=True, slots=True)
class Issued:
    """What one round did. `stale`: series whose news came too late. `short`: whose history no model accepts yet."""

    forecasts: int = 0
    series: int = 0
    stale: int = 0
    short: int = 0


class Issuer:
    """Computes forecasts and has them recorded."""

    def __init__(self, store: BarStore, history: History, ledger: Ledger, compute: Compute, clock: Clock) -> None:
        self._store = store
        self._history = history
        self._ledger = ledger
        self._compute = compute
        self._clock = clock
        self._records = Records()
        self._recent = Recent()
        self._seen = -1  # the news up to which rounds have issued
        self._issued_on: dict[tuple[str, str], int] | None = None  # by series, the newest bar a round has issued on

    async def forecast(
        self,
        symbol: str,
        interval: Interval,
        steps: Any,
        *,
        model: str = AUTO,
        as_of: datetime | None = None,
        fallback: Fallback = "none",
        record: bool = True,
    ) -> Forecast:
        """The forecast of the next `steps` bars of what `symbol` spells, from what was known at `as_of` (default: now).

        Recorded only when it is about now; the id is empty otherwise. If the same was said before on the same bars,
        that forecast is returned, with its seal. Raises UnknownSymbol, AmbiguousSymbol, HorizonOutOfRange,
        UnknownModel, IntervalNotAvailable, AsOfInFuture, HistoryTooShort.
        """
        instrument = (await self._store.universe()).get(symbol)
        horizon = parse_horizon(steps, interval)
        wanted = get_model(AUTO_MODEL if model == AUTO else model)
        now = self._clock.now()
        basis = await _basis(self._history, instrument, horizon, now if as_of is None else as_of)
        if len(basis.frame) < wanted.min_bars and fallback == "naive":
            wanted = get_model(NAIVE)
        models = list(dict.fromkeys((get_model(NAIVE), wanted)))
        with FORECAST_SECONDS.labels(wanted.name).time():
            (bundle,) = await self._compute.run(_bundles, [basis], models, self._records, _Seal(now, self._mode))
        if as_of is not None or not record:
            return (bundle.others or (bundle.naive,))[-1].forecast
        ((*others, said),) = await self._ledger.append_forecasts([bundle])
        _count((*others, said), now)
        return replace(said, anchor=replace(said.anchor, stale=basis.anchor.stale))

    async def issue_news(self, steps: int) -> Issued:
        """Forecasts of the random walk and the standard model on every series with a bar since the last round.

        All in one transaction. Nothing is issued on a series that is stale: a forecast of bars that are over already
        is none. Whoever asks for one still gets it, marked as such.
        """
        now, models = self._clock.now(), (get_model(NAIVE), get_model(AUTO_MODEL))
        async with snapshot(self._store, self._recent) as store:
            until = await self._recent.refresh(store.conn)
            if until == self._seen:
                return Issued()
            if self._issued_on is None:
                self._issued_on = await self._ledger.anchors(NAIVE, steps)
            fresh, stale = _with_news(await store.series(), self._issued_on, to_us(now))
            history, universe = History(store, self._clock), await store.universe()
            bases = [
                await _basis(history, universe.get(symbol), Horizon(steps, interval), now) for symbol, interval in fresh
            ]
        need = max(model.min_bars for model in models)
        enough = [basis for basis in bases if len(basis.frame) >= need]
        bundles = await self._compute.run(_bundles, enough, models, self._records, _Seal(now, self._mode))
        recorded = await self._ledger.append_forecasts(bundles) if bundles else []
        self._seen = until
        self._issued_on |= {(f.symbol, f.horizon.interval.value): to_us(f.anchor.bar_start) for f, *_ in recorded}
        _count((forecast for group in recorded for forecast in group), now)
        return Issued(sum(map(len, recorded)), len(recorded), stale, len(bases) - len(enough))

    @property
    def _mode(self) -> Mode:
        return "live" if self._clock.kind == "system" else "replay"


@dataclass(frozen=True, slots=True)
class _Seal:
    """When a forecast is issued, and in what kind of time."""

    issued_at: datetime
    mode: Mode


def _count(recorded: Iterable[Forecast], now: datetime) -> None:
    """Those that were said just now; asking again gives what is sealed already."""
    for forecast in recorded:
        if forecast.issued_at == now:
            interval = forecast.horizon.interval.value
            FORECASTS_ISSUED.labels(forecast.model, interval).inc()
            FORECAST_ISSUED_AT.labels(forecast.symbol, interval).set(now.timestamp())


async def _basis(history: History, instrument: Instrument, horizon: Horizon, as_of: datetime) -> Basis:
    slice_ = await history.bars(
        instrument,
        horizon.interval,
        limit=HISTORY_BARS_MAX,
        as_of=as_of,
        adjust=adjustment_for(instrument),
    )
    if len(slice_.bars) == 0:
        raise HistoryTooShort(
            symbol=instrument.symbol, interval=horizon.interval.value, have=0, need=1, model="a forecast"
        )
    return basis_of(slice_, instrument, horizon, as_of)


def _with_news(
    listed: Iterable[SeriesInfo], issued_on: dict[tuple[str, str], int], now_us: int
) -> tuple[list[tuple[str, Interval]], int]:
    """Series with a bar that no scheduled forecast stands on, in a fixed order; and how many of those are stale."""
    newest: dict[tuple[str, Interval], tuple[int, SeriesInfo]] = {}
    for info in listed:
        if info.last is not None:
            key, last_us = (info.symbol, info.interval), to_us(info.last)
            if key not in newest or newest[key][0] < last_us:
                newest[key] = (last_us, info)
    fresh, stale = [], 0
    for (symbol, interval), (last_us, info) in sorted(newest.items(), key=lambda n: (n[0][0], n[0][1].seconds)):
        if last_us <= issued_on.get((symbol, interval.value), _NEVER):
            continue
        if calendar(info.calendar).overdue_at(last_us, interval) <= now_us:
            stale += 1
        else:
            fresh.append((symbol, interval))
    return fresh, stale


def _bundles(bases: Sequence[Basis], models: Sequence[Model], records: Records, seal: _Seal) -> list[Bundle]:
    """What every model says on every basis. The first model is the random walk that the others are scored against."""
    frames = [basis.frame for basis in bases]
    drafts = []
    for model in models:
        said = quantiles_of(model, frames, bases[0].horizon.steps) if bases else []
        drafts.append([_draft(*both, model, records, seal) for both in zip(bases, said, strict=True)])
    return [Bundle(naive, tuple(others)) for naive, *others in zip(*drafts, strict=True)]


def _draft(basis: Basis, quantiles: FloatArray, model: Model, records: Records, seal: _Seal) -> Draft:
    coverage, skill = records.of(model, basis.frame)
    sealed = rounded(quantiles)
    forecast = Forecast(
        id="",
        symbol=basis.instrument.symbol,
        horizon=basis.horizon,
        model=model.name,
        model_version=model.version,
        feature_set=model.feature_set,
        data_fingerprint=basis.fingerprint,
        mode=seal.mode,
        issued_at=seal.issued_at,
        as_of=basis.as_of,
        anchor=basis.anchor,
        targets=tuple(map(from_us, basis.targets.tolist())),
        target_ends=tuple(map(from_us, basis.target_ends.tolist())),
        quantiles=sealed,
        coverage=coverage,
        skill=skill,
        explanation=rounded_explanation(explain(model, basis.frame, basis.horizon.steps, sealed.values)),
    )
    scale = significant_one(mase_scale(basis.frame.close))
    return Draft(forecast, scale, due=np.maximum(basis.due, basis.target_ends))


_NEVER = -(1 << 62)  # before any bar

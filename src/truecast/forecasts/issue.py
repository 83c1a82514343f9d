"""Issues forecasts: on request, and for many series at once when the schedule says so.

A forecast is computed from the last HISTORY_BARS_MAX bars that were known at `as_of`, so the same moment gives the
same answer for ever. Only what is said about the present is recorded: an answer about the past would not be sealed.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

import numpy as np

from truecast.domain.forecast import Coverage, Forecast, Mode, Skill
from truecast.domain.horizon import Horizon, parse_horizon
from truecast.domain.instrument import Instrument
from truecast.domain.interval import Interval
from truecast.forecasts.basis import Basis, adjustment_for, basis_of
from truecast.forecasts.body import Draft, rounded
from truecast.forecasts.canonical import significant_one
from truecast.forecasts.ledger import Bundle, Ledger
from truecast.kit.clock import Clock, from_us
from truecast.kit.compute import Compute
from truecast.kit.limits import HISTORY_BARS_MAX
from truecast.market.history import History
from truecast.market.store import BarStore
from truecast.models.base import HistoryTooShort, Model, Prediction
from truecast.models.catalog import get_model

AUTO = "auto"  # what users ask for when they do not mind which model serves
AUTO_MODEL = "ewma_walk"
NAIVE = "naive"

Fallback = Literal["none", "naive"]


@dataclass(frozen=True, slots=True)
class Issued:
    """What one round of the schedule did. `short`: series whose history no model accepts yet."""

    forecasts: int
    series: int
    short: int


class Issuer:
    """Computes forecasts and has them recorded."""

    def __init__(self, store: BarStore, history: History, ledger: Ledger, compute: Compute, clock: Clock) -> None:
        self._store = store
        self._history = history
        self._ledger = ledger
        self._compute = compute
        self._clock = clock

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
        basis = await self._basis(instrument, horizon, now if as_of is None else as_of)
        bundle = await self._compute.run(_bundle, basis, wanted, fallback, now, self._mode)
        if as_of is not None or not record:
            return (bundle.others or (bundle.naive,))[-1].forecast
        ((*_, said),) = await self._ledger.append_forecasts([bundle])
        return replace(said, anchor=replace(said.anchor, stale=basis.anchor.stale))

    async def issue(self, series: Sequence[tuple[Instrument, Interval]], steps: int) -> Issued:
        """Forecasts of the random walk and the standard model for every series, recorded in one transaction."""
        now = self._clock.now()
        bases = []
        for instrument, interval in series:
            try:
                bases.append(await self._basis(instrument, Horizon(steps, interval), now))
            except HistoryTooShort:
                continue
        models = (get_model(NAIVE), get_model(AUTO_MODEL))
        bundles = await self._compute.run(_bundles, bases, models, now, self._mode)
        recorded = await self._ledger.append_forecasts(bundles) if bundles else []
        return Issued(sum(map(len, recorded)), len(recorded), len(series) - len(recorded))

    @property
    def _mode(self) -> Mode:
        return "live" if self._clock.kind == "system" else "replay"

    async def _basis(self, instrument: Instrument, horizon: Horizon, as_of: datetime) -> Basis:
        slice_ = await self._history.bars(
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


def _bundle(basis: Basis, model: Model, fallback: Fallback, issued_at: datetime, mode: Mode) -> Bundle:
    """One model and the random walk on the same data."""
    naive = _draft(basis, get_model(NAIVE), issued_at, mode)
    if model.name == NAIVE:
        return Bundle(naive)
    try:
        return Bundle(naive, (_draft(basis, model, issued_at, mode),))
    except HistoryTooShort:
        if fallback == "none":
            raise
        return Bundle(naive)


def _bundles(bases: Sequence[Basis], models: Sequence[Model], issued_at: datetime, mode: Mode) -> list[Bundle]:
    """For every basis that is long enough for all models: the first model, and the others to be scored against it."""
    need = max(model.min_bars for model in models)
    enough = [basis for basis in bases if len(basis.frame) >= need]
    drafts = [
        [
            _finish(basis, model, fitted.predict(basis.horizon.steps), issued_at, mode)
            for basis, fitted in zip(enough, model.fit_many([basis.frame for basis in enough]), strict=True)
        ]
        for model in models
    ]
    return [Bundle(naive, tuple(others)) for naive, *others in zip(*drafts, strict=True)]


def _draft(basis: Basis, model: Model, issued_at: datetime, mode: Mode) -> Draft:
    return _finish(basis, model, model.fit(basis.frame).predict(basis.horizon.steps), issued_at, mode)


def _finish(basis: Basis, model: Model, said: Prediction, issued_at: datetime, mode: Mode) -> Draft:
    forecast = Forecast(
        id="",
        symbol=basis.instrument.symbol,
        horizon=basis.horizon,
        model=model.name,
        model_version=model.version,
        feature_set=model.feature_set,
        data_fingerprint=basis.fingerprint,
        mode=mode,
        issued_at=issued_at,
        as_of=basis.as_of,
        anchor=basis.anchor,
        targets=tuple(map(from_us, basis.targets.tolist())),
        target_ends=tuple(map(from_us, basis.target_ends.tolist())),
        quantiles=rounded(said.quantiles.values),
        coverage=tuple(Coverage(c.level, significant_one(c.measured), c.n) for c in said.coverage),
        skill=_rounded_skill(said.skill),
    )
    return Draft(forecast, significant_one(said.mase_scale), due=np.maximum(basis.due, basis.target_ends))


def _rounded_skill(skill: Skill) -> Skill:
    ratio, p_value = (None if v is None else significant_one(v) for v in (skill.crps_ratio, skill.p_value))
    return Skill(skill.verdict, ratio, p_value, skill.n)

"""Issues forecasts: on request, and for every series that has news when the schedule says so.

A forecast is computed from the last HISTORY_BARS_MAX bars that were known at `as_of` and from the evidence recorded by
then, so the same moment gives the same answer for ever. Only what is said about the present is recorded: an answer
about the past would not be sealed. What serves, and what it says, is decided in forecasts/serve.py.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from truecast.domain.forecast import Forecast
from truecast.domain.horizon import Horizon, parse_horizon
from truecast.domain.instrument import Instrument
from truecast.domain.interval import Interval
from truecast.forecasts.basis import Basis, adjustment_for, basis_of
from truecast.forecasts.evidence import Book
from truecast.forecasts.examine import Examined, Examiner
from truecast.forecasts.ledger import Bundle, Ledger
from truecast.forecasts.predict import Records
from truecast.forecasts.recent import Recent
from truecast.forecasts.serve import NAIVE, Answer, Fallback, Question, Seal, answers
from truecast.forecasts.snapshot import Snapshot, snapshot
from truecast.kit import telemetry
from truecast.kit.clock import Clock, to_us
from truecast.kit.compute import Compute
from truecast.kit.errors import TruecastError
from truecast.kit.limits import HISTORY_BARS_MAX, WRITES_APART_S
from truecast.kit.metrics import FORECAST_ISSUED_AT, FORECAST_SECONDS, FORECASTS_ISSUED
from truecast.market.calendar import calendar
from truecast.market.history import History
from truecast.market.registry import SeriesInfo
from truecast.market.store import BarStore
from truecast.models import auto
from truecast.models.base import HistoryTooShort
from truecast.models.catalog import UNTRAINED, Catalogue, UnknownModel
from truecast.models.evidence import ENSEMBLE

AUTO = auto.AUTO  # what users ask for when they do not mind which model serves
AUTO_MODEL = "ewma_walk"  # what `auto` usually serves

CatalogueOf = Callable[[datetime | None], Catalogue]  # as it was at a moment; None: now


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked: `symbol` in any spelling, `steps` as a user wrote them."""

    symbol: str
    interval: Interval
    steps: Any
    model: str = AUTO
    as_of: datetime | None = None
    fallback: Fallback = "none"
    record: bool = True


@dataclass(frozen=True, slots=True)
class Issued:
    """What one round did. `stale`: series whose news came too late. `short`: whose history no model accepts yet."""

    forecasts: int = 0
    series: int = 0
    stale: int = 0
    short: int = 0


class Issuer:
    """Computes forecasts and has them recorded."""

    def __init__(
        self,
        store: BarStore,
        history: History,
        ledger: Ledger,
        compute: Compute,
        clock: Clock,
        *,
        catalogue_of: CatalogueOf = lambda _: UNTRAINED,
    ) -> None:
        self._store = store
        self._history = history
        self._ledger = ledger
        self._compute = compute
        self._clock = clock
        self._catalogue_of = catalogue_of
        self._book = Book()
        self._examiner = Examiner(store, compute, clock)
        self._records = Records()
        self._recent = Recent()
        self._reading = asyncio.Lock()  # Recent has one reader at a time
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

        `model` is "auto", "ensemble" or a name of the catalogue; with the fallback "naive" the calibrated random walk
        takes the place of a model that refuses. Recorded only when it is about now; the id is empty otherwise. If the
        same was said before on the same bars, that forecast is returned, with its seal. Raises UnknownSymbol,
        AmbiguousSymbol, HorizonOutOfRange, UnknownModel, IntervalNotAvailable, AsOfInFuture, HistoryTooShort,
        ModelUnavailable, OutOfScope.
        """
        (found,) = await self.forecast_many([Request(symbol, interval, steps, model, as_of, fallback, record)])
        if isinstance(found, TruecastError):
            raise found
        return found

    async def forecast_many(self, requests: Sequence[Request]) -> list[Forecast | TruecastError]:
        """The forecast of each request, or why there is none. What is asked twice is computed once.

        Bars of all requests about one moment are read in one transaction, and all forecasts recorded in one.
        """
        now = self._clock.now()
        read = await self._read_all(requests, now)
        distinct = {one.key: one for one in read if isinstance(one, _Asked)}
        answered = dict(zip(distinct, await self._answered(list(distinct.values()), now), strict=True))
        sealed = await self._sealed(distinct, answered)
        _count((forecast for group in sealed.values() for forecast in group), now)
        said: list[Forecast | TruecastError] = []
        for one in read:
            answer = one if isinstance(one, TruecastError) else answered[one.key]
            if isinstance(answer, TruecastError):
                said.append(answer)
            else:
                assert isinstance(one, _Asked)
                forecast = sealed[one.key][-1] if one.key in sealed else answer.served.forecast
                anchor = replace(forecast.anchor, stale=one.question.basis.anchor.stale)
                said.append(replace(forecast, anchor=anchor, choice=answer.choice))
        return said

    async def learn_news(self) -> Examined:
        """Renew evidence that has become old, so that the next round is served by it; see forecasts/examine.py."""
        return await self._examiner.renew(self._catalogue_of(None))

    async def issue_news(self, steps: int, *, again: bool = False) -> Issued:
        """Forecasts of the random walk and of what `auto` serves on every series with a bar since the last round.

        Nothing is issued on a series that is stale: a forecast of bars that are over already is none. Whoever asks for
        one still gets it, marked as such. Members of an average are recorded with it, as they are computed anyway;
        other models are not: the ledger grows by what is served. `again`: on every series, whatever was said of it.
        """
        now, catalogue = self._clock.now(), self._catalogue_of(None)
        async with self._reading, snapshot(self._store, self._recent) as store:
            until = await self._recent.refresh(store.conn)
            if until == self._seen and not again:
                return Issued()
            if self._issued_on is None:
                self._issued_on = await self._ledger.anchors(NAIVE, steps)
            fresh, stale = _with_news(await store.series(), {} if again else self._issued_on, to_us(now))
            reader, universe = _Reader(store, History(store, self._clock), self._book, {}, now), await store.universe()
            questions = []
            for symbol, interval in fresh:
                basis = await _basis(reader.history, universe.get(symbol), Horizon(steps, interval), now)
                if len(basis.frame) >= catalogue.get(NAIVE).min_bars:
                    questions.append(await reader.question(basis, AUTO, catalogue, "none"))
        seal = Seal(now, "live" if self._clock.kind == "system" else "replay")
        with telemetry.span("compute forecasts", {"truecast.series": len(questions)}):
            found = await self._round(questions, seal)
        bundles = [answer.bundle for answer in found if isinstance(answer, Answer)]
        with telemetry.span("seal forecasts", {"truecast.series": len(bundles)}):
            recorded: list[tuple[Forecast, ...]] = []
            for first in range(0, len(bundles), _SEALED):
                if first:
                    await asyncio.sleep(WRITES_APART_S)
                recorded += await self._ledger.append_forecasts(bundles[first : first + _SEALED])
        self._seen = until
        self._issued_on |= {(f.symbol, f.horizon.interval.value): to_us(f.anchor.bar_start) for f, *_ in recorded}
        _count((forecast for group in recorded for forecast in group), now)
        return Issued(sum(map(len, recorded)), len(recorded), stale, len(fresh) - len(recorded))

    async def _round(self, questions: Sequence[Question], seal: Seal) -> list[Answer | TruecastError]:
        """Panels of _PANEL questions, on all threads but one at once: that one is for what somebody asks meanwhile."""
        parts = [questions[i : i + _PANEL] for i in range(0, len(questions), _PANEL)]
        free = asyncio.Semaphore(max(1, self._compute.threads - 1))

        async def one(part: Sequence[Question]) -> list[Answer | TruecastError]:
            async with free:
                return await self._compute.run(answers, part, self._records, seal)

        found = await asyncio.gather(*map(one, parts))
        return [answer for part in found for answer in part]

    async def _read_all(self, requests: Sequence[Request], now: datetime) -> list["_Asked | TruecastError"]:
        """Everything that is read, in one transaction per moment that is asked about."""
        found: dict[int, _Asked | TruecastError] = {}
        bases: dict[_Key, Basis] = {}
        for moment in dict.fromkeys(request.as_of for request in requests):
            async with contextlib.AsyncExitStack() as stack:
                if moment is None:
                    await stack.enter_async_context(self._reading)
                store = await stack.enter_async_context(snapshot(self._store, None if moment else self._recent))
                if moment is None:
                    await self._recent.refresh(store.conn)
                reader = _Reader(store, History(store, self._clock), self._book, bases, now)
                for i, request in enumerate(requests):
                    if request.as_of == moment:
                        try:
                            found[i] = await reader.asked(request, self._catalogue_of(moment))
                        except TruecastError as error:
                            found[i] = error
        return [found[i] for i in range(len(requests))]

    async def _answered(self, asked: Sequence["_Asked"], now: datetime) -> list[Answer | TruecastError]:
        """Computed on the threads, a few questions at a time, so that a large batch keeps nobody waiting."""
        seal = Seal(now, "live" if self._clock.kind == "system" else "replay")
        questions = [one.question for one in asked]
        parts = [questions[i : i + _TOGETHER] for i in range(0, len(questions), _TOGETHER)]
        found = [await self._compute.run(_timed, part, self._records, seal) for part in parts]
        return [answer for part in found for answer in part]

    async def _sealed(
        self, asked: Mapping["_Key", "_Asked"], answered: Mapping["_Key", Answer | TruecastError]
    ) -> dict["_Key", tuple[Forecast, ...]]:
        """What is recorded, by key: the random walk first, what serves last."""
        bundles: dict[_Key, Bundle] = {}
        for key, one in asked.items():
            answer = answered[key]
            if one.record and isinstance(answer, Answer):
                bundles[key] = answer.bundle
        if not bundles:
            return {}
        return dict(zip(bundles, await self._ledger.append_forecasts(list(bundles.values())), strict=True))


_Key = tuple[Any, ...]
_TOGETHER = 16  # questions of one batch computed in one go
_SEALED = 64  # series in one transaction of a round: other processes write in between
_PANEL = 64  # of one round; more would save little, and keep others waiting longer where there is only one thread


@dataclass(frozen=True, slots=True, eq=False)
class _Asked:
    """A request that was understood, with everything it needs."""

    key: _Key
    question: Question
    record: bool


@dataclass(frozen=True, slots=True, eq=False)
class _Reader:
    """Reads what requests about one moment need."""

    store: Snapshot
    history: History
    book: Book
    bases: dict[_Key, Basis]
    now: datetime

    async def asked(self, request: Request, catalogue: Catalogue) -> _Asked:
        """Raises what is wrong with the request, and what the history refuses."""
        instrument = await self.store.instrument(request.symbol)
        horizon = parse_horizon(request.steps, request.interval)
        if request.model not in (AUTO, ENSEMBLE, *catalogue.names):
            raise UnknownModel(model=request.model, choices=sorted((AUTO, ENSEMBLE, *catalogue.names)))
        as_of = self.now if request.as_of is None else request.as_of
        of = (instrument.symbol, request.interval, horizon.steps, request.as_of)
        if of not in self.bases:
            self.bases[of] = await _basis(self.history, instrument, horizon, as_of)
        question = await self.question(self.bases[of], request.model, catalogue, request.fallback)
        record = request.record and request.as_of is None
        return _Asked((*of, request.model, request.fallback, record), question, record)

    async def question(self, basis: Basis, model: str, catalogue: Catalogue, fallback: Fallback) -> Question:
        """With the evidence that was there at the moment that is asked about."""
        instrument, interval = basis.instrument, basis.horizon.interval
        known = await self.book.known(
            self.store.conn, instrument.symbol, instrument.asset_class.value, interval, basis.as_of
        )
        return Question(basis, model, catalogue, known, fallback)


def _timed(questions: Sequence[Question], records: Records, seal: Seal) -> list[Answer | TruecastError]:
    """`answers`, with the time that each took on average, by the model that was asked for."""
    started = time.perf_counter()
    found = answers(questions, records, seal)
    for question in questions:
        FORECAST_SECONDS.labels(question.model).observe((time.perf_counter() - started) / len(questions))
    return found


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


_NEVER = -(1 << 62)  # before any bar

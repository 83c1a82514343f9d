"""Calls about record.

Written by scripts/write_client.py from the OpenAPI document; run `make docs` after a change of the API.
"""

from truecast.client.ask import Ask, part
from truecast.client.asker import Asker
from truecast.client.shapes import (
    AssetClassLike,
    CalibrationReport,
    CoverageOverTime,
    CoverageOverTimeStretchLike,
    IntervalLike,
    Leaderboard,
    LedgerCheck,
    PerformanceReport,
    RecordKindLike,
    ResolvedForecasts,
    ResolvedForecastsOrderLike,
    Trends,
)


class RecordCalls(Asker):
    """Everything about record."""

    def get_performance(
        self,
        *,
        symbol: str | None = None,
        model: str | None = None,
        interval: IntervalLike | None = None,
        horizon: int | None = None,
        period: str | None = None,
    ) -> PerformanceReport:
        """The track record: sealed forecasts from the ledger and, for one symbol, a walk-forward test over its
        history.

        symbol: A symbol in any accepted spelling.
        model: Name of a model.
        horizon: Only this step.
        period: How far back in the ledger: 24h, 7d, 30d, 90d, 1y, all.
        Raises: UnknownSymbol, UnknownModel, AmbiguousSymbol, ModelUnavailable, OutOfScope, IntervalNotAvailable,
            DatabaseBusy, DatabaseUnavailable.
        """
        return self._ask(
            Ask(
                "GET",
                "/api/v1/performance",
                PerformanceReport,
                query={"symbol": symbol, "model": model, "interval": interval, "horizon": horizon, "period": period},
            )
        )

    def verify_ledger(self, *, full: bool | None = None) -> LedgerCheck:
        """Recompute the chain of hashes: all of it the first time, then what is new and, in turn, a part of what is
        old.

        full: Read every row again, whatever was found before.
        Raises: DatabaseBusy, DatabaseUnavailable.
        """
        return self._ask(Ask("GET", "/api/v1/ledger/verify", LedgerCheck, query={"full": full}))

    def get_leaderboard(
        self,
        *,
        asset_class: AssetClassLike | None = None,
        interval: IntervalLike | None = None,
        horizon: int | None = None,
        period: str | None = None,
        kind: RecordKindLike | None = None,
    ) -> Leaderboard:
        """Every model on every class of instruments: sealed forecasts, and walk-forward tests, told apart by `kind`.

        horizon: Steps ahead.
        period: How far back in the ledger: 24h, 7d, 30d, 90d, 1y, all.
        kind: Only this kind; both without it.
        Raises: UnknownPeriod, DatabaseBusy, DatabaseUnavailable.
        """
        return self._ask(
            Ask(
                "GET",
                "/api/v1/performance/leaderboard",
                Leaderboard,
                query={
                    "asset_class": asset_class,
                    "interval": interval,
                    "horizon": horizon,
                    "period": period,
                    "kind": kind,
                },
            )
        )

    def get_calibration(
        self,
        *,
        symbol: str | None = None,
        asset_class: AssetClassLike | None = None,
        model: str | None = None,
        interval: IntervalLike | None = None,
        horizon: int | None = None,
        period: str | None = None,
    ) -> CalibrationReport:
        """Measured coverage at every level of the grid, and the histogram of where outcomes fell (PIT, 20 bins).

        Of one symbol (its usual interval, unless another is named), of a class, or of all together.

        symbol: A symbol in any accepted spelling.
        asset_class: Sealed forecasts of this class only.
        model: Name of a model.
        horizon: Steps ahead.
        period: How far back in the ledger: 24h, 7d, 30d, 90d, 1y, all.
        Raises: UnknownSymbol, UnknownModel, AmbiguousSymbol, IntervalNotAvailable, UnknownPeriod, DatabaseBusy,
            DatabaseUnavailable.
        """
        return self._ask(
            Ask(
                "GET",
                "/api/v1/performance/calibration",
                CalibrationReport,
                query={
                    "symbol": symbol,
                    "asset_class": asset_class,
                    "model": model,
                    "interval": interval,
                    "horizon": horizon,
                    "period": period,
                },
            )
        )

    def get_trends(
        self, symbol: str, *, interval: IntervalLike | None = None, model: str | None = None, horizon: int | None = None
    ) -> Trends:
        """CRPS ratio and coverage of one series over time, in rolling windows of 60 resolved origins.

        symbol: A symbol in any accepted spelling.
        model: Name of a model.
        horizon: Steps ahead.
        Raises: UnknownSymbol, UnknownModel, AmbiguousSymbol, IntervalNotAvailable, HistoryTooShort, DatabaseBusy,
            DatabaseUnavailable.
        """
        return self._ask(
            Ask(
                "GET",
                f"/api/v1/performance/trends/{part(symbol)}",
                Trends,
                query={"interval": interval, "model": model, "horizon": horizon},
            )
        )

    def get_coverage(
        self,
        *,
        symbol: str | None = None,
        asset_class: AssetClassLike | None = None,
        model: str | None = None,
        interval: IntervalLike | None = None,
        horizon: int | None = None,
        period: str | None = None,
        stretch: CoverageOverTimeStretchLike | None = None,
    ) -> CoverageOverTime:
        """How many outcomes fell inside their intervals, hour by hour to year by year: the promise against what
        happened.

        Of one symbol, a class, or all together; standard errors count what happened in one bar of time as one
        observation.

        symbol: A symbol in any accepted spelling.
        asset_class: Only instruments of this class.
        model: Name of a model.
        horizon: Steps ahead.
        period: How far back in the ledger: 24h, 7d, 30d, 90d, 1y, all.
        stretch: Unit of time; without it the smallest that makes at most 60 of them.
        Raises: UnknownSymbol, UnknownModel, AmbiguousSymbol, UnknownPeriod, DatabaseBusy, DatabaseUnavailable.
        """
        return self._ask(
            Ask(
                "GET",
                "/api/v1/performance/coverage",
                CoverageOverTime,
                query={
                    "symbol": symbol,
                    "asset_class": asset_class,
                    "model": model,
                    "interval": interval,
                    "horizon": horizon,
                    "period": period,
                    "stretch": stretch,
                },
            )
        )

    def get_resolved(
        self,
        *,
        symbol: str | None = None,
        asset_class: AssetClassLike | None = None,
        model: str | None = None,
        interval: IntervalLike | None = None,
        horizon: int | None = None,
        period: str | None = None,
        order: ResolvedForecastsOrderLike | None = None,
        limit: int | None = None,
    ) -> ResolvedForecasts:
        """Single sealed forecasts with what came of them: the newest, the best or the worst of all series asked for.

        Losses are in average one-step moves of each series, so that a calm and a wild one can stand in one list.

        symbol: A symbol in any accepted spelling.
        asset_class: Only instruments of this class.
        model: Name of a model.
        horizon: Steps ahead.
        period: How far back in the ledger: 24h, 7d, 30d, 90d, 1y, all.
        order: `best` and `worst` go by `loss`; `newest` by when it was known.
        limit: Most items in the answer.
        Raises: UnknownSymbol, UnknownModel, AmbiguousSymbol, UnknownPeriod, DatabaseBusy, DatabaseUnavailable.
        """
        return self._ask(
            Ask(
                "GET",
                "/api/v1/performance/resolved",
                ResolvedForecasts,
                query={
                    "symbol": symbol,
                    "asset_class": asset_class,
                    "model": model,
                    "interval": interval,
                    "horizon": horizon,
                    "period": period,
                    "order": order,
                    "limit": limit,
                },
            )
        )

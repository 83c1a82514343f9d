"""Calls about forecasts, awaited.

Written by scripts/write_client.py from the OpenAPI document; run `make docs` after a change of the API.
"""

# ruff: noqa: A002

from collections.abc import AsyncIterator, Sequence

from truecast.client.ask import Ask, Names, Time, part
from truecast.client.asker import AsyncAsker
from truecast.client.pages import pages_async
from truecast.client.shapes import (
    Batch,
    FallbackLike,
    ForecastBody,
    ForecastExplanation,
    ForecastRequest,
    Forecasts,
    IntervalLike,
    PastForecast,
    PastForecasts,
)


class AsyncForecastsCalls(AsyncAsker):
    """Everything about forecasts."""

    async def create_forecast(
        self,
        symbol: str,
        interval: IntervalLike,
        horizon: int,
        *,
        model: str | None = None,
        levels: Sequence[float] | None = None,
        as_of: Time | None = None,
        fallback: FallbackLike | None = None,
        idempotency_key: str | None = None,
    ) -> ForecastBody:
        """Forecast now and seal it in the ledger; or, with `as_of`, say what would have been said then.

        The same model on the same data has said it already: then the answer is the forecast that is sealed.

        horizon: Steps of `interval`, counted in sessions.
        model: `auto` names the one that served.
        fallback: `none`: a model that cannot serve is an error. `naive`: the random walk serves then.
        idempotency_key: Yours, to repeat this call from another process; otherwise one is made for each call.
        Raises: UnknownSymbol, UnknownModel, AmbiguousSymbol, ModelUnavailable, OutOfScope, HistoryTooShort,
            IntervalNotAvailable, RequestUnderWay, AnswerNotKept, IdempotencyKeyInvalid, IdempotencyKeyReused,
            DatabaseBusy, DatabaseUnavailable.
        """
        return await self._ask(
            Ask(
                "POST",
                "/api/v1/forecasts",
                ForecastBody,
                body={
                    "symbol": symbol,
                    "interval": interval,
                    "horizon": horizon,
                    "model": model,
                    "levels": levels,
                    "as_of": as_of,
                    "fallback": fallback,
                },
                repeat="freely",
                key=idempotency_key,
            )
        )

    async def latest_forecasts(
        self,
        *,
        symbols: Names | None = None,
        model: str | None = None,
        interval: IntervalLike | None = None,
        horizon: int | None = None,
        as_of: Time | None = None,
    ) -> Forecasts:
        """The latest issued forecast of each symbol, interval and model; of all symbols when none are named.

        Of named symbols at one interval `auto` is what it serves there, by the evidence that was known at `as_of`.

        symbols: Symbols separated by commas.
        model: Name of a model.
        horizon: Only this step, where a forecast reaches it.
        as_of: Only what stood in the ledger then.
        Raises: UnknownSymbol, AmbiguousSymbol, AsOfInFuture, DatabaseBusy, DatabaseUnavailable.
        """
        return await self._ask(
            Ask(
                "GET",
                "/api/v1/forecasts",
                Forecasts,
                query={"symbols": symbols, "model": model, "interval": interval, "horizon": horizon, "as_of": as_of},
            )
        )

    async def create_forecasts(self, items: Sequence[ForecastRequest], *, idempotency_key: str | None = None) -> Batch:
        """Forecast up to 100 items. Each is answered as `POST /forecasts` would; items that ask the same share one.

        The answer is 200 whenever the batch itself could be read: look at the `status` of every item.

        idempotency_key: Yours, to repeat this call from another process; otherwise one is made for each call.
        Raises: RequestUnderWay, AnswerNotKept, IdempotencyKeyInvalid, IdempotencyKeyReused, DatabaseBusy,
            DatabaseUnavailable.
        """
        return await self._ask(
            Ask("POST", "/api/v1/forecasts/batch", Batch, body={"items": items}, repeat="freely", key=idempotency_key)
        )

    async def get_forecast(self, id: str) -> ForecastBody:
        """One forecast as it stands in the ledger.

        Raises: UnknownForecast, DatabaseBusy, DatabaseUnavailable.
        """
        return await self._ask(Ask("GET", f"/api/v1/forecasts/by-id/{part(id)}", ForecastBody))

    async def get_explanation(
        self, symbol: str, *, interval: IntervalLike | None = None, model: str | None = None, id: str | None = None
    ) -> ForecastExplanation:
        """What moved the median of a forecast and what made it as wide as it is: of the one issued last, or by its
        id.

        symbol: A symbol in any accepted spelling.
        model: Name of a model.
        id: Of that forecast.
        Raises: UnknownSymbol, UnknownForecast, UnknownModel, NotForecastYet, NotExplained, AmbiguousSymbol,
            DatabaseBusy, DatabaseUnavailable.
        """
        return await self._ask(
            Ask(
                "GET",
                f"/api/v1/forecasts/{part(symbol)}/explanation",
                ForecastExplanation,
                query={"interval": interval, "model": model, "id": id},
            )
        )

    async def forecast_history(
        self,
        symbol: str,
        *,
        interval: IntervalLike | None = None,
        model: str | None = None,
        horizon: int | None = None,
        level: float | None = None,
        as_of: Time | None = None,
        cursor: str | None = None,
        limit: int | None = None,
    ) -> PastForecasts:
        """Past forecasts of an instrument and what became of them, newest first.

        Without an interval, the one that users look at first: days where they are stored.

        symbol: A symbol in any accepted spelling.
        model: Name of a model.
        horizon: Steps ahead.
        level: Of the interval from `lower` to `upper`.
        as_of: Only what stood in the ledger then.
        cursor: `next` of the page before.
        limit: Most items in the answer.
        Raises: UnknownSymbol, UnknownModel, AmbiguousSymbol, CursorInvalid, AsOfInFuture, DatabaseBusy,
            DatabaseUnavailable.
        """
        return await self._ask(
            Ask(
                "GET",
                f"/api/v1/forecasts/{part(symbol)}/history",
                PastForecasts,
                query={
                    "interval": interval,
                    "model": model,
                    "horizon": horizon,
                    "level": level,
                    "as_of": as_of,
                    "cursor": cursor,
                    "limit": limit,
                },
            )
        )

    def iter_forecast_history(
        self,
        symbol: str,
        *,
        interval: IntervalLike | None = None,
        model: str | None = None,
        horizon: int | None = None,
        level: float | None = None,
        as_of: Time | None = None,
    ) -> AsyncIterator[PastForecast]:
        """The items of all pages of `forecast_history`, each asked for when it is needed."""
        return pages_async(
            lambda cursor: self.forecast_history(
                symbol,
                interval=interval,
                model=model,
                horizon=horizon,
                level=level,
                as_of=as_of,
                cursor=cursor,
                limit=200,
            )
        )

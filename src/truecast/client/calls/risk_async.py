"""Calls about risk, awaited.

Written by scripts/write_client.py from the OpenAPI document; run `make docs` after a change of the API.
"""

from collections.abc import Sequence

from truecast.client.ask import Ask, Time
from truecast.client.asker import AsyncAsker
from truecast.client.shapes import (
    IntervalLike,
    MethodLike,
    PositionIn,
    RiskBody,
)


class AsyncRiskCalls(AsyncAsker):
    """Everything about risk."""

    async def measure_risk(
        self,
        *,
        symbol: str | None = None,
        positions: Sequence[PositionIn] | None = None,
        interval: IntervalLike | None = None,
        period_days: int | None = None,
        levels: Sequence[float] | None = None,
        horizon: int | None = None,
        method: MethodLike | None = None,
        include_benchmark: bool | None = None,
        benchmark: str | None = None,
        riskless: float | None = None,
        bootstrap: bool | None = None,
        as_of: Time | None = None,
        currency: str | None = None,
        idempotency_key: str | None = None,
    ) -> RiskBody:
        """Volatility, value at risk, drawdowns, ratios, exposure and stress, with intervals, of what was known at
        `as_of`.

        What the sample cannot support is refused with 409 `sample_too_small`, which says how many returns it takes.

        period_days: Back from the last bar.
        horizon: Bars over which losses are measured.
        method: Only this one; all three without it.
        benchmark: In the place of that of the class.
        riskless: Annual rate that Sharpe, Sortino and alpha deduct.
        bootstrap: Intervals of the numbers; they take most of the time.
        currency: In which losses are measured; without it that of most of the portfolio. `own`: of each position.
        idempotency_key: Yours, to repeat this call from another process; otherwise one is made for each call.
        Raises: UnknownSymbol, AmbiguousSymbol, IntervalNotAvailable, ExchangeRateMissing, SampleTooSmall,
            ReturnsUndefined, PortfolioLost, RequestUnderWay, AnswerNotKept, ContradictoryRequest, AsOfInFuture,
            IdempotencyKeyInvalid, IdempotencyKeyReused, DatabaseBusy, DatabaseUnavailable.
        """
        return await self._ask(
            Ask(
                "POST",
                "/api/v1/risk",
                RiskBody,
                body={
                    "symbol": symbol,
                    "positions": positions,
                    "interval": interval,
                    "period_days": period_days,
                    "levels": levels,
                    "horizon": horizon,
                    "method": method,
                    "include_benchmark": include_benchmark,
                    "benchmark": benchmark,
                    "riskless": riskless,
                    "bootstrap": bootstrap,
                    "as_of": as_of,
                    "currency": currency,
                },
                repeat="freely",
                key=idempotency_key,
            )
        )

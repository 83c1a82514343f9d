"""Calls about prices, awaited.

Written by scripts/write_client.py from the OpenAPI document; run `make docs` after a change of the API.
"""

from collections.abc import AsyncIterator

from truecast.client.ask import Ask, Names, Time, part
from truecast.client.asker import AsyncAsker
from truecast.client.pages import pages_async
from truecast.client.shapes import (
    AdjustLike,
    AssetClassLike,
    Candles,
    ConsensusShape,
    Correlations,
    GapStateLike,
    IntervalLike,
    MarketSummary,
    Prices,
    QuarantinedRow,
    QuarantinedRows,
    SeriesGap,
    SeriesGaps,
    StatisticsShape,
    Volatilities,
)


class AsyncPricesCalls(AsyncAsker):
    """Everything about prices."""

    async def latest_prices(
        self,
        *,
        symbols: Names | None = None,
        asset_class: AssetClassLike | None = None,
        max_age_s: float | None = None,
        cached_only: bool | None = None,
    ) -> Prices:
        """The latest price of each symbol: the one kept here, or with `max_age_s` one that is not older than that.

        Kept here are what live feeds and questions to sources have told, and the newest bars. Sources are asked in
        the order of the failover chain; every price names the one it is from. `bid` and `ask` are null where nobody
        said them. An error when no symbol has a price: `no_live_source` gives one reason per source.

        symbols: Symbols separated by commas.
        asset_class: All of a class, instead of `symbols`.
        max_age_s: A price kept here may be this old; beyond, sources are asked.
        cached_only: Ask no source, whatever the age.
        Raises: UnknownSymbol, NoPrice, AmbiguousSymbol, PriceTooOld, ContradictoryRequest, NoLiveSource,
            DatabaseBusy, DatabaseUnavailable.
        """
        return await self._ask(
            Ask(
                "GET",
                "/api/v1/prices",
                Prices,
                query={
                    "symbols": symbols,
                    "asset_class": asset_class,
                    "max_age_s": max_age_s,
                    "cached_only": cached_only,
                },
            )
        )

    async def get_consensus(self, symbol: str) -> ConsensusShape:
        """What every live source says of one price at the moment: the median, who is far from it, and who disagrees.

        symbol: A symbol in any accepted spelling.
        Raises: UnknownSymbol, AmbiguousSymbol, NoLiveSource, DatabaseBusy, DatabaseUnavailable.
        """
        return await self._ask(Ask("GET", f"/api/v1/prices/{part(symbol)}/consensus", ConsensusShape))

    async def get_candles(
        self,
        symbol: str,
        *,
        interval: IntervalLike | None = None,
        start: Time | None = None,
        end: Time | None = None,
        limit: int | None = None,
        as_of: Time | None = None,
        adjust: AdjustLike | None = None,
    ) -> Candles:
        """Bars, oldest first, with the source of every part and the gaps between them.

        symbol: A symbol in any accepted spelling.
        interval: Bar length.
        start: First bar start, included.
        end: Bars that start before this.
        limit: The last so many.
        as_of: Only what was known then.
        adjust: For splits, or for splits and dividends.
        Raises: UnknownSymbol, AmbiguousSymbol, IntervalNotAvailable, AsOfInFuture, DatabaseBusy,
            DatabaseUnavailable.
        """
        return await self._ask(
            Ask(
                "GET",
                f"/api/v1/prices/{part(symbol)}/candles",
                Candles,
                query={
                    "interval": interval,
                    "start": start,
                    "end": end,
                    "limit": limit,
                    "as_of": as_of,
                    "adjust": adjust,
                },
            )
        )

    async def get_statistics(
        self, symbol: str, *, period: str | None = None, interval: IntervalLike | None = None, as_of: Time | None = None
    ) -> StatisticsShape:
        """Return, extremes, realised volatility, drawdown and volume of the period up to now or `as_of`.

        Prices are adjusted for splits. A period without a bar is an error that says when the last one ended.

        symbol: A symbol in any accepted spelling.
        period: How far back: hours, days, weeks or years.
        interval: Bar length; without it the one that suits the period and is there.
        as_of: As known at this moment; now when left out.
        Raises: UnknownSymbol, AmbiguousSymbol, IntervalNotAvailable, NothingInPeriod, MalformedPeriod,
            AsOfInFuture, DatabaseBusy, DatabaseUnavailable.
        """
        return await self._ask(
            Ask(
                "GET",
                f"/api/v1/prices/{part(symbol)}/statistics",
                StatisticsShape,
                query={"period": period, "interval": interval, "as_of": as_of},
            )
        )

    async def get_volatility(
        self,
        symbols: Names,
        *,
        window: str | None = None,
        interval: IntervalLike | None = None,
        as_of: Time | None = None,
    ) -> Volatilities:
        """Realised volatility of each symbol over the window up to now or `as_of`, with how it was annualised.

        symbols: Symbols separated by commas.
        window: How far back: hours, days, weeks or years.
        interval: Bar length; without it the one that suits the period and is there.
        as_of: As known at this moment; now when left out.
        Raises: UnknownSymbol, AmbiguousSymbol, IntervalNotAvailable, NothingInPeriod, MalformedPeriod,
            AsOfInFuture, DatabaseBusy, DatabaseUnavailable.
        """
        return await self._ask(
            Ask(
                "GET",
                "/api/v1/prices/volatility",
                Volatilities,
                query={"symbols": symbols, "window": window, "interval": interval, "as_of": as_of},
            )
        )

    async def get_correlation(
        self,
        symbols: Names,
        *,
        window: str | None = None,
        interval: IntervalLike | None = None,
        as_of: Time | None = None,
    ) -> Correlations:
        """How every pair of the symbols moved together over the window: Pearson and Spearman of their returns.

        Returns are taken between the bars that both have and no others, of prices adjusted for splits and dividends:
        within a day bars with the same end, else of the same UTC day, week or month. A pair with fewer than 20
        returns gets none, and the reason.

        symbols: Symbols separated by commas.
        window: How far back: hours, days, weeks or years.
        interval: Bar length; without it the one that suits the period and is there.
        as_of: As known at this moment; now when left out.
        Raises: UnknownSymbol, AmbiguousSymbol, MalformedPeriod, AsOfInFuture, ContradictoryRequest, DatabaseBusy,
            DatabaseUnavailable.
        """
        return await self._ask(
            Ask(
                "GET",
                "/api/v1/prices/correlation",
                Correlations,
                query={"symbols": symbols, "window": window, "interval": interval, "as_of": as_of},
            )
        )

    async def market_summary(self, *, asset_class: AssetClassLike | None = None) -> MarketSummary:
        """Advancers and decliners, movers, sessions open and closed, and the age of the data, class by class.

        Only prices that are not stale rise or fall; how many are stale is said. Every mover names its source.

        asset_class: Only this class.
        Raises: DatabaseBusy, DatabaseUnavailable.
        """
        return await self._ask(Ask("GET", "/api/v1/market/summary", MarketSummary, query={"asset_class": asset_class}))

    async def list_gaps(
        self,
        *,
        symbol: str | None = None,
        state: GapStateLike | None = None,
        cursor: str | None = None,
        limit: int | None = None,
    ) -> SeriesGaps:
        """Stretches of bars that should exist and did not come, and what became of them.

        symbol: A symbol in any accepted spelling.
        state: Only gaps in this state.
        cursor: `next` of the page before.
        limit: Most items in the answer.
        Raises: UnknownSymbol, AmbiguousSymbol, CursorInvalid, DatabaseBusy, DatabaseUnavailable.
        """
        return await self._ask(
            Ask(
                "GET",
                "/api/v1/market/gaps",
                SeriesGaps,
                query={"symbol": symbol, "state": state, "cursor": cursor, "limit": limit},
            )
        )

    def iter_list_gaps(
        self, *, symbol: str | None = None, state: GapStateLike | None = None
    ) -> AsyncIterator[SeriesGap]:
        """The items of all pages of `list_gaps`, each asked for when it is needed."""
        return pages_async(lambda cursor: self.list_gaps(symbol=symbol, state=state, cursor=cursor, limit=200))

    async def list_quarantine(
        self, *, symbol: str | None = None, cursor: str | None = None, limit: int | None = None
    ) -> QuarantinedRows:
        """Rows that a source sent and that are no bars, or are not believed, with the reason and what became of
        them.

        symbol: A symbol in any accepted spelling.
        cursor: `next` of the page before.
        limit: Most items in the answer.
        Raises: UnknownSymbol, AmbiguousSymbol, CursorInvalid, DatabaseBusy, DatabaseUnavailable.
        """
        return await self._ask(
            Ask(
                "GET",
                "/api/v1/market/quarantine",
                QuarantinedRows,
                query={"symbol": symbol, "cursor": cursor, "limit": limit},
            )
        )

    def iter_list_quarantine(self, *, symbol: str | None = None) -> AsyncIterator[QuarantinedRow]:
        """The items of all pages of `list_quarantine`, each asked for when it is needed."""
        return pages_async(lambda cursor: self.list_quarantine(symbol=symbol, cursor=cursor, limit=200))

    async def release_quarantined(
        self, number: int, *, note: str | None = None, idempotency_key: str | None = None
    ) -> QuarantinedRow:
        """Let a row in after all. Who did so is kept; the bar counts as known from now on.

        number: Number of a quarantined row.
        idempotency_key: Yours, to repeat this call from another process; otherwise one is made for each call.
        Raises: UnknownQuarantine, NotReleasable, RequestUnderWay, AnswerNotKept, IdempotencyKeyInvalid,
            IdempotencyKeyReused, DatabaseBusy, DatabaseUnavailable.
        """
        return await self._ask(
            Ask(
                "POST",
                f"/api/v1/market/quarantine/{part(number)}/release",
                QuarantinedRow,
                body={"note": note},
                repeat="by_key",
                key=idempotency_key,
            )
        )

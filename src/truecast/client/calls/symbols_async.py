"""Calls about symbols, awaited.

Written by scripts/write_client.py from the OpenAPI document; run `make docs` after a change of the API.
"""

from collections.abc import AsyncIterator

from truecast.client.ask import Ask, part
from truecast.client.asker import AsyncAsker
from truecast.client.pages import pages_async
from truecast.client.shapes import AssetClassLike, Symbol, SymbolAdded, SymbolDetail, SymbolPage, SymbolRemoved


class AsyncSymbolsCalls(AsyncAsker):
    """Everything about symbols."""

    async def search_symbols(
        self,
        *,
        query: str | None = None,
        asset_class: AssetClassLike | None = None,
        cursor: str | None = None,
        limit: int | None = None,
    ) -> SymbolPage:
        """Search instruments by any spelling; without a query, list all.

        query: Part of a symbol, name or alias.
        cursor: `next` of the page before.
        limit: Most items in the answer.
        Raises: CursorInvalid, DatabaseBusy, DatabaseUnavailable.
        """
        return await self._ask(
            Ask(
                "GET",
                "/api/v1/symbols",
                SymbolPage,
                query={"query": query, "asset_class": asset_class, "cursor": cursor, "limit": limit},
            )
        )

    def iter_search_symbols(
        self, *, query: str | None = None, asset_class: AssetClassLike | None = None
    ) -> AsyncIterator[Symbol]:
        """The items of all pages of `search_symbols`, each asked for when it is needed."""
        return pages_async(
            lambda cursor: self.search_symbols(query=query, asset_class=asset_class, cursor=cursor, limit=200)
        )

    async def add_symbol(self, symbol: str, *, idempotency_key: str | None = None) -> SymbolAdded:
        """Follow a symbol from now on: its past is loaded, its news are taken, and it is forecast.

        The live sources in use are asked in their order, by their own list or rule; where none has it, the error
        gives one reason per source. Asking again for what is followed already answers 200 and changes nothing.

        idempotency_key: Yours, to repeat this call from another process; otherwise one is made for each call.
        Raises: NotAtAnySource, AmbiguousSymbol, TooManyFollowed, RequestUnderWay, AnswerNotKept,
            IdempotencyKeyInvalid, IdempotencyKeyReused, DatabaseBusy, DatabaseUnavailable.
        """
        return await self._ask(
            Ask("POST", "/api/v1/symbols", SymbolAdded, body={"symbol": symbol}, repeat="by_key", key=idempotency_key)
        )

    async def remove_symbol(self, symbol: str) -> SymbolRemoved:
        """Ask for a symbol no longer. Its bars, forecasts and record stay and can be read; nothing is deleted.

        symbol: A symbol in any accepted spelling.
        Raises: UnknownSymbol, AmbiguousSymbol, DatabaseBusy, DatabaseUnavailable.
        """
        return await self._ask(Ask("DELETE", f"/api/v1/symbols/{part(symbol)}", SymbolRemoved))

    async def get_symbol(self, symbol: str) -> SymbolDetail:
        """One instrument: names, calendar, session now, stored series with their sources, models that serve it.

        symbol: A symbol in any accepted spelling.
        Raises: UnknownSymbol, AmbiguousSymbol, DatabaseBusy, DatabaseUnavailable.
        """
        return await self._ask(Ask("GET", f"/api/v1/symbols/{part(symbol)}", SymbolDetail))

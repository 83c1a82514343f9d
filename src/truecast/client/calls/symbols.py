"""Calls about symbols.

Written by scripts/write_client.py from the OpenAPI document; run `make docs` after a change of the API.
"""

from collections.abc import Iterator

from truecast.client.ask import Ask, part
from truecast.client.asker import Asker
from truecast.client.pages import pages
from truecast.client.shapes import AssetClassLike, Symbol, SymbolAdded, SymbolDetail, SymbolPage, SymbolRemoved


class SymbolsCalls(Asker):
    """Everything about symbols."""

    def search_symbols(
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
        return self._ask(
            Ask(
                "GET",
                "/api/v1/symbols",
                SymbolPage,
                query={"query": query, "asset_class": asset_class, "cursor": cursor, "limit": limit},
            )
        )

    def iter_search_symbols(
        self, *, query: str | None = None, asset_class: AssetClassLike | None = None
    ) -> Iterator[Symbol]:
        """The items of all pages of `search_symbols`, each asked for when it is needed."""
        return pages(lambda cursor: self.search_symbols(query=query, asset_class=asset_class, cursor=cursor, limit=200))

    def add_symbol(self, symbol: str, *, idempotency_key: str | None = None) -> SymbolAdded:
        """Follow a symbol from now on: its past is loaded, its news are taken, and it is forecast.

        The live sources in use are asked in their order, by their own list or rule; where none has it, the error
        gives one reason per source. Asking again for what is followed already answers 200 and changes nothing.

        idempotency_key: Yours, to repeat this call from another process; otherwise one is made for each call.
        Raises: NotAtAnySource, AmbiguousSymbol, TooManyFollowed, RequestUnderWay, AnswerNotKept,
            IdempotencyKeyInvalid, IdempotencyKeyReused, DatabaseBusy, DatabaseUnavailable.
        """
        return self._ask(
            Ask("POST", "/api/v1/symbols", SymbolAdded, body={"symbol": symbol}, repeat="by_key", key=idempotency_key)
        )

    def remove_symbol(self, symbol: str) -> SymbolRemoved:
        """Ask for a symbol no longer. Its bars, forecasts and record stay and can be read; nothing is deleted.

        symbol: A symbol in any accepted spelling.
        Raises: UnknownSymbol, AmbiguousSymbol, DatabaseBusy, DatabaseUnavailable.
        """
        return self._ask(Ask("DELETE", f"/api/v1/symbols/{part(symbol)}", SymbolRemoved))

    def get_symbol(self, symbol: str) -> SymbolDetail:
        """One instrument: names, calendar, session now, stored series with their sources, models that serve it.

        symbol: A symbol in any accepted spelling.
        Raises: UnknownSymbol, AmbiguousSymbol, DatabaseBusy, DatabaseUnavailable.
        """
        return self._ask(Ask("GET", f"/api/v1/symbols/{part(symbol)}", SymbolDetail))

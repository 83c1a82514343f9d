"""Calls about features, awaited.

Written by scripts/write_client.py from the OpenAPI document; run `make docs` after a change of the API.
"""

# ruff: noqa: A002

from truecast.client.ask import Ask, Time, part
from truecast.client.asker import AsyncAsker
from truecast.client.shapes import Features, FeatureSets, IntervalLike


class AsyncFeaturesCalls(AsyncAsker):
    """Everything about features."""

    async def list_feature_sets(self) -> FeatureSets:
        """The sets of columns that there are, each with its columns.

        Raises: DatabaseBusy, DatabaseUnavailable.
        """
        return await self._ask(Ask("GET", "/api/v1/features/sets", FeatureSets))

    async def get_features(
        self,
        symbol: str,
        *,
        set: str | None = None,
        interval: IntervalLike | None = None,
        columns: str | None = None,
        end: Time | None = None,
        limit: int | None = None,
        as_of: Time | None = None,
    ) -> Features:
        """The values of a set at the last bars of a series, as a model would have read them at `as_of`.

        symbol: A symbol in any accepted spelling.
        set: See `/features/sets`.
        columns: Only these of the set, separated by commas.
        end: Bars that start before this.
        limit: The last so many bars.
        as_of: As it was known then; now without it.
        Raises: UnknownSymbol, UnknownFeatureSet, AmbiguousSymbol, IntervalNotAvailable, NoBars, UnknownColumns,
            AsOfInFuture, DatabaseBusy, DatabaseUnavailable.
        """
        return await self._ask(
            Ask(
                "GET",
                f"/api/v1/features/{part(symbol)}",
                Features,
                query={
                    "set": set,
                    "interval": interval,
                    "columns": columns,
                    "end": end,
                    "limit": limit,
                    "as_of": as_of,
                },
            )
        )

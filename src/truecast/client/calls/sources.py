"""Calls about sources.

Written by scripts/write_client.py from the OpenAPI document; run `make docs` after a change of the API.
"""

from truecast.client.ask import Ask, part
from truecast.client.asker import Asker
from truecast.client.shapes import Recommendations, Sources, SourceShape


class SourcesCalls(Asker):
    """Everything about sources."""

    def list_sources(self) -> Sources:
        """All sources: budgets, breakers, last errors, and what sharing and batching saved, in all processes
        together.

        Raises: DatabaseBusy, DatabaseUnavailable.
        """
        return self._ask(Ask("GET", "/api/v1/sources", Sources))

    def recommend_sources(self) -> Recommendations:
        """What could be done about the sources: keys, order, second sources, limits nearly used up.

        Raises: DatabaseBusy, DatabaseUnavailable.
        """
        return self._ask(Ask("GET", "/api/v1/sources/recommendations", Recommendations))

    def get_source(self, source: str) -> SourceShape:
        """One source.

        source: Key of a source.
        Raises: UnknownSource, DatabaseBusy, DatabaseUnavailable.
        """
        return self._ask(Ask("GET", f"/api/v1/sources/{part(source)}", SourceShape))

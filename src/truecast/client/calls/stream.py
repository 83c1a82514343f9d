"""Calls about stream.

Written by scripts/write_client.py from the OpenAPI document; run `make docs` after a change of the API.
"""

from truecast.client.ask import Ask, Names
from truecast.client.asker import Asker
from truecast.client.shapes import StreamSnapshot, StreamTicket


class StreamCalls(Asker):
    """Everything about stream."""

    def stream_snapshot(self, topics: Names) -> StreamSnapshot:
        """What a stream of these topics would begin with, and where to go on from. An error when no topic is right.

        topics: Topics separated by commas.
        Raises: UnknownTopic, UnknownSymbol, AmbiguousSymbol, IntervalNotAvailable, TooManySubscriptions,
            TopicNotAvailable, DatabaseBusy, DatabaseUnavailable.
        """
        return self._ask(Ask("GET", "/api/v1/stream/snapshot", StreamSnapshot, query={"topics": topics}))

    def create_stream_ticket(self) -> StreamTicket:
        """A ticket for one stream, for browsers, which cannot set headers there. Good once, for half a minute.

        Raises: DatabaseBusy, DatabaseUnavailable.
        """
        return self._ask(Ask("POST", "/api/v1/stream/ticket", StreamTicket))

"""Problems with a status of 5xx, one class for each code.

Written by scripts/write_client.py from the OpenAPI document; run `make docs` after a change of the API.
"""

from truecast.client.errors import ServerFailed, Unavailable


class ComputeBusy(Unavailable):
    """More work is waiting than the queue may hold.

    Facts: `waiting`.
    """

    code = "compute_busy"


class DatabaseBusy(Unavailable):
    """Another transaction held the lock for too long; the same request may be tried again.

    Facts: `database`, `reason`.
    """

    code = "database_busy"


class DatabaseUnavailable(Unavailable):
    """The file cannot be opened or the server cannot be reached.

    Facts: `database`, `reason`.
    """

    code = "database_unavailable"


class DiskFull(ServerFailed):
    """No room for another page. What was committed stays readable.

    Facts: `database`, `reason`.
    """

    code = "disk_full"


class Internal(ServerFailed):
    """Ours. What happened is in the log under the request id."""

    code = "internal"


class NotReady(Unavailable):
    """A part without which answers would be wrong or missing.

    Facts: `reasons`.
    """

    code = "not_ready"


class ServerRestarts(Unavailable):
    """It ends now, and another takes its place.

    Facts: `retry_after_s`.
    """

    code = "server_restarts"


class StartFailed(Unavailable):
    """The store could not be made ready; a person has to look.

    Facts: `reason`.
    """

    code = "start_failed"


class Starting(Unavailable):
    """The store is being made ready.

    Facts: `stage`, `done`, `total`, `retry_after_s`.
    """

    code = "starting"


class TooManyStreams(Unavailable):
    """This process has enough of them.

    Facts: `limit`, `retry_after_s`.
    """

    code = "too_many_streams"


class TopicNotAvailable(ServerFailed):
    """The protocol has a place for it, this release has nothing to say there.

    Facts: `topic`.
    """

    code = "topic_not_available"

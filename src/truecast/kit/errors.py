"""The one shape of every error: a unique code, an HTTP status, an exit code and the facts.

A subclass stands beside the code that raises it and is phrased from facts:

    class HistoryTooShort(TruecastError):
        code = "history_too_short"
        status = 409
        title = "History too short"
        template = "{symbol} has {have} bars at {interval}, the model needs {need}"

    raise HistoryTooShort(symbol="AAPL", interval="1d", have=31, need=250)
"""

from typing import Any, ClassVar

# Exit codes of the command line (sysexits.h where it has a name for the case).
EXIT_FAILURE = 1
EXIT_USAGE = 64  # the request is malformed
EXIT_DATA = 65  # the data given is malformed
EXIT_NOT_FOUND = 66  # unknown symbol, missing file
EXIT_UNAVAILABLE = 69  # no source, database away or in use
EXIT_IO = 74  # disk full, read-only
EXIT_CONFIG = 78  # settings are wrong


class TruecastError(Exception):
    """Base of every error that a user may see. `facts` are JSON-encodable and travel in the problem body."""

    code: ClassVar[str] = "internal"
    status: ClassVar[int] = 500
    title: ClassVar[str] = "Internal error"
    template: ClassVar[str] = "Something went wrong on our side"
    exit_code: ClassVar[int] = EXIT_FAILURE

    def __init__(self, **facts: Any) -> None:
        self.facts: dict[str, Any] = facts
        super().__init__(self.template.format(**facts))

    @property
    def detail(self) -> str:
        """One sentence for a person, phrased from the facts."""
        return str(self)


class MalformedRequest(TruecastError):
    """The request cannot be understood; nothing about the world would change that."""

    code = "malformed_request"
    status = 422
    title = "Malformed request"
    template = "{reason}"
    exit_code = EXIT_USAGE


class Contradiction(MalformedRequest):
    """Each part can be read; together, or at this time, they say nothing that could be done."""

    code = "contradictory_request"
    title = "Contradictory request"

"""What a source may answer instead of data, whatever its HTTP status says. None of these is worth an endless retry.

Beside them stand `kit/http.py`'s SourceUnreachable, SourceAnsweredError (an answer nobody foresaw),
SourceAnswerTooLarge and SourceAnswerMalformed.
"""

from truecast.kit.errors import EXIT_CONFIG, EXIT_NOT_FOUND, EXIT_UNAVAILABLE, TruecastError
from truecast.kit.guard import SourceOverBudget as SourceOverBudget  # noqa: PLC0414 adapters raise it too


class SymbolNotAtSource(TruecastError):
    """The source does not have that instrument, or no longer."""

    code = "symbol_not_at_source"
    status = 404
    title = "Symbol not at source"
    template = "{source} does not have {symbol}: {reason}"
    exit_code = EXIT_NOT_FOUND


class SourceKeyMissing(TruecastError):
    """The source needs a key and none is set."""

    code = "source_key_missing"
    status = 503
    title = "Source needs a key"
    template = "{source} needs a key; set it in TRUECAST_SOURCE_KEYS"
    exit_code = EXIT_CONFIG


class SourceKeyRefused(TruecastError):
    """The source does not accept the key, or not for this."""

    code = "source_key_refused"
    status = 502
    title = "Source refused the key"
    template = "{source} does not accept the key: {reason}"
    exit_code = EXIT_CONFIG


class SourceRefused(TruecastError):
    """The source understood and will not answer: a place, a plan or a range it does not serve."""

    code = "source_refused"
    status = 502
    title = "Source refused"
    template = "{source} refused: {reason}"
    exit_code = EXIT_UNAVAILABLE


class SourceOutOfService(TruecastError):
    """The source says that it is busy, in maintenance or failing. Later it may answer."""

    code = "source_out_of_service"
    status = 503
    title = "Source out of service"
    template = "{source} is out of service: {reason}"
    exit_code = EXIT_UNAVAILABLE

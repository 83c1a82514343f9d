"""Problems with a status of any other 4xx, one class for each code.

Written by scripts/write_client.py from the OpenAPI document; run `make docs` after a change of the API.
"""

from truecast.client.errors import Malformed


class AsOfInFuture(Malformed):
    """Nobody knows yet.

    Facts: `as_of`, `now`.
    """

    code = "as_of_in_future"


class BodyTooLarge(Malformed):
    """More than any of our requests needs.

    Facts: `bytes_max`.
    """

    code = "body_too_large"


class ContradictoryRequest(Malformed):
    """Each part can be read; together, or at this time, they say nothing that could be done.

    Facts: `reason`.
    """

    code = "contradictory_request"


class CursorInvalid(Malformed):
    """Not one we gave out for this list."""

    code = "cursor_invalid"


class ForeignHost(Malformed):
    """A page of another site reached us under a name of its own (DNS rebinding).

    Facts: `host`.
    """

    code = "foreign_host"


class HeadTooLarge(Malformed):
    """More than any of our requests needs.

    Facts: `bytes_max`.
    """

    code = "head_too_large"


class HorizonBeyondTraining(Malformed):
    """The model learned about shorter horizons only.

    Facts: `model`, `most`, `horizon`.
    """

    code = "horizon_beyond_training"


class HorizonOutOfRange(Malformed):
    """Not a whole number of steps that we forecast.

    Facts: `most`, `horizon`.
    """

    code = "horizon_out_of_range"


class IdempotencyKeyInvalid(Malformed):
    """A word that names one request, such as a UUID.

    Facts: `chars_max`.
    """

    code = "idempotency_key_invalid"


class IdempotencyKeyReused(Malformed):
    """A key names one request."""

    code = "idempotency_key_reused"


class KeyInUrl(Malformed):
    """Addresses are kept in logs and histories.

    Facts: `parameter`.
    """

    code = "key_in_url"


class LevelOutOfRange(Malformed):
    """Not a confidence level that a sample can support.

    Facts: `least`, `most`, `level`.
    """

    code = "level_out_of_range"


class MalformedHttp(Malformed):
    """Not HTTP, or not as its grammar says."""

    code = "malformed_http"


class MalformedPeriod(Malformed):
    """No length of time.

    Facts: `period`.
    """

    code = "malformed_period"


class MalformedRequest(Malformed):
    """The request cannot be understood; nothing about the world would change that.

    Facts: `reason`.
    """

    code = "malformed_request"


class MethodNotAllowed(Malformed):
    """The path exists, the verb does not.

    Facts: `method`, `path`.
    """

    code = "method_not_allowed"


class RepeatedQueryParameter(Malformed):
    """Which of them was meant?

    Facts: `repeated`.
    """

    code = "repeated_query_parameter"


class RequestTooSlow(Malformed):
    """Slow clients must not hold what others need.

    Facts: `head_s`, `whole_s`.
    """

    code = "request_too_slow"


class SlowConsumer(Malformed):
    """A client took too little for too long. It comes back with the offsets it has."""

    code = "slow_consumer"


class StreamIntervalOutOfRange(Malformed):
    """A pace that the server does not keep.

    Facts: `shortest_s`, `longest_s`, `interval_s`.
    """

    code = "stream_interval_out_of_range"


class StreamMessageMalformed(Malformed):
    """Not JSON, not an object, a field that is unknown, missing, of the wrong type or given twice.

    Facts: `reason`.
    """

    code = "stream_message_malformed"


class UnknownColumns(Malformed):
    """The set has no such column, or none was named.

    Facts: `feature_set`, `columns`.
    """

    code = "unknown_columns"


class UnknownInterval(Malformed):
    """Not one of ours.

    Facts: `interval`, `choices`.
    """

    code = "unknown_interval"


class UnknownPeriod(Malformed):
    """Not one of ours.

    Facts: `period`, `choices`.
    """

    code = "unknown_period"


class UnknownQueryParameter(Malformed):
    """A typing error in a parameter's name must not be silently ignored.

    Facts: `unknown`, `known`.
    """

    code = "unknown_query_parameter"


class UnsupportedMediaType(Malformed):
    """A body that does not say it is JSON is not read as JSON: forms of other sites can send those without asking.

    Facts: `given`.
    """

    code = "unsupported_media_type"

"""Problems with a status of 401, 403 or 429, one class for each code.

Written by scripts/write_client.py from the OpenAPI document; run `make docs` after a change of the API.
"""

from truecast.client.errors import Forbidden, TooManyRequests, Unauthorized


class ForeignOrigin(Forbidden):
    """A page of another site tries to change something here.

    Facts: `origin`.
    """

    code = "foreign_origin"


class InvitationRefused(Forbidden):
    """Unknown, used or too old: which of them is not told."""

    code = "invitation_refused"


class KeyMissing(Unauthorized):
    """This server is asked with a key."""

    code = "key_missing"


class KeyRefused(Unauthorized):
    """Unknown, expired or revoked: which of them is not told."""

    code = "key_refused"


class ScopeMissing(Forbidden):
    """The key is good, but not for this.

    Facts: `scope`, `scopes`.
    """

    code = "scope_missing"


class StreamRateExceeded(TooManyRequests):
    """A client says too much.

    Facts: `per_s`.
    """

    code = "stream_rate_exceeded"


class TicketInvalid(Unauthorized):
    """Used already, too old, or never given out."""

    code = "ticket_invalid"


class TooManySubscriptions(TooManyRequests):
    """Of one connection.

    Facts: `limit`, `asked`.
    """

    code = "too_many_subscriptions"

"""Shapes of the answers about stream.

Written by scripts/write_client.py from the OpenAPI document; run `make docs` after a change of the API.
"""

from datetime import datetime
from typing import Any

from truecast.client.shape import Shape


class TopicState(Shape, frozen=True, kw_only=True):
    """What is known of a topic. Follow it with `since: {topic: [epoch, offset]}` and nothing is missed."""

    topic: str
    epoch: str
    offset: int
    ts: datetime
    data: dict[str, Any] | None


class TopicError(Shape, frozen=True, kw_only=True):
    """Why one of the asked topics has no answer."""

    topic: str
    code: str
    detail: str


class StreamSnapshot(Shape, frozen=True, kw_only=True):
    """The present of every topic asked for; one that there is not stands in `errors`, never silently missing."""

    items: list[TopicState]
    errors: list[TopicError]


class StreamTicket(Shape, frozen=True, kw_only=True):
    """Good once, for one stream: `?ticket=…`, or the subprotocol `truecast.ticket.…`."""

    ticket: str
    expires_at: datetime

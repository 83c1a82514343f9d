"""Looks again, while a stream is open, whether its holder still may listen: a key is revoked, expires, loses a scope.

What this process knows of the keys is at most `REFRESH_S` old (accounts/keys.py), wherever they were changed, and is
looked at every STREAM_RIGHTS_S: together less than a second. Nothing runs while no stream was opened with a key.
"""

import asyncio
from collections.abc import Callable
from typing import Protocol

from truecast.accounts.keys import ScopeMissing
from truecast.accounts.principal import LOCAL, Principal, Scope
from truecast.api.stream_connection import Connection
from truecast.kit.errors import TruecastError
from truecast.kit.limits import STREAM_RIGHTS_S, STREAM_RIGHTS_UNKNOWN_S_MAX
from truecast.kit.logs import get_logger

_log = get_logger(__name__)


class Holders(Protocol):
    """Whose key has this id. See accounts/keys.py."""

    async def holder(self, id: str) -> Principal:  # noqa: A002 the name users see
        """Raises KeyRefused once the key works no more."""


class Rights:
    """The streams of every key, and `close` for those whose key has ended."""

    def __init__(self, holders: Holders, close: Callable[[Connection, TruecastError], None]) -> None:
        self._holders = holders
        self._close = close
        self._streams: dict[str, set[Connection]] = {}  # by key
        self._unknown_since: dict[str, float] = {}
        self._watching: asyncio.Task[None] | None = None

    def enter(self, connection: Connection) -> None:
        """A stream begins. Who needs no key is not looked at."""
        if connection.principal == LOCAL:
            return
        self._streams.setdefault(connection.principal.id, set()).add(connection)
        if self._watching is None:
            self._watching = asyncio.create_task(self._watch(), name="stream rights")

    def leave(self, connection: Connection) -> None:
        """A stream ends. Twice is harmless."""
        listed = self._streams.get(connection.principal.id)
        if listed is None:
            return
        listed.discard(connection)
        if not listed:
            del self._streams[connection.principal.id]
            self._unknown_since.pop(connection.principal.id, None)

    def stop(self) -> None:
        """Look no more."""
        if self._watching is not None:
            self._watching.cancel()
            self._watching = None

    async def _watch(self) -> None:
        while self._streams:
            await asyncio.sleep(STREAM_RIGHTS_S)
            for key in tuple(self._streams):
                if (error := await self._ended(key)) is not None:
                    for connection in tuple(self._streams.get(key, ())):
                        self._close(connection, error)
        self._watching = None

    async def _ended(self, key: str) -> TruecastError | None:
        """Why the streams of this key end now, or None."""
        now_s = asyncio.get_running_loop().time()
        try:
            holder = await self._holders.holder(key)
        except TruecastError as error:
            if error.status < 500:
                return error
            # Keys that cannot be read are no reason to end what was right a moment ago, but not for ever either.
            since_s = self._unknown_since.setdefault(key, now_s)
            if since_s == now_s:
                _log.warning("keys cannot be read; streams go on for a while", code=error.code)
            return error if now_s - since_s > STREAM_RIGHTS_UNKNOWN_S_MAX else None
        self._unknown_since.pop(key, None)
        if not holder.may(Scope.READ):
            return ScopeMissing(scope=str(Scope.READ), scopes=sorted(holder.scopes))
        return None

"""Calls about api keys, awaited.

Written by scripts/write_client.py from the OpenAPI document; run `make docs` after a change of the API.
"""

# ruff: noqa: A002

from collections.abc import Sequence

from truecast.client.ask import Ask, Time, part
from truecast.client.asker import AsyncAsker
from truecast.client.shapes import (
    KeyList,
    NewKey,
    ScopeLike,
)


class AsyncApiKeysCalls(AsyncAsker):
    """Everything about api keys."""

    async def list_api_keys(self) -> KeyList:
        """All keys.

        Raises: DatabaseBusy, DatabaseUnavailable.
        """
        return await self._ask(Ask("GET", "/api/v1/api-keys", KeyList))

    async def create_api_key(
        self,
        name: str,
        scopes: Sequence[ScopeLike],
        *,
        expires_at: Time | None = None,
        idempotency_key: str | None = None,
    ) -> NewKey:
        """Make a key. Its text is in this answer and nowhere else.

        name: For lists.
        scopes: What it allows; `admin` allows everything.
        expires_at: When it stops working; never, when left out.
        idempotency_key: Yours, to repeat this call from another process; otherwise one is made for each call.
        Raises: RequestUnderWay, AnswerNotKept, ContradictoryRequest, IdempotencyKeyInvalid, IdempotencyKeyReused,
            DatabaseBusy, DatabaseUnavailable.
        """
        return await self._ask(
            Ask(
                "POST",
                "/api/v1/api-keys",
                NewKey,
                body={"name": name, "scopes": scopes, "expires_at": expires_at},
                repeat="by_key",
                key=idempotency_key,
            )
        )

    async def redeem_invitation(self, invitation: str) -> NewKey:
        """Make the first key of an administrator, with the link that the server printed when it started.

        Raises: InvitationRefused, DatabaseBusy, DatabaseUnavailable.
        """
        return await self._ask(Ask("POST", "/api/v1/api-keys/redeem", NewKey, body={"invitation": invitation}))

    async def revoke_api_key(self, id: str) -> None:
        """Let nobody in with it any more, in any process, within a second.

        id: The part of the key after `tc_`.
        Raises: UnknownKey, DatabaseBusy, DatabaseUnavailable.
        """
        await self._ask(Ask("DELETE", f"/api/v1/api-keys/{part(id)}", type(None)))

"""API keys: made, listed, revoked."""

from dataclasses import asdict
from datetime import datetime
from typing import Annotated

from fastapi import Path, Request, Response
from pydantic import Field

from truecast.accounts.keys import InvitationRefused, UnknownKey
from truecast.accounts.principal import Scope
from truecast.api.deps import ServicesDep, resource
from truecast.api.errors import documented
from truecast.api.shapes import Input, Output, TimeIn
from truecast.kit.errors import Contradiction
from truecast.kit.limits import API_KEY_NAME_CHARS_MAX

router = resource("api-keys")


class KeyRequest(Input):
    """A key to be made."""

    name: str = Field(min_length=1, max_length=API_KEY_NAME_CHARS_MAX, description="For lists.", examples=["notebook"])
    scopes: list[Annotated[Scope, Field(strict=False)]] = Field(
        min_length=1, description="What it allows; `admin` allows everything."
    )
    expires_at: TimeIn | None = Field(default=None, description="When it stops working; never, when left out.")


class InvitationRequest(Input):
    """The part of the one-time link after `invite=`."""

    invitation: str = Field(min_length=1, max_length=128)


class KeyShape(Output):
    """A key, without what would let somebody use it."""

    id: str
    name: str
    scopes: list[Scope]
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None = Field(description="Exact to a minute.")
    revoked_at: datetime | None


class NewKey(KeyShape):
    """A key just made."""

    key: str = Field(description="Shown this once.", examples=["tc_0123456789ab_…"])


class KeyList(Output):
    """Every key, newest first, the revoked ones too."""

    items: list[KeyShape]


@router.get("/api-keys", response_model=KeyList, responses=documented())
async def list_api_keys(services: ServicesDep) -> KeyList:
    """All keys."""
    return KeyList(items=[KeyShape(**asdict(info)) for info in await services.keys.all()])


@router.post("/api-keys", response_model=NewKey, status_code=201, responses=documented(Contradiction))
async def create_api_key(services: ServicesDep, request: Request, asked: KeyRequest, response: Response) -> NewKey:
    """Make a key. Its text is in this answer and nowhere else."""
    info, text = await services.keys.create(
        asked.name, asked.scopes, asked.expires_at, seed=request.scope.get("truecast.seed")
    )
    response.headers["Cache-Control"] = "no-store"
    return NewKey(**asdict(info), key=text)


@router.post("/api-keys/redeem", response_model=NewKey, status_code=201, responses=documented(InvitationRefused))
async def redeem_invitation(services: ServicesDep, asked: InvitationRequest, response: Response) -> NewKey:
    """Make the first key of an administrator, with the link that the server printed when it started."""
    info, text = await services.keys.redeem(asked.invitation)
    response.headers["Cache-Control"] = "no-store"
    return NewKey(**asdict(info), key=text)


@router.delete("/api-keys/{id}", status_code=204, response_class=Response, responses=documented(UnknownKey))
async def revoke_api_key(
    services: ServicesDep,
    id: Annotated[str, Path(max_length=16, description="The part of the key after `tc_`.")],  # noqa: A002 the name users see
) -> Response:
    """Let nobody in with it any more, in any process, within a second."""
    await services.keys.revoke(id)
    return Response(status_code=204)

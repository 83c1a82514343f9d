"""The one-time link that makes the first key of a server which wants keys."""

import asyncio

import typer

from truecast.kit.errors import TruecastError
from truecast.kit.settings import keys_required
from truecast.services import Services

_LOOK_EVERY_S = 0.2


async def invite(services: Services, url: str) -> None:
    """Print the link once the server can take it; nothing while there is an administrator, or keys are not asked for.

    What stands behind `#` a browser never sends, so it is in no log but the one on which it is printed.
    """
    if not keys_required(services.settings):
        return
    while not services.loading.ready:
        if services.loading.failed is not None:
            return
        await asyncio.sleep(_LOOK_EVERY_S)
    try:
        invitation = await services.keys.invitation()
    except TruecastError as error:
        typer.echo(f"No link for a first key: {error.detail}", err=True)
        return
    if invitation is not None:
        typer.echo(f"Make the first key within an hour: {url}/settings#invite={invitation}")

"""Who may open a stream. The one place that decides it, for every skin."""

from collections.abc import Sequence
from urllib.parse import parse_qs, urlsplit

import orjson
from starlette.datastructures import Headers
from starlette.types import Scope

from truecast.accounts.keys import KeyMissing, ScopeMissing
from truecast.accounts.principal import LOCAL, Principal
from truecast.accounts.principal import Scope as Right
from truecast.api.access import NOBODY, Access
from truecast.api.errors import RETRY_AFTER_S, ForeignHost, ForeignOrigin, StartFailed, Starting
from truecast.api.middleware import LOOPBACK_NAMES
from truecast.kit.errors import MalformedRequest, TruecastError
from truecast.kit.settings import is_loopback
from truecast.kit.tickets import Tickets
from truecast.services import Services

TICKET_PROTOCOL, KEY_PROTOCOL = "truecast.ticket.", "truecast.key."
_KEYS = frozenset({"api_key", "apikey", "key", "token", "access_token", "authorization"})


class KeyInUrl(MalformedRequest):
    """Addresses are kept in logs and histories."""

    code = "key_in_url"
    title = "Key in the URL"
    template = "A key never travels in an address ({parameter}): use a header, or a ticket of /api/v1/stream/ticket"


class TicketInvalid(TruecastError):
    """Used already, too old, or never given out."""

    code = "ticket_invalid"
    status = 401
    title = "Ticket invalid"
    template = "This ticket is used, too old or not ours; ask for another with POST /api/v1/stream/ticket"


class Gate:
    """Lets streams in."""

    def __init__(self, services: Services, tickets: Tickets, access: Access) -> None:
        self._services = services
        self._tickets = tickets
        self._access = access
        self._loopback_only = is_loopback(services.settings.host)

    async def authenticate(self, scope: Scope, *, ticket: str | None = None) -> Principal:
        """Who opens a stream: by header, by subprotocol, or by a ticket.

        Raises Starting, ForeignHost, ForeignOrigin, KeyInUrl, TicketInvalid, KeyMissing, KeyRefused, ScopeMissing.
        """
        self._ready()
        headers = Headers(scope=scope)
        self._from_here(headers)
        given = parse_qs(scope.get("query_string", b"").decode("latin-1"), keep_blank_values=True)
        if wrong := next((name for name in given if name.lower() in _KEYS), None):
            raise KeyInUrl(reason="a key in the address", parameter=wrong[:32])
        subprotocols = scope.get("subprotocols", ())
        ticket = ticket or next(iter(given.get("ticket", [])), None) or _after(TICKET_PROTOCOL, subprotocols)
        principal = await self._by_key(scope, headers, subprotocols) if ticket is None else await self._by(ticket)
        if not principal.may(Right.READ):
            raise ScopeMissing(scope=str(Right.READ), scopes=sorted(principal.scopes))
        return principal

    async def ticket(self, principal: Principal) -> str:
        """A ticket that stands for him."""
        scopes = sorted(str(one) for one in principal.scopes)
        return await self._tickets.give(orjson.dumps([principal.id, principal.name, scopes]).decode())

    async def _by(self, ticket: str) -> Principal:
        found = await self._tickets.redeem(ticket)
        if found is None:
            raise TicketInvalid
        id_, name, scopes = orjson.loads(found)
        if id_ == LOCAL.id:
            return Principal(id_, name, frozenset(map(Right, scopes)))
        return await self._access.keys.holder(id_)  # the key may have ended since

    async def _by_key(self, scope: Scope, headers: Headers, subprotocols: Sequence[str]) -> Principal:
        known: Principal | None = scope.get("truecast.principal")  # of a request that has passed the gate before
        if known is not None and known is not NOBODY:
            return known
        if known is NOBODY:
            raise KeyMissing
        key = _after(KEY_PROTOCOL, subprotocols)
        if key is not None:
            headers = Headers({"authorization": f"Bearer {key}"})
        return await self._access.principal(headers, self._access.address(scope, Headers(scope=scope)))

    def _ready(self) -> None:
        loading = self._services.loading
        if loading.ready:
            return
        if loading.failed is not None:
            raise StartFailed(reason=loading.failed)
        raise Starting(stage=loading.stage, done=loading.done, total=loading.total, retry_after_s=RETRY_AFTER_S)

    def _from_here(self, headers: Headers) -> None:
        """A browser says which page asks; only our own may. Other programs say nothing."""
        host = headers.get("host", "")
        if self._loopback_only and _hostname(f"//{host}") not in LOOPBACK_NAMES:
            raise ForeignHost(host=host[:128])
        origin = headers.get("origin")
        if origin is not None and _netloc(origin) != host:
            raise ForeignOrigin(origin=origin[:128])


def _after(prefix: str, subprotocols: Sequence[str]) -> str | None:
    return next((one.removeprefix(prefix) for one in subprotocols if one.startswith(prefix)), None)


def _hostname(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None


def _netloc(url: str) -> str | None:
    try:
        return urlsplit(url).netloc
    except ValueError:
        return None

"""A span around each request. Stands outside everything else, and only where traces are on."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from truecast.kit import telemetry

_W3C = (b"traceparent", b"tracestate")
_QUIET = frozenset({"/health/live", "/health/ready", "/metrics"})  # asked every few seconds, of interest to nobody


class Traced:
    """Begins the span that the client's `traceparent` names, if it has one; called by the template of the route.

    Neither the path nor the query nor a header goes into it: a client may have put a secret there.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request. Streams over WebSocket have no span: theirs would last for days."""
        if scope["type"] != "http" or scope["path"] in _QUIET:
            await self._app(scope, receive, send)
            return
        given = {name.decode(): value.decode("latin-1") for name, value in scope["headers"] if name in _W3C}
        status = 0

        async def seen(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        method = scope["method"] if scope["method"] in _METHODS else "_OTHER"
        with telemetry.span(method, kind="server", given=given) as span:
            try:
                await self._app(scope, receive, seen)
            finally:
                route = getattr(scope.get("route"), "path_format", "unmatched")
                span.name(f"{method} {route}")
                span.note({"http.request.method": method, "http.route": route, "http.response.status_code": status})
                span.note({"truecast.request_id": scope.get("truecast.request_id", "")})
                if "truecast.principal" in scope:
                    span.note({"truecast.key_id": scope["truecast.principal"].id})
                if status >= 500:
                    span.fail(f"answered {status}")


_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"})

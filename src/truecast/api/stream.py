"""The streams: one hub, three skins, a snapshot of every topic, and tickets for browsers."""

from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import FastAPI, Header, Query, Request
from starlette.responses import Response
from starlette.routing import Mount, WebSocketRoute

from truecast.api.access import PREFIX, Access
from truecast.api.deps import ServicesDep, resource
from truecast.api.errors import ForeignOrigin, documented
from truecast.api.shapes import Output
from truecast.api.stream_auth import Gate, KeyInUrl, TicketInvalid
from truecast.api.stream_hub import Hub
from truecast.api.stream_protocol import (
    EVERYTHING,
    Filter,
    Subscribe,
    TooManyStreams,
    TooManySubscriptions,
    TopicNotAvailable,
    UnknownTopic,
    checked,
)
from truecast.api.stream_snapshot import Now
from truecast.api.stream_socketio import PATH, SocketIO
from truecast.api.stream_sse import MEDIA_TYPE, EventStream
from truecast.api.stream_ws import WebSockets
from truecast.domain.instrument import AmbiguousSymbol, UnknownSymbol
from truecast.domain.interval import Interval
from truecast.kit.clock import SystemClock
from truecast.kit.errors import Contradiction, MalformedRequest, TruecastError
from truecast.kit.limits import STREAM_INTERVAL_S_MAX, STREAM_INTERVAL_S_MIN, STREAM_TICKET_S
from truecast.kit.tickets import Tickets
from truecast.market.history import IntervalNotAvailable
from truecast.services import Services

router = resource("stream")

_TOPICS = Query(
    description="Topics separated by commas.",
    examples=["quotes:EUR-USD,forecasts:EUR-USD"],
    max_length=16_384,
    json_schema_extra={"pattern": r"^[^,\s]+(,[^,\s]+)*$"},
)
TopicsQuery = Annotated[str, _TOPICS]
_PACE = Query(
    description="Seconds between two prices of a symbol; only for `quotes:`.",
    json_schema_extra={"minimum": STREAM_INTERVAL_S_MIN, "maximum": STREAM_INTERVAL_S_MAX},
)
_INTERVAL = Query(
    description="Only forecasts of this interval.",
    max_length=8,
    json_schema_extra={"pattern": f"^({'|'.join(Interval)})$"},
)
TicketQuery = Annotated[str | None, Query(description="Of `POST /stream/ticket`.", max_length=128)]


class Streams:
    """Everything behind the streams of one process."""

    def __init__(self, services: Services, access: Access) -> None:
        self.now = Now(services)
        self.hub = Hub(services.bus, services.clock, self.now, services.keys)
        self.tickets = Tickets(STREAM_TICKET_S, services.settings.redis_url)
        self.gate = Gate(services, self.tickets, access)
        self.socketio = SocketIO(self.hub, self.gate, services.clock, self.now)

    async def drain(self) -> None:
        """Tell every client that the server restarts."""
        await self.hub.drain()

    async def close(self) -> None:
        """End every stream, and what runs beside them."""
        await self.hub.stop()
        await self.socketio.close()
        await self.tickets.close()


class TopicState(Output):
    """What is known of a topic. Follow it with `since: {topic: [epoch, offset]}` and nothing is missed."""

    topic: str
    epoch: str
    offset: int
    ts: datetime
    data: dict[str, Any] | None


class TopicError(Output):
    """Why one of the asked topics has no answer."""

    topic: str
    code: str
    detail: str


class StreamSnapshot(Output):
    """The present of every topic asked for; one that there is not stands in `errors`, never silently missing."""

    items: list[TopicState]
    errors: list[TopicError]


class StreamTicket(Output):
    """Good once, for one stream: `?ticket=…`, or the subprotocol `truecast.ticket.…`."""

    ticket: str
    expires_at: datetime  # in real time, in a replay too


_PROBLEMS = (UnknownTopic, TopicNotAvailable, UnknownSymbol, AmbiguousSymbol, IntervalNotAvailable)


@router.get(
    "/stream/sse",
    response_class=Response,
    responses={
        200: {
            "description": "Server-sent events without end.",
            "content": {MEDIA_TYPE: {}},
        },
        **documented(
            *_PROBLEMS, TooManySubscriptions, TooManyStreams, ForeignOrigin, KeyInUrl, TicketInvalid, Contradiction
        ),
    },
)
async def stream_sse(
    request: Request,
    topics: TopicsQuery,
    *,
    interval_s: Annotated[float | None, _PACE] = None,
    model: Annotated[str | None, Query(description="Only forecasts of this model.", max_length=64)] = None,
    interval: Annotated[str | None, _INTERVAL] = None,
    snapshot: Annotated[bool, Query(description="Begin with what is known.")] = True,
    ticket: TicketQuery = None,
    last_event_id: Annotated[str | None, Header(max_length=128)] = None,
) -> Response:
    """Every message of these topics as server-sent events. `Last-Event-ID` goes on where a stream broke off."""
    streams = _streams(request)
    principal = await streams.gate.authenticate(request.scope, ticket=ticket)
    wanted = EVERYTHING if model is None and interval is None else Filter(model, interval)
    said = checked(Subscribe(_split(topics), filter=wanted, interval_s=interval_s, snapshot=snapshot))
    found = await streams.now.resolve(said.topics)
    wrong = [error for error in found.values() if isinstance(error, TruecastError)]
    if len(wrong) == len(found):
        raise wrong[0]
    return EventStream(streams.hub, principal, said, last_event_id)


@router.get("/stream/snapshot", response_model=StreamSnapshot, responses=documented(*_PROBLEMS, TooManySubscriptions))
async def stream_snapshot(request: Request, services: ServicesDep, topics: TopicsQuery) -> StreamSnapshot:
    """What a stream of these topics would begin with, and where to go on from. An error when no topic is right."""
    streams = _streams(request)
    asked = checked(Subscribe(_split(topics))).topics
    found = await streams.now.resolve(asked)
    wrong = {text: error for text, error in found.items() if isinstance(error, TruecastError)}
    errors = [TopicError(topic=text, code=error.code, detail=error.detail) for text, error in wrong.items()]
    if len(errors) == len(found):
        raise next(iter(wrong.values()))
    items = []
    for name in dict.fromkeys(one for one in found.values() if isinstance(one, str)):
        epoch, offset = await streams.hub.position(name)
        data = await streams.now.of(name, EVERYTHING)
        items.append(TopicState(topic=name, epoch=epoch, offset=offset, ts=services.clock.now(), data=data))
    return StreamSnapshot(items=items, errors=errors)


@router.post("/stream/ticket", status_code=201, response_model=StreamTicket, responses=documented(ForeignOrigin))
async def create_stream_ticket(request: Request) -> StreamTicket:
    """A ticket for one stream, for browsers, which cannot set headers there. Good once, for half a minute."""
    streams = _streams(request)
    principal = await streams.gate.authenticate(request.scope)
    expires_at = SystemClock().now() + timedelta(seconds=STREAM_TICKET_S)
    return StreamTicket(ticket=await streams.gate.ticket(principal), expires_at=expires_at)


def install(app: FastAPI, services: Services) -> None:
    """Add the skins that are no plain requests."""
    streams = Streams(services, app.state.access)
    app.state.streams = streams
    app.router.routes.append(WebSocketRoute(f"{PREFIX}/stream/ws", WebSockets(streams.hub, streams.gate), name="ws"))
    app.router.routes.append(Mount(PATH, streams.socketio, name="socketio"))


def _streams(request: Request) -> Streams:
    streams = request.app.state.streams
    assert isinstance(streams, Streams)
    return streams


def _split(text: str) -> list[str]:
    listed = list(dict.fromkeys(filter(None, map(str.strip, text.split(",")))))
    if not listed:
        raise MalformedRequest(reason="topics: name one")
    return listed

"""Questions that are asked most are answered before the framework sees them, from bytes that are kept.

Stands inside the gate, before the routes, which describe these questions, check them and make what is kept here: an
answer is kept under the words of a question that its route has understood, so that no other words get it. The right to
ask and the pace are looked at for every request, whoever made the answer.
"""

from collections.abc import Sequence

from fastapi.routing import APIRoute
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from truecast.api.access import ADMITTED, PREFIX, Access, admit
from truecast.api.answers import Answers, Asked, Question
from truecast.api.ready import Ready, Slot, pairs_of
from truecast.api.said import said_of
from truecast.kit.clock import Clock, to_us
from truecast.kit.limits import CACHE_QUESTION_CHARS_MAX
from truecast.kit.metrics import CACHE_NOT_MODIFIED

# Path after the prefix -> the kind of answer.
KINDS = {
    "/prices": "prices",
    "/prices/{symbol}/candles": "candles",
    "/forecasts": "forecasts",
    "/forecasts/{symbol}/history": "history",
    "/performance": "performance",
    "/performance/leaderboard": "performance",
    "/performance/calibration": "performance",
    "/performance/trends/{symbol}": "performance",
}
TAG_CHARS_MAX = 1_024  # of If-None-Match, as the routes have it


class Hot:
    """Answers GET requests for what KINDS names from `answers`; everything else passes."""

    def __init__(
        self, app: ASGIApp, *, routes: Sequence[BaseRoute], access: Access, answers: Answers, clock: Clock
    ) -> None:
        self._app = app
        self._access = access
        self._answers = answers
        self._clock = clock
        self._routes = [
            (Asked(KINDS[path], route.path_format), route)
            for route in routes
            if isinstance(route, APIRoute)
            and "GET" in (route.methods or ())
            and (path := route.path_format.removeprefix(PREFIX)) in KINDS
        ]
        answers.remake = self.remake
        self._known: dict[str, tuple[Asked, APIRoute]] = {}  # paths that were asked for lately

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        found = self._route_of(scope) if scope["type"] == "http" and scope["method"] == "GET" else None
        if found is None or not self._access.ready():
            await self._app(scope, receive, send)
            return
        asked, scope["route"] = found
        await admit(self._access, scope, asked.template)
        scope[ADMITTED] = True
        asked_tag = said_of(scope).get("if-none-match")
        if asked_tag is not None and len(asked_tag) > TAG_CHARS_MAX:
            await self._app(scope, receive, send)  # whose route refuses it
            return
        question, now_us = Question(scope["path"], scope["query_string"]), to_us(self._clock.now())
        ready = self._answers.kept(question, now_us)
        if ready is None:
            ready = await self._made(question, asked, scope, receive, send)
            if ready is None:
                return
            now_us = to_us(self._clock.now())
        await _send(asked.kind, ready, asked_tag, now_us, send)

    async def _made(self, question: Question, asked: Asked, scope: Scope, receive: Receive, send: Send) -> Ready | None:
        """The answer; None where its route has answered otherwise, which is then sent already."""
        heard: list[Message] = []

        async def make() -> Ready | None:
            slot = Slot()

            async def hear(message: Message) -> None:
                heard.append(message)

            await self._app(slot.open_in(scope), _nothing, hear)
            return slot.ready

        ready = await self._answers.of(question, asked, to_us(self._clock.now()), make)
        if ready is None and heard:
            for message in heard:
                await send(message)
        elif ready is None:  # somebody else's question was refused, in his name
            await self._app(scope, receive, send)
        return ready

    async def remake(self, question: Question, asked: Asked, scope: Scope) -> bool:
        """Make an answer anew; `scope` is of the request that wants this. Whether there is one."""
        self._answers.memory.forget(question)
        inner = {**scope, "path": question.path, "raw_path": question.path.encode("utf-8", "surrogatepass")}
        inner |= {"query_string": question.query, "method": "GET", ADMITTED: True}
        slot = Slot()

        async def make() -> Ready | None:
            await self._app(slot.open_in(inner), _nothing, _unheard)
            return slot.ready

        return await self._answers.of(question, asked, to_us(self._clock.now()), make) is not None

    def _route_of(self, scope: Scope) -> tuple[Asked, APIRoute] | None:
        """The kind of answer and the route that makes it."""
        path: str = scope["path"]
        if len(path) + len(scope["query_string"]) > CACHE_QUESTION_CHARS_MAX:
            return None
        found = self._known.get(path)
        if found is not None or not path.startswith(_PREFIXES):
            return found
        for asked, route in self._routes:
            if route.path_regex.match(path) and self._answers.keeps(asked.kind):
                if len(self._known) >= _KNOWN_MAX:
                    self._known.clear()
                self._known[path] = asked, route
                return asked, route
        return None


async def _send(kind: str, ready: Ready, asked_tag: str | None, now_us: int, send: Send) -> None:
    status, lines, body = ready.reply(now_us, asked_tag)
    if status == 304:
        CACHE_NOT_MODIFIED.labels(kind).inc()
    await send({"type": "http.response.start", "status": status, "headers": pairs_of(lines)})
    await send({"type": "http.response.body", "body": body})


_PREFIXES = tuple(sorted({f"{PREFIX}/{path.split('/')[1]}" for path in KINDS}))
_KNOWN_MAX = 4_096


async def _nothing() -> Message:
    """The rest of a request that has no body."""
    return {"type": "http.request", "body": b"", "more_body": False}


async def _unheard(_message: Message) -> None:
    """Nobody waits for the answer itself."""

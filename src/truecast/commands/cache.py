"""`truecast cache …`: the answers that a running server keeps; looked at, dropped, made anew."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import orjson
import typer

from truecast.client import Client, ClientError, Problem, Retry
from truecast.client.shapes import AnswerKind, CacheShape
from truecast.commands.text import aligned
from truecast.kit.errors import EXIT_UNAVAILABLE, MalformedRequest, TruecastError
from truecast.kit.settings import CACHE_AGES_S

app = typer.Typer(add_completion=False)

Url = Annotated[
    str | None,
    typer.Option(help="Where the server is; without it TRUECAST_URL, else http://127.0.0.1:8000."),
]
Json = Annotated[bool, typer.Option("--json", help="Print what the API answers.")]


class ServerAway(TruecastError):
    """The command asks a running server, and none answered as one."""

    code = "server_away"
    status = 503
    title = "Server away"
    template = "{reason}; start it with `truecast up`, or say where it is with --url"
    exit_code = EXIT_UNAVAILABLE


class ServerRefused(TruecastError):
    """The server answered with a problem, whose code is `said`."""

    code = "server_refused"
    status = 502
    title = "Server refused"
    template = "The server says: {reason} [{said}]"


@app.callback()
def cache() -> None:
    """Look after the answers that a running server keeps. A key, where it wants one, is read from TRUECAST_API_KEY."""


@app.command()
def show(*, url: Url = None, as_json: Json = False) -> None:
    """What is kept, how much memory it takes, and how often it was of use."""
    with _server(url) as client:
        found = client.get_cache()
    typer.echo(orjson.dumps(found.to_dict()) if as_json else _told(found))


@app.command()
def clear(*, url: Url = None, as_json: Json = False) -> None:
    """Drop every answer. Nothing is lost: they are made anew when they are asked for."""
    with _server(url) as client:
        done = client.clear_cache()
    typer.echo(orjson.dumps(done.to_dict()) if as_json else f"{done.dropped} answers dropped")


@app.command()
def refresh(*, url: Url = None, as_json: Json = False) -> None:
    """Make anew what is kept, what was asked for last first."""
    with _server(url) as client:
        done = client.refresh_cache()
    said = f"{done.refreshed} answers made anew, {done.failed} can no longer be given"
    typer.echo(orjson.dumps(done.to_dict()) if as_json else said)


@app.command()
def invalidate(
    symbol: Annotated[str | None, typer.Argument(help="Answers that say something about it.")] = None,
    *,
    kind: Annotated[str | None, typer.Option(help=f"Answers of a kind: {', '.join(CACHE_AGES_S)}.")] = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Drop the answers about a symbol, those of a kind, or those of a kind about a symbol."""
    if symbol is None and kind is None:
        raise MalformedRequest(reason="name a symbol, or a kind with --kind; `truecast cache clear` drops everything")
    if kind not in (None, *CACHE_AGES_S):
        raise MalformedRequest(reason=f"there is no kind {kind!r}; there are {', '.join(CACHE_AGES_S)}")
    with _server(url) as client:
        done = client.invalidate_cache(symbol=symbol, kind=None if kind is None else AnswerKind(kind))
    typer.echo(orjson.dumps(done.to_dict()) if as_json else f"{done.dropped} answers dropped")


@contextmanager
def _server(url: str | None) -> Iterator[Client]:
    try:
        client = Client(url, retry=Retry(attempts_max=1))
    except ValueError as error:
        raise MalformedRequest(reason=str(error)) from None
    with client:
        try:
            yield client
        except Problem as problem:
            raise ServerRefused(reason=problem.detail, said=problem.code) from None
        except ClientError as error:
            raise ServerAway(reason=str(error)) from None


def _told(found: CacheShape) -> str:
    rows: list[tuple[str, ...]] = [
        ("kind", "kept for", "entries", "KiB", "hits", "shared", "joined", "misses", "hit rate")
    ]
    rows += [
        (
            one.kind,
            f"{one.age_limit_s:g} s",
            str(one.entries),
            f"{one.bytes / 1024:.0f}",
            *map(str, (one.hits, one.shared, one.joined, one.misses)),
            "" if one.hit_rate is None else f"{one.hit_rate:.1%}",
        )
        for one in found.kinds
    ]
    dropped = ", ".join(f"{count} {reason}" for reason, count in found.dropped.items() if count) or "none"
    room = f"{found.entries} answers, {found.bytes / 2**20:.1f} of {found.bytes_max / 2**20:.0f} MiB"
    return "\n".join([*aligned(rows, right=range(1, 9)), f"{room}; dropped: {dropped}; {_shared(found)}"])


def _shared(found: CacheShape) -> str:
    if found.shared is None:
        return "not shared"
    return "shared through Redis" if found.shared.connected else f"Redis is away: {found.shared.last_error}"

"""Logs: one format for our lines and libraries', and no secret in any of them."""

import asyncio
import io
import json
import logging
import time
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import SecretStr

from truecast.kit.logs import REDACTED, REQUEST_ID, Redaction, Same, configure_logs, get_logger

CANARY = "cAnArY-4f9b1e7c"


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """Where the lines go; logging is left as it was found."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield io.StringIO()
    root.handlers[:] = handlers
    root.setLevel(level)


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_our_lines_and_those_of_libraries_share_one_json_shape(stream: io.StringIO) -> None:
    configure_logs("info", "json", stream=stream)
    get_logger("truecast.market.ingest").info("bars taken", symbol="EUR-USD", rows=3)
    logging.getLogger("sqlalchemy.pool").warning("pool of %d is full", 5)
    ours, theirs = lines(stream)
    assert (ours["event"], ours["symbol"], ours["rows"], ours["level"]) == ("bars taken", "EUR-USD", 3, "info")
    assert ours["logger"] == "truecast.market.ingest"
    assert ours["timestamp"].endswith("Z")
    assert (theirs["event"], theirs["level"], theirs["logger"]) == ("pool of 5 is full", "warning", "sqlalchemy.pool")


def alone(handler: logging.Handler) -> None:
    """As in a server: the test runner listens no more."""
    logging.getLogger().handlers[:] = [handler]


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_what_is_said_often_reads_as_what_is_said_seldom(stream: io.StringIO, log_format: Any) -> None:
    configure_logs("info", log_format, stream=stream)
    alone(logging.getLogger().handlers[-1])
    same = Same({"method": "GET", "path": '/api/v1/"prices"\n', "status": 200, "key_id": None})
    token = REQUEST_ID.set("0190-abcdef")
    get_logger("truecast.access").info("request", **same.facts, ms=0.25, bytes=12)
    get_logger("truecast.access").often("request", same, ms=0.25, bytes=12)
    REQUEST_ID.reset(token)
    seldom, often = stream.getvalue().splitlines()
    if log_format == "json":
        first, second = json.loads(seldom), json.loads(often)
        assert list(first) == list(second)
        assert {**first, "timestamp": 0} == {**second, "timestamp": 0}
        assert abs(len(first["timestamp"]) - len(second["timestamp"])) == 0
    else:
        assert seldom.split("Z", 1)[1] == often.split("Z", 1)[1]


def test_what_is_said_often_is_silent_below_the_level(stream: io.StringIO) -> None:
    configure_logs("warning", "json", stream=stream)
    alone(logging.getLogger().handlers[-1])
    get_logger("truecast.access").often("request", Same({"path": "/"}))
    logging.shutdown([lambda: logging.getLogger().handlers[-1]])  # type: ignore[list-item]
    assert not stream.getvalue()


async def test_lines_said_often_stay_in_order_with_others_and_all_come(stream: io.StringIO) -> None:
    configure_logs("info", "json", stream=stream)
    alone(logging.getLogger().handlers[-1])
    log = get_logger("truecast.access")
    log.often("first", Same({}))
    log.info("second")
    for _ in range(2_500):
        log.often("many", Same({}))
    log.often("last", Same({}))
    assert len(lines(stream)) < 2_503, "some wait for their turn"
    logging.getLogger().handlers[-1].flush()  # as at the end of the process
    said = [line["event"] for line in lines(stream)]
    assert said == ["first", "second", *["many"] * 2_500, "last"]


async def test_a_line_said_often_comes_by_itself(stream: io.StringIO) -> None:
    configure_logs("info", "json", stream=stream)
    alone(logging.getLogger().handlers[-1])
    get_logger("truecast.access").often("request", Same({}))
    async with asyncio.timeout(10):
        while not stream.getvalue():
            await asyncio.sleep(0.01)


def test_no_canary_reaches_a_line_said_often(stream: io.StringIO) -> None:
    configure_logs("info", "json", secrets=[SecretStr(CANARY)], stream=stream)
    alone(logging.getLogger().handlers[-1])
    token = REQUEST_ID.set(f"id-{CANARY}")
    get_logger("t").often("request", Same({"path": f"/x?token={CANARY[::-1]}", "note": f"see {CANARY}"}))
    REQUEST_ID.reset(token)
    assert stream.getvalue().count(REDACTED) == 3
    assert CANARY not in stream.getvalue() and CANARY[::-1] not in stream.getvalue()


def test_writes_nothing_below_the_level(stream: io.StringIO) -> None:
    configure_logs("warning", "json", stream=stream)
    get_logger("truecast.x").info("quiet")
    get_logger("truecast.x").warning("loud")
    assert [line["event"] for line in lines(stream)] == ["loud"]


def test_libraries_that_chat_are_quiet_and_uvicorn_says_things_once(stream: io.StringIO) -> None:
    configure_logs("info", "json", stream=stream)
    for name in ("httpx", "alembic.runtime.plugins", "matplotlib.font_manager"):
        logging.getLogger(name).info("chat")
    logging.getLogger("uvicorn.error").info("Started %d", 1, extra={"color_message": "Started in red"})
    (line,) = lines(stream)
    assert line["event"] == "Started 1"
    assert "color_message" not in line


def test_a_stream_that_somebody_closed_fails_nobody() -> None:
    gone, heard = io.StringIO(), io.StringIO()
    configure_logs("info", "json", stream=gone)
    gone.close()
    configure_logs("info", "json", stream=heard)
    get_logger("t").info("still heard")
    assert json.loads(heard.getvalue())["event"] == "still heard"


def test_called_again_replaces_and_does_not_double(stream: io.StringIO) -> None:
    configure_logs("info", "json", stream=io.StringIO())
    configure_logs("info", "json", stream=stream)
    get_logger("truecast.x").info("once")
    assert len(lines(stream)) == 1


def test_auto_is_json_where_there_is_no_terminal(stream: io.StringIO) -> None:
    configure_logs("info", "auto", stream=stream)
    get_logger("truecast.x").info("e")
    assert lines(stream)[0]["event"] == "e"


def test_console_lines_are_for_people(stream: io.StringIO) -> None:
    configure_logs("info", "console", stream=stream)
    get_logger("truecast.x").info("bars taken", symbol="EUR-USD")
    line = stream.getvalue()
    assert "bars taken" in line
    assert "symbol=EUR-USD" in line
    assert "\x1b[" not in line


def test_every_line_of_a_request_carries_its_id(stream: io.StringIO) -> None:
    configure_logs("info", "json", stream=stream)
    token = REQUEST_ID.set("req-1")
    get_logger("truecast.x").info("inside")
    logging.getLogger("library").info("inside too")
    REQUEST_ID.reset(token)
    get_logger("truecast.x").info("outside")
    assert [line.get("request_id") for line in lines(stream)] == ["req-1", "req-1", None]


def leak_by_field() -> None:
    get_logger("t").info("e", api_key=CANARY, Authorization=CANARY, db_password=CANARY, refresh_token=CANARY)


def leak_nested() -> None:
    get_logger("t").info("e", headers={"Cookie": CANARY, "x": [{"X-API-Key": CANARY}, {b"authorization": CANARY}]})


def leak_by_url() -> None:
    get_logger("t").info("e", url=f"postgresql+asyncpg://user:{CANARY}@db.example/x", other=f"redis://:{CANARY}@h:1/0")
    logging.getLogger("lib").info("connecting to postgresql://user:%s@db.example/x", f"{CANARY}@{CANARY}")


def leak_by_query() -> None:
    logging.getLogger("uvicorn.access").info(
        '127.0.0.1 - "GET /x?a=1&api_key=%s&token=%s HTTP/1.1" 200', CANARY, CANARY
    )


def leak_by_header_text() -> None:
    logging.getLogger("lib").warning("sent {'Authorization': 'Bearer %s'} and Basic %s", CANARY, CANARY)
    logging.getLogger("lib").warning("Set-Cookie: session=%s; Path=/", CANARY)


def leak_by_secret_str() -> None:
    get_logger("t").info("e", anything=SecretStr(CANARY))


def leak_known_in_any_text() -> None:
    get_logger("t").info(f"odd place {CANARY}", where=f"x{CANARY}y", blob=CANARY.encode(), deep={CANARY: [CANARY]})


def leak_by_exception() -> None:
    try:
        raise RuntimeError(f"cannot connect to postgresql://user:{CANARY}@h/d")  # noqa: TRY301 it is the test
    except RuntimeError:
        get_logger("t").exception("failed")
        logging.getLogger("lib").exception("failed")


@pytest.mark.parametrize("log_format", ["json", "console"])
@pytest.mark.parametrize(
    "leak",
    [
        leak_by_field, leak_nested, leak_by_url, leak_by_query, leak_by_header_text, leak_by_secret_str,
        leak_known_in_any_text, leak_by_exception,
    ],
)  # fmt: skip
def test_no_canary_reaches_a_line(stream: io.StringIO, leak: Any, log_format: Any) -> None:
    known = [SecretStr(CANARY)] if leak is leak_known_in_any_text else []
    configure_logs("info", log_format, secrets=known, stream=stream)
    leak()
    assert stream.getvalue()
    assert CANARY not in stream.getvalue()
    assert REDACTED in stream.getvalue()


@pytest.mark.parametrize(
    "facts",
    [
        {"symbol": "EUR-USD", "rows": 3, "known_at": "2024-01-01T00:00Z"},
        {"key": "sample", "monkey": "x", "author": "x", "keyboard": "x", "secretary": "x"},
        {"url": "https://www.ecb.europa.eu/stats/eurofxref/eurofxref-hist.csv?x=1"},
        {"text": "at 12:30 the author@example.org wrote"},
    ],
)
def test_leaves_facts_alone(facts: dict[str, Any]) -> None:
    assert Redaction()(None, "info", dict(facts)) == facts


def test_a_long_or_deep_event_is_cut() -> None:
    deep: Any = "x"
    for _ in range(50):
        deep = [deep]
    event = Redaction()(None, "info", {"long": "a" * 1_000_000, "deep": deep})
    assert len(event["long"]) < 20_000
    assert "…" in str(event["deep"])


@pytest.mark.parametrize("piece", ["a", "a:", "://", "a://b:", "token", "token=", "bearer ", "password   ", "@", "\\"])
def test_hostile_text_costs_no_more_than_linear_time(piece: str) -> None:
    redaction = Redaction()
    began = time.perf_counter()
    redaction.text(piece * (1_000_000 // len(piece)))
    assert time.perf_counter() - began < 1.0

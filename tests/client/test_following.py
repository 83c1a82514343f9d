"""The conversation of a stream without a network: what is said, and what is told of what is heard."""

import json
from typing import Any

import pytest

from truecast.client import (
    AnswerUnreadable,
    Joined,
    Message,
    Missed,
    OtherMessage,
    QuoteMessage,
    ScoreMessage,
    Skipped,
    problems,
)
from truecast.client.following import Follow, Following

SCORE = {
    "forecast_id": "f",
    "symbol": "SPY",
    "interval": "1d",
    "model": "naive",
    "step": 1,
    "target": "2021-01-05T00:00:00Z",
    "outcome": 370.0,
    "crps": 1.5,
    "crps_naive": 1.5,
    "sealed": True,
}
TOPIC = "scores:SPY"


def message(offset: int, epoch: str = "e", topic: str = TOPIC, data: Any = None, **more: Any) -> str:
    said = {"topic": topic, "epoch": epoch, "offset": offset, "ts": "2021-01-06T21:30:00Z"}
    return json.dumps({**said, **more, "data": SCORE if data is None else data})


def subscribed(offset: int, *, recovered: bool, epoch: str = "e", topic: str = TOPIC, asked: str = TOPIC) -> str:
    one = {"topic": topic, "asked": asked, "epoch": epoch, "offset": offset, "recovered": recovered}
    return json.dumps({"event": "subscribed", "id": None, "place": "p:1", "topics": [one], "errors": []})


def following(*topics: str, **given: Any) -> Following:
    return Following(Follow(topics or (TOPIC,), **given))


def hear(stream: Following, *said: str) -> list[Any]:
    return [news for text in said for news in stream.hear(text)]


def test_messages_are_told_in_their_shapes_and_places_are_remembered() -> None:
    stream = following()
    joined, first, second = hear(stream, subscribed(4, recovered=False), message(5), message(6))
    assert joined == Joined(topic=TOPIC, epoch="e", offset=4, recovered=False)
    assert isinstance(first, ScoreMessage)
    assert first.data.outcome == 370.0
    assert first.ts.tzinfo is not None
    assert second.offset == 6
    assert stream.places == {TOPIC: ("e", 6)}


def test_coming_back_says_the_places_and_tells_nothing_twice() -> None:
    stream = following()
    hear(stream, subscribed(4, recovered=False), message(5), message(6))
    (said,) = stream.opening()
    assert json.loads(said)["since"] == {TOPIC: ["e", 6]}
    joined, *rest = hear(stream, subscribed(6, recovered=True), message(6), message(7))
    assert joined.recovered
    assert [one.offset for one in rest] == [7]


def test_what_could_not_be_recovered_is_told() -> None:
    stream = following()
    hear(stream, subscribed(4, recovered=False), message(5))
    missed, snapshot, news = hear(
        stream, subscribed(90, recovered=False, epoch="f"), message(90, "f", snapshot=True), message(91, "f")
    )
    assert missed == Missed(topic=TOPIC, epoch="f", offset=90, reason="too_long_ago")
    assert snapshot.snapshot
    assert news.offset == 91
    assert stream.places == {TOPIC: ("f", 91)}


def test_a_reset_and_a_hole_in_the_numbers_are_told() -> None:
    stream = following()
    reset = json.dumps({"event": "reset", "topic": TOPIC, "epoch": "g", "offset": 2, "recovered": False})
    told = hear(stream, subscribed(0, recovered=False), message(1), reset, message(3, "g"), message(5, "g"))
    assert [(one.reason, one.offset) for one in told if isinstance(one, Missed)] == [("reset", 2), ("gap", 4)]
    assert [one.offset for one in told if isinstance(one, Message)] == [1, 3, 5]


def test_another_epoch_without_a_word_is_told_too() -> None:
    told = hear(following(), subscribed(3, recovered=False), message(4), message(1, "h"))
    assert [type(one).__name__ for one in told] == ["Joined", "ScoreMessage", "Missed", "ScoreMessage"]


def test_prices_that_were_overtaken_are_counted_and_are_no_hole() -> None:
    price = {
        "symbol": "SPY", "price": 1.0, "bid": None, "ask": None, "quoted_at": None, "change": None, "change_pct": None,
        "provenance": {
            "source": "s", "as_of": "2021-01-06T21:00:00Z", "received_at": "2021-01-06T21:00:00Z", "age_s": 1,
            "stale": False, "delay": "eod", "derived": None, "origin": "o",
        },
    }  # fmt: skip
    topic = "quotes:SPY"
    told = hear(
        following(topic),
        subscribed(0, recovered=False, topic=topic, asked=topic),
        message(1, topic=topic, data=price),
        json.dumps({"event": "conflated", "topic": topic, "skipped": 7}),
        message(9, topic=topic, data=price),
    )
    assert told[2] == Skipped(topic=topic, skipped=7)
    assert isinstance(told[3], QuoteMessage)
    assert told[3].data.price == 1.0
    assert not any(isinstance(one, Missed) for one in told)


def test_a_filter_leaves_numbers_out_and_that_is_no_hole() -> None:
    told = hear(following(model="naive"), subscribed(0, recovered=False), message(1), message(8))
    assert not any(isinstance(one, Missed) for one in told)


def test_pace_and_filter_are_said_only_where_they_hold() -> None:
    stream = following("quotes:SPY", TOPIC, "health", interval_s=2.0, model="theta", interval="1d", snapshot=False)
    quotes, told, rest = (json.loads(one) for one in stream.opening())
    assert (quotes["topics"], quotes["interval_s"]) == (["quotes:SPY"], 2.0)
    assert (told["topics"], told["filter"]) == ([TOPIC], {"model": "theta", "interval": "1d"})
    assert rest["topics"] == ["health"]
    assert len(following("quotes:SPY", TOPIC, "health").opening()) == 1
    assert "filter" not in rest and "interval_s" not in rest and rest["snapshot"] is False


def test_a_topic_spelled_otherwise_is_one_topic() -> None:
    stream = following("scores:spy")
    hear(stream, subscribed(0, recovered=False, asked="scores:spy"), message(1))
    assert stream.places == {"scores:spy": ("e", 1)}


def test_a_place_kept_from_before_is_said_at_once() -> None:
    stream = following(since={TOPIC: ("e", 41)})
    assert json.loads(stream.opening()[0])["since"] == {TOPIC: ["e", 41]}
    assert [one.offset for one in hear(stream, subscribed(41, recovered=True), message(42))] == [41, 42]


def test_what_the_server_refuses_is_raised_by_its_name() -> None:
    error = {"event": "error", "code": "unknown_topic", "detail": "There is no topic x", "topic": "x"}
    with pytest.raises(problems.UnknownTopic):
        hear(following(), json.dumps(error))
    with pytest.raises(problems.UnknownTopic):
        hear(following(), json.dumps({"event": "subscribed", "topics": [], "errors": [error]}))


def test_a_server_that_ends_says_when_to_come_back() -> None:
    stream = following()
    hear(stream, json.dumps({"event": "restart", "code": "server_restarts", "detail": "soon", "retry_after_s": 3.5}))
    lost = stream.lost("the connection broke", 0.2)
    assert (lost.reason, lost.retry_in_s) == ("soon", 3.5)


def test_a_key_that_works_no_more_ends_the_stream_at_once() -> None:
    for code, kind in (("key_refused", problems.KeyRefused), ("scope_missing", problems.ScopeMissing)):
        with pytest.raises(kind):
            hear(following(), json.dumps({"event": "closing", "code": code, "detail": "no longer"}))
    assert hear(following(), json.dumps({"event": "closing", "code": "slow_consumer", "detail": "too slow"})) == []


def test_beats_and_what_is_not_known_yet_are_no_news() -> None:
    stream = following()
    assert hear(stream, '{"event": "heartbeat", "ts": "x"}', '{"event": "pong"}', '{"event": "song", "of": 1}') == []
    assert hear(stream, '{"event": "welcome", "heartbeat_s": 30}') == []
    assert stream.heartbeat_s == 30.0
    (other,) = hear(stream, message(1, topic="weather:x", data={"sun": True}))
    assert isinstance(other, OtherMessage)


def test_nonsense_is_an_error_and_not_a_message() -> None:
    for text in ("<html>", "[1]", '{"topic": "scores:SPY", "data": 1}', message(1, data={"symbol": "SPY"})):
        with pytest.raises(AnswerUnreadable):
            hear(following(), text)


def test_nothing_cannot_be_followed() -> None:
    with pytest.raises(ValueError, match="name a topic"):
        Follow(())

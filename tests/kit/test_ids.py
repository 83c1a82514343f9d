"""Identifiers sort by time, and content makes them reproducible."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from truecast.kit.clock import to_us
from truecast.kit.ids import content_id, uuid7, uuid7_text

T0 = datetime(2021, 1, 4, 12, 0, 0, 123_000, tzinfo=UTC)


def test_is_a_version_7_uuid():
    made = uuid7(T0)
    assert made.version == 7
    assert made.variant == "specified in RFC 4122"


def test_carries_its_milliseconds():
    assert uuid7(T0).int >> 80 == 1_609_761_600_123


def test_sorts_by_time():
    ids = [str(uuid7(T0 + timedelta(milliseconds=n))) for n in range(50)]
    assert ids == sorted(ids)


def test_the_text_is_that_of_a_version_7_uuid_of_the_moment():
    made = UUID(uuid7_text(to_us(T0)))
    assert (made.version, made.variant, made.int >> 80) == (7, "specified in RFC 4122", 1_609_761_600_123)
    assert str(made) == uuid7_text(to_us(T0))[:14] + str(made)[14:]
    assert len({uuid7_text(to_us(T0)) for _ in range(100)}) == 100


def test_is_random_without_content():
    assert uuid7(T0) != uuid7(T0)


def test_same_time_and_content_give_the_same_id():
    assert content_id(T0, b"a") == content_id(T0, b"a")
    assert content_id(T0, b"a") != content_id(T0, b"b")

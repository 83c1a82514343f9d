"""Kept answers: bounded in bytes, gone when they are old or what they are about has changed."""

from hypothesis import given
from hypothesis import strategies as st

from truecast.kit.cache import ENTRY_BYTES, TAG_BYTES, Cache


class Time:
    def __init__(self) -> None:
        self.s = 100.0

    def __call__(self) -> float:
        return self.s


def cache(bytes_max: int = 1_000_000, time: Time | None = None) -> Cache[str, str]:
    return Cache(bytes_max, time or Time())


def keep(one: Cache[str, str], key: str, value: str = "v", *, size: int = 10, tags: tuple[str, ...] = (), age_s=60.0):
    with one.making() as since:
        return one.keep(key, value, kind="k", size_bytes=size, tags=tags, age_s=age_s, since=since)


def test_gives_what_was_kept_until_it_is_too_old():
    time = Time()
    one = cache(time=time)
    assert keep(one, "a", age_s=5.0)
    time.s += 4.9
    assert one.get("a") == "v"
    time.s += 0.1
    assert one.get("a") is None
    assert (len(one), one.size_bytes, one.dropped["expired"]) == (0, 0, 1)


def test_an_age_of_nothing_keeps_nothing():
    one = cache()
    assert not keep(one, "a", age_s=0.0)
    assert one.get("a") is None


def test_what_is_touched_goes_and_the_rest_stays():
    one = cache()
    keep(one, "a", tags=("x", "y"))
    keep(one, "b", tags=("y",))
    keep(one, "c", tags=("z",))
    assert one.touch("y") == 2
    assert (one.get("a"), one.get("b"), one.get("c")) == (None, None, "v")
    assert one.touch("x") == 0, "nothing is left under it"


def test_what_is_asked_for_last_stays_when_room_is_needed():
    size = 1_000
    one = cache(3 * (size + ENTRY_BYTES))
    for key in "abc":
        keep(one, key, size=size)
    assert one.get("a") == "v"
    keep(one, "d", size=size)
    assert [one.get(key) for key in "abcd"] == ["v", None, "v", "v"]
    assert one.dropped["room"] == 1


def test_what_is_larger_than_all_room_is_not_kept():
    one = cache(1_000)
    assert not keep(one, "a", size=1_001)
    assert one.size_bytes == 0


def test_what_changed_while_it_was_made_is_not_kept():
    one = cache()
    with one.making() as since:
        one.touch("x")
        assert not one.keep("a", "old", kind="k", size_bytes=1, tags=("x",), age_s=60, since=since)
        assert one.keep("b", "other", kind="k", size_bytes=1, tags=("z",), age_s=60, since=since)
    assert (one.get("a"), one.get("b")) == (None, "other")


def test_two_makings_that_overlap_are_told_apart():
    one = cache()
    with one.making() as first:
        one.touch("x")
        with one.making() as second:
            assert not one.keep("a", "old", kind="k", size_bytes=1, tags=("x",), age_s=60, since=first)
            assert one.keep("a", "new", kind="k", size_bytes=1, tags=("x",), age_s=60, since=second)
    assert one.get("a") == "new"


def test_a_making_that_was_over_before_a_change_is_not_believed():
    one = cache()
    with one.making() as since:
        pass
    one.touch("x")
    with one.making():
        assert not one.keep("a", "old", kind="k", size_bytes=1, tags=("x",), age_s=60, since=since)


def test_clearing_forgets_also_what_is_being_made():
    one = cache()
    keep(one, "a")
    with one.making() as since:
        assert one.clear() == 1
        assert not one.keep("b", "old", kind="k", size_bytes=1, tags=(), age_s=60, since=since)
    assert len(one) == 0


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["keep", "touch", "get", "later"]),
            st.sampled_from("abcde"),
            st.integers(0, 4_000),
            st.sets(st.sampled_from(["x", "y", "z"])),
        ),
        max_size=60,
    )
)
def test_never_holds_more_than_it_may_and_never_what_was_touched(steps):
    time = Time()
    one = cache(8_000, time)
    model: dict[str, tuple[set[str], int]] = {}
    for what, key, size, tags in steps:
        if what == "keep":
            kept = keep(one, key, size=size, tags=tuple(sorted(tags)), age_s=10.0)
            model.pop(key, None)
            if kept:
                model[key] = (tags, size + ENTRY_BYTES + TAG_BYTES * len(tags))
        elif what == "touch":
            for tag in tags:
                one.touch(tag)
            model = {k: v for k, v in model.items() if not v[0] & tags}
        elif what == "get":
            assert one.get(key) is None or key in model
        else:
            time.s += 11.0
        held = dict(one.held())
        assert set(held) <= set(model)
        assert one.size_bytes == sum(model[k][1] for k in held) <= one.bytes_max

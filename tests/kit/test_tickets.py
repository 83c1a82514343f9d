"""Tickets: good once, for a while that is lived, and for no one else."""

from truecast.kit.limits import STREAM_TICKETS_MAX
from truecast.kit.tickets import Tickets


class Lived:
    """Seconds that a test lets pass."""

    def __init__(self) -> None:
        self.now_s = 1_000.0

    def __call__(self) -> float:
        return self.now_s


async def test_a_ticket_is_good_once_until_its_time_is_over() -> None:
    lived = Lived()
    tickets = Tickets(30.0, now_s=lived)
    first, second = await tickets.give("a"), await tickets.give("b")
    lived.now_s += 29.9
    assert await tickets.redeem(first) == "a"
    assert await tickets.redeem(first) is None
    lived.now_s += 0.2
    assert await tickets.redeem(second) is None
    assert await tickets.redeem("tct_never") is None


async def test_a_clock_that_has_just_begun_to_count_lets_nobody_in() -> None:
    lived = Lived()
    lived.now_s = 0.0
    assert await Tickets(30.0, now_s=lived).redeem("tct_never") is None


async def test_of_too_many_tickets_the_oldest_go() -> None:
    tickets = Tickets(30.0)
    given = [await tickets.give(str(i)) for i in range(STREAM_TICKETS_MAX + 1)]
    assert await tickets.redeem(given[0]) is None
    assert await tickets.redeem(given[1]) == "1"

"""Lists in pages, read as one."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from typing import Protocol, TypeVar

Item_co = TypeVar("Item_co", covariant=True)
T = TypeVar("T")


class Page(Protocol[Item_co]):
    """One page: `next` is the cursor of the following one, None on the last."""

    @property
    def items(self) -> Sequence[Item_co]: ...  # noqa: D102
    @property
    def next(self) -> str | None: ...  # noqa: D102


def pages(turn: Callable[[str | None], Page[T]]) -> Iterator[T]:
    """The items of all pages. A page is asked for when the one before is used up."""
    cursor: str | None = None
    while True:
        page = turn(cursor)
        yield from page.items
        if page.next is None:
            return
        cursor = page.next


async def pages_async(turn: Callable[[str | None], Awaitable[Page[T]]]) -> AsyncIterator[T]:
    """The same, awaited."""
    cursor: str | None = None
    while True:
        page = await turn(cursor)
        for item in page.items:
            yield item
        if page.next is None:
            return
        cursor = page.next

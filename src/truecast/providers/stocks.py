"""What sources of US stocks have in common: names, how far back to ask, a loop over pages, events as factors."""

import datetime as dt
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass

from truecast.domain.bar import Bars
from truecast.domain.corporate import Factor
from truecast.domain.instrument import Instrument
from truecast.domain.interval import Interval
from truecast.kit.limits import SOURCE_BARS_MAX
from truecast.providers.candles import Asked, Read, join, told
from truecast.providers.errors import SymbolNotAtSource
from truecast.providers.names import Listed
from truecast.providers.payload import malformed
from truecast.providers.universe import us_stock

_PAGES_MAX = 50


@dataclass(frozen=True, slots=True)
class Stretch:
    """What is asked for: a series from `first` to `last`. `history`: all of it, not the news since some moment."""

    symbol: str
    interval: Interval
    first: dt.datetime
    last: dt.datetime
    since: dt.datetime | None = None
    end: dt.datetime | None = None

    @property
    def history(self) -> bool:
        """Whether the newest bars are wanted rather than the oldest."""
        return self.since is None


# One page of a stretch, from where the one before ended (None: the first): what it is read for, and what it says.
Page = Callable[[Stretch, str | None], Awaitable[tuple[Asked, Read]]]


class Stocks(Listed):
    """US stocks and funds by ticker, with a key."""

    def _spelled(self, symbol: str) -> tuple[Instrument, str] | None:
        """Any US ticker, called the same at the source."""
        stock = us_stock(symbol)
        return (stock, symbol) if stock else None

    def _first(self, interval: Interval, since: dt.datetime | None) -> dt.datetime:
        """From where to ask: as far back as the source goes when all is asked for."""
        if since is not None:
            return since
        days = self.info.history.get(interval)
        first = self.info.first_date
        assert first is not None
        began = dt.datetime.combine(first, dt.time(), dt.UTC)
        return began if days is None else max(began, self._clock.now() - dt.timedelta(days=days))

    async def bars(self, symbol: str, interval: Interval, since: dt.datetime | None) -> Bars:
        """From `since` on, page by page."""
        return await self._all(
            Stretch(symbol, interval, self._first(interval, since), self._clock.now(), since), self._page
        )

    async def between(self, symbol: str, interval: Interval, first: dt.datetime, end: dt.datetime) -> Bars:
        """A stretch of the past."""
        last = min(end, self._clock.now())
        return await self._all(Stretch(symbol, interval, first, last, first, end), self._page)

    async def _page(self, stretch: Stretch, token: str | None) -> tuple[Asked, Read]:
        """One answer of the source."""
        raise NotImplementedError

    def _asked(self, stretch: Stretch, received_at: dt.datetime) -> Asked:
        return self._names.asked(stretch.symbol, stretch.interval, received_at, since=stretch.since, end=stretch.end)

    def _name(self, stretch: Stretch) -> str:
        return self._names.name(stretch.symbol, stretch.interval)[1]

    async def _all(self, stretch: Stretch, page: Page) -> Bars:
        """Pages until there are no more, or more bars than one answer of ours has. No bar in all of history means that
        the source does not have the symbol.
        """
        self._names.name(stretch.symbol, stretch.interval)
        reads: list[Read] = []
        asked, further = None, None
        for _ in range(_PAGES_MAX):
            asked, read = await page(stretch, further)
            if read.further is not None and read.further == further:
                raise malformed(self.info.key, "a page that names itself as the next")
            reads.append(read)
            further = read.further
            full = not stretch.history and sum(len(read.bars) for read in reads) >= SOURCE_BARS_MAX
            if further is None or full:
                break
        assert asked is not None
        whole = reads[0] if len(reads) == 1 else join(reads, asked)
        if stretch.history and not len(whole.bars) and not whole.left_out:
            raise SymbolNotAtSource(source=self.info.key, symbol=stretch.symbol, reason="no bars at all")
        return told(whole, asked)


def factors_from(
    splits: Iterable[tuple[dt.date, float]],
    dividends: Iterable[tuple[dt.date, float]],
    closes: Sequence[tuple[dt.date, float]],
    source: str,
) -> list[Factor]:
    """Events of a morning as factors on the raw prices before: new shares for one old, and cash per share of that day
    against the raw close before, which `closes` (oldest first) must have; else the dividend adjusts nothing.
    """
    found: dict[dt.date, Factor] = {}
    for day, ratio in splits:
        if not 1e-3 <= ratio <= 1e3:
            raise malformed(source, f"a split of {ratio} for 1")
        _add(found, day, 1.0, 1 / ratio)
    for day, cash in dividends:
        before = [close for at, close in closes if at < day]
        if before:
            if not 0 < cash < before[-1]:
                raise malformed(source, f"a dividend of {cash} on a price of {before[-1]}")
            _add(found, day, 1 - cash / before[-1], 1.0)
    return [found[day] for day in sorted(found)]


def _add(found: dict[dt.date, Factor], day: dt.date, price: float, split: float) -> None:
    """What was traded until the evening before is adjusted."""
    before = day - dt.timedelta(days=1)
    known = found.get(before, Factor(before, 1.0, 1.0))
    found[before] = Factor(before, known.price_factor * price, known.split_factor * split)

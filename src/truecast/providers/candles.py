"""From the rows of an answer to bars: in order, in time, finished; what is left out is counted, with the reason.

A row is left out for what it is (still forming, outside the session, a repetition) and the answer is refused for what
it cannot be: a time before the source began or in the future (seconds read as milliseconds, or the reverse), or two
different rows for one bar.
"""

import datetime as dt
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from truecast.domain.bar import Bars, IntArray
from truecast.domain.interval import Interval
from truecast.kit.clock import from_us, iso, to_us
from truecast.kit.limits import CLOCK_SKEW_S_MAX, SOURCE_BARS_MAX
from truecast.kit.logs import get_logger
from truecast.providers.base import SeriesOffer, SourceInfo
from truecast.providers.hours import DAY_US, SECOND_US, aligned, label_us, over_at, traded_at
from truecast.providers.payload import malformed

# Of a bar's start: when its period is over, and when its value could be known.
Timing = Callable[[int], tuple[int, int]]

# start_us, open, high, low, close, volume (NaN where the source has none)
Row = tuple[int, float, float, float, float, float]

_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Asked:
    """What an answer is read for.

    Bars since some moment are news, known when they came (`received_us`). All there are, and those of a stretch in the
    past, are history, known when they were published.
    """

    source: str
    symbol: str
    interval: Interval
    calendar: str
    now_us: int
    since_us: int | None = None
    end_us: int | None = None
    received_us: int | None = None
    first_us: int = 0  # the source has nothing older
    later_us: int = 0  # how much later than the end of a bar the source has it

    @classmethod
    def of(
        cls,
        info: SourceInfo,
        offer: SeriesOffer,
        now: dt.datetime,
        *,
        since: dt.datetime | None = None,
        end: dt.datetime | None = None,
        later_s: float = 0.0,
    ) -> "Asked":
        """For a series of that source, answered `now`."""
        return cls(
            source=info.key,
            symbol=offer.instrument.symbol,
            interval=offer.interval,
            calendar=offer.calendar,
            now_us=to_us(now),
            since_us=None if since is None else to_us(since),
            end_us=None if end is None else to_us(end),
            received_us=to_us(now) if since is not None and end is None else None,
            first_us=0 if info.first_date is None else label_us(info.first_date),
            later_us=int(later_s * SECOND_US),
        )


@dataclass(frozen=True, slots=True)
class Read:
    """What an answer held. `further`: where the rest of it is."""

    bars: Bars
    left_out: Mapping[str, int] = field(default_factory=dict)
    further: str | None = None


def gathered(
    rows: Iterable[Row], asked: Asked, left_out: Counter[str] | None = None, timing: Timing | None = None
) -> Read:
    """The finished bars among the rows, oldest first. Raises SourceAnswerMalformed.

    `timing` None: of a market, where a bar is known when it is over.
    """
    counted: Counter[str] = left_out if left_out is not None else Counter()
    by_start: dict[int, tuple[int, Row]] = {}
    for row in rows:
        start_us = row[0]
        check_time(start_us, asked)
        over_us, known_us = timing(start_us) if timing else _traded(start_us, asked)
        reason = reason_against(start_us, over_us, asked)
        if reason:
            counted[reason] += reason != "not asked for"
            continue
        if start_us in by_start:
            if not _same(by_start[start_us][1], row):
                raise malformed(asked.source, f"two different rows for {iso(from_us(start_us))}")
            counted["repeated"] += 1
            continue
        by_start[start_us] = known_us, row
    starts = sorted(by_start)
    starts = starts[-SOURCE_BARS_MAX:] if asked.since_us is None else starts[:SOURCE_BARS_MAX]
    known = np.array([by_start[us][0] for us in starts], np.int64)
    return Read(as_bars(asked, [by_start[us][1] for us in starts], known), +counted)


def join(reads: Iterable[Read], asked: Asked) -> Read:
    """Several answers to one question, as one; bars told twice alike are taken once."""
    listed = list(reads)
    known = {start: at for read in listed for start, at in zip(*_times(read.bars), strict=True)}
    total: Counter[str] = Counter()
    for read in listed:
        total.update(read.left_out)
    rows = (row for read in listed for row in _rows(read.bars))
    return gathered(rows, asked, total, lambda start_us: (known[start_us], known[start_us]))


def told(read: Read, asked: Asked) -> Bars:
    """The bars; what was left out goes into the log, save the bar still forming, which every answer ends with."""
    if set(read.left_out) - {"unfinished"}:
        _log.info(
            "rows_left_out",
            source=asked.source,
            symbol=asked.symbol,
            interval=asked.interval.value,
            **{reason.replace(" ", "_"): n for reason, n in read.left_out.items()},
        )
    return read.bars


def _traded(start_us: int, asked: Asked) -> tuple[int, int]:
    over_us = over_at(asked.calendar, asked.interval, start_us) + asked.later_us
    return over_us, over_us


def check_time(start_us: int, asked: Asked) -> None:
    """Raises SourceAnswerMalformed for a time that no bar of this source can have."""
    ahead_us = int(CLOCK_SKEW_S_MAX * SECOND_US) + (0 if asked.interval.is_intraday else DAY_US)
    if start_us > asked.now_us + ahead_us:
        raise malformed(asked.source, f"a bar from the future ({_moment(start_us)}): wrong unit?")
    if start_us < asked.first_us:
        raise malformed(asked.source, f"a bar from before the source began ({_moment(start_us)}): wrong unit?")
    if not aligned(asked.interval, start_us):
        raise malformed(asked.source, f"a {asked.interval} bar that starts at {_moment(start_us)}")


def reason_against(start_us: int, over_us: int, asked: Asked) -> str:
    """Why a row is left out; "" for a bar."""
    if not traded_at(asked.calendar, asked.interval, start_us):
        weekend = from_us(start_us).weekday() > 4
        return "weekend" if weekend else "outside the session"
    if over_us > asked.now_us:
        return "unfinished"
    before = asked.since_us is not None and start_us < asked.since_us
    after = asked.end_us is not None and start_us >= asked.end_us
    return "not asked for" if before or after else ""


def _same(a: Row, b: Row) -> bool:
    return all(x == y or (x != x and y != y) for x, y in zip(a, b, strict=True))  # noqa: PLR0124 NaN is not itself


def as_bars(asked: Asked, rows: list[Row], known: IntArray) -> Bars:
    """Rows in their final order as columns; news is not known before it was received."""
    columns = np.array([row[1:] for row in rows], np.float64).reshape(len(rows), 5)
    if asked.received_us is not None:
        known = np.maximum(known, asked.received_us)
    return Bars(
        symbol=asked.symbol,
        interval=asked.interval,
        start=np.array([row[0] for row in rows], np.int64),
        known_at=known,
        open=columns[:, 0],
        high=columns[:, 1],
        low=columns[:, 2],
        close=columns[:, 3],
        volume=columns[:, 4],
        final=np.ones(len(rows), np.bool_),
        source=np.zeros(len(rows), np.int16),
        sources=(asked.source,),
    )


def _times(bars: Bars) -> tuple[list[int], list[int]]:
    return bars.start.tolist(), bars.known_at.tolist()


def _rows(bars: Bars) -> Iterable[Row]:
    columns = (bars.start, bars.open, bars.high, bars.low, bars.close, bars.volume)
    return zip(*(column.tolist() for column in columns), strict=True)


def _moment(us: int) -> str:
    """A time for a message; beyond the years of datetime, the count itself."""
    return iso(from_us(us)) if 0 <= us < 250_000_000_000_000_000 else f"{us} µs"

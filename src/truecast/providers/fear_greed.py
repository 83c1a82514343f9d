"""The crypto fear & greed index of alternative.me: one whole number from 0 to 100 a day. No key.

The number stamped 00:00Z of a day is made from what happened until then and stands from then on. It is the bar of the
day before, so that a bar is known when its day is over, as everywhere else.
"""

import datetime as dt

from truecast.domain.bar import Bars
from truecast.domain.interval import Interval
from truecast.kit.clock import Clock
from truecast.providers.base import Reach
from truecast.providers.candles import Asked, Read, gathered, told
from truecast.providers.errors import SourceRefused
from truecast.providers.hours import DAY_US, SECOND_US
from truecast.providers.names import Listed
from truecast.providers.payload import epoch_us, json_of, malformed, member, members, number, shown
from truecast.providers.published import row_of
from truecast.providers.upstream import upstream_of

_KEY = "fear_greed"


class FearGreed(Listed):
    """One series."""

    async def bars(self, symbol: str, interval: Interval, since: dt.datetime | None) -> Bars:
        """Days from `since` on."""
        self._names.name(symbol, interval)
        days = 0 if since is None else max((self._clock.now() - since).days, 0) + 3  # 0: all
        answer = await self._upstream.get("/fng/", {"limit": str(days)}, about=symbol)
        asked = self._names.asked(symbol, interval, answer.received_at, since=since)
        return told(parse(answer.body, asked), asked)


def parse(body: bytes, asked: Asked) -> Read:
    """The answer, newest first, as bars."""
    document = json_of(body, _KEY)
    if (error := member(document, "metadata", dict, _KEY).get("error")) is not None:
        raise SourceRefused(source=_KEY, reason=str(error)[:120])
    rows = []
    for row in members(document, "data", _KEY):
        at_us = epoch_us(member(row, "timestamp", str, _KEY), SECOND_US, _KEY)
        value = number(member(row, "value", str, _KEY), "the index", _KEY)
        if not (0 <= value <= 100 and value.is_integer()):
            raise malformed(_KEY, f"an index of {shown(row['value'])}")
        rows.append(row_of(at_us - DAY_US, value))
    return gathered(rows, asked)


def create(clock: Clock, reach: Reach) -> FearGreed:
    """The adapter, at alternative.me or wherever `reach` says."""
    return FearGreed(__file__, clock, upstream_of(__file__, clock, reach))

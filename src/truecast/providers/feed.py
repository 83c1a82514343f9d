"""How to listen to a source: what to connect to, what to say, how to read it, and when to stop trusting it.

A plan holds no connection. Whoever runs it connects, sends `subscribe`, hands every frame to `decode`, reconnects when
nothing came for `silence_s_max`, before `age_s_max` is over or when a `closing` notice arrives, and asks the source's
REST side for the bars of the time it did not listen.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from truecast.domain.event import Candle, Event, Notice, Tick
from truecast.domain.interval import Interval

SequenceRule = Literal["none", "rising", "gapless"]
Verdict = Literal["fresh", "repeated", "late", "gap"]
CandleEnd = Literal["told", "next"]  # the source says that a candle is over, or only begins the next one
Refusal = Literal["one", "all"]  # what an unknown symbol spoils: its own subscription, or that of all

Decode = Callable[[str | bytes, int], Sequence[Event]]


@dataclass(frozen=True, slots=True)
class Ping:
    """What the client has to say by itself to be kept; protocol pings are answered by the WebSocket library."""

    frame: str
    every_s: float


@dataclass(frozen=True, slots=True)
class FeedPlan:
    """One connection's worth of listening.

    `decode(frame, received_us)` is pure, gives () for what is of no interest, and raises SourceAnswerMalformed,
    SourceKeyRefused, SourceOverBudget or SourceRefused: nothing else, whatever the frame holds.
    """

    source: str
    url: str
    symbols: tuple[str, ...]
    subscribe: tuple[str, ...]  # frames, in order; some sources hang up when the first does not come within 5 s
    decode: Decode
    silence_s_max: float  # a longer silence means that the feed is dead
    age_s_max: float | None = None  # the source ends older connections
    ping: Ping | None = None
    trades: SequenceRule = "none"  # what `seq` of ticks with a price promises, per symbol
    quotes: SequenceRule = "none"  # what `seq` of ticks without one promises, per symbol
    headers: Mapping[str, str] = field(default_factory=dict)
    candles: tuple[Interval, ...] = ()  # what it tells of as candles; () for ticks only
    candle_end: CandleEnd = "told"
    refusal: Refusal = "one"


@dataclass(slots=True)
class SequenceWatch:
    """Tells repeated, late and missing ticks by their numbers, and candles that go back in time.

    A final candle is never late: the store knows what it has. A heartbeat that says which trade was the last one
    tells that trades are missing before the next one comes.
    """

    trades: SequenceRule
    quotes: SequenceRule
    _last: dict[tuple[str, str], int] = field(default_factory=dict)

    def judge(self, event: Event) -> tuple[Verdict, int]:
        """What to think of the event, and how many before it are missing. Anything but `fresh` or `gap` is dropped."""
        if isinstance(event, Notice):
            return self._missed(event)
        if isinstance(event, Candle):
            verdict = self._rising((event.symbol, event.interval.value), event.start_us)
            return ("fresh", 0) if event.final else verdict
        rule = self.quotes if event.price is None else self.trades
        if event.seq is None or rule == "none":
            return "fresh", 0
        key = (event.symbol, "quote" if event.price is None else "trade")
        last = self._last.get(key)
        if last is not None and event.seq <= last:
            return ("repeated" if event.seq == last else "late"), 0
        self._last[key] = event.seq
        missing = 0 if last is None or rule == "rising" else event.seq - last - 1
        return ("gap" if missing else "fresh"), missing

    def forget(self) -> None:
        """After a reconnect: whatever was missed is asked for elsewhere."""
        self._last.clear()

    def _missed(self, notice: Notice) -> tuple[Verdict, int]:
        """Whether the feed knows of trades that did not come here."""
        if notice.seq is None or notice.symbol is None or self.trades != "gapless":
            return "fresh", 0
        key = (notice.symbol, "trade")
        last = self._last.get(key)
        if last is None or notice.seq <= last:
            return "fresh", 0
        self._last[key] = notice.seq
        return "gap", notice.seq - last

    def _rising(self, key: tuple[str, str], at: int) -> tuple[Verdict, int]:
        """The same candle comes many times while it forms; an older one comes too late."""
        if at < self._last.get(key, at):
            return "late", 0
        self._last[key] = at
        return "fresh", 0


@dataclass(slots=True)
class CandleEnds:
    """For sources that never say that a candle is over: it is, when the next one is told.

    Only as long as the connection holds: what changed a candle while nobody listened is not known.
    """

    _forming: dict[tuple[str, Interval], Candle] = field(default_factory=dict)

    def over(self, candle: Candle) -> Candle | None:
        """The candle before this one, ended by it; None while it is still the same, or was told as final."""
        key = (candle.symbol, candle.interval)
        before = self._forming.get(key)
        if before is not None and candle.start_us < before.start_us:
            return None
        self._forming[key] = candle
        if before is None or before.final or before.start_us == candle.start_us:
            return None
        return replace(before, final=True, at_us=candle.at_us, received_us=candle.received_us)

    def forget(self) -> None:
        """After a reconnect."""
        self._forming.clear()


def is_trade(event: Event) -> bool:
    """Whether it tells a price that was paid."""
    return isinstance(event, Tick) and event.price is not None

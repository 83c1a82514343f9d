"""The length of a bar: from a minute to a year."""

from enum import StrEnum

from truecast.kit.errors import MalformedRequest


class UnknownInterval(MalformedRequest):
    """Not one of ours."""

    code = "unknown_interval"
    title = "Unknown interval"
    template = "{interval!r} is not an interval; choose one of {choices}"


class Interval(StrEnum):
    """Bar length. The value is the public spelling."""

    M1 = "1m"
    M5 = "5m"
    M15 = "15m"
    M30 = "30m"
    H1 = "1h"
    H4 = "4h"
    D1 = "1d"
    W1 = "1w"
    MO1 = "1mo"
    Q1 = "1q"
    Y1 = "1y"

    @property
    def seconds(self) -> int:
        """Nominal length in seconds; exact below a day, a calendar decides from a day on."""
        return _SECONDS[self]

    @property
    def is_intraday(self) -> bool:
        """Shorter than a session."""
        return self.seconds < _SECONDS[Interval.D1]


_SECONDS = {
    Interval.M1: 60,
    Interval.M5: 300,
    Interval.M15: 900,
    Interval.M30: 1_800,
    Interval.H1: 3_600,
    Interval.H4: 14_400,
    Interval.D1: 86_400,
    Interval.W1: 604_800,
    Interval.MO1: 2_629_746,  # a twelfth of the Gregorian year
    Interval.Q1: 7_889_238,
    Interval.Y1: 31_556_952,
}


def parse_interval(text: str) -> Interval:
    """The interval spelled by `text`, e.g. `1h` or `1D`; raises UnknownInterval."""
    try:
        return Interval(text.strip().lower())
    except ValueError:
        raise UnknownInterval(interval=text, choices=[i.value for i in Interval]) from None

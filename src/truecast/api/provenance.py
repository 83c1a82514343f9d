"""Where a number is from, put together from the series it belongs to."""

from collections.abc import Sequence
from datetime import datetime

from truecast.api.shapes import Provenance
from truecast.domain.forecast import Forecast
from truecast.domain.interval import Interval
from truecast.kit.clock import to_us
from truecast.market.calendar import calendar
from truecast.market.registry import SeriesInfo


def series_behind(kept: Sequence[SeriesInfo], symbol: str, interval: Interval, source: str) -> SeriesInfo | None:
    """The series of `source` that bars of `interval` come from: the same interval, else the coarsest finer one."""
    candidates = [
        s for s in kept if s.symbol == symbol and s.source == source and s.interval.seconds <= interval.seconds
    ]
    return max(candidates, key=lambda s: s.interval.seconds, default=None)


def stale_from_us(series: SeriesInfo, interval: Interval, last_start: datetime) -> int:
    """From when on (µs) bars up to the one that started at `last_start` are stale."""
    return calendar(series.calendar).overdue_at(to_us(last_start), interval) + 1


def provenance_of(
    series: SeriesInfo, *, interval: Interval, last_start: datetime, as_of: datetime, now: datetime
) -> Provenance:
    """Provenance of bars up to the one that started at `last_start` and ended at `as_of`, as it is told at `now`.

    Told of a moment in the past, what was received later counts as received by then.
    """
    return Provenance(
        source=series.source,
        as_of=as_of,
        received_at=min(series.received_at or as_of, max(now, as_of)),
        age_s=max((now - as_of).total_seconds(), 0.0),
        stale=to_us(now) >= stale_from_us(series, interval, last_start),
        delay=series.delay,
        derived=series.derived,
        origin=series.origin,
    )


def anchor_provenance(forecast: Forecast, kept: Sequence[SeriesInfo], now: datetime) -> Provenance:
    """Provenance of the bar a forecast stands on."""
    interval = forecast.horizon.interval
    series = series_behind(kept, forecast.symbol, interval, forecast.anchor.source)
    assert series is not None, "series are never deleted"
    anchor = forecast.anchor
    return provenance_of(series, interval=interval, last_start=anchor.bar_start, as_of=anchor.at, now=now)

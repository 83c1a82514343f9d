"""Estimates the statistical models on the slow series of the bundled sample, and bundles what it comes to.

    python scripts/build_estimates.py

To be run when the sample, a model's version or the schedule of estimations changes; tests say when.
"""

import asyncio
from datetime import UTC, datetime

from truecast.domain.interval import Interval
from truecast.features.frame import Frame, frame_of_closes
from truecast.kit.clock import FixedClock
from truecast.models.catalog import MODELS
from truecast.models.location.estimates import BUNDLED, ESTIMATES
from truecast.providers.sample.adapter import Sample

STATISTICAL = ("ets", "theta", "arima")


async def slow_series() -> list[Frame]:
    """Every series of the sample that is slower than a day."""
    sample = Sample(FixedClock(datetime(2100, 1, 1, tzinfo=UTC)))
    frames = []
    for offer in sample.offers():
        if offer.interval.seconds > Interval.D1.seconds:
            bars = await sample.bars(offer.instrument.symbol, offer.interval, None)
            frames.append(frame_of_closes(bars.close, interval=offer.interval, signed=offer.instrument.signed))
    return frames


def main() -> None:
    """Write the file anew."""
    BUNDLED.unlink(missing_ok=True)
    ESTIMATES.open(BUNDLED)
    for frame in asyncio.run(slow_series()):
        for name in STATISTICAL:
            MODELS[name].fit(frame)
    BUNDLED.write_bytes(b"".join(sorted(BUNDLED.read_bytes().splitlines(keepends=True))))


if __name__ == "__main__":
    main()

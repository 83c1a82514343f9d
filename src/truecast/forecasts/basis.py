"""What a forecast stands on: the bars known at one moment, their fingerprint, the anchor and the bars to come."""

import hashlib
from dataclasses import dataclass
from datetime import datetime

from truecast.domain.bar import Bars, IntArray
from truecast.domain.forecast import Anchor
from truecast.domain.horizon import Horizon
from truecast.domain.instrument import AssetClass, Instrument
from truecast.features.frame import Frame, frame_of
from truecast.kit.clock import from_us
from truecast.market.adjust import Adjust
from truecast.market.calendar import calendar
from truecast.market.history import Slice

_FINGERPRINTED = ("start", "open", "high", "low", "close", "volume")


@dataclass(frozen=True, slots=True)
class Basis:
    """The same for every model. `due[h]` is when the outcome of step h+1 should be known by the publication rule."""

    instrument: Instrument
    horizon: Horizon
    as_of: datetime
    frame: Frame
    fingerprint: str
    anchor: Anchor
    targets: IntArray  # (H,) starts
    target_ends: IntArray  # (H,)
    due: IntArray  # (H,)


def adjustment_for(instrument: Instrument) -> Adjust:
    """Prices of shares are made comparable across splits and dividends; the last bar keeps its raw price."""
    return "all" if instrument.asset_class in (AssetClass.EQUITY, AssetClass.ETF) else "raw"


def basis_of(slice_: Slice, instrument: Instrument, horizon: Horizon, as_of: datetime) -> Basis:
    """Everything about the data that a forecast needs. The slice has at least one bar."""
    bars = slice_.bars
    market = calendar(slice_.calendar)
    last = int(bars.start[-1])
    ends = market.ends(bars.start, bars.interval)
    targets, target_ends = market.following(last, bars.interval, horizon.steps)
    return Basis(
        instrument,
        horizon,
        as_of,
        frame_of(bars, ends, signed=instrument.signed, calendar=slice_.calendar),
        fingerprint_of(bars, slice_.adjust),
        Anchor(
            price=float(bars.close[-1]),
            bar_start=from_us(last),
            at=from_us(ends[-1]),
            known_at=from_us(bars.known_at[-1]),
            source=bars.source_of(-1),
            stale=slice_.stale,
        ),
        targets,
        target_ends,
        due=market.known_at(targets, bars.interval),
    )


def fingerprint_of(bars: Bars, adjust: str) -> str:
    """SHA-256 over the columns that a model may look at, and what they are columns of."""
    digest = hashlib.sha256(f"{bars.symbol}|{bars.interval.value}|{adjust}|{len(bars)}|".encode())
    for name in _FINGERPRINTED:
        column = getattr(bars, name)
        digest.update(column.astype(column.dtype.newbyteorder("<"), copy=False).tobytes())
    return digest.hexdigest()

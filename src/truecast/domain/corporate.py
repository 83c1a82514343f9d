"""Splits and dividends as cumulative factors on raw prices."""

import datetime as dt
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Factor:
    """What raw prices up to and including the session `date` are multiplied by to be comparable with later ones.

    Adjusted = raw x `price_factor` (dividends) x `split_factor` (splits). Both are cumulative down to the end of the
    source's history, after which they are 1; the next session after `date` is the first that trades ex.
    """

    date: dt.date
    price_factor: float
    split_factor: float

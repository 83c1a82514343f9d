"""Why a forecast says what it says: what moved its median, and what made it as wide as it is."""

from dataclasses import dataclass

REST = "rest"  # the drivers that are not listed, together


@dataclass(frozen=True, slots=True)
class Driver:
    """One reason for the median's move. `value` is in the driver's own units; None where it has none."""

    feature: str
    value: float | None
    contribution: float  # price units


@dataclass(frozen=True, slots=True)
class Component:
    """One part of the spread. `share` may be negative: it narrows."""

    component: str
    sigma: float  # price units
    share: float  # of the whole spread


@dataclass(frozen=True, slots=True)
class Explanation:
    """Of one step of a forecast. base + sum of contributions = median; sum of sigmas = the forecast's sigma.

    That sigma is half the distance between the quantiles at 15.87 and 84.13 %: of a normal distribution, its standard
    deviation.
    """

    step: int
    base: float  # the anchor's price
    location: tuple[Driver, ...]  # largest first
    width: tuple[Component, ...]
    notes: tuple[str, ...]

"""Shapes of the answers about features.

Written by scripts/write_client.py from the OpenAPI document; run `make docs` after a change of the API.
"""

from datetime import datetime

import msgspec

from truecast.client.shape import Shape
from truecast.client.shapes.shared import Provenance
from truecast.client.shapes.words import Absence, Interval, Scale
from truecast.client.tabular import Tabular


class ColumnShape(Shape, frozen=True, kw_only=True):
    """One column. `bars`: so many last bars decide a value; `scale`: what becomes of it when prices are multiplied."""

    name: str
    description: str
    family: str
    scale: Scale
    bars: int


class MissingShape(Shape, frozen=True, kw_only=True):
    """Rows without a value, by their starts, both included."""

    from_: datetime = msgspec.field(name="from")
    to: datetime
    reason: Absence
    """`warming_up`: fewer bars before it than the column remembers. `not_given`: it needs other series. `undefined`:
    a price in its window is missing, or nothing moved and it would be divided by that.
    """


class FeatureColumn(Shape, frozen=True, kw_only=True):
    """A column of one series. `unit`: `1` is a pure number."""

    name: str
    description: str
    family: str
    scale: Scale
    bars: int
    unit: str
    missing: list[MissingShape]


class FeatureRow(Shape, frozen=True, kw_only=True):
    """One bar: its values in the order of the columns; null where the column's `missing` says why."""

    start: datetime
    end: datetime
    values: list[float | None]


class FeatureSetShape(Shape, frozen=True, kw_only=True):
    """A named choice of columns. It never changes: another choice is another version."""

    name: str
    version: str
    needs: list[str]
    """What some of its columns need besides the series: peers, macro, sentiment."""
    columns: list[ColumnShape]


class FeatureSets(Shape, frozen=True, kw_only=True):
    """All sets."""

    items: list[FeatureSetShape]


class Features(Tabular, frozen=True, kw_only=True):
    """Columns of one series, oldest row first."""

    symbol: str
    interval: Interval
    feature_set: str
    version: str
    as_of: datetime
    rule: str
    """What as_of means here."""
    adjust: str
    currency: str
    provenance: Provenance
    columns: list[FeatureColumn]
    rows: list[FeatureRow]

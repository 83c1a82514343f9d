"""The columns that models read: which sets there are, and their values for one series at a moment."""

from datetime import datetime
from typing import Annotated

import numpy as np
from fastapi import Query
from pydantic import Field

from truecast.api.deps import ServicesDep, resource
from truecast.api.errors import documented
from truecast.api.params import SymbolPath
from truecast.api.provenance import provenance_of, series_behind
from truecast.api.shapes import IntervalIn, Output, Provenance, TimeIn
from truecast.api.symbols import default_interval
from truecast.domain.bar import FloatArray
from truecast.domain.instrument import AmbiguousSymbol, UnknownSymbol
from truecast.domain.interval import Interval
from truecast.features.build import FEATURE_SETS, UnknownFeatureSet, columns_of
from truecast.features.column import Scale
from truecast.features.frame import frame_of
from truecast.features.tell import ROWS_BEFORE_MAX, Absence, Table, family_of, table
from truecast.forecasts.basis import adjustment_for
from truecast.kit.clock import from_us
from truecast.kit.errors import EXIT_DATA, MalformedRequest, TruecastError
from truecast.kit.limits import FEATURE_ROWS_MAX
from truecast.market.calendar import calendar
from truecast.market.history import AsOfInFuture, IntervalNotAvailable

router = resource("features")

AS_OF_RULE = (
    "Every row is computed from bars known at as_of and over by the row's end, never from later ones; "
    "asked again with the same as_of it is the same, whatever was corrected since."
)


class NoBars(TruecastError):
    """The series has none that were known then."""

    code = "no_bars"
    status = 409
    title = "No bars"
    template = "{symbol} has no {interval} bar known at {as_of}"
    exit_code = EXIT_DATA


class UnknownColumns(MalformedRequest):
    """The set has no such column, or none was named."""

    code = "unknown_columns"
    title = "Unknown columns"
    template = "{feature_set} has no column {columns!r}; see /features/sets"


class ColumnShape(Output):
    """One column. `bars`: so many last bars decide a value; `scale`: what becomes of it when prices are multiplied."""

    name: str
    description: str
    family: str
    scale: Scale
    bars: int


class FeatureSetShape(Output):
    """A named choice of columns. It never changes: another choice is another version."""

    name: str = Field(examples=["tree/1"])
    version: str
    needs: list[str] = Field(description="What some of its columns need besides the series: peers, macro, sentiment.")
    columns: list[ColumnShape]


class FeatureSets(Output):
    """All sets."""

    items: list[FeatureSetShape]


class MissingShape(Output):
    """Rows without a value, by their starts, both included."""

    from_: datetime = Field(validation_alias="from_", serialization_alias="from")
    to: datetime
    reason: Absence = Field(
        description="`warming_up`: fewer bars before it than the column remembers. `not_given`: it needs other series. "
        "`undefined`: a price in its window is missing, or nothing moved and it would be divided by that."
    )


class FeatureColumn(ColumnShape):
    """A column of one series. `unit`: `1` is a pure number."""

    unit: str
    missing: list[MissingShape]


class FeatureRow(Output):
    """One bar: its values in the order of the columns; null where the column's `missing` says why."""

    start: datetime
    end: datetime
    values: list[float | None]


class Features(Output):
    """Columns of one series, oldest row first."""

    symbol: str
    interval: Interval
    feature_set: str
    version: str
    as_of: datetime
    rule: str = Field(description="What as_of means here.")
    adjust: str
    currency: str
    provenance: Provenance
    columns: list[FeatureColumn]
    rows: list[FeatureRow]


@router.get("/features/sets", response_model=FeatureSets, responses=documented())
async def list_feature_sets() -> FeatureSets:
    """The sets of columns that there are, each with its columns."""
    return FeatureSets(items=[_set(name) for name in FEATURE_SETS])


@router.get(
    "/features/{symbol:path}",
    response_model=Features,
    responses=documented(
        UnknownSymbol, AmbiguousSymbol, UnknownFeatureSet, UnknownColumns, IntervalNotAvailable, AsOfInFuture, NoBars
    ),
)
async def get_features(
    services: ServicesDep,
    symbol: SymbolPath,
    *,
    feature_set: Annotated[str, Query(alias="set", max_length=64, description="See `/features/sets`.")] = "tree/1",
    interval: Annotated[IntervalIn | None, Query()] = None,
    columns: Annotated[
        str | None, Query(max_length=2048, description="Only these of the set, separated by commas.")
    ] = None,
    end: Annotated[TimeIn | None, Query(description="Bars that start before this.")] = None,
    limit: Annotated[int, Query(ge=1, le=FEATURE_ROWS_MAX, description="The last so many bars.")] = 100,
    as_of: Annotated[TimeIn | None, Query(description="As it was known then; now without it.")] = None,
) -> Features:
    """The values of a set at the last bars of a series, as a model would have read them at `as_of`."""
    wanted = _wanted(feature_set, columns)
    instrument = (await services.store.universe()).get(symbol)
    kept = await services.store.series(instrument.symbol)
    interval = interval or default_interval([s.interval for s in kept if s.bars]) or Interval.D1
    now = services.clock.now()
    slice_ = await services.history.bars(
        instrument, interval, end=end, limit=limit + ROWS_BEFORE_MAX, as_of=as_of, adjust=adjustment_for(instrument)
    )
    bars = slice_.bars
    if not len(bars):
        raise NoBars(symbol=instrument.symbol, interval=interval.value, as_of=slice_.as_of)
    ends = calendar(slice_.calendar).ends(bars.start, interval)
    frame = frame_of(bars, ends, signed=instrument.signed, calendar=slice_.calendar)
    found = await services.compute.run(table, frame, feature_set, limit, instrument.currency, wanted)
    starts = dict(zip(ends.tolist(), bars.start.tolist(), strict=True))
    series = series_behind(kept, instrument.symbol, interval, bars.source_of(-1))
    assert series is not None, "every bar belongs to a series"
    return Features(
        symbol=instrument.symbol,
        interval=interval,
        feature_set=feature_set,
        version=_version(feature_set),
        as_of=slice_.as_of,
        rule=AS_OF_RULE,
        adjust=slice_.adjust,
        currency=instrument.currency,
        provenance=provenance_of(
            series,
            interval=interval,
            last_start=from_us(bars.start[-1]),
            as_of=from_us(ends[-1]),
            now=now if as_of is None else max(as_of, from_us(ends[-1])),
        ),
        columns=_columns(found, [from_us(starts[end]) for end in found.frame.end.tolist()]),
        rows=[
            FeatureRow(start=from_us(starts[end]), end=from_us(end), values=row)
            for end, row in zip(found.frame.end.tolist(), _nullable(found.values), strict=True)
        ],
    )


def _wanted(feature_set: str, columns: str | None) -> tuple[str, ...] | None:
    """The columns asked for, in the order of the set. Raises UnknownFeatureSet, UnknownColumns."""
    known = tuple(column.name for column in columns_of(feature_set))
    if columns is None:
        return None
    named = set(filter(None, map(str.strip, columns.split(","))))
    unknown = sorted(named.difference(known))
    if unknown or not named:
        raise UnknownColumns(columns=", ".join(unknown)[:256], feature_set=feature_set)
    return tuple(name for name in known if name in named)


def _set(name: str) -> FeatureSetShape:
    columns = columns_of(name)
    needs = sorted({family_of(c) for c in columns} & {"peers", "macro", "sentiment"})
    shapes = [
        ColumnShape(name=c.name, description=c.text, family=family_of(c), scale=c.scale, bars=c.memory) for c in columns
    ]
    return FeatureSetShape(name=name, version=_version(name), needs=needs, columns=shapes)


def _version(feature_set: str) -> str:
    return feature_set.partition("/")[2]


def _columns(found: Table, starts: list[datetime]) -> list[FeatureColumn]:
    return [
        FeatureColumn(
            name=told.column.name,
            description=told.column.text,
            family=told.family,
            scale=told.column.scale,
            bars=told.column.memory,
            unit=told.unit,
            missing=[
                MissingShape(from_=starts[gap.first], to=starts[gap.last], reason=gap.reason) for gap in told.missing
            ],
        )
        for told in found.columns
    ]


def _nullable(values: FloatArray) -> list[list[float | None]]:
    rows: list[list[float | None]] = np.where(np.isfinite(values), values, None).tolist()  # type: ignore[call-overload]
    return rows

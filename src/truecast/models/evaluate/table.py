"""The long table: one row per quantile said, as Parquet, in an order that depends on nothing but the protocol.

    symbol, interval, origin, horizon, model, level, value, outcome, anchor, scale

`origin` is when the bar was over on which the forecast stands; `level` the probability of the quantile `value`;
`anchor` the close at the origin; `scale` the mean absolute one-step change of the bars up to it, MASE's divisor.
"""

import importlib
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from truecast.domain.interval import Interval
from truecast.domain.quantiles import GRID
from truecast.kit.errors import EXIT_UNAVAILABLE, TruecastError
from truecast.models.evaluate.tasks import Record
from truecast.models.evaluate.whole import write_whole

TABLE_FILE = "table.parquet"
_ROWS_OF_A_GROUP = 1 << 20


class ParquetUnavailable(TruecastError):
    """The library that writes the table is not installed."""

    code = "parquet_unavailable"
    status = 503
    title = "Parquet unavailable"
    template = "The table needs polars, which is not installed; install truecast[models]"
    exit_code = EXIT_UNAVAILABLE


def library() -> Any:
    """Polars, imported late: it takes a fifth of a second, and a server never writes a table."""
    try:
        return importlib.import_module("polars")
    except ImportError:
        raise ParquetUnavailable from None


def write_table(folder: Path, interval: Interval, records: Sequence[Record]) -> Path:
    """The records, in the order given, as `table.parquet`. Raises ParquetUnavailable, OutputNotWritten."""
    pl = library()
    whole = pl.concat([_rows(pl, interval, record) for record in records], rechunk=True)
    buffer = io.BytesIO()
    whole.write_parquet(buffer, compression="zstd", row_group_size=_ROWS_OF_A_GROUP)
    path = folder / TABLE_FILE
    write_whole(path, buffer.getvalue())
    return path


def _rows(pl: Any, interval: Interval, record: Record) -> Any:
    n_origins, n_horizons, n_levels = record.quantiles.shape
    per_origin = n_horizons * n_levels
    n = n_origins * per_origin
    return pl.DataFrame(
        {
            "symbol": pl.repeat(record.symbol, n, eager=True),
            "interval": pl.repeat(interval.value, n, eager=True),
            "origin": pl.Series(np.repeat(record.origin, per_origin)).cast(pl.Datetime("us", "UTC")),
            "horizon": np.tile(np.repeat(record.horizon.astype(np.int16), n_levels), n_origins),
            "model": pl.repeat(record.model, n, eager=True),
            "level": np.tile(np.array(GRID), n_origins * n_horizons),
            "value": record.quantiles.reshape(-1),
            "outcome": np.repeat(record.outcome.reshape(-1), n_levels),
            "anchor": np.repeat(record.anchor, per_origin),
            "scale": np.repeat(record.scale, per_origin),
        }
    )

"""Which answers are tables, and with which columns."""

from collections.abc import Sequence

from truecast.client.shapes import (
    CandleBlock,
    Candles,
    Features,
    ForecastBody,
    Forecasts,
    PastForecast,
    PastForecasts,
    Prices,
)
from truecast.client.tabular import Column, Table, table_of, to_numpy, to_pandas, to_polars

__all__ = ["table_of", "to_numpy", "to_pandas", "to_polars"]


@table_of.register
def of_candles(answer: Candles) -> Table:
    """One row a bar."""
    rows = answer.candles
    columns = {
        "start": Column("time", [one.start for one in rows]),
        "end": Column("time", [one.end for one in rows]),
        **{name: Column("number", [getattr(one, name) for one in rows]) for name in _PRICES},
        "final": Column("flag", [one.final for one in rows]),
        "source": Column("text", _sources(answer.blocks, len(rows))),
    }
    about = {
        "symbol": answer.symbol,
        "interval": str(answer.interval),
        "adjust": str(answer.adjust),
        "resampled_from": None if answer.resampled_from is None else str(answer.resampled_from),
        "blocks": [one.to_dict() for one in answer.blocks],
        "gaps": [one.to_dict() for one in answer.gaps],
    }
    return Table(columns, "start", about)


_PRICES = ("open", "high", "low", "close", "volume")


def _sources(blocks: Sequence[CandleBlock], rows: int) -> list[str]:
    found = [block.provenance.source for block in blocks for _ in range(block.rows)]
    assert len(found) == rows, "every bar stands in one block"
    return found


@table_of.register
def of_forecast(answer: ForecastBody) -> Table:
    """One row for each step and probability: `price` is the quantile."""
    rows = [(step, p, price) for step in answer.steps for p, price in step.quantiles.items()]
    same = {
        "symbol": answer.symbol, "interval": str(answer.interval), "model": answer.model,
        "source": answer.anchor.provenance.source,
    }  # fmt: skip
    columns = {
        **{name: Column("text", [value] * len(rows)) for name, value in same.items()},
        "issued_at": Column("time", [answer.issued_at] * len(rows)),
        "step": Column("whole", [step.step for step, _, _ in rows], str(answer.interval)),
        "target": Column("time", [step.target for step, _, _ in rows]),
        "target_end": Column("time", [step.target_end for step, _, _ in rows]),
        "probability": Column("number", [float(p) for _, p, _ in rows]),
        "price": Column("number", [price for _, _, price in rows], answer.currency),
    }
    about = {name: value for name, value in answer.to_dict().items() if name != "steps"}
    return Table(columns, None, about)


@table_of.register
def of_forecasts(answer: Forecasts) -> Table:
    """Those of all, one below the other."""
    return table_of(answer.items)


@table_of.register
def of_past(answer: PastForecast) -> Table:
    """One row: a forecast and what became of it. `inside` has a column for each level."""
    inside = answer.inside or {}
    return Table(
        {
            "id": Column("text", [answer.id]),
            "model": Column("text", [answer.model]),
            "mode": Column("text", [answer.mode]),
            "issued_at": Column("time", [answer.issued_at]),
            "step": Column("whole", [answer.step]),
            "target": Column("time", [answer.target]),
            **{name: Column("number", [getattr(answer, name)]) for name in _OUTCOME},
            **{f"inside_{level}": Column("flag", [inside.get(level)]) for level in _LEVELS},
            "sealed": Column("flag", [answer.sealed]),
            "void": Column("text", [answer.void]),
        }
    )


_OUTCOME = ("median", "lower", "upper", "outcome", "crps", "crps_naive")
_LEVELS = ("0.5", "0.8", "0.9", "0.95")


@table_of.register
def of_history(answer: PastForecasts) -> Table:
    """One row a forecast."""
    return table_of(answer.items)


@table_of.register
def of_features(answer: Features) -> Table:
    """One row a bar, one column a feature."""
    columns = {
        "start": Column("time", [row.start for row in answer.rows]),
        "end": Column("time", [row.end for row in answer.rows]),
        **{
            column.name: Column("number", [row.values[i] for row in answer.rows], column.unit)
            for i, column in enumerate(answer.columns)
        },
    }
    about = {name: value for name, value in answer.to_dict().items() if name != "rows"}
    return Table(columns, "start", about)


@table_of.register
def of_prices(answer: Prices) -> Table:
    """One row a price, with where it is from and how old it is."""
    items = answer.items
    columns = {
        "symbol": Column("text", [one.symbol for one in items]),
        **{name: Column("number", [getattr(one, name) for one in items]) for name in _QUOTE},
        "source": Column("text", [one.provenance.source for one in items]),
        "as_of": Column("time", [one.provenance.as_of for one in items]),
        "age_s": Column("number", [one.provenance.age_s for one in items], "s"),
        "stale": Column("flag", [one.provenance.stale for one in items]),
    }
    return Table(columns, "symbol", {"errors": [one.to_dict() for one in answer.errors]})


_QUOTE = ("price", "bid", "ask", "change", "change_pct")

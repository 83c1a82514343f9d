"""Answers as tables of NumPy, pandas and Polars: every value, its kind, its unit, and where it is from."""

import sys
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest

from truecast.client import AsyncClient, ExtraMissing, to_numpy, to_pandas, to_polars
from truecast.client.tabular import Column, Table, table_of


async def test_candles_are_a_row_a_bar(asking: AsyncClient) -> None:
    candles = await asking.get_candles("SPY", limit=20)
    frame = candles.to_pandas()
    assert list(frame.columns) == ["end", "open", "high", "low", "close", "volume", "final", "source"]
    assert str(frame.index.dtype) == "datetime64[us, UTC]"
    assert frame["close"].tolist() == [one.close for one in candles.candles]
    assert frame.index[0].to_pydatetime() == candles.candles[0].start
    assert set(frame["source"]) == {one.provenance.source for one in candles.blocks}
    assert frame.attrs["symbol"] == "SPY"
    assert frame.attrs["blocks"][0]["provenance"]["origin"]
    assert candles.to_polars()["close"].to_list() == frame["close"].tolist()
    assert candles.to_polars().schema["start"] == pl.Datetime("us", "UTC")
    records = candles.to_numpy()
    assert records["close"].tolist() == frame["close"].tolist()
    assert records.dtype["start"] == np.dtype("datetime64[us]")
    assert records["start"][0] == np.datetime64(candles.candles[0].start.replace(tzinfo=None), "us")


async def test_a_forecast_is_a_row_for_each_step_and_probability(asking: AsyncClient) -> None:
    forecast = await asking.create_forecast("EUR-USD", "1d", 3, model="naive")
    frame = forecast.to_pandas()
    assert len(frame) == sum(len(step.quantiles) for step in forecast.steps)
    wide = frame.pivot(index="step", columns="probability", values="price")
    assert wide[0.5].tolist() == [step.median for step in forecast.steps]
    assert (wide.diff(axis=1).dropna(axis=1) >= 0).all(axis=None)
    assert frame.attrs["units"] == {"step": "1d", "price": forecast.currency}
    assert frame.attrs["anchor"]["provenance"]["source"] == frame["source"][0]
    assert forecast.to_polars().height == len(frame)


async def test_forecasts_of_several_symbols_stand_below_each_other(asking: AsyncClient) -> None:
    forecasts = await asking.latest_forecasts(symbols=["EUR-USD", "SPY"])
    frame = forecasts.to_pandas()
    assert set(frame["symbol"]) == {"EUR-USD", "SPY"}
    assert len(frame) == sum(len(step.quantiles) for one in forecasts.items for step in one.steps)


async def test_past_forecasts_from_all_pages_are_one_table(asking: AsyncClient) -> None:
    past = [one async for one in asking.iter_forecast_history("EUR-USD")]
    assert any(one.outcome is None for one in past) and any(one.outcome is not None for one in past)
    frame = to_pandas(past)
    assert len(frame) == len(past)
    assert frame["outcome"].isna().sum() == sum(one.outcome is None for one in past)
    assert frame["inside_0.8"].dropna().tolist() == [one.inside["0.8"] for one in past if one.inside]
    assert to_polars(past)["crps"].null_count() == sum(one.crps is None for one in past)
    assert np.isnan(to_numpy(past)["outcome"]).sum() == frame["outcome"].isna().sum()
    page = await asking.forecast_history("EUR-USD", limit=2)
    assert len(page.to_pandas()) == 2


async def test_features_are_a_column_each(asking: AsyncClient) -> None:
    features = await asking.get_features("EUR-USD", limit=5)
    frame = features.to_pandas()
    assert list(frame.columns) == ["end", *(one.name for one in features.columns)]
    assert len(frame) == len(features.rows) == 5
    assert frame.attrs["units"].keys() == {one.name for one in features.columns}
    assert frame.attrs["provenance"]["source"]
    for i, column in enumerate(features.columns):
        for row, value in zip(features.rows, frame[column.name], strict=True):
            assert value == row.values[i] or (row.values[i] is None and np.isnan(value))


async def test_prices_say_where_they_are_from(asking: AsyncClient) -> None:
    frame = (await asking.latest_prices(symbols="EUR-USD,SPY,NOPE")).to_pandas()
    assert frame.loc["SPY", "source"]
    assert frame.attrs["errors"][0]["symbol"] == "NOPE"
    assert frame.attrs["units"] == {"age_s": "s"}


def test_what_is_missing_stays_missing_in_every_library() -> None:
    at = datetime(2021, 1, 4, tzinfo=UTC)
    table = Table(
        {
            "time": Column("time", [at, None]),
            "number": Column("number", [1.5, None]),
            "whole": Column("whole", [3, None]),
            "flag": Column("flag", [True, None]),
            "text": Column("text", ["a", None]),
        }
    )
    frame = to_pandas(_Told(table))
    assert frame.iloc[1].isna().all()
    assert frame["whole"][0] == 3
    assert to_polars(_Told(table)).row(1) == (None,) * 5
    records = to_numpy(_Told(table))
    assert np.isnat(records["time"][1]) and np.isnan(records["whole"][1]) and np.isnan(records["flag"][1])


def test_empty_answers_are_empty_tables_with_their_columns() -> None:
    table = Table({"time": Column("time", []), "number": Column("number", []), "flag": Column("flag", [])})
    assert to_pandas(_Told(table)).dtypes["number"] == np.float64
    assert to_polars(_Told(table)).height == 0
    assert to_numpy(_Told(table)).shape == (0,)


def test_what_is_no_table_says_so() -> None:
    for answer in (3, [], [3]):
        with pytest.raises(TypeError):
            to_pandas(answer)


def test_a_missing_library_is_named_with_the_extra_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    for turn, library in ((to_pandas, "pandas"), (to_polars, "polars")):
        monkeypatch.setitem(sys.modules, library, None)  # as where it is not installed
        with pytest.raises(ExtraMissing, match=rf"pip install 'truecast\[{library}\]'"):
            turn(_Told(Table({"a": Column("number", [1.0])})))


@dataclass(frozen=True)
class _Told:
    """An answer that is this table."""

    table: Table


@table_of.register
def _(told: _Told) -> Table:
    return told.table

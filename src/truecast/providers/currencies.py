"""Currencies, the pairs they form, and rates computed from two others."""

import datetime as dt
import functools
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np

from truecast.domain.bar import FloatArray
from truecast.domain.instrument import AssetClass, Instrument

_CROSS_DIGITS = 6  # the references carry five or six; more would claim a precision that is not there


@dataclass(frozen=True, slots=True)
class Currency:
    """An ISO 4217 currency. `tick` is the last digit of a rate quoted in it, `until` its last day if it ended."""

    code: str
    name: str
    tick: Decimal
    until: dt.date | None


@functools.cache
def currencies() -> Mapping[str, Currency]:
    """Every currency we know, by code."""
    return {
        code: Currency(code, row["name"], Decimal(row["tick"]), row.get("until"))
        for code, row in _document()["currency"].items()
    }


def pair(symbol: str) -> Instrument:
    """The exchange rate `BASE-QUOTE` as an instrument: units of QUOTE for one BASE. Raises KeyError if unknown."""
    base, quote = (currencies()[code] for code in symbol.split("-"))
    return Instrument(
        symbol=symbol,
        name=f"{base.name} / {quote.name}",
        asset_class=AssetClass.FX,
        currency=quote.code,
        tick=quote.tick,
        calendar="FX",
        aliases=tuple(_document()["pair_aliases"].get(symbol, ())),
    )


def how_crossed(symbol: str, hub: str) -> str | None:
    """What a pair is computed from when all rates are against `hub`; None when it is one of those."""
    base, quote = symbol.split("-")
    if base == hub:
        return None
    return f"1 / {hub}-{base}" if quote == hub else f"{hub}-{quote} / {hub}-{base}"


def cross(per_hub_base: FloatArray | float, per_hub_quote: FloatArray | float) -> FloatArray:
    """BASE-QUOTE from units of each for one hub, to six significant digits. NaN where either is unknown."""
    with np.errstate(divide="ignore", invalid="ignore"):  # unknown stays NaN; a zero leg is for validation to refuse
        ratio = np.asarray(per_hub_quote, np.float64) / np.asarray(per_hub_base, np.float64)
        whole = np.floor(np.log10(np.abs(ratio))) + 1
    decimals = np.where(np.isfinite(whole), np.clip(_CROSS_DIGITS - whole, 0, 12), 0)
    rounded = np.empty_like(ratio)
    for n in np.unique(decimals):  # np.round takes one number of decimals at a time
        rows = decimals == n
        rounded[rows] = np.round(ratio[rows], int(n))
    return rounded


@functools.cache
def _document() -> dict[str, Any]:
    return tomllib.loads((Path(__file__).parent / "iso4217.toml").read_text("utf-8"))

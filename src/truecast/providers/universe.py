"""The default universe, and what each source calls its instruments: `universe.toml`, read once."""

import functools
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from truecast.domain.instrument import AssetClass, Instrument
from truecast.providers.base import instrument_of
from truecast.providers.currencies import currencies, pair


@dataclass(frozen=True, slots=True)
class Listed:
    """An instrument and its name at each source that has it. `default`: followed without being asked for."""

    instrument: Instrument
    ids: Mapping[str, str]
    default: bool  # whether a new installation follows it


@functools.cache
def universe() -> Mapping[str, Listed]:
    """Every mapped instrument by canonical symbol."""
    listed = [Listed(pair(symbol), _fx_ids(symbol), default=True) for symbol in _document()["fx"]["pairs"]]
    listed += [
        Listed(instrument_of(table), table["sources"], table.get("default", True))
        for table in _document()["instrument"]
    ]
    found = {one.instrument.symbol: one for one in listed}
    assert len(found) == len(listed), "a symbol is listed twice"
    return found


def at_source(source: str, *, default: bool | None = None) -> Mapping[str, tuple[Instrument, str]]:
    """Canonical symbol -> the instrument and its name at `source`; all of them, or only those (not) of the default."""
    return {
        symbol: (one.instrument, one.ids[source])
        for symbol, one in universe().items()
        if source in one.ids and default in (None, one.default)
    }


def exchange_rate(source: str, symbol: str) -> tuple[Instrument, str] | None:
    """Any pair of known currencies, and its name at `source` by that source's rule; None where it is none."""
    rule = _document()["fx"]["sources"].get(source)
    base, _, quote = symbol.partition("-")
    if rule is None or base == quote or not {base, quote} <= set(currencies()):
        return None
    return pair(symbol), rule.format(base=base, quote=quote)


def us_stock(symbol: str) -> Instrument | None:
    """A share or fund traded in the US by its ticker (`BRK.B`), described by no more than that; None for others."""
    root, _, share_class = symbol.partition(".")
    plain = all(part.isascii() and part.isalpha() and part.isupper() for part in (root, share_class or "A"))
    if not plain or len(root) > 5 or len(share_class) > 1 or symbol.endswith("."):
        return None
    return instrument_of(
        {
            "symbol": symbol,
            "name": f"{symbol} (US)",
            "asset_class": AssetClass.EQUITY,
            "currency": "USD",
            "tick": "0.01",
            "calendar": "XNYS",
        }
    )


def _fx_ids(symbol: str) -> Mapping[str, str]:
    base, quote = symbol.split("-")
    return {source: rule.format(base=base, quote=quote) for source, rule in _document()["fx"]["sources"].items()}


@functools.cache
def _document() -> dict[str, Any]:
    return tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))

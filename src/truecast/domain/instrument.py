"""What can be forecast, and how people spell it.

Canonical symbols: `EUR-USD`, `BTC-USDT`, `AAPL`, `^VIX`, `US.CPI`. Accepted on input: any case, `EUR_USD`, `EUR/USD`,
`EUR%2FUSD`, `EURUSD`, names given as aliases (`bitcoin`, `vix`). A spelling that fits several is an error that lists
them.
"""

import difflib
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from urllib.parse import unquote

from truecast.kit.errors import EXIT_NOT_FOUND, TruecastError

_SYMBOL_CHARS_MAX = 64


class AssetClass(StrEnum):
    """The classes that share calendars, statistics and models."""

    FX = "fx"
    CRYPTO = "crypto"
    EQUITY = "equity"
    ETF = "etf"
    INDEX = "index"
    COMMODITY = "commodity"
    MACRO = "macro"


class UnknownSymbol(TruecastError):
    """Nothing by that name."""

    code = "unknown_symbol"
    status = 404
    title = "Unknown symbol"
    template = "No instrument is called {symbol!r}; nearest: {nearest}"
    exit_code = EXIT_NOT_FOUND


class AmbiguousSymbol(TruecastError):
    """Several instruments by that name."""

    code = "ambiguous_symbol"
    status = 409
    title = "Ambiguous symbol"
    template = "{symbol!r} may be any of {candidates}"
    exit_code = EXIT_NOT_FOUND


@dataclass(frozen=True, slots=True)
class Instrument:
    """One tradable or observable thing.

    `calendar` names its trading or publication calendar (see `market/calendar.py`). `signed` says that its values
    may be zero or negative (WTI in April 2020, an inflation rate), so that logarithms must not be used.
    """

    symbol: str
    name: str
    asset_class: AssetClass
    currency: str
    tick: Decimal
    calendar: str
    aliases: tuple[str, ...] = ()
    signed: bool = False


@dataclass(frozen=True, slots=True)
class Universe:
    """All instruments, findable by any spelling."""

    instruments: tuple[Instrument, ...]
    _by_key: dict[str, tuple[Instrument, ...]]

    @classmethod
    def of(cls, instruments: Iterable[Instrument]) -> "Universe":
        """Index the instruments by canonical symbol, squashed symbol, base and alias."""
        listed = tuple(sorted(instruments, key=lambda i: i.symbol))
        by_key: dict[str, dict[str, Instrument]] = defaultdict(dict)
        for instrument in listed:
            for key in _keys(instrument):
                by_key[key][instrument.symbol] = instrument
        return cls(listed, {key: tuple(found.values()) for key, found in by_key.items()})

    def get(self, text: str) -> Instrument:
        """The one instrument that `text` spells. Raises UnknownSymbol or AmbiguousSymbol."""
        canonical = canonical_spelling(text)
        exact = [i for i in self._by_key.get(_squash(canonical), ()) if i.symbol == canonical]
        found = exact or list(self._by_key.get(_squash(canonical), ()))
        if not found:
            keys = difflib.get_close_matches(_squash(canonical), self._by_key, n=5, cutoff=0.6)
            nearest = sorted({i.symbol for key in keys for i in self._by_key[key]})[:5]
            raise UnknownSymbol(symbol=text[:_SYMBOL_CHARS_MAX], nearest=nearest)
        if len(found) > 1:
            raise AmbiguousSymbol(symbol=text, candidates=[i.symbol for i in found])
        return found[0]

    def search(self, query: str, asset_class: AssetClass | None = None) -> list[Instrument]:
        """Instruments matching `query`, best first: exact, prefix of symbol, part of symbol, part of name or alias."""
        wanted = _squash(canonical_spelling(query)) if query.strip() else ""
        words = query.strip().lower()
        ranked = [
            (rank, instrument.symbol, instrument)
            for instrument in self.instruments
            if (asset_class is None or instrument.asset_class == asset_class)
            and (rank := _rank(instrument, wanted, words)) is not None
        ]
        return [instrument for _, _, instrument in sorted(ranked, key=lambda r: r[:2])]


def canonical_spelling(text: str) -> str:
    """`eur_usd`, `EUR/USD`, `EUR%2FUSD` -> `EUR-USD`. Does not check that it exists."""
    return unquote(text).strip().upper().replace("_", "-").replace("/", "-").replace(" ", "-")


def squashed(spelling: str) -> str:
    """Without the signs that people leave out: `EURUSD`."""
    return _squash(spelling)


def _squash(spelling: str) -> str:
    return spelling.replace("-", "").replace(".", "").removeprefix("^")


def _keys(instrument: Instrument) -> set[str]:
    keys = {_squash(instrument.symbol)}
    keys |= {_squash(canonical_spelling(alias)) for alias in instrument.aliases}
    if instrument.asset_class is AssetClass.CRYPTO and "-" in instrument.symbol:
        keys.add(instrument.symbol.split("-", 1)[0])  # `BTC` means every BTC market: usually ambiguous, told so
    return keys


def _rank(instrument: Instrument, wanted: str, words: str) -> int | None:
    key = _squash(instrument.symbol)
    if wanted in _keys(instrument):
        return 0
    if key.startswith(wanted):
        return 1
    if wanted in key:
        return 2
    if words in instrument.name.lower() or any(words in alias.lower() for alias in instrument.aliases):
        return 3
    return None

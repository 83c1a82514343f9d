"""The default universe: ten of each of three classes, eight macro series, each with a source that needs no key."""

from collections import Counter

import pytest

from truecast.domain.instrument import AssetClass, Universe
from truecast.providers.currencies import pair
from truecast.providers.sample.adapter import sample_instruments
from truecast.providers.universe import at_source, exchange_rate, universe, us_stock

KEYLESS = {"binance", "coinbase", "kraken", "coingecko", "frankfurter", "yahoo", "fred", "ecb_sdmx", "fear_greed"}


def test_has_ten_crypto_ten_stocks_ten_pairs_and_eight_macro_series() -> None:
    classes = Counter(one.instrument.asset_class for one in universe().values() if one.default)
    assert {AssetClass.CRYPTO: 10, AssetClass.EQUITY: 10, AssetClass.FX: 10, AssetClass.MACRO: 8}.items() <= (
        classes.items()
    )


def test_each_can_be_had_without_a_key() -> None:
    assert [symbol for symbol, one in universe().items() if one.default and not KEYLESS & set(one.ids)] == []


def test_each_of_the_traded_ones_has_two_sources_or_more() -> None:
    traded = (AssetClass.CRYPTO, AssetClass.EQUITY, AssetClass.FX)
    assert [s for s, one in universe().items() if one.instrument.asset_class in traded and len(one.ids) < 2] == []


def test_the_sample_describes_what_it_has_alike() -> None:
    both = set(sample_instruments()) & set(universe())
    assert {"AAPL", "SPY", "^VIX", "BTC-USDT", "US.CPI", "US.10Y", "US.GDP"} <= both
    assert {s: universe()[s].instrument for s in both} == {s: sample_instruments()[s] for s in both}
    assert universe()["EUR-USD"].instrument == pair("EUR-USD")


def test_every_spelling_finds_it() -> None:
    found = Universe.of(one.instrument for one in universe().values())
    assert all(found.get(symbol.lower()).symbol == symbol for symbol in universe())


def test_what_a_source_calls_it() -> None:
    assert at_source("oanda")["EUR-USD"][1] == "EUR_USD"
    assert at_source("yahoo")["USD-JPY"][1] == "USDJPY=X"
    assert at_source("fred")["US.GDP"][1] == "GDPC1"
    assert "US.INFLATION" in at_source("worldbank", default=False)
    assert at_source("worldbank", default=True) == {}


@pytest.mark.parametrize(
    ("source", "symbol", "called"),
    [
        ("yahoo", "EUR-SEK", "EURSEK=X"),
        ("yahoo", "EUR-EUR", None),
        ("yahoo", "NO-SUCH", None),
        ("fred", "EUR-SEK", None),
    ],
)
def test_any_pair_of_known_currencies_can_be_asked_for(source: str, symbol: str, called: str | None) -> None:
    found = exchange_rate(source, symbol)
    assert (None if found is None else found[1]) == called


def test_a_ticker_is_told_from_other_symbols() -> None:
    for ticker in ("F", "INTC", "BRK.B"):
        found = us_stock(ticker)
        assert found is not None and (found.symbol, found.calendar, found.currency) == (ticker, "XNYS", "USD")
    for other in ("NO-SUCH", "^GSPC", "US.CPI", "aapl", "", "BRK.", "TOOLONG", "X1"):
        assert us_stock(other) is None

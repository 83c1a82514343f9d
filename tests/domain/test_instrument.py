"""Symbols and the ways people spell them."""

from decimal import Decimal

import pytest

from truecast.domain.instrument import (
    AmbiguousSymbol,
    AssetClass,
    Instrument,
    Universe,
    UnknownSymbol,
    canonical_spelling,
)


def _instrument(symbol: str, asset_class: AssetClass, name: str = "", *aliases: str) -> Instrument:
    return Instrument(symbol, name or symbol, asset_class, "USD", Decimal("0.01"), "24/7", aliases)


UNIVERSE = Universe.of([
    _instrument("EUR-USD", AssetClass.FX, "Euro / US dollar"),
    _instrument("USD-JPY", AssetClass.FX, "US dollar / yen"),
    _instrument("BTC-USDT", AssetClass.CRYPTO, "Bitcoin / Tether", "bitcoin"),
    _instrument("BTC-USD", AssetClass.CRYPTO, "Bitcoin / US dollar", "bitcoin"),
    _instrument("SOL-USDT", AssetClass.CRYPTO, "Solana / Tether", "solana"),
    _instrument("AAPL", AssetClass.EQUITY, "Apple Inc.", "apple"),
    _instrument("SOLV", AssetClass.EQUITY, "Solventum"),
    _instrument("^VIX", AssetClass.INDEX, "CBOE Volatility Index", "vix"),
    _instrument("US.CPI", AssetClass.MACRO, "US consumer price index", "cpi", "us cpi"),
])  # fmt: skip


@pytest.mark.parametrize(
    "text",
    ["EUR-USD", "eur-usd", "EUR_USD", "EUR/USD", "EURUSD", "eurusd", "EUR%2FUSD", "eur%2fusd", " EUR USD ", "Eur_Usd"],
)
def test_every_usual_spelling_of_a_pair_is_found(text: str) -> None:
    assert UNIVERSE.get(text).symbol == "EUR-USD"


@pytest.mark.parametrize(
    ("text", "symbol"),
    [
        ("aapl", "AAPL"), ("Apple", "AAPL"), ("^VIX", "^VIX"), ("vix", "^VIX"), ("%5EVIX", "^VIX"), ("US.CPI", "US.CPI"),
        ("uscpi", "US.CPI"), ("us cpi", "US.CPI"), ("solana", "SOL-USDT"), ("SOL", "SOL-USDT"), ("BTC/USDT", "BTC-USDT"),
        ("btcusd", "BTC-USD"), ("USDJPY", "USD-JPY"),
    ],
)  # fmt: skip
def test_aliases_indices_and_coins_are_found(text: str, symbol: str) -> None:
    assert UNIVERSE.get(text).symbol == symbol


@pytest.mark.parametrize("text", ["bitcoin", "BTC", "btc", "Bitcoin"])
def test_a_spelling_that_fits_several_lists_them(text: str) -> None:
    with pytest.raises(AmbiguousSymbol) as caught:
        UNIVERSE.get(text)
    assert caught.value.facts["candidates"] == ["BTC-USD", "BTC-USDT"] and caught.value.status == 409


def test_an_exact_symbol_is_never_ambiguous() -> None:
    twins = Universe.of([_instrument("SOL", AssetClass.EQUITY), _instrument("SOL-USDT", AssetClass.CRYPTO)])
    assert twins.get("sol").symbol == "SOL"


def test_an_unknown_symbol_names_the_nearest() -> None:
    with pytest.raises(UnknownSymbol) as caught:
        UNIVERSE.get("EUR-USF")
    assert caught.value.facts["nearest"][0] == "EUR-USD" and caught.value.status == 404


@pytest.mark.parametrize(
    "text", ["", " ", "-", "%", "%zz", "\x00", "'; DROP TABLE bars; --", "日本", "A" * 100_000, "../../etc"]
)
def test_nonsense_is_unknown_and_its_message_stays_short(text: str) -> None:
    with pytest.raises(UnknownSymbol) as caught:
        UNIVERSE.get(text)
    assert len(caught.value.detail) < 500


def test_the_canonical_spelling_is_a_fixed_point() -> None:
    for instrument in UNIVERSE.instruments:
        assert canonical_spelling(instrument.symbol) == instrument.symbol


def test_search_puts_exact_before_prefix_before_part_before_name() -> None:
    assert [i.symbol for i in UNIVERSE.search("sol")] == ["SOL-USDT", "SOLV"]
    assert [i.symbol for i in UNIVERSE.search("usd")] == ["USD-JPY", "BTC-USD", "BTC-USDT", "EUR-USD", "SOL-USDT"]
    assert [i.symbol for i in UNIVERSE.search("volatility")] == ["^VIX"]
    assert UNIVERSE.search("nothing like it") == []


def test_search_within_a_class_and_for_nothing_in_particular() -> None:
    assert {i.asset_class for i in UNIVERSE.search("usd", AssetClass.FX)} == {AssetClass.FX}
    assert len(UNIVERSE.search("")) == len(UNIVERSE.instruments)
    assert [i.symbol for i in UNIVERSE.search("  ", AssetClass.MACRO)] == ["US.CPI"]

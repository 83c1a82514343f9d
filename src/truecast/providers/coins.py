"""Crypto pairs as instruments: any `BASE-QUOTE` whose quote is money or a coin that exchanges quote in."""

import re

from truecast.domain.instrument import Instrument
from truecast.providers.base import instrument_of
from truecast.providers.universe import universe

# In which exchanges quote; the longer first, so that a glued name like BTCFDUSD is cut in the right place.
QUOTES = ("FDUSD", "USDT", "USDC", "TUSD", "USD", "EUR", "GBP", "JPY", "TRY", "BRL", "AUD", "DAI", "BTC", "ETH", "BNB")

_BASE = re.compile(r"[A-Z0-9]{1,15}\Z", re.ASCII)
_NAMES = {
    "BTC": "Bitcoin",
    "ETH": "Ether",
    "SOL": "Solana",
    "BNB": "BNB",
    "XRP": "XRP",
    "DOGE": "Dogecoin",
    "ADA": "Cardano",
    "AVAX": "Avalanche",
    "LINK": "Chainlink",
    "LTC": "Litecoin",
    "USDT": "Tether",
    "USDC": "USD Coin",
    "USD": "US dollar",
    "EUR": "Euro",
    "GBP": "Pound sterling",
    "JPY": "Japanese yen",
}
_TICK_UNKNOWN = "0.00000001"  # of a pair nobody described: the finest that exchanges use


def coin_pair(symbol: str, *, tick: str | None = None) -> Instrument | None:
    """`BASE-QUOTE` as an instrument, as the universe describes it or by no more than its name; None if it is none."""
    listed = universe().get(symbol)
    if listed is not None:
        return listed.instrument
    base, _, quote = symbol.partition("-")
    if quote not in QUOTES or not _BASE.match(base) or base == quote:
        return None
    return instrument_of(
        {
            "symbol": symbol,
            "name": f"{_NAMES.get(base, base)} / {_NAMES.get(quote, quote)}",
            "asset_class": "crypto",
            "currency": quote,
            "tick": tick or _TICK_UNKNOWN,
            "calendar": "24/7",
        }
    )

"""The latest prices of some symbols: where each is from, how old it is, and why one is missing.

python examples/latest_prices.py EUR-USD SPY BTC-USDT
"""

import argparse

from truecast.client import Client


def main() -> None:
    """Print a line a symbol."""
    parser = argparse.ArgumentParser()
    parser.add_argument("symbols", nargs="+")
    parser.add_argument("--url")
    asked = parser.parse_args()
    with Client(asked.url) as client:
        prices = client.latest_prices(symbols=asked.symbols)
    for one in prices.items:
        age = f"{one.provenance.age_s:.0f} s old{', stale' if one.provenance.stale else ''}"
        change = "" if one.change_pct is None else f" ({one.change_pct:+.2f} %)"
        print(f"{one.symbol:10} {one.price:>12.6g}{change}  from {one.provenance.source}, {age}")
    for missing in prices.errors:
        print(f"{missing.symbol:10} {missing.detail}")


if __name__ == "__main__":
    main()

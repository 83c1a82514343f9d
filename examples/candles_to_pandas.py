"""Candles as a data frame: the last year of a symbol, its months, and where the prices are from.

python examples/candles_to_pandas.py SPY --csv spy.csv

Needs `pip install 'truecast[pandas]'`.
"""

import argparse

from truecast.client import Client


def main() -> None:
    """Print the return and the volatility of every month; write all bars as CSV where a file is named."""
    parser = argparse.ArgumentParser()
    parser.add_argument("symbol")
    parser.add_argument("--bars", type=int, default=252)
    parser.add_argument("--csv")
    parser.add_argument("--url")
    asked = parser.parse_args()
    with Client(asked.url) as client:
        frame = client.get_candles(asked.symbol, interval="1d", limit=asked.bars, adjust="all").to_pandas()
    closes = frame.loc[frame["final"], "close"]  # a bar that still forms is no close
    returns = closes.pct_change().dropna()
    months = returns.groupby(returns.index.strftime("%Y-%m"))
    table = months.agg(change=lambda r: (1 + r).prod() - 1, volatility=lambda r: r.std() * 252**0.5, bars="count")
    print(table.to_string(formatters={"change": "{:+.1%}".format, "volatility": "{:.1%}".format}))
    sources = {block["provenance"]["origin"] for block in frame.attrs["blocks"]}
    print(f"{len(frame)} bars of {frame.attrs['symbol']} from {', '.join(sorted(sources))}")
    if asked.csv:
        frame.to_csv(asked.csv)


if __name__ == "__main__":
    main()

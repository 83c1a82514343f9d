"""Forecasts of many symbols in one request; what fails says why, and the others come all the same.

python examples/forecast_batch.py EUR-USD SPY GOLD NOPE --horizon 5
"""

import argparse

from truecast.client import Client, ForecastRequest


def main() -> None:
    """Print the last step of each."""
    parser = argparse.ArgumentParser()
    parser.add_argument("symbols", nargs="+")
    parser.add_argument("--horizon", type=int, default=5)
    parser.add_argument("--url")
    asked = parser.parse_args()
    items = [ForecastRequest(symbol=one, interval="1d", horizon=asked.horizon, levels=[0.9]) for one in asked.symbols]
    with Client(asked.url) as client:
        batch = client.create_forecasts(items)
    for item in batch.items:
        if item.forecast is not None:
            last = item.forecast.steps[-1]
            (interval,) = last.intervals
            where = f"{interval.lower:.6g} to {interval.upper:.6g} with 90 %"
            print(f"{item.forecast.symbol:10} {last.target_end:%Y-%m-%d}  {last.median:.6g}, {where}")
        else:
            print(f"{asked.symbols[item.index]:10} {item.error}")


if __name__ == "__main__":
    main()

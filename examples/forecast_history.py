"""Every past forecast of a symbol and what became of it, page by page, as a table.

python examples/forecast_history.py EUR-USD --csv history.csv

Needs `pip install 'truecast[polars]'`.
"""

import argparse

from truecast.client import Client, to_polars


def main() -> None:
    """Print how the models did, and write all forecasts as CSV where a file is named."""
    parser = argparse.ArgumentParser()
    parser.add_argument("symbol")
    parser.add_argument("--csv")
    parser.add_argument("--url")
    asked = parser.parse_args()
    with Client(asked.url) as client:
        past = list(client.iter_forecast_history(asked.symbol))
    if not past:
        print("nothing has been forecast yet")
        return
    frame = to_polars(past)
    settled = frame.drop_nulls("outcome")
    print(f"{len(frame)} forecasts, {len(settled)} with an outcome")
    for (model,), one in sorted(settled.group_by("model")):
        inside, ratio = one["inside_0.8"].mean(), one["crps"].sum() / one["crps_naive"].sum()
        print(f"{model:16} {len(one):4} outcomes, {inside:.0%} inside 80 %, error {ratio:.3f} of the random walk's")
    if asked.csv:
        frame.write_csv(asked.csv)


if __name__ == "__main__":
    main()

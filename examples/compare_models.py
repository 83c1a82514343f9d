"""Which model did best on a class of instruments: sealed forecasts and walk-forward tests, told apart.

python examples/compare_models.py --asset-class fx --interval 1d
"""

import argparse

from truecast.client import Client


def main() -> None:
    """Print the leaderboard, the best first."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--asset-class", default="fx")
    parser.add_argument("--interval", default="1d")
    parser.add_argument("--horizon", type=int, default=1)
    parser.add_argument("--url")
    asked = parser.parse_args()
    with Client(asked.url) as client:
        titles = {one.name: one.title for one in client.list_models().items}
        board = client.get_leaderboard(
            asset_class=asked.asset_class, interval=asked.interval, horizon=asked.horizon, period="all"
        )
    for item in board.items:
        ratio = "      -" if item.crps_ratio is None else f"{item.crps_ratio:7.3f}"
        error = "" if item.se is None else f" ± {item.se:.3f}"
        print(f"{item.kind:12} {titles.get(item.model, item.model):30} {ratio}{error}  {item.verdict}, n = {item.n}")
    if not board.items:
        print("nothing has been scored yet")


if __name__ == "__main__":
    main()

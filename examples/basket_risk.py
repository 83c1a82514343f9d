"""What may be lost with a basket: value at risk and expected shortfall with their uncertainty, and bad times.

python examples/basket_risk.py SPY=0.6 EUR-USD=0.4 --level 0.95
"""

import argparse

from truecast.client import Client, PositionIn


def position(text: str) -> PositionIn:
    """`SPY=0.6`."""
    symbol, _, weight = text.partition("=")
    return PositionIn(symbol=symbol, weight=float(weight))


def main() -> None:
    """Print what the server measures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("positions", nargs="+", type=position)
    parser.add_argument("--level", type=float, default=0.95)
    parser.add_argument("--url")
    asked = parser.parse_args()
    with Client(asked.url) as client:
        risk = client.measure_risk(positions=asked.positions, levels=[asked.level])
    print(f"{risk.n} returns at {risk.interval}, {risk.first:%Y-%m-%d} to {risk.last:%Y-%m-%d}")
    for tail in risk.tails:
        loss, low, high = tail.value_at_risk.value, tail.value_at_risk.low, tail.value_at_risk.high
        if loss is None or low is None or high is None:
            print(f"{tail.method:12} {tail.value_at_risk.reason}")
            continue
        beyond = tail.expected_shortfall.value
        print(f"{tail.method:12} loses {loss:.2%} or more ({low:.2%} to {high:.2%}) with {1 - tail.level:.0%}", end="")
        print("" if beyond is None else f", {beyond:.2%} on average then")
    for bad in risk.stress:
        print(f"{bad.description}: {bad.reason if bad.change is None else f'{bad.change:+.1%}'}")


if __name__ == "__main__":
    main()

"""A forecast with its intervals, and how often such intervals have held.

python examples/forecast.py EUR-USD --interval 1d --horizon 5
"""

import argparse

from truecast.client import Client


def main() -> None:
    """Forecast, and print it beside its track record."""
    parser = argparse.ArgumentParser()
    parser.add_argument("symbol")
    parser.add_argument("--interval", default="1d")
    parser.add_argument("--horizon", type=int, default=5)
    parser.add_argument("--url")
    asked = parser.parse_args()
    with Client(asked.url) as client:
        forecast = client.create_forecast(asked.symbol, asked.interval, asked.horizon, levels=[0.8])
        record = client.get_performance(symbol=forecast.symbol, model=forecast.model, period="all").ledger
    anchor = forecast.anchor
    print(f"{forecast.symbol} {anchor.price:.6g} {forecast.currency} at {anchor.at:%Y-%m-%d %H:%M}, {forecast.model}")
    for step in forecast.steps:
        (interval,) = step.intervals
        print(f"  {step.target_end:%Y-%m-%d}  {step.median:.6g}  80 %: {interval.lower:.6g} to {interval.upper:.6g}")
    for held in forecast.coverage:
        print(f"of intervals at {held.level:.0%}, {held.measured:.1%} held ({held.n} outcomes)")
    skill = forecast.skill
    ratio = "not known yet" if skill.crps_ratio is None else f"{skill.crps_ratio:.3f} of the random walk's"
    print(f"skill: {skill.verdict}, its error is {ratio} over {skill.n} outcomes")
    print(f"sealed in the ledger so far: {sum(row.n for row in record if row.horizon == 1)} outcomes one step ahead")


if __name__ == "__main__":
    main()

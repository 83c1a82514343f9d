"""Independent answers for statistics and correlation: pandas and scipy on made-up hourly prices with holes.

    python tests/answers/prices/make_answers.py        # writes prices.csv and answers.json beside itself

Nothing here imports Truecast. The year has 8,760 hours: the market never closes.
"""

import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

HERE = Path(__file__).parent


def main() -> None:
    rng = np.random.default_rng(20260730)
    index = pd.date_range("2024-03-01", periods=24 * 40, freq="h", tz="UTC")
    common = rng.standard_t(4, len(index)) * 0.004
    a = 100 * np.exp(np.cumsum(common + rng.normal(0, 0.002, len(index))))
    b = 50 * np.exp(np.cumsum(0.6 * common + rng.normal(0, 0.004, len(index))))
    frame = pd.DataFrame({"a": a.round(2), "b": b.round(1)}, index=index)  # coarse ticks: equal returns, equal ranks
    frame.loc["2024-04-05 05:00":"2024-04-05 07:00", "a"] = np.nan
    frame.loc["2024-04-04 12:00", "b"] = np.nan
    frame["volume"] = rng.integers(1, 1000, len(index))
    frame.to_csv(HERE / "prices.csv", index_label="start")
    json.dump(answers(frame), (HERE / "answers.json").open("w"), indent=1)


def answers(frame: pd.DataFrame) -> dict:
    # The last seven days of `a`: bars that end after the moment seven days before the last bar's end.
    since = frame.index[-1] + pd.Timedelta(hours=1) - pd.Timedelta(days=7)
    ends = frame.index + pd.Timedelta(hours=1)
    whole = frame["a"].dropna()
    part = frame["a"][ends > since].dropna()
    begin = whole[whole.index < part.index[0]].iloc[-1]
    path = pd.concat([pd.Series([begin], index=[since - pd.Timedelta(hours=1)]), part])
    hourly = np.log(path).diff()[path.index.to_series().diff() == pd.Timedelta(hours=1)]
    per_bar = math.sqrt((hourly**2).mean())
    falls = path / path.cummax() - 1
    both = frame[["a", "b"]].dropna()
    moves = np.log(both).diff().dropna()
    window = frame[ends >= ends[-1] - pd.Timedelta(days=30)][["a", "b"]].dropna()
    recent = np.log(window).diff().dropna()
    pearson = stats.pearsonr(recent["a"], recent["b"])
    interval = pearson.confidence_interval(0.95)
    return {
        "week": {
            "n": len(part),
            "missing": 3,
            "begin": float(begin),
            "last": float(part.iloc[-1]),
            "change_pct": float(100 * (part.iloc[-1] / begin - 1)),
            "high": float(part.max()),
            "low": float(part.min()),
            "returns": len(hourly),
            "per_bar": per_bar,
            "annualised": per_bar * math.sqrt(8760),
            "drawdown": float(-falls.min()),
            "volume": float(frame["volume"][ends > since][part.index].sum()),
        },
        "together": {
            "all": {
                "n": len(moves),
                "pearson": float(stats.pearsonr(moves["a"], moves["b"]).statistic),
                "spearman": float(stats.spearmanr(moves["a"], moves["b"]).statistic),
            },
            "month": {
                "n": len(recent),
                "pearson": float(pearson.statistic),
                "lower": float(interval.low),
                "upper": float(interval.high),
                "spearman": float(stats.spearmanr(recent["a"], recent["b"]).statistic),
            },
        },
    }


if __name__ == "__main__":
    main()

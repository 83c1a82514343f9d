"""Writes answers.json: risk of a seeded pair of return series by pandas, scipy and `arch`, written independently.

python tests/answers/risk/make_answers.py      (pandas, scipy and arch 8 installed; imports nothing of the product)
"""

import json
from pathlib import Path

import numpy as np
import pandas as pd
from arch.bootstrap import CircularBlockBootstrap
from scipy import integrate, stats

N, YEAR, RISKLESS, DECAY = 1_000, 252.0, 0.0001, 0.94


def series() -> tuple[np.ndarray, np.ndarray]:
    """A market whose volatility comes in waves, and something that follows it with a beta of about 1.3."""
    rng = np.random.default_rng(20_261_121)
    market, s2 = np.empty(N), 1e-4
    for t in range(N):
        market[t] = np.sqrt(s2) * rng.standard_t(5) * np.sqrt(3 / 5) + 3e-4
        s2 = 4e-6 + 0.08 * market[t] ** 2 + 0.88 * s2
    other = 1.3 * market + 0.006 * rng.standard_t(4, N) - 1e-4
    return np.round(other, 10), np.round(market, 10)


def tails(r: pd.Series) -> list[dict]:
    logs = np.log1p(r)
    nu, loc, scale = stats.t.fit(logs)
    variance = pd.Series([(logs[:20] ** 2).mean(), *logs**2]).ewm(alpha=1 - DECAY, adjust=False).mean()
    shocks = logs.to_numpy() / np.sqrt(variance.to_numpy()[:-1])
    rows = []
    for level in (0.95, 0.99):
        for h in (1, 5):
            ahead = 1 - np.exp(logs.rolling(h).sum().dropna())
            worst = ahead.quantile(level)
            rows.append(["historical", level, h, worst, ahead[ahead >= worst].mean()])
            worst = 1 - np.exp(h * loc + np.sqrt(h) * scale * stats.t.ppf(1 - level, nu))
            # The mean quantile beyond the level, integrated; the product has the closed form.
            beyond = integrate.quad(lambda p: stats.t.ppf(p, nu), 0, 1 - level, limit=200)[0] / (1 - level)
            rows.append(["parametric", level, h, worst, 1 - np.exp(h * loc + np.sqrt(h) * scale * beyond)])
        losses = pd.Series(1 - np.exp(np.sqrt(variance.iloc[-1]) * shocks))
        worst = losses.quantile(level)
        rows.append(["filtered", level, 1, worst, losses[losses >= worst].mean()])
    keys = ("method", "level", "horizon", "value_at_risk", "expected_shortfall")
    return [dict(zip(keys, row, strict=True)) for row in rows]


def main() -> None:
    own, market = map(pd.Series, series())
    value = pd.concat([pd.Series([1.0]), (1 + own).cumprod()], ignore_index=True)
    under = 1 - value / value.cummax()
    excess = own - RISKLESS
    growth = value.iloc[-1] ** (YEAR / N) - 1
    line = stats.linregress(market, own)
    block = 2 * int(np.ceil(N ** (1 / 3)))
    bootstrap = {}
    for name, statistic in {
        "volatility": lambda x: np.std(x, ddof=1) * np.sqrt(YEAR),
        "sharpe": lambda x: (np.mean(x) - RISKLESS) / np.std(x, ddof=1) * np.sqrt(YEAR),
        "value_at_risk_95": lambda x: -np.quantile(x, 0.05),
    }.items():
        drawn = CircularBlockBootstrap(block, own.to_numpy(), seed=1)
        bootstrap[name] = drawn.conf_int(statistic, reps=4000, method="percentile", size=0.9).ravel().tolist()
    nu, loc, scale = stats.t.fit(np.log1p(own))
    answers = {
        "returns": own.tolist(),
        "benchmark": market.tolist(),
        "year": YEAR,
        "riskless": RISKLESS,
        "volatility": own.std() * np.sqrt(YEAR),
        "sharpe": excess.mean() / excess.std() * np.sqrt(YEAR),
        "sortino": excess.mean() * YEAR / (np.sqrt((excess.clip(upper=0) ** 2).mean()) * np.sqrt(YEAR)),
        "growth": growth,
        "calmar": growth / under.max(),
        "max_drawdown": under.max(),
        "peak": int(value[: under.idxmax() + 1].idxmax()),
        "trough": int(under.idxmax()),
        "current_drawdown": under.iloc[-1],
        "beta": line.slope,
        "alpha": YEAR * (excess.mean() - line.slope * (market - RISKLESS).mean()),
        "correlation": line.rvalue,
        "tracking_error": (own - market).std() * np.sqrt(YEAR),
        "student_t": [loc, scale, nu],
        "tails": tails(own),
        "block": block,
        "bootstrap": bootstrap,
    }
    (Path(__file__).parent / "answers.json").write_text(json.dumps(answers) + "\n")


if __name__ == "__main__":
    main()

"""Writes garch.json: what the package `arch` (8.0.0) estimates on seeded returns. Run where `arch` is installed.

python tests/answers/scale/make_garch.py
"""

import json
from pathlib import Path

import numpy as np
from arch import arch_model


def returns(seed: int, bars: int, alpha: float, beta: float, nu: float | None) -> np.ndarray:
    """GARCH(1,1) around variance 1, normal or Student t; the same numbers as tests/models/scale/simulated.py."""
    rng = np.random.default_rng(seed)
    z = rng.standard_normal(bars) if nu is None else rng.standard_t(nu, bars) * np.sqrt((nu - 2) / nu)
    r, h = np.empty(bars), 1.0
    for t in range(bars):
        r[t] = np.sqrt(h) * z[t]
        h = (1 - alpha - beta) + alpha * r[t] ** 2 + beta * h
    return r


CASES = [
    (seed, bars, alpha, beta, nu)
    for seed, (bars, alpha, beta) in enumerate(
        [(600, 0.1, 0.8), (1000, 0.06, 0.92), (1500, 0.15, 0.7), (2500, 0.05, 0.93)]
    )
    for nu in (None, 5.0)
]

if __name__ == "__main__":
    rows = []
    for seed, bars, alpha, beta, nu in CASES:
        r = returns(seed, bars, alpha, beta, nu)
        model = arch_model(r, mean="Zero", vol="GARCH", p=1, q=1, dist="normal" if nu is None else "t", rescale=False)
        found = model.fit(disp="off", tol=1e-12, options={"maxiter": 1000})
        ahead = found.forecast(horizon=20, reindex=False).variance.values[0]
        rows.append(
            {
                "simulated": {"seed": seed, "bars": bars, "alpha": alpha, "beta": beta, "nu": nu},
                "params": {name.replace("[1]", ""): float(value) for name, value in found.params.items()},
                "log_likelihood": float(found.loglikelihood),
                "variance_last": [float(one) for one in found.conditional_volatility[-5:] ** 2],
                "ahead": [float(one) for one in ahead],
            }
        )
    Path(__file__).with_name("garch.json").write_text(json.dumps({"arch": "8.0.0", "cases": rows}, indent=1) + "\n")

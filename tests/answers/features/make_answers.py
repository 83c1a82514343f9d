"""Indicators by other people's code: TA-Lib and pandas, on a made-up series. Run outside the product:

    python -m venv /tmp/answers && /tmp/answers/bin/pip install TA-Lib "pandas<3"
    /tmp/answers/bin/python tests/answers/features/make_answers.py

bars.csv: 420 hourly bars with jumps and nights. indicators.csv: what TA-Lib 0.8.2 and pandas say.
"""

from pathlib import Path

import numpy as np
import pandas as pd
import talib

HERE = Path(__file__).parent
BARS = 420


def bars() -> pd.DataFrame:
    rng = np.random.default_rng(20210104)
    spread = 0.01 * np.exp(np.cumsum(rng.standard_normal(BARS) * 0.05))
    moves = rng.standard_t(4, BARS) * spread
    close = np.round(50 * np.exp(np.cumsum(moves)), 4)
    opens = np.round(np.r_[close[0], close[:-1]] * np.exp(rng.standard_normal(BARS) * 0.003), 4)
    high = np.round(np.maximum(opens, close) * (1 + rng.random(BARS) * 0.01), 4)
    low = np.round(np.minimum(opens, close) * (1 - rng.random(BARS) * 0.01), 4)
    return pd.DataFrame({"open": opens, "high": high, "low": low, "close": close})


def answers(b: pd.DataFrame) -> pd.DataFrame:
    o, h, l, c = (b[name].to_numpy() for name in ("open", "high", "low", "close"))  # noqa: E741
    out = {}
    for n in (5, 12, 20, 26, 50):
        out[f"sma_{n}"] = talib.SMA(c, n)
        out[f"ema_{n}"] = talib.EMA(c, n)
    line, signal, histogram = talib.MACD(c, 12, 26, 9)
    out |= {"macd": line, "macd_signal": signal, "macd_histogram": histogram}
    out["rsi_14"] = talib.RSI(c, 14)
    out["atr_14"] = talib.ATR(h, l, c, 14)
    out["momentum_10"] = talib.MOM(c, 10)
    upper, _, lower = talib.BBANDS(c, 20, 2.0, 2.0, 0)
    out |= {"bollinger_upper": upper, "bollinger_lower": lower}
    logs = pd.DataFrame({k: np.log(v) for k, v in {"o": o, "h": h, "l": l, "c": c}.items()})
    out |= {f"return_{lag}": logs.c.diff(lag) for lag in (1, 2, 3, 5, 10, 20, 60)}
    out |= {f"realised_{n}": (logs.c.diff() ** 2).rolling(n).mean() ** 0.5 for n in (5, 20, 60, 250)}
    out["parkinson_20"] = ((logs.h - logs.l) ** 2).rolling(20).mean().div(4 * np.log(2)) ** 0.5
    terms = 0.5 * (logs.h - logs.l) ** 2 - (2 * np.log(2) - 1) * (logs.c - logs.o) ** 2
    out["garman_klass_20"] = terms.rolling(20).mean() ** 0.5
    terms = (logs.h - logs.c) * (logs.h - logs.o) + (logs.l - logs.c) * (logs.l - logs.o)
    out["rogers_satchell_20"] = terms.rolling(20).mean() ** 0.5
    k = 0.34 / (1.34 + 21 / 19)
    night, day = (logs.o - logs.c.shift()).rolling(20).var(), (logs.c - logs.o).rolling(20).var()
    out["yang_zhang_20"] = (night + k * day + (1 - k) * terms.rolling(20).mean()) ** 0.5
    return pd.DataFrame(out)


if __name__ == "__main__":
    made = bars()
    made.to_csv(HERE / "bars.csv", index=False)
    answers(pd.read_csv(HERE / "bars.csv")).to_csv(HERE / "indicators.csv", index=False, float_format="%.13g")

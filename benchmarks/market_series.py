"""The real series that the model benchmarks are measured on, read straight from the shared data folder.

FX from the ECB file: units per EUR, crosses by triangulation. Left out because they are or were held by their central
banks against EUR or USD, so that a day's change says nothing about a market: BGN, CNY, DKK, EEK, HKD, HRK, ILS, LTL,
LVL, RUB, TRY and the other currencies of the EU's east. EUR-CHF is left out for its floor of 2011-2015; USD-CHF stays.
Equities by the total-return close (Yahoo's adj_close; the ship files by their factors), so that no split is a move.
"""

import csv
import gzip
import io
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np

from truecast.domain.interval import Interval
from truecast.features.frame import Frame, frame_of_closes

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
ECB_PAIRS = (
    "EUR-USD", "GBP-USD", "AUD-USD", "NZD-USD", "USD-JPY", "USD-CHF", "USD-CAD", "USD-SEK", "USD-NOK", "EUR-GBP",
    "EUR-JPY", "EUR-SEK", "USD-MXN", "USD-ZAR",
)  # fmt: skip
BROKER_PAIRS = ("GBP-USD", "USD-CHF", "AUD-USD", "USD-CAD", "USD-JPY")
SHIP_EQUITIES = ("SPY", "IWM", "EEM", "AIG", "USO")


@dataclass(frozen=True, slots=True)
class Sample:
    """One series and the class its results are pooled in."""

    asset_class: str
    origin: str
    frame: Frame


def all_samples() -> list[Sample]:
    return fx() + fx_hourly() + equities() + equities_hourly() + crypto()


def fx() -> list[Sample]:
    table = list(csv.reader(io.StringIO(_text(DATA / "ship/fx/ecb_eurofxref-hist.csv.gz"))))
    header, rows = table[0], table[:0:-1]
    end = np.array([_us(row[0]) for row in rows])
    per_eur = {name: np.array([_number(row[i]) for row in rows]) for i, name in enumerate(header) if i and name}
    per_eur["EUR"] = np.ones(len(rows))
    found = []
    for pair in ECB_PAIRS:
        base, quote = pair.split("-")
        close = per_eur[quote] / per_eur[base]
        found.append(Sample("fx", "ecb", frame_of_closes(close, symbol=pair, interval=Interval.D1, end=end)))
    return found + [_ohlc("fx", "broker", DATA / f"evaluate/fx/{pair}_1d.csv.gz") for pair in BROKER_PAIRS]


def fx_hourly() -> list[Sample]:
    paths = [DATA / f"evaluate/fx/{pair}_1h.csv.gz" for pair in BROKER_PAIRS]
    return [_ohlc("fx_1h", "broker", path) for path in [*paths, DATA / "ship/fx/EUR-USD_1h.csv.gz"]]


def equities() -> list[Sample]:
    found = [
        _ohlc("equity", "yahoo", path, close="adj_close")
        for path in sorted((DATA / "evaluate/equity").glob("*_1d.csv.gz"))
    ]
    return found + [_adjusted(symbol) for symbol in SHIP_EQUITIES]


def equities_hourly() -> list[Sample]:
    return [_adjusted(symbol, "1h", "equity_1h") for symbol in ("SPY", "AAPL")]


def crypto() -> list[Sample]:
    paths = sorted((DATA / "evaluate/crypto").glob("*.csv.gz"))
    ship = ["SOL-USDT_1h", "BTC-USDT_1h", "ETH-USDT_1h", "BTC-USD_1d"]
    return [_ohlc("crypto", "exchange", path) for path in paths] + [
        _ohlc("crypto", "exchange", DATA / f"ship/crypto/{name}.csv.gz") for name in ship
    ]


def _ohlc(asset_class: str, origin: str, path: Path, close: str = "close") -> Sample:
    symbol, _, rest = path.name.partition("_")
    rows = list(csv.DictReader(io.StringIO(_text(path))))
    prices = {name: np.array([_number(row[name]) for row in rows]) for name in ("open", "high", "low", "close", close)}
    end = np.array([_us(row["time"]) for row in rows])
    factor = prices[close] / prices["close"]
    columns = {name: prices[name] * factor for name in ("open", "high", "low")}
    nothing = np.full(len(rows), np.nan)
    frame = Frame(symbol, Interval(rest.split(".")[0]), end, **columns, close=prices[close], volume=nothing)
    return Sample(asset_class, origin, frame[np.isfinite(frame.close)])


def _adjusted(symbol: str, interval: str = "1d", asset_class: str = "equity") -> Sample:
    """A factor holds up to and including its date: adjusted = raw x price_factor x split_factor."""
    raw = _ohlc(asset_class, "lean", DATA / f"ship/equity/{symbol}_{interval}.csv.gz").frame
    rows = list(csv.DictReader(io.StringIO(_text(DATA / f"ship/equity/{symbol}_factors.csv"))))
    dates = np.array([_us(row["date"]) for row in rows])
    factors = np.array([float(row["price_factor"]) * float(row["split_factor"]) for row in rows] + [1.0])
    factor = factors[np.searchsorted(dates, raw.end - raw.end % 86_400_000_000)]
    adjusted = {name: getattr(raw, name) * factor for name in ("open", "high", "low", "close")}
    listed = raw.end >= dates[0]  # before its first factor the ticker belonged to another company (USO, EEM)
    return Sample(asset_class, "lean", replace(raw, **adjusted)[listed])


def _text(path: Path) -> str:
    data = path.read_bytes()
    return (gzip.decompress(data) if path.suffix == ".gz" else data).decode("utf-8-sig")


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")


def _us(text: str) -> int:
    text = text.strip().replace(" ", "T")
    if len(text) == 8:
        text = date(int(text[:4]), int(text[4:6]), int(text[6:])).isoformat()
    when = datetime.fromisoformat(text)
    when = when if when.tzinfo else when.replace(tzinfo=UTC)
    return int((when - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds()) * 1_000_000

"""What a CSV file is about: symbol and interval from its name, and an instrument where that is certain."""

import re
from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from truecast.domain.bar import IntArray
from truecast.domain.instrument import (
    AmbiguousSymbol,
    AssetClass,
    Instrument,
    Universe,
    UnknownSymbol,
    canonical_spelling,
)
from truecast.domain.interval import Interval
from truecast.kit.errors import EXIT_DATA, TruecastError
from truecast.providers.csv_layout import Unreadable
from truecast.providers.currencies import currencies, pair

_STABLE = ("USDT", "USDC", "BUSD", "FDUSD", "TUSD", "DAI")  # quoted in one of these, it is crypto
_NAME = re.compile(r"(?P<symbol>.+?)[_ .-](?P<interval>[A-Za-z0-9]+)(?P<part>[_ .-]\d[\d_ .-]*)?\Z")  # …_1h_2021-01
_FACTORS = re.compile(r"(?P<symbol>.+?)[_-]factors\Z", re.IGNORECASE)
_SYMBOL = re.compile(r"\^?[A-Z0-9][A-Z0-9.-]{0,31}\Z", re.ASCII)
_SPELLINGS = {
    "1M": Interval.MO1, "60m": Interval.H1, "60min": Interval.H1, "hourly": Interval.H1, "h1": Interval.H1,
    "h4": Interval.H4, "m1": Interval.M1, "m5": Interval.M5, "m15": Interval.M15, "m30": Interval.M30,
    "1min": Interval.M1, "5min": Interval.M5, "15min": Interval.M15, "30min": Interval.M30, "daily": Interval.D1,
    "d1": Interval.D1, "1wk": Interval.W1, "weekly": Interval.W1, "w1": Interval.W1, "monthly": Interval.MO1,
    "mn1": Interval.MO1, "quarterly": Interval.Q1, "yearly": Interval.Y1, "annual": Interval.Y1,
}  # fmt: skip
_CALENDARS = {AssetClass.FX: "FX", AssetClass.CRYPTO: "24/7"}
_TRADED_IN_NEW_YORK = {AssetClass.EQUITY, AssetClass.ETF, AssetClass.INDEX}


class InstrumentUncertain(TruecastError):
    """The file is readable, but what it is about must be said."""

    code = "instrument_uncertain"
    status = 422
    title = "Instrument uncertain"
    template = "{file}: {symbol!r} is not known yet and its name does not say what it is: give {missing}"
    exit_code = EXIT_DATA


@dataclass(frozen=True, slots=True)
class Hints:
    """What the user says about instruments that are not known yet."""

    asset_class: AssetClass | None = None
    currency: str | None = None
    calendar: str | None = None


def read_name(stem: str) -> tuple[str, Interval | None]:
    """`EUR-USD_1h` or `EUR-USD_1h_2021` -> (`EUR-USD`, 1h); no interval where the name has none."""
    if factors := _FACTORS.match(stem):
        return factors["symbol"], None
    if found := _NAME.match(stem):
        text = found["interval"]
        interval = _SPELLINGS.get(text) or _SPELLINGS.get(text.lower())
        if interval is None and text.lower() in set(Interval):
            interval = Interval(text.lower())
        if interval is not None:
            return found["symbol"], interval
    return stem, None


def infer_interval(start: IntArray) -> Interval:
    """The interval whose length most neighbouring rows have. Raises Unreadable when there is none."""
    steps_s = np.diff(np.sort(start)) // 1_000_000
    steps_s = steps_s[steps_s > 0]
    if not len(steps_s):
        raise Unreadable("cannot tell the interval from one time; call the file SYMBOL_INTERVAL.csv, e.g. AAPL_1d.csv")
    lengths, counts = np.unique(steps_s, return_counts=True)
    usual_s = int(lengths[counts.argmax()])
    days = usual_s / 86_400
    for interval, least, most in ((Interval.MO1, 28, 31), (Interval.Q1, 89, 92), (Interval.Y1, 365, 366)):
        if least <= days <= most:
            return interval
    for interval in Interval:
        if interval.seconds == usual_s:
            return interval
    raise Unreadable(f"rows are {usual_s} s apart, which is no interval; call the file SYMBOL_INTERVAL.csv")


def resolve(text: str, universe: Universe, hints: Hints, *, decimals: int, file: str) -> Instrument:
    """The instrument a file is about. Raises InstrumentUncertain, AmbiguousSymbol, Unreadable."""
    try:
        return universe.get(text)
    except UnknownSymbol:
        pass
    except AmbiguousSymbol as error:
        raise Unreadable(f"{error}; rename the file to one of them") from None
    symbol = canonical_spelling(text)
    if not _SYMBOL.match(symbol):
        raise Unreadable(f"{text[:40]!r} is not a symbol; call the file SYMBOL_INTERVAL.csv")
    return _by_shape(symbol, decimals) or _as_told(symbol, hints, decimals, file)


def _by_shape(symbol: str, decimals: int) -> Instrument | None:
    """What the spelling alone proves: two ISO currencies are a rate, a stablecoin as quote is crypto."""
    letters = symbol.replace("-", "")
    if len(letters) == 6 and letters[:3] in currencies() and letters[3:] in currencies() and letters[:3] != letters[3:]:
        return pair(f"{letters[:3]}-{letters[3:]}")
    base, perpetual, _ = symbol.partition("-PERP")
    for quote in _STABLE:
        if base.endswith(quote) and len(base) > len(quote):
            name = base.removesuffix(quote).removesuffix("-")
            if name.isalnum():
                return Instrument(
                    symbol=f"{name}-{quote}{perpetual}",
                    name=f"{name} perpetual future / {quote}" if perpetual else f"{name} / {quote}",
                    asset_class=AssetClass.CRYPTO,
                    currency=quote,
                    tick=Decimal(1).scaleb(-decimals),
                    calendar="24/7",
                )
    return None


def _as_told(symbol: str, hints: Hints, decimals: int, file: str) -> Instrument:
    asset_class, currency = hints.asset_class, hints.currency
    base, _, quote = symbol.partition("-")
    if asset_class in _CALENDARS and base and quote:
        currency = currency or quote.removesuffix("-PERP")
    calendar = hints.calendar or (_CALENDARS.get(asset_class) if asset_class else None)
    if calendar is None and asset_class in _TRADED_IN_NEW_YORK and currency == "USD":
        calendar = "XNYS"
    needed = {"--class": asset_class, "--currency": currency, "--calendar": calendar}
    # With the class missing the calendar may follow from it: it is asked for only if it does not.
    missing = [name for name, value in needed.items() if not value and (asset_class or name != "--calendar")]
    if asset_class is None or currency is None or calendar is None:
        raise InstrumentUncertain(file=file, symbol=symbol, missing=" and ".join(missing))
    return Instrument(symbol, symbol, asset_class, currency, Decimal(1).scaleb(-decimals), calendar)

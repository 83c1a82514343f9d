"""The bundled sample: the sources' own numbers, arriving when they were known, small and quick."""

import csv
import gzip
import hashlib
import json
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from tests.providers.contract import ProviderContract

import truecast.providers.sample as package
from truecast.domain.corporate import Factor
from truecast.domain.instrument import AmbiguousSymbol, AssetClass, Universe
from truecast.domain.interval import Interval
from truecast.kit.clock import FixedClock, SystemClock, from_us, to_us
from truecast.market.calendar import calendar
from truecast.providers.base import Reach
from truecast.providers.catalog import build_provider
from truecast.providers.sample.adapter import Sample

FOLDER = Path(package.__file__).parent
MANIFEST = json.loads((FOLDER / "manifest.json").read_text("utf-8"))
AS_WRITTEN = [row for row in MANIFEST["series"] if not row["derived"] and row["symbol"] != "XAU-USD"]
D1, H1, M1, MO1, Q1 = Interval.D1, Interval.H1, Interval.M1, Interval.MO1, Interval.Q1


@pytest.fixture
def provider(clock: FixedClock) -> Sample:
    return Sample(clock)


@pytest.fixture
def everything() -> Sample:
    return Sample(SystemClock())


class TestSample(ProviderContract):
    pass


def test_is_what_the_catalog_builds(clock: FixedClock) -> None:
    assert isinstance(build_provider("sample", clock, Reach(np.random.default_rng(1))), Sample)


def test_holds_the_promised_series(everything: Sample) -> None:
    have = {(offer.instrument.symbol, offer.interval) for offer in everything.offers()}
    daily = "EUR-USD USD-JPY GBP-USD EUR-GBP EUR-JPY EUR-CHF USD-CHF AUD-USD USD-CAD NZD-USD EUR-SEK EUR-NOK EUR-PLN USD-CNY"
    daily += " SPY QQQ IWM EEM USO AAPL IBM BAC AIG GOOGL BTC-USD XAU-USD WTI BRENT HENRYHUB ^VIX"
    assert {(symbol, D1) for symbol in daily.split()} <= have
    assert {(symbol, H1) for symbol in ("EUR-USD", "SPY", "AAPL", "BTC-USDT", "ETH-USDT", "SOL-USDT")} <= have
    assert {("US.CPI", MO1), ("US.10Y", MO1), ("US.GDP", Q1), ("BTC-USDT-PERP", M1)} <= have


def test_is_at_most_12_megabytes() -> None:
    assert sum(path.stat().st_size for path in FOLDER.rglob("*") if path.is_file()) <= 12_000_000


async def test_a_bar_arrives_the_moment_it_was_known_and_not_before() -> None:
    clock = FixedClock(datetime(2021, 1, 4, 21, tzinfo=UTC) - timedelta(microseconds=1))
    sample = Sample(clock)
    monday = datetime(2021, 1, 4, tzinfo=UTC)
    assert len(await sample.bars("SPY", D1, monday)) == 0
    clock.advance(timedelta(microseconds=1))
    bars = await sample.bars("SPY", D1, monday)
    assert (bars.row(0).start, bars.row(0).close, bars.row(0).known_at) == (monday, 368.79, clock.now())


async def test_the_fixing_of_a_day_is_known_at_four_in_frankfurt() -> None:
    clock = FixedClock(datetime(2021, 1, 4, 14, 59, 59, tzinfo=UTC))
    sample = Sample(clock)
    assert len(await sample.bars("EUR-USD", D1, datetime(2021, 1, 4, tzinfo=UTC))) == 0
    clock.advance(timedelta(seconds=1))
    assert (await sample.bars("EUR-USD", D1, datetime(2021, 1, 4, tzinfo=UTC))).close.tolist() == [1.2296]


async def test_nothing_is_known_before_its_calendar_allows(everything: Sample) -> None:
    for offer in everything.offers():
        bars = await everything.bars(offer.instrument.symbol, offer.interval, None)
        rule = calendar(offer.calendar).known_at(bars.start, offer.interval)
        assert (bars.known_at >= rule).all(), offer.instrument.symbol
        assert (np.diff(bars.known_at) >= 0).all()


async def test_a_poll_hands_out_views_of_one_array(everything: Sample) -> None:
    a = await everything.bars("EUR-USD", H1, None)
    b = await everything.bars("EUR-USD", H1, datetime(2021, 1, 4, tzinfo=UTC))
    assert np.shares_memory(a.close, b.close)
    assert np.shares_memory(a.start, b.start)


async def test_a_cross_is_the_quotient_of_the_rates_it_names(everything: Sample) -> None:
    jpy, usd, cross = [await everything.bars(symbol, D1, None) for symbol in ("EUR-JPY", "EUR-USD", "USD-JPY")]
    assert np.allclose(cross.close, jpy.close / usd.close, rtol=6e-6, atol=0)
    derived = {offer.instrument.symbol: offer.derived for offer in everything.offers() if offer.interval is D1}
    assert derived["USD-JPY"] == "EUR-JPY / EUR-USD"
    assert derived["GBP-USD"] == "EUR-USD / EUR-GBP"
    assert derived["EUR-USD"] is None


async def test_a_currency_has_no_bars_for_days_it_was_not_quoted(everything: Sample) -> None:
    bars = await everything.bars("USD-CNY", D1, None)
    assert bars.row(0).start == datetime(2005, 4, 1, tzinfo=UTC)
    assert np.isfinite(bars.close).all()


async def test_oil_below_zero_is_kept(everything: Sample) -> None:
    bars = await everything.bars("WTI", D1, datetime(2020, 4, 20, tzinfo=UTC))
    assert bars.row(0).close == -36.98
    assert next(o.instrument for o in everything.offers() if o.instrument.symbol == "WTI").signed


async def test_a_ticker_starts_with_the_security_it_names(everything: Sample) -> None:
    # The source's files go on with whatever company used the ticker before the fund did.
    assert (await everything.bars("EEM", D1, None)).row(0).start == datetime(2003, 4, 11, tzinfo=UTC)
    assert (await everything.bars("USO", D1, None)).row(0).start == datetime(2006, 4, 10, tzinfo=UTC)


async def test_the_hole_in_the_bitcoin_hours_is_still_there(everything: Sample) -> None:
    bars = await everything.bars("BTC-USDT", H1, None)
    assert np.diff(bars.start).max() == (123 * 24 + 3) * 3_600_000_000


async def test_sunday_evening_gold_belongs_to_monday(everything: Sample) -> None:
    bars = await everything.bars("XAU-USD", D1, None)
    assert {from_us(us).weekday() for us in bars.start} == {0, 1, 2, 3, 4}
    monday = bars.row(int(np.searchsorted(bars.start, to_us(datetime(2006, 4, 3, tzinfo=UTC)))))
    assert (monday.open, monday.high, monday.low, monday.close) == (582.6, 591.7, 581.8, 588.4)


async def test_splits_are_told_once_they_happened() -> None:
    clock = FixedClock(datetime(2020, 8, 28, 23, tzinfo=UTC))  # Apple split 4:1 between this session and the next
    sample = Sample(clock)
    assert (await sample.factors("AAPL"))[-1].date == date(2020, 8, 6)
    clock.advance(timedelta(hours=1))
    assert (await sample.factors("AAPL"))[-1] == Factor(date(2020, 8, 28), 1.0, 0.25)


def test_bitcoin_is_ambiguous_and_vix_is_not(everything: Sample) -> None:
    universe = Universe.of({o.instrument.symbol: o.instrument for o in everything.offers()}.values())
    with pytest.raises(AmbiguousSymbol) as caught:
        universe.get("bitcoin")
    assert caught.value.facts["candidates"] == ["BTC-USD", "BTC-USDT", "BTC-USDT-PERP"]
    assert universe.get("vix").symbol == "^VIX"
    assert universe.get("gold").symbol == "XAU-USD"
    assert {i.asset_class for i in universe.instruments} == set(AssetClass)


def test_the_manifest_is_complete_and_true_to_the_offers(everything: Sample) -> None:
    for row in MANIFEST["series"]:
        assert row["licence"] and row["upstream"] and len(row["source_sha256"]) == 64 and row["rows"] > 0
    assert {row["origin"] for row in MANIFEST["series"]} == {offer.origin for offer in everything.offers()}
    assert everything.last_known() == max(datetime.fromisoformat(row["known_last"]) for row in MANIFEST["series"])


async def test_rows_first_and_last_in_the_manifest_are_those_of_the_data(everything: Sample) -> None:
    for row in MANIFEST["series"]:
        bars = await everything.bars(row["symbol"], Interval(row["interval"]), None)
        first, last = datetime.fromisoformat(row["first"]), datetime.fromisoformat(row["last"])
        assert (row["rows"], first, last) == (len(bars), bars.row(0).start, bars.row(-1).start)


def test_every_source_and_licence_that_ships_is_in_the_notice() -> None:
    notice = (Path(__file__).parents[2] / "NOTICE").read_text("utf-8")
    for row in MANIFEST["series"]:
        name = row["origin"].split(", bundled")[0]
        assert name in notice, name
        assert row["licence"] in notice, row["licence"]
        assert row["upstream"].split(" at ")[-1] in notice


def test_reading_it_loads_no_http_client() -> None:
    code = (
        "import sys, numpy; from truecast.kit.clock import SystemClock; from truecast.providers.base import Reach;"
        "from truecast.providers.catalog import build_provider;"
        "build_provider('sample', SystemClock(), Reach(numpy.random.default_rng(1)));"
        "sys.exit(any(name in sys.modules for name in ('httpx', 'pandas', 'sqlalchemy', 'defusedxml')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


class TestAgainstTheSources:
    """With the source files at hand: every number is theirs, and building again gives the same bytes."""

    def test_was_built_from_these_files(self, shared_data: Path) -> None:
        for row in MANIFEST["series"]:
            raw = (shared_data / "ship" / row["source_file"]).read_bytes()
            assert hashlib.sha256(raw).hexdigest() == row["source_sha256"], row["source_file"]

    @pytest.mark.parametrize("row", AS_WRITTEN, ids=lambda row: f"{row['symbol']}-{row['interval']}")
    async def test_every_price_is_the_number_in_the_file(
        self, shared_data: Path, everything: Sample, row: dict[str, str]
    ) -> None:
        source = source_closes(shared_data / "ship" / row["source_file"], row["symbol"])
        bars = await everything.bars(row["symbol"], Interval(row["interval"]), None)
        assert len(bars) > 0
        assert all(source[us] == close for us, close in zip(bars.start.tolist(), bars.close.tolist(), strict=True))

    def test_building_again_gives_the_same_data(self, shared_data: Path, tmp_path: Path) -> None:
        """Also when a calendar was changed and the sample has to be built anew."""
        script = Path(__file__).parents[2] / "scripts" / "build_sample.py"
        command = [sys.executable, script, shared_data / "ship", "--out", tmp_path]
        subprocess.run(command, check=True, capture_output=True)
        assert json.loads((tmp_path / "manifest.json").read_text("utf-8")) == MANIFEST
        names = sorted(path.name for path in (FOLDER / "data").iterdir())
        assert sorted(path.name for path in (tmp_path / "data").iterdir()) == names
        for name in names:
            with np.load(FOLDER / "data" / name) as shipped, np.load(tmp_path / "data" / name) as built:
                assert set(shipped) == set(built)
                assert all(np.array_equal(shipped[key], built[key]) for key in shipped), name


def source_closes(path: Path, symbol: str) -> dict[int, float]:
    """start -> close as written in the source, read independently of the code under test."""
    text = gzip.decompress(path.read_bytes()).decode() if path.suffix == ".gz" else path.read_text("utf-8")
    found = {}
    for row in csv.DictReader(text.splitlines()):
        lower = {(name or "").lower(): value for name, value in row.items()}
        stamp = lower.get("time") or lower["date"]
        when = datetime.fromisoformat(stamp)
        names = ["close", "price", "index", "rate", "level-chained", symbol[-3:].lower()]
        value = next(lower[name] for name in names if name in lower)
        if value not in ("N/A", ""):
            found[to_us(when if when.tzinfo else when.replace(tzinfo=UTC))] = float(value)
    return found

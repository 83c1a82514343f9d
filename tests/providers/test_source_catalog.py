"""Which sources there are, what is known of them, and how rates and currencies are named."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from truecast.domain.instrument import AssetClass
from truecast.kit.clock import FixedClock
from truecast.providers.base import Reach
from truecast.providers.catalog import UnknownSource, build_provider, known_sources
from truecast.providers.csv_layout import CsvRefused
from truecast.providers.currencies import cross, currencies, how_crossed, pair

REACH = Reach(np.random.default_rng(1))


def test_every_source_has_its_metadata() -> None:
    assert set(known_sources()) >= {"sample", "ecb", "csv_folder"}
    for key, info in known_sources().items():
        assert info.key == key
        assert info.licence and info.attribution and info.terms


def test_reading_the_metadata_imports_no_adapter() -> None:
    code = (
        "import sys, json; from truecast.providers.catalog import known_sources; known_sources();"
        "print(json.dumps([m for m in sys.modules if m.startswith('truecast.providers.')]))"
    )
    out = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert set(json.loads(out)) == {f"truecast.providers.{name}" for name in ("base", "catalog", "feed")}


@pytest.mark.parametrize("key", ["nope", "", "../sample", "base", "currencies", "iso4217"])
def test_an_unknown_source_is_an_error_that_lists_the_known_ones(clock: FixedClock, key: str) -> None:
    with pytest.raises(UnknownSource) as caught:
        build_provider(key, clock, REACH)
    assert caught.value.facts["known"] == sorted(known_sources())


def test_a_folder_source_without_a_folder_is_refused(clock: FixedClock) -> None:
    with pytest.raises(CsvRefused):
        build_provider("csv_folder", clock, REACH)


def test_a_pair_is_named_in_full_and_priced_in_its_quote() -> None:
    usd_jpy = pair("USD-JPY")
    assert (usd_jpy.name, usd_jpy.currency, usd_jpy.asset_class) == ("US dollar / Japanese yen", "JPY", AssetClass.FX)
    with pytest.raises(KeyError):
        pair("USD-XXX")


def test_a_cross_names_the_two_rates_it_is_made_of() -> None:
    assert how_crossed("EUR-JPY", "EUR") is None
    assert how_crossed("USD-JPY", "EUR") == "EUR-JPY / EUR-USD"
    assert how_crossed("USD-EUR", "EUR") == "1 / EUR-USD"


def test_a_cross_has_six_significant_digits_and_no_more() -> None:
    base = np.array([1.1399, 1.0, 3.0, np.nan, 2.0])
    quote = np.array([173.82, 18900.361234, 0.001, 1.0, np.nan])
    assert cross(base, quote)[:3].tolist() == [152.487, 18900.4, 0.000333333]
    assert np.isnan(cross(base, quote)[3:]).all()


def test_currencies_that_ended_say_when() -> None:
    assert {code for code, one in currencies().items() if one.until} == {
        "BGN", "CYP", "EEK", "HRK", "LTL", "LVL", "MTL", "ROL", "RUB", "SIT", "SKK", "TRL",
    }  # fmt: skip


def test_the_wheel_carries_the_data_and_the_metadata() -> None:
    folder = Path(sys.modules["truecast.providers.catalog"].__file__ or "").parent
    assert len(list(folder.glob("sample/data/*.npz"))) == 28
    assert (folder / "sample" / "manifest.json").is_file()

"""A source from another package: found by its entry point, described without being imported, held to the contract."""

import importlib
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.http_source import Answer, HttpSource, http_source
from tests.providers.contract import ProviderContract, sound
from tests.providers.mutate import broken_bytes, broken_json

from truecast.domain.interval import Interval
from truecast.kit.clock import FixedClock
from truecast.kit.http import SourceAnswerMalformed
from truecast.providers import catalog
from truecast.providers.base import Provider, Reach
from truecast.providers.catalog import UnknownSource, build_provider, known_sources

EXAMPLE = Path(__file__).parents[2] / "examples" / "custom_source"
NOW = datetime(2026, 10, 30, 21, tzinfo=UTC)
VALUES = json.dumps(
    [
        {"date": "2026-10-30", "value": "104.37"},
        {"date": "2026-10-29", "value": "104.21"},
        {"date": "2026-10-28", "value": 103.9},
    ]
).encode()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example, installed as pip does it, into a folder of its own."""
    target = tmp_path_factory.mktemp("installed")
    command = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-index", "--no-build-isolation"]
    done = subprocess.run(
        [*command, "--target", str(target), str(EXAMPLE)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return target


@pytest.fixture
def installed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.syspath_prepend(str(folder))
    catalog._metadata.cache_clear()
    yield
    for name in [name for name in sys.modules if name.startswith("truecast_depot")]:
        del sys.modules[name]
    catalog._metadata.cache_clear()


@pytest.mark.usefixtures("installed")
class TestDepot(ProviderContract):
    @pytest.fixture
    def clock(self) -> FixedClock:
        return FixedClock(NOW)

    @pytest.fixture
    async def source(self) -> AsyncIterator[HttpSource]:
        async with http_source() as running:
            for symbol in ("DEPOT.EQUITY", "DEPOT.BONDS"):
                running.serve(f"/prices/{symbol}.json", Answer(VALUES, content_type="application/json"))
            yield running

    @pytest.fixture
    async def provider(self, source: HttpSource, clock: FixedClock) -> AsyncIterator[Provider]:
        built = build_provider("depot", clock, Reach(np.random.default_rng(1), base_url=source.base_url, timeout_s=2))
        yield built
        await built.close()

    async def test_values_come_oldest_first(self, provider: Provider) -> None:
        bars = await provider.bars("DEPOT.EQUITY", Interval.D1, None)
        assert bars.close.tolist() == [103.9, 104.21, 104.37]

    def test_is_described_without_being_imported(self) -> None:
        assert known_sources()["depot"].licence == "proprietary"
        assert "truecast_depot.depot" not in sys.modules

    @given(data=st.data())
    def test_a_mutated_answer_is_an_error_or_sound(self, data: st.DataObject) -> None:
        parse = importlib.import_module("truecast_depot.depot").parse
        mutate = data.draw(st.sampled_from([broken_json, broken_bytes]))
        try:
            found = parse(mutate(data.draw, VALUES), "DEPOT.EQUITY", NOW, None)
        except SourceAnswerMalformed:
            return
        sound(found)


def test_is_unknown_until_it_is_installed(clock: FixedClock) -> None:
    with pytest.raises(UnknownSource):
        build_provider("depot", clock, Reach(np.random.default_rng(1)))


@pytest.mark.parametrize("harm", ["no toml", "no module", "broken toml", "taken name"])
def test_a_broken_package_leaves_the_others_alone(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, harm: str
) -> None:
    package, info = tmp_path / "bad", tmp_path / "bad-1.dist-info"
    package.mkdir()
    info.mkdir()
    name = "ecb" if harm == "taken name" else "bad"
    module = "bad.missing.source" if harm == "no module" else "bad.source"
    (package / "__init__.py").touch()
    (package / "source.py").write_text("raise SystemExit")
    if harm != "no toml":
        (package / f"{name}.toml").write_text("[source]\nname = 1" if harm == "broken toml" else "[source")
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: bad\nVersion: 1\n")
    (info / "entry_points.txt").write_text(f"[truecast.providers]\n{name} = {module}\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    catalog._metadata.cache_clear()
    try:
        assert "bad" not in known_sources()
        assert known_sources()["ecb"].name.startswith("European Central Bank")
    finally:
        catalog._metadata.cache_clear()

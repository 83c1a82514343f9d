"""Versions on disk: whole or not at all, and read only when they are what was written."""

import contextlib
import json
import os
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.models.location.panels import trained
from truecast.kit.clock import FixedClock, from_us
from truecast.models.location.artifact import ArtifactRefused, read_artifact
from truecast.models.location.boosted import LightGbm
from truecast.models.registry import folder
from truecast.models.registry.card import CARD, card_of, digest, read_card
from truecast.models.registry.training import TrainingOutcome

FX, EQUITY = ("fx", "1d"), ("equity", "1d")
ARTIFACT = trained(LightGbm(trees=3), series=8, bars=600, anchors=(1, 5))
FILES = ARTIFACT.files()
CARD_OF_IT = card_of(TrainingOutcome(artifact=ARTIFACT), FILES, at=from_us(0), against=None)
WHOLE = {**FILES, CARD: CARD_OF_IT.encoded()}
SEAL = digest(CARD_OF_IT.encoded())


@pytest.fixture
def root(tmp_path):
    folder.write(tmp_path, CARD_OF_IT, FILES)
    return tmp_path


def place(root):
    return folder.place(root, "lightgbm", FX, CARD_OF_IT.version)


def read(root, scope=FX, registered=SEAL):
    return folder.read(root, "lightgbm", scope, CARD_OF_IT.version, registered)


def refused(root, match=None, **how):
    with pytest.raises(ArtifactRefused, match=match) as said:
        read(root, **how)
    assert said.value.status == 409 and said.value.facts["reason"]


def harmed(name, body):
    with tempfile.TemporaryDirectory() as made:
        folder.write(Path(made), CARD_OF_IT, FILES)
        (place(Path(made)) / name).write_bytes(body)
        refused(Path(made))


def test_what_was_written_is_read(root):
    kept = read(root)
    assert kept.artifact == ARTIFACT and kept.card == CARD_OF_IT
    assert {p.name for p in place(root).iterdir()} == set(WHOLE)
    assert [p.name for p in place(root).parent.iterdir()] == [CARD_OF_IT.version]


@settings(max_examples=150)
@given(name=st.sampled_from(sorted(WHOLE)), at=st.integers(0, 1 << 20), bit=st.integers(0, 7))
def test_a_flipped_bit_is_found(name, at, bit):
    body = bytearray(WHOLE[name])
    body[at % len(body)] ^= 1 << bit
    harmed(name, bytes(body))


@settings(max_examples=60)
@given(name=st.sampled_from(sorted(WHOLE)), kept=st.floats(0, 0.999))
def test_a_cut_file_is_found(name, kept):
    harmed(name, WHOLE[name][: int(kept * len(WHOLE[name]))])


@pytest.mark.parametrize("name", sorted(WHOLE))
def test_a_file_that_is_gone_is_found(root, name):
    (place(root) / name).unlink()
    refused(root, "missing")


def test_files_of_another_scope_are_refused(root):
    """Even with a register that says they are right."""
    shutil.copytree(place(root), folder.place(root, "lightgbm", EQUITY, CARD_OF_IT.version))
    refused(root, "they are those of lightgbm fx 1d", scope=EQUITY)
    shutil.copytree(place(root), folder.place(root, "xgboost", FX, CARD_OF_IT.version))
    with pytest.raises(ArtifactRefused, match="they are those of lightgbm"):
        folder.read(root, "xgboost", FX, CARD_OF_IT.version, SEAL)


def test_files_of_another_version_are_refused(root):
    other = card_of(TrainingOutcome(artifact=ARTIFACT), FILES, at=from_us(1), against=None)
    folder.write(root, other, FILES)
    shutil.rmtree(place(root))
    folder.place(root, "lightgbm", FX, other.version).rename(place(root))
    refused(root, "not the one that was registered")
    refused(root, "they are those of lightgbm", registered=digest(other.encoded()))


def test_too_much_and_what_is_no_file_is_refused(root, monkeypatch, tmp_path):
    (place(root) / "h1.txt").unlink()
    (place(root) / "h1.txt").symlink_to("/etc/passwd")
    refused(root, "cannot be read")
    (place(root) / "h1.txt").unlink()
    os.mkfifo(place(root) / "h1.txt")
    refused(root, "not a plain file")
    (place(root) / "h1.txt").unlink()
    (place(root) / "h1.txt").mkdir()
    refused(root, "cannot be read|not a plain file")
    (place(root) / "h1.txt").rmdir()
    with (place(root) / "h1.txt").open("wb") as file:
        file.truncate(folder.ARTIFACT_BYTES_MAX + 1)
    monkeypatch.setattr(folder, "ARTIFACT_BYTES_MAX", 1 << 20)
    refused(root, "larger than")
    for i in range(folder.ARTIFACT_FILES_MAX + 1):
        (place(root) / f"x{i}").write_bytes(b"")
    refused(root, "more than")
    shutil.rmtree(place(root))
    refused(root, "not on this machine")


def resealed(**changes):
    """A header that somebody made by hand, with a right seal and right checksums."""
    header = json.loads(FILES["location.json"]) | changes
    header = {name: value for name, value in header.items() if value is not None and name != "seal"}
    body = json.dumps(header, sort_keys=True, separators=(",", ":")).encode()
    header["seal"] = digest(body)
    return {**FILES, "location.json": json.dumps(header, sort_keys=True, separators=(",", ":")).encode()}


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@settings(max_examples=150)
@given(value=json_values)
def test_foreign_json_is_refused_as_card_and_as_artifact(value):
    body = json.dumps(value).encode()
    with pytest.raises(ArtifactRefused):
        read_card(body, "lightgbm")
    with pytest.raises(ArtifactRefused):
        read_artifact({**FILES, "location.json": body}, "lightgbm")


@settings(max_examples=100)
@given(name=st.sampled_from(sorted(json.loads(FILES["location.json"]))), value=json_values)
def test_a_header_made_by_hand_gives_an_artifact_or_a_refusal(name, value):
    with contextlib.suppress(ArtifactRefused):
        assert read_artifact(resealed(**{name: value}), "lightgbm").model == "lightgbm"


@settings(max_examples=100)
@given(name=st.sampled_from(sorted(json.loads(CARD_OF_IT.encoded()))), value=json_values)
def test_a_card_made_by_hand_is_a_card_or_a_refusal(name, value):
    with contextlib.suppress(ArtifactRefused):
        card = read_card(json.dumps(json.loads(CARD_OF_IT.encoded()) | {name: value}).encode(), "lightgbm")
        assert getattr(card, name) == value


def test_nesting_without_end_is_refused():
    deep = b"[" * 200_000
    with pytest.raises(ArtifactRefused):
        read_card(deep, "lightgbm")
    with pytest.raises(ArtifactRefused):
        read_artifact({**FILES, "location.json": deep}, "lightgbm")


def test_a_write_that_fails_leaves_nothing(tmp_path, monkeypatch):
    def full(_handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(folder.os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        folder.write(tmp_path, CARD_OF_IT, FILES)
    assert list((tmp_path / "lightgbm" / "fx-1d").iterdir()) == []


def test_the_version_is_the_moment_and_a_digest(clock: FixedClock):
    at = clock.now()
    one, again = (card_of(TrainingOutcome(artifact=ARTIFACT), FILES, at=at, against=None) for _ in range(2))
    other = card_of(TrainingOutcome(artifact=ARTIFACT), FILES, at=at, against="x")
    assert one == again and one.version.startswith("20210104T120000Z-") and other.version != one.version

"""Versions on disk: `<root>/<model>/<asset class>-<interval>/<version>/` with card.json and the artifact's files.

A version is written beside its place, flushed to the disk, and renamed: it is there whole or not at all. It is read
only after its size, its card (against the digest in the register) and the checksum of every file were found right.
"""

import os
import secrets
import shutil
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from truecast.kit.limits import ARTIFACT_BYTES_MAX, ARTIFACT_FILES_MAX
from truecast.models.catalog import GROWERS, Scope
from truecast.models.location.artifact import Artifact, ArtifactRefused, read_artifact
from truecast.models.location.trees import reader_of
from truecast.models.registry.card import CARD, Card, digest, mismatch, read_card

_PARTIAL = ".partial-"


@dataclass(frozen=True, slots=True)
class Kept:
    """A version as it was read and verified."""

    card: Card
    artifact: Artifact


def place(root: Path, model: str, scope: Scope, version: str) -> Path:
    """Where the files of a version lie."""
    return root / model / "-".join(scope) / version


def write(root: Path, card: Card, files: Mapping[str, bytes]) -> None:
    """Put a version in its place. Raises OSError."""
    target = place(root, card.model, card.scope, card.version)
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.parent / f"{_PARTIAL}{os.getpid()}-{secrets.token_hex(4)}"
    partial.mkdir()
    try:
        for name, body in {**files, CARD: card.encoded()}.items():
            with (partial / name).open("wb") as file:
                file.write(body)
                file.flush()
                os.fsync(file.fileno())
        _flush(partial)
        partial.rename(target)
        _flush(target.parent)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise


def sweep(root: Path, model: str, scope: Scope) -> None:
    """Remove what a trainer that was killed had begun to write. To be called by who holds the scope's lease."""
    for left in place(root, model, scope, "").glob(f"{_PARTIAL}*"):
        shutil.rmtree(left, ignore_errors=True)


def read(root: Path, model: str, scope: Scope, version: str, registered: str) -> Kept:
    """A version whose card has the digest that was registered; raises ArtifactRefused."""
    files = _files(place(root, model, scope, version), model)
    card_body = files.pop(CARD, None)
    if card_body is None:
        raise ArtifactRefused(model=model, reason=f"{CARD} is missing")
    if digest(card_body) != registered:
        raise ArtifactRefused(model=model, reason=f"{CARD} is not the one that was registered")
    card = read_card(card_body, model)
    if (card.model, card.scope, card.version) != (model, scope, version):
        raise ArtifactRefused(model=model, reason=f"they are those of {card.model} {' '.join(card.scope)}")
    for name, checksum in card.files.items():
        if name not in files:
            raise ArtifactRefused(model=model, reason=f"{name} is missing")
        if digest(files[name]) != checksum:
            raise ArtifactRefused(model=model, reason=f"{name} does not have the checksum that was recorded")
    artifact = read_artifact({name: files[name] for name in card.files}, model)
    if (wrong := mismatch(card, artifact)) is not None:
        raise ArtifactRefused(model=model, reason=f"card and artifact disagree about {wrong}")
    grower: Any = GROWERS[model]
    row = np.zeros((1, len(artifact.columns)))
    for body in artifact.bodies:
        try:
            reader_of(grower, model, body)(row)
        except ValueError as foreign:
            raise ArtifactRefused(model=model, reason="they are of other columns") from foreign
    return Kept(card, artifact)


def unregistered(root: Path, model: str, scope: Scope, known: set[str]) -> list[str]:
    """Names of folders in a version's place that nothing here has registered."""
    parent = place(root, model, scope, "")
    if not parent.is_dir():
        return []
    return sorted(p.name for p in parent.iterdir() if p.name not in known and not p.name.startswith("."))


def scopes_on_disk(root: Path, model: str) -> list[Scope]:
    """Scopes of which a folder is there."""
    parent = root / model
    names = sorted(p.name for p in parent.iterdir() if p.is_dir()) if parent.is_dir() else []
    return [(asset_class, interval) for asset_class, _, interval in (name.rpartition("-") for name in names)]


def _files(folder: Path, model: str) -> dict[str, bytes]:
    """Plain files only, few and small enough, all of them."""
    try:
        names = sorted(path.name for path in islice(folder.iterdir(), ARTIFACT_FILES_MAX + 1))
        if len(names) > ARTIFACT_FILES_MAX:
            raise ArtifactRefused(model=model, reason=f"there are more than {ARTIFACT_FILES_MAX} of them")
        left, files = ARTIFACT_BYTES_MAX, {}
        for name in names:
            handle = os.open(folder / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
            with os.fdopen(handle, "rb") as file:
                if not stat.S_ISREG(os.fstat(handle).st_mode):
                    raise ArtifactRefused(model=model, reason=f"{name} is not a plain file")
                body = file.read(left + 1)
            left -= len(body)
            if left < 0:
                raise ArtifactRefused(model=model, reason=f"they are larger than {ARTIFACT_BYTES_MAX:,} bytes")
            files[name] = body
    except FileNotFoundError as gone:
        raise ArtifactRefused(model=model, reason="they are not on this machine") from gone
    except OSError as broken:
        raise ArtifactRefused(model=model, reason=f"they cannot be read: {broken.strerror}") from broken
    return files


def _flush(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

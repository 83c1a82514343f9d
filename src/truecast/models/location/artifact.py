"""What a trained location leaves behind: a header in JSON and one native text per horizon, verified before it is read.

    files = artifact.files()                   {"location.json": …, "h1.txt": …, "h2.txt": …}
    artifact = read_artifact(files, "lightgbm")

Nothing here can run code: LightGBM's text, XGBoost's JSON, and forests as JSON arrays. The header carries the SHA-256
of every text and of itself.
"""

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from truecast.kit.errors import EXIT_DATA, TruecastError

HEADER = "location.json"
FORMAT = "truecast-location/1"


class ArtifactRefused(TruecastError):
    """The files are not what was trained here, or no longer what they were."""

    code = "artifact_refused"
    status = 409
    title = "Model artifact refused"
    template = "The files of model {model!r} were refused: {reason}"
    exit_code = EXIT_DATA


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """A trained location. Moves were learned in steps (root mean square move of 20 bars) per root of the horizon."""

    model: str
    version: str  # of the recipe
    asset_class: str
    interval: str
    feature_set: str
    columns: tuple[str, ...]
    anchors: tuple[int, ...]  # horizons that were learned, ascending
    shrink: tuple[float, ...]  # what is believed of each, 0 … 1, chosen on the validation tail
    rows: tuple[int, ...]  # learned from, per anchor
    symbols: tuple[str, ...]
    trained_from: int  # end of the first bar, microseconds UTC
    trained_until: int  # end of the last bar that anything was learned from, validation included
    seed: int
    parameters: dict[str, Any]
    bodies: tuple[str, ...]  # native text per anchor
    lowest: tuple[float | None, ...] = ()  # of each column, half a per cent of what was learned from lies below it
    highest: tuple[float | None, ...] = ()  # and above; None where the column had no values

    def files(self) -> dict[str, bytes]:
        """What is written to disk, by name."""
        bodies = {f"h{anchor}.txt": body.encode() for anchor, body in zip(self.anchors, self.bodies, strict=True)}
        facts = {f.name: getattr(self, f.name) for f in dataclasses.fields(self) if f.name != "bodies"}
        header = {"format": FORMAT, **facts, "sha256": {name: _digest(body) for name, body in bodies.items()}}
        return {HEADER: _canonical({**header, "seal": _digest(_canonical(header))}), **bodies}


def read_artifact(files: Mapping[str, bytes], model: str) -> Artifact:
    """The artifact of `model` in these files; raises ArtifactRefused."""
    try:
        return _read(files, model)
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as foreign:
        raise ArtifactRefused(model=model, reason=f"{HEADER} has not the fields of the format {FORMAT}") from foreign


def _read(files: Mapping[str, bytes], model: str) -> Artifact:
    header = _header(files, model)
    seal, sums = header.pop("seal", None), header.get("sha256", {})
    if seal != _digest(_canonical(header)):
        raise ArtifactRefused(model=model, reason=f"{HEADER} was changed after training")
    if header["model"] != model:
        raise ArtifactRefused(model=model, reason=f"they are those of model {header['model']!r}")
    names = [f"h{anchor}.txt" for anchor in header["anchors"]]
    for name in names:
        if name not in files:
            raise ArtifactRefused(model=model, reason=f"{name} is missing")
        if sums.get(name) != _digest(files[name]):
            raise ArtifactRefused(model=model, reason=f"{name} does not have the checksum that was recorded")
    known = {f.name for f in dataclasses.fields(Artifact)}
    facts: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in header.items() if k in known}
    return Artifact(**facts, bodies=tuple(files[name].decode() for name in names))


def _header(files: Mapping[str, bytes], model: str) -> dict[str, Any]:
    if HEADER not in files:
        raise ArtifactRefused(model=model, reason=f"{HEADER} is missing")
    try:
        header = json.loads(files[HEADER])
    except (ValueError, RecursionError) as broken:
        raise ArtifactRefused(model=model, reason=f"{HEADER} is not JSON") from broken
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        raise ArtifactRefused(model=model, reason=f"{HEADER} is not of the format {FORMAT}")
    return header


def _canonical(value: dict[str, Any]) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()

"""The output folder while an evaluation runs: its protocol, and one file per finished task, each written whole.

plan.json      what this folder holds; another protocol or other data are refused, the same ones go on
parts/*.npz    one model on one series
trained/*      one training each (refits.py)
evidence/*     what one series said at one cut (blends.py)
"""

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from truecast.features.frame import Frame
from truecast.kit.errors import EXIT_DATA, TruecastError
from truecast.kit.limits import HISTORY_BARS_MAX, TRAINING_BARS_MAX
from truecast.models.evaluate.plan import Plan, Variant, origins_of, version_of
from truecast.models.evaluate.tasks import Record
from truecast.models.evaluate.whole import (
    EVIDENCE_FOLDER,
    PARTS_FOLDER,
    TRAINED_FOLDER,
    OutputNotWritten,
    file_name,
    write_whole,
)

PLAN_FILE = "plan.json"
_FORMAT = 2
_COLUMNS = ("end", "open", "high", "low", "close", "volume")


class OutputOccupied(TruecastError):
    """The output folder holds something that this evaluation must not mix with."""

    code = "output_occupied"
    status = 409
    title = "Output folder occupied"
    template = "{folder} holds {what}: choose another folder, or empty it"
    exit_code = EXIT_DATA


def described(plan: Plan, frames: Sequence[Frame], class_of: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Everything that the table depends on, as JSON holds it. With models that are trained, on whole series."""
    trained: dict[str, Any] = {}
    if plan.learns:
        trained = {"training_bars_max": TRAINING_BARS_MAX, "classes": dict(sorted((class_of or {}).items()))}
    return {
        "format": _FORMAT,
        "interval": plan.interval.value,
        "models": {name: version_of(name, plan.interval) for name in plan.models},
        "horizons": list(plan.horizons),
        "origins": plan.origins,
        "refit_every": plan.refit_every,
        "embargo": plan.embargo,
        "seed": plan.seed,
        "seeds": plan.seeds,
        "history_bars_max": HISTORY_BARS_MAX,
        **trained,
        "series": {frame.symbol: _digest(frame if plan.learns else used(plan, frame)) for frame in frames},
    }


def used(plan: Plan, frame: Frame) -> Frame:
    """The bars that a task reads."""
    first = int(origins_of(plan, len(frame))[0]) + 1 - HISTORY_BARS_MAX
    return frame[max(0, first) :]


def claim(folder: Path, description: Mapping[str, Any]) -> None:
    """Begin in the folder, or go on in it. Raises OutputOccupied, OutputNotWritten."""
    path = folder / PLAN_FILE
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if path.exists():
            _check_same(folder, orjson.loads(path.read_bytes()), description)
        elif any(entry.name not in (PARTS_FOLDER, TRAINED_FOLDER, EVIDENCE_FOLDER) for entry in folder.iterdir()):
            raise OutputOccupied(folder=str(folder), what="files of another kind")
        (folder / PARTS_FOLDER).mkdir(exist_ok=True)
        write_whole(path, orjson.dumps(description, option=orjson.OPT_INDENT_2))
    except orjson.JSONDecodeError:
        raise OutputOccupied(folder=str(folder), what=f"a {PLAN_FILE} that cannot be read") from None
    except OSError as error:
        raise OutputNotWritten(path=str(folder), reason=error.strerror or str(error)) from None


def _check_same(folder: Path, kept: Any, description: Mapping[str, Any]) -> None:
    kept = kept if isinstance(kept, dict) else {}
    different = [name for name in description if kept.get(name) != description[name]]
    if different:
        what = f"an evaluation with different {', '.join(different)}"
        raise OutputOccupied(folder=str(folder), what=what)


def part_path(folder: Path, symbol: str, variant: Variant) -> Path:
    """Where the task's record is kept."""
    return folder / PARTS_FOLDER / f"{file_name(symbol)}.{variant}.npz"


def save(path: Path, record: Record) -> None:
    """Write the record, whole or not at all."""
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    try:
        with partial.open("wb") as file:
            np.savez_compressed(
                file,
                allow_pickle=False,
                symbol=np.array(record.symbol),
                model=np.array(record.model),
                origin=record.origin,
                horizon=record.horizon,
                anchor=record.anchor,
                scale=record.scale,
                outcome=record.outcome,
                quantiles=record.quantiles,
                wall_s=np.array(record.wall_s),
                cpu_s=np.array(record.cpu_s),
                phases=np.array(orjson.dumps(record.phases).decode()),
            )
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError as error:
        raise OutputNotWritten(path=str(path), reason=error.strerror or str(error)) from None


def load(path: Path) -> Record:
    """The record as it was saved."""
    with np.load(path, allow_pickle=False) as kept:
        values = {field.name: kept[field.name] for field in fields(Record)}
    for name in ("symbol", "model"):
        values[name] = str(values[name])
    for name in ("wall_s", "cpu_s"):
        values[name] = float(values[name])
    values["phases"] = {name: (wall, cpu) for name, (wall, cpu) in orjson.loads(str(values["phases"])).items()}
    return Record(**values)


def _digest(frame: Frame) -> str:
    digest = hashlib.sha256(f"{frame.symbol}|{frame.interval.value}|{frame.signed}|{frame.calendar}|".encode())
    for name in _COLUMNS:
        column = getattr(frame, name)
        digest.update(column.astype(column.dtype.newbyteorder("<"), copy=False).tobytes())
    return digest.hexdigest()

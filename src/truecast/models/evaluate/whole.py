"""Files of an output folder: their names, and writing them whole or not at all."""

import hashlib
import os
from pathlib import Path

from truecast.kit.errors import EXIT_IO, TruecastError

PARTS_FOLDER, TRAINED_FOLDER, EVIDENCE_FOLDER = "parts", "trained", "evidence"


class OutputNotWritten(TruecastError):
    """The output folder could not be written."""

    code = "output_not_written"
    title = "Output not written"
    template = "{path} was not written: {reason}"
    exit_code = EXIT_IO


def file_name(symbol: str) -> str:
    """The beginning of a file's name. Symbols may hold what file names may not."""
    plain = "".join(c if c.isalnum() or c in "-." else "_" for c in symbol)
    return f"{plain}.{hashlib.sha256(symbol.encode()).hexdigest()[:6]}"


def write_whole(path: Path, data: bytes) -> None:
    """Write a file so that a reader sees the old one or the new one. Raises OutputNotWritten."""
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    try:
        partial.write_bytes(data)
        partial.replace(path)
    except OSError as error:
        raise OutputNotWritten(path=str(path), reason=error.strerror or str(error)) from None

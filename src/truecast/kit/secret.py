"""The secret of an installation: the one given, or one made on the first start and kept in the data folder."""

import os
import secrets
from pathlib import Path

from pydantic import SecretStr

from truecast.kit.limits import SECRET_CHARS_MIN
from truecast.kit.settings import Settings, SettingsInvalid

_KEPT_AT = "secret_key"


def secret_of(settings: Settings) -> SecretStr:
    """The secret given, or the one kept in the data folder, made on the first call.

    The file is readable by its owner only. One that others may read is refused rather than repaired: it may have
    been read already.
    """
    if settings.secret_key is not None:
        return settings.secret_key
    path = settings.data_dir / _KEPT_AT
    if not path.exists():
        _write_new_secret(path)
    mode = path.stat().st_mode & 0o777
    if mode & 0o077:
        reason = f"others may read it (mode {mode:03o}); delete it, or keep it with `chmod 600`"
        raise SettingsInvalid.of([(str(path), reason)])
    kept = path.read_text("ascii", errors="replace").strip()
    if len(kept) < SECRET_CHARS_MIN:
        raise SettingsInvalid.of([(str(path), "holds no usable secret; delete it to have a new one made")])
    return SecretStr(kept)


def _write_new_secret(path: Path) -> None:
    """Link a complete file into place, so that two processes that start together agree on one secret."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{_KEPT_AT}.{secrets.token_hex(8)}")
    handle = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    try:
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(secrets.token_urlsafe(48) + "\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)
        except FileExistsError:  # the other process was first: its secret is the secret
            return
    finally:
        draft.unlink()

"""Settings on their way to a process of ours, over its standard input: never as arguments, which anybody can read."""

from collections.abc import Mapping
from typing import Any

import orjson
from pydantic import SecretStr

from truecast.kit.settings import Settings


def dumped(settings: Settings) -> Mapping[str, Any]:
    """As plain JSON, secrets and all."""
    plain: Mapping[str, Any] = orjson.loads(orjson.dumps(settings.model_dump(), default=_plain))
    return plain


def loaded(plain: Mapping[str, Any]) -> Settings:
    """The same settings, whatever the environment says."""
    return Settings(_env_file=None, **plain)


def _plain(value: object) -> str:
    return value.get_secret_value() if isinstance(value, SecretStr) else str(value)

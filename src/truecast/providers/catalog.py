"""Which sources there are, and how one is built. A source is `<key>.toml` beside `<key>.py` or inside `<key>/`."""

import functools
import importlib
from collections.abc import Mapping
from pathlib import Path

from truecast.kit.clock import Clock
from truecast.kit.errors import EXIT_CONFIG, TruecastError
from truecast.providers.base import Provider, Reach, SourceInfo, load_info

_HERE = Path(__file__).parent


class UnknownSource(TruecastError):
    """No such adapter."""

    code = "unknown_source"
    status = 404
    title = "Unknown source"
    template = "No source is called {source!r}; there are {known}"
    exit_code = EXIT_CONFIG


def known_sources() -> Mapping[str, SourceInfo]:
    """Every source by key, from the metadata alone: no adapter is imported."""
    return {path.stem: load_info(path) for path in _metadata().values()}


def source_info(key: str) -> SourceInfo:
    """What is known of the source called `key`. Raises UnknownSource."""
    return load_info(_path(key))


def build_provider(key: str, clock: Clock, reach: Reach) -> Provider:
    """The adapter called `key`. Raises UnknownSource.

    The one place that imports adapters by name: reading the bundled sample must not load an HTTP client.
    """
    path = _path(key)
    module = f"truecast.providers.{key}" + (".adapter" if path.parent != _HERE else "")
    provider: Provider = importlib.import_module(module).create(clock, reach)
    return provider


def _path(key: str) -> Path:
    path = _metadata().get(key)
    if path is None:
        raise UnknownSource(source=key, known=sorted(_metadata()))
    return path


@functools.cache
def _metadata() -> dict[str, Path]:
    beside = [path for path in sorted(_HERE.glob("*.toml")) if path.with_suffix(".py").exists() and _is_source(path)]
    inside = [path for path in sorted(_HERE.glob("*/*.toml")) if path.stem == path.parent.name]
    return {path.stem: path for path in (*beside, *inside)}


def _is_source(path: Path) -> bool:
    """Other tables lie beside their modules, too."""
    return "[source]" in path.read_text("utf-8")

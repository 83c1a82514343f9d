"""Which sources there are, and how one is built. A source is `<key>.toml` beside `<key>.py` or inside `<key>/`.

Other packages add theirs by an entry point of the group `truecast.providers`: its name is the key, its value a module
with a function `create(clock, reach)`, and `<key>.toml` lies beside that module. See examples/custom_source.
"""

import functools
import importlib
import importlib.metadata
import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from truecast.kit.clock import Clock
from truecast.kit.errors import EXIT_CONFIG, TruecastError
from truecast.kit.logs import get_logger
from truecast.providers.base import Provider, Reach, SourceInfo, load_info

GROUP = "truecast.providers"
_HERE = Path(__file__).parent

_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Listed:
    """Where a source is described, and the module that asks it."""

    toml: Path
    module: str


class UnknownSource(TruecastError):
    """No such adapter."""

    code = "unknown_source"
    status = 404
    title = "Unknown source"
    template = "No source is called {source!r}; there are {known}"
    exit_code = EXIT_CONFIG


def known_sources() -> Mapping[str, SourceInfo]:
    """Every source by key, from the metadata alone: no adapter is imported."""
    return {key: load_info(listed.toml) for key, listed in _metadata().items()}


def source_info(key: str) -> SourceInfo:
    """What is known of the source called `key`. Raises UnknownSource."""
    return load_info(_listed(key).toml)


def build_provider(key: str, clock: Clock, reach: Reach) -> Provider:
    """The adapter called `key`. Raises UnknownSource.

    The one place that imports adapters by name: reading the bundled sample must not load an HTTP client.
    """
    provider: Provider = importlib.import_module(_listed(key).module).create(clock, reach)
    return provider


def _listed(key: str) -> _Listed:
    listed = _metadata().get(key)
    if listed is None:
        raise UnknownSource(source=key, known=sorted(_metadata()))
    return listed


@functools.cache
def _metadata() -> dict[str, _Listed]:
    beside = [path for path in sorted(_HERE.glob("*.toml")) if path.with_suffix(".py").exists() and _is_source(path)]
    inside = [path for path in sorted(_HERE.glob("*/*.toml")) if path.stem == path.parent.name]
    found = {path.stem: _Listed(path, f"truecast.providers.{path.stem}") for path in beside}
    found |= {path.stem: _Listed(path, f"truecast.providers.{path.stem}.adapter") for path in inside}
    return _added() | found  # nobody else's source takes the name of one of ours


def _added() -> dict[str, _Listed]:
    """Sources of other packages. One that cannot be read is told in the log and left out: the others still serve."""
    found = {}
    for point in importlib.metadata.entry_points(group=GROUP):
        try:
            spec = importlib.util.find_spec(point.module)
            toml = Path(spec.origin if spec and spec.origin else "").with_name(f"{point.name}.toml")
            load_info(toml)
        except (ImportError, OSError, ValueError, KeyError, TypeError) as error:
            _log.warning("source_unusable", source=point.name, module=point.module, reason=str(error)[:200])
            continue
        found[point.name] = _Listed(toml, point.module)
    return found


def _is_source(path: Path) -> bool:
    """Other tables lie beside their modules, too."""
    return "[source]" in path.read_text("utf-8")

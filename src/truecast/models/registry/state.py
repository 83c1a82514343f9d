"""What a process knows of the register at one moment, and the catalogue that follows from it. Pure but for reading."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from truecast.features.frame import Frame
from truecast.kit.clock import from_us, iso
from truecast.kit.leases import Lease
from truecast.models.catalog import UNTRAINED, Catalogue, ModelStatus, Scope, Trial, Versioned, catalogue_of
from truecast.models.heavy import ModelUnavailable
from truecast.models.location.artifact import ArtifactRefused
from truecast.models.registry import folder
from truecast.models.registry.answers import Loaded
from truecast.models.registry.events import Key, Past
from truecast.models.registry.folder import Kept
from truecast.models.registry.judge import HORIZONS, Comparison, compare, said
from truecast.models.registry.rows import Version
from truecast.models.registry.training import Evaluation

Named = tuple[Key, str]  # a version of a model and scope
Statuses = dict[str, dict[Scope, ModelStatus]]


@dataclass(frozen=True, slots=True, eq=False)
class State:
    """Replaced whole, never changed."""

    past: Past = field(default_factory=Past)
    versions: Mapping[Named, Version] = field(default_factory=dict)
    kept: Mapping[Key, Kept] = field(default_factory=dict)  # what serves
    refused: Mapping[Named, str] = field(default_factory=dict)  # what should, and why it does not
    classes: Mapping[str, str] = field(default_factory=dict)
    leases: Mapping[Key, Lease] = field(default_factory=dict)
    pulse: tuple[int, ...] = ()
    statuses: Statuses = field(default_factory=dict)
    catalogue: Catalogue = UNTRAINED

    @property
    def champions(self) -> dict[Key, str]:
        """What was last put in service."""
        return {key: line[-1] for key, line in self.past.lines().items() if line}


def bind(
    root: Path, past: Past, versions: Mapping[Named, Version], before: Mapping[Key, Kept]
) -> tuple[dict[Key, Kept], dict[Named, str]]:
    """For every scope the newest version in its line that can be read, and why those above it cannot."""
    kept: dict[Key, Kept] = {}
    refused: dict[Named, str] = {}
    for key, line in past.lines().items():
        for name in reversed(line):
            try:
                kept[key] = _known(root, key, name, versions, before)
                break
            except (ArtifactRefused, ModelUnavailable) as broken:
                refused[key, name] = str(broken.facts["reason"])
    return kept, refused


def statuses_of(state: State, now: datetime, stale_after: timedelta) -> Statuses:
    """What is to be said of every scope in which something was trained or is being trained."""
    champions, marks = state.champions, state.past.stale()
    statuses: Statuses = {}
    for key in sorted({key for key, _ in state.versions} | set(state.leases)):
        kept, champion = state.kept.get(key), champions.get(key)
        version = None if kept is None else kept.card.version
        until = None if kept is None else from_us(kept.card.trained_until)
        created = now if kept is None else from_us(kept.card.created_at)
        if (lease := state.leases.get(key)) is not None:
            said = ModelStatus("training", f"since {iso(lease.since)}", version, until, lease.since)
        elif kept is None and champion is not None:
            said = ModelStatus("unavailable", f"version {champion} was refused: {state.refused[key, champion]}")
        elif kept is None:
            gone = key in state.past.lines()
            said = ModelStatus("unavailable", "rolled back, and nothing before it" if gone else "not promoted yet")
        elif version != champion and champion is not None:
            reason = f"version {champion} was refused: {state.refused[key, champion]}; the one before it serves"
            said = ModelStatus("stale", reason, version, until)
        elif (mark := marks.get(key)) is not None:
            said = ModelStatus("stale", mark.reason, version, until, mark.at)
        elif now - created > stale_after:
            said = ModelStatus("stale", f"trained {iso(created)}", version, until, created + stale_after)
        else:
            said = ModelStatus("ready", None, version, until, created)
        statuses.setdefault(key[0], {})[key[1]] = said
    return statuses


def catalogue_with(kept: Mapping[Key, Kept], classes: Mapping[str, str], statuses: Statuses) -> Catalogue:
    """The catalogue in which these versions serve."""
    bound: dict[str, dict[Scope, Versioned]] = {}
    trials: dict[str, dict[Scope, tuple[Trial, ...]]] = {}
    for (model, scope), one in kept.items():
        bound.setdefault(model, {})[scope] = (one.card.version, one.artifact)
        trials.setdefault(model, {})[scope] = trials_of(one.card.judged)
    return catalogue_of(bound, classes, statuses, trials)


def trials_of(judged: Evaluation) -> tuple[Trial, ...]:
    """At every horizon at which the twin met both walks."""
    alone = {one.horizon: one for one in judged.walk}
    return tuple(
        Trial(one.horizon, said(one), said(alone[one.horizon])) for one in judged.naive if one.horizon in alone
    )


def catalogue_then(root: Path, state: State, wanted: Mapping[Key, str]) -> Catalogue:
    """With the versions that were champions once; what cannot be read any more is unavailable, not replaced."""
    kept: dict[Key, Kept] = {}
    statuses: Statuses = {}
    for key, name in wanted.items():
        try:
            kept[key] = _known(root, key, name, state.versions, state.kept)
        except (ArtifactRefused, ModelUnavailable) as broken:
            reason = f"version {name} was refused: {broken.facts['reason']}"
            statuses.setdefault(key[0], {})[key[1]] = ModelStatus("unavailable", reason)
    return catalogue_with(kept, state.classes, statuses)


def _known(root: Path, key: Key, name: str, versions: Mapping[Named, Version], before: Mapping[Key, Kept]) -> Kept:
    model, scope = key
    if key in before and before[key].card.version == name:
        return before[key]
    if (key, name) not in versions:
        raise ArtifactRefused(model=model, reason="they were never registered")
    return folder.read(root, model, scope, name, versions[key, name].digest)


def compared(key: Key, one: Kept, other: Kept, frames: Sequence[Frame]) -> list[Comparison]:
    """How two versions of a scope did on what came after both."""
    model, scope = key
    classes = {frame.symbol: scope[0] for frame in frames}
    mine, theirs = (catalogue_with({key: kept}, classes, {}).get(model, scope) for kept in (one, other))
    since = max(one.card.trained_until, other.card.trained_until)
    farthest = min(one.card.anchors[-1], other.card.anchors[-1])
    reaching = [frame for frame in frames if len(frame) and frame.end[-1] >= since]
    horizons = [h for h in HORIZONS if h <= farthest]
    return compare(mine, theirs, reaching, since_us=since, against=other.card.version, horizons=horizons)


def unregistered(root: Path, model: str, state: State) -> list[Loaded]:
    """Folders of versions that the register does not know: never loaded, but told."""
    known: dict[Scope, set[str]] = {}
    for (name, scope), version in state.versions:
        if name == model:
            known.setdefault(scope, set()).add(version)
    return [
        Loaded(model, *scope, name, "unavailable", "not registered: copied here, or its training was interrupted")
        for scope in folder.scopes_on_disk(root, model)
        for name in folder.unregistered(root, model, scope, known.get(scope, set()))
    ]


def versions_of(state: State, model: str) -> list[tuple[Version, Loaded]]:
    """Newest first, and what became of each."""
    found = []
    for (key, name), version in state.versions.items():
        if key[0] == model:
            reason = state.refused.get((key, name))
            champion = state.champions.get(key) == name
            status = "unavailable" if reason else "champion" if champion else "challenger"
            found.append((version, Loaded(model, *key[1], name, status, reason)))
    return found[::-1]

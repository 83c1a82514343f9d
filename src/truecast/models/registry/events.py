"""What happened to the versions, and what follows from it: which one serves, and which one served at any moment."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from truecast.models.catalog import Scope

Kind = Literal["trained", "refused", "promoted", "rolled_back", "loaded", "failed", "stale"]
Key = tuple[str, Scope]  # model, (asset class, interval)

CHANGES: tuple[Kind, ...] = ("promoted", "rolled_back")
TOLD: tuple[Kind, ...] = (*CHANGES, "trained", "stale")  # what a process has to know of


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One thing that happened. `evidence` is what it was decided on."""

    id: int
    at: datetime
    kind: Kind
    model: str
    asset_class: str
    interval: str
    version: str | None
    who: str
    reason: str
    evidence: Mapping[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> Key:
        """Model and scope."""
        return self.model, (self.asset_class, self.interval)


def who_of(who: str, mark: str | None) -> str:
    """Who, with the mark of one request of theirs: what it did is found by that."""
    return who if mark is None else f"{who}:{mark}"


@dataclass(frozen=True, slots=True)
class Past:
    """All changes so far, in the order in which they were made."""

    events: tuple[Event, ...] = ()

    def lines(self, as_of: datetime | None = None) -> dict[Key, tuple[str, ...]]:
        """Of every scope, the versions that a rollback leads back to, and last the one that serves (served)."""
        lines: dict[Key, tuple[str, ...]] = {}
        for event in self._by(as_of):
            if event.kind == "promoted" and event.version is not None:
                lines[event.key] = (*lines.get(event.key, ()), event.version)
            elif event.kind == "rolled_back":
                lines[event.key] = lines.get(event.key, ())[:-1]
        return lines

    def stale(self) -> dict[Key, Event]:
        """Scopes that were said to be stale since the version that serves was promoted."""
        marks: dict[Key, Event] = {}
        for event in self.events:
            if event.kind == "stale":
                marks[event.key] = event
            elif event.kind in CHANGES:
                marks.pop(event.key, None)
        return marks

    def changed_at(self) -> datetime | None:
        """When a version was last put in or taken out of service."""
        return max((event.at for event in self.events if event.kind in CHANGES), default=None)

    def _by(self, as_of: datetime | None) -> Iterable[Event]:
        return (event for event in self.events if as_of is None or event.at <= as_of)

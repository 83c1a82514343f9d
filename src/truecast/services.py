"""What the product can do, as one frozen value. `wiring.py` builds it; the API, the jobs and the commands take it.

A field has the concrete type where there is one implementation, and a Protocol where there are several or where
the implementation stands to the right of this module.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from truecast.kit.bus import Bus
from truecast.kit.clock import Clock
from truecast.kit.compute import Compute
from truecast.kit.settings import Settings


@dataclass(slots=True)
class Loading:
    """How far the start is. Written by the loader, read by `/info`; the one mutable thing here."""

    stage: str = "database"
    done: int = 0
    total: int = 0
    ready: bool = False
    failed: str | None = None

    def step(self, stage: str, done: int, total: int) -> None:
        """Say what is being done and how far it is."""
        self.stage, self.done, self.total = stage, done, total


class Background(Protocol):
    """What this process does beside answering: making the store ready, then the jobs."""

    async def prepare(self, loading: Loading) -> None:
        """Make the store usable: migrations, sample data. Returns when requests can be answered."""

    async def run(self) -> None:
        """The jobs, until cancelled. Returns at once in a process that has none."""

    async def close(self) -> None:
        """Let go of the database, the lock and the threads. May be called twice."""


@dataclass(frozen=True, slots=True)
class Services:
    """The capabilities of one process."""

    settings: Settings
    clock: Clock
    bus: Bus
    compute: Compute
    background: Background
    loading: Loading

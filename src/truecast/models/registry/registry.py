"""The register at work: what serves now and served then, training, promotion on evidence, rollback, loading.

A forecast takes one catalogue and keeps it. Whatever changes makes a new one and swaps one reference, so that no
forecast ever sees two versions. Other processes see a change within MODEL_POLL_S: they ask for the last event's id.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from truecast.domain.interval import Interval
from truecast.kit.clock import Clock
from truecast.kit.compute import Compute
from truecast.kit.db import Database
from truecast.kit.errors import TruecastError
from truecast.kit.leases import Leases
from truecast.kit.limits import ARTIFACTS_KEPT_MAX, EVENTS_LISTED_MAX, MODEL_LEASE_S, MODEL_POLL_S
from truecast.kit.logs import get_logger
from truecast.models.catalog import UNTRAINED, Catalogue, Scope
from truecast.models.heavy import ModelUnavailable
from truecast.models.location.artifact import ArtifactRefused
from truecast.models.registry import folder, lease, rows
from truecast.models.registry.answers import (
    Changed,
    Loaded,
    NothingToRollBack,
    Sources,
    Trained,
    TrainingUnderWay,
    UnknownVersion,
    fits,
    require_grower,
    scope_told,
)
from truecast.models.registry.card import Card, card_of, read_card
from truecast.models.registry.events import Event, Key, Past
from truecast.models.registry.promotion import NothingToPromote, PromotionRefused, weigh
from truecast.models.registry.record import Lived, lived, record_of
from truecast.models.registry.rows import Version
from truecast.models.registry.state import (
    State,
    bind,
    catalogue_then,
    catalogue_with,
    compared,
    statuses_of,
    unregistered,
    versions_of,
)
from truecast.models.registry.training import TrainingOutcome, TrainingRequest
from truecast.models.training import TooLittleToLearn

STALE_AFTER = 3  # update intervals
WEEK_S = 604_800.0
_log = get_logger(__name__)

Trainer = Callable[[TrainingRequest], Awaitable[TrainingOutcome]]


class Registry:
    """The versions of trained models. `catalogue()` costs nothing for now; everything else reads and writes."""

    def __init__(
        self,
        db: Database,
        root: Path,
        clock: Clock,
        compute: Compute,
        *,
        sources: Sources,
        trainer: Trainer,
        update_interval_s: float = WEEK_S,
        serves: bool = False,
    ) -> None:
        self._db = db
        self.root = root
        self._clock = clock
        self._compute = compute
        self._sources = sources
        self._trainer = trainer
        self._stale_after = timedelta(seconds=STALE_AFTER * update_interval_s)
        self._serves = serves  # then what it loads is written down
        self._leases = Leases(db, lease_s=MODEL_LEASE_S, renew_s=MODEL_LEASE_S / 4)
        self._state = State()
        self.refused: Mapping[str, str] = {}  # what should serve and cannot be read, and why
        self._told: set[tuple[str, ...]] = set()
        self._earlier: OrderedDict[tuple[tuple[Key, str], ...], Catalogue] = OrderedDict()
        self._reading = asyncio.Lock()
        self.listeners: list[Callable[[], None]] = []  # told that what serves, or its standing, has changed

    # What serves

    def catalogue(self, as_of: datetime | None = None) -> Catalogue:
        """What can serve now; of a moment in the past, with the versions that served then. Only that may read files."""
        state = self._state
        changed = state.past.changed_at()
        if as_of is None or changed is None or as_of >= changed:
            return state.catalogue
        lines = state.past.lines(as_of)
        wanted = tuple(sorted((key, line[-1]) for key, line in lines.items() if line))
        if wanted not in self._earlier:
            self._earlier[wanted] = catalogue_then(self.root, state, dict(wanted)) if wanted else UNTRAINED
            while len(self._earlier) > ARTIFACTS_KEPT_MAX:
                self._earlier.popitem(last=False)
        return self._earlier[wanted]

    async def load(self, *, again: bool = False) -> list[Loaded]:
        """Read the register and bind what serves. `again`: verify the files of what serves already, too."""
        async with self._reading:
            async with self._db.read() as conn:
                pulse, past = await rows.pulse(conn), Past(await rows.told(conn))
                known = {(v.key, v.version): v for v in await rows.versions(conn)}
                leases = await lease.under_way(conn)
            classes = await self._sources.classes_of()
            before = {} if again else self._state.kept
            kept, refused = await self._compute.run(bind, self.root, past, known, before)
            if again or known != self._state.versions:
                self._earlier.clear()
            self._swap(State(past, known, kept, refused, classes, leases, pulse))
            loaded = [Loaded(k[0], *k[1], kept[k].card.version, "ready") for k in sorted(kept)]
            loaded += [Loaded(k[0], *k[1], name, "unavailable", why) for (k, name), why in sorted(refused.items())]
            if self._serves:
                await self._tell(loaded)
            return loaded

    async def poll(self) -> bool:
        """Take in what other processes, or time, have changed; whether there was anything."""
        async with self._db.read() as conn:
            pulse, leases = await rows.pulse(conn), await lease.under_way(conn)
        state = self._state
        if pulse != state.pulse:
            await self.load()
            return True
        now = replace(state, leases=leases)
        if statuses_of(now, self._clock.now(), self._stale_after) == state.statuses:
            return False
        self._swap(now)
        return True

    async def watch(self) -> None:
        """Poll for ever. A database that is away for a while is asked again."""
        while True:
            await asyncio.sleep(MODEL_POLL_S)
            try:
                await self.poll()
            except TruecastError as error:
                _log.warning("model register not read", code=error.code, detail=error.detail)

    # Training

    async def trainable(
        self, model: str, asset_class: str | None = None, interval: Interval | None = None
    ) -> list[Scope]:
        """The scopes that fit and of which series are stored. Raises UnknownModel, NotTrainable."""
        require_grower(model)
        if asset_class is not None and interval is not None:
            return [(asset_class, interval.value)]
        stored = await self._sources.scopes_of()
        return [scope for scope in stored if fits((model, scope), model, asset_class, interval)]

    async def train(
        self,
        model: str,
        asset_class: str | None = None,
        interval: Interval | None = None,
        *,
        who: str = "command",
        but: Collection[Scope] = (),
    ) -> list[Trained]:
        """Train a challenger for every scope that fits, `but` these, one after the other; none of them serves yet.

        Raises UnknownModel, NotTrainable; and of one scope its refusal, TooLittleToLearn, ModelUnavailable or such.
        """
        scopes = [scope for scope in await self.trainable(model, asset_class, interval) if scope not in but]
        done = []
        for scope in scopes:
            try:
                version = await self._train((model, scope), who)
            except (TooLittleToLearn, ModelUnavailable, TrainingUnderWay) as refused:
                if len(scopes) == 1:
                    raise
                done.append(Trained(model, *scope, None, refused))
            else:
                done.append(Trained(model, *scope, version))
        return done

    async def _train(self, key: Key, who: str) -> str:
        model, (asset_class, interval) = key
        async with lease.held(self._leases, key, self.poll):
            await self.poll()
            champion = self._state.kept.get(key)
            try:
                frames = await self._sources.frames_of(asset_class, Interval(interval))
                request = TrainingRequest(
                    model=model,
                    asset_class=asset_class,
                    interval=Interval(interval),
                    frames=frames,
                    champion=None if champion is None else champion.artifact,
                )
                outcome = await self._trainer(request)
            except (TooLittleToLearn, ModelUnavailable) as refused:
                await self._write("refused", key, who=who, reason=refused.detail)
                raise
            except TruecastError as failed:
                await self._write("failed", key, who=who, reason=f"training: {failed.detail}")
                raise
            files = outcome.artifact.files()
            card = card_of(outcome, files, at=self._clock.now(), against=champion.card.version if champion else None)
            await self._compute.run(self._keep, key, card, files)
            async with rows.writing(self._db) as conn:
                await rows.add_version(conn, card)
                evidence, now = outcome.evaluation.plain(), self._clock.now()
                await rows.add_event(conn, "trained", key, at=now, who=who, version=card.version, evidence=evidence)
        await self.load()
        return card.version

    def _keep(self, key: Key, card: Card, files: Mapping[str, bytes]) -> None:
        folder.sweep(self.root, *key)
        folder.write(self.root, card, files)

    async def under_way(self, model: str) -> set[Scope]:
        """What a process trains, or trained when it died less than MODEL_LEASE_S ago."""
        await self.poll()
        return {scope for name, scope in self._state.leases if name == model}

    # Promotion

    async def promote(
        self,
        model: str,
        version: str | None = None,
        asset_class: str | None = None,
        interval: Interval | None = None,
        *,
        who: str = "command",
    ) -> list[Changed]:
        """Put a version in service; without one, the newest challenger of every scope that fits.

        Raises UnknownVersion, NothingToPromote, ArtifactRefused, PromotionRefused with the evidence. Of several
        scopes, those whose evidence suffices are promoted; an error is raised only where none is.
        """
        require_grower(model)
        await self.load()
        changed, refusals = list[Changed](), list[TruecastError]()
        for challenger in self._challengers(model, version, asset_class, interval):
            try:
                changed.append(await self._promote(challenger, who))
            except (PromotionRefused, ArtifactRefused, ModelUnavailable) as refused:
                refusals.append(refused)
        if not changed:
            raise refusals[0]
        return changed

    def _challengers(
        self, model: str, version: str | None, asset_class: str | None, interval: Interval | None
    ) -> list[Version]:
        state = self._state
        mine = [v for (key, _), v in state.versions.items() if fits(key, model, asset_class, interval)]
        named = [v for v in mine if version is None or v.version == version]
        if version is not None and not named:
            raise UnknownVersion(model=model, version=version)
        newest = {v.key: v for v in named}
        waiting = [v for v in newest.values() if state.champions.get(v.key) != v.version]
        if not waiting:
            reason = "the newest version serves already" if newest else "nothing was trained yet"
            raise NothingToPromote(model=model, scope=scope_told(asset_class, interval), reason=reason)
        return waiting

    async def _promote(self, challenger: Version, who: str) -> Changed:
        key, name = challenger.key, challenger.version
        champion = self._state.champions.get(key)
        serving = self._state.kept.get(key)
        try:
            kept = await self._compute.run(folder.read, self.root, *key, name, challenger.digest)
        except (ArtifactRefused, ModelUnavailable) as broken:
            await self._write("failed", key, who=who, version=name, reason=broken.detail)
            raise
        held_to = None if serving is None else serving.card.version  # one that cannot be read is no champion
        since_both = None
        if serving is not None and kept.card.against != held_to:
            frames = await self._sources.frames_of(key[1][0], Interval(key[1][1]))
            since_both = await self._compute.run(compared, key, kept, serving, frames)
        record = await record_of(self._sources.live_of, key, name, held_to)
        said = weigh(kept.card, held_to, since_both, record)
        if said.reason is not None:
            await self._write("refused", key, who=who, version=name, reason=said.reason, evidence=said.evidence)
            raise PromotionRefused(model=key[0], version=name, reason=said.reason, evidence=said.evidence)
        async with rows.writing(self._db) as conn:
            line = Past(await rows.told(conn)).lines().get(key, ())
            if (line[-1] if line else None) != champion:
                raise PromotionRefused(
                    model=key[0],
                    version=name,
                    reason=f"{line[-1] if line else 'nothing'} was put in service meanwhile",
                    evidence=said.evidence,
                )
            facts: Any = {"version": name, "evidence": {**said.evidence, "before": champion}}
            await rows.add_event(conn, "promoted", key, at=self._clock.now(), who=who, **facts)
        await self.load()
        return Changed(key[0], *key[1], name, champion)

    async def rollback(
        self, model: str, asset_class: str | None = None, interval: Interval | None = None, *, who: str = "command"
    ) -> list[Changed]:
        """Put back what served before the last promotion, in every scope that fits. Raises NothingToRollBack."""
        require_grower(model)
        changed = []
        async with rows.writing(self._db) as conn:
            for key, line in sorted(Past(await rows.told(conn)).lines().items()):
                if line and fits(key, model, asset_class, interval):
                    before, reason = line[-2] if len(line) > 1 else None, f"{line[-1]} taken out of service"
                    facts: Any = {"version": before, "reason": reason, "evidence": {"before": line[-1]}}
                    await rows.add_event(conn, "rolled_back", key, at=self._clock.now(), who=who, **facts)
                    changed.append(Changed(key[0], *key[1], before, line[-1]))
        if not changed:
            raise NothingToRollBack(model=model, scope=scope_told(asset_class, interval))
        await self.load()
        return changed

    async def mark_stale(
        self, model: str, scope: Scope, reason: str, *, who: str = "drift", evidence: Mapping[str, Any] | None = None
    ) -> bool:
        """Say that what serves the scope does no longer what it did; False where nothing serves or that is known."""
        require_grower(model)
        key = (model, scope)
        async with rows.writing(self._db) as conn:
            past = Past(await rows.told(conn))
            mark, line = past.stale().get(key), past.lines().get(key)
            if not line or (mark is not None and mark.reason == reason):
                return False
            facts: dict[str, Any] = {"who": who, "version": line[-1], "reason": reason, "evidence": evidence}
            await rows.add_event(conn, "stale", key, at=self._clock.now(), **facts)
        await self.load()
        return True

    # What is known

    def marks(self) -> list[Event]:
        """What `mark_stale` said of versions that still serve."""
        return sorted(self._state.past.stale().values(), key=lambda event: event.id)

    async def events(
        self, model: str | None = None, *, before: int | None = None, who: str = "", limit: int = EVENTS_LISTED_MAX
    ) -> list[Event]:
        """What happened, latest first."""
        if model is not None:
            require_grower(model)
        async with self._db.read() as conn:
            return await rows.listed(conn, model=model, before=before, who=who, limit=limit)

    def versions(self, model: str) -> list[tuple[Version, Loaded]]:
        """Every version of a model, newest first, and what became of it."""
        return versions_of(self._state, model)

    async def foreign(self, model: str) -> list[Loaded]:
        """Folders in the places of versions that nothing here has registered; they are never read."""
        return await self._compute.run(unregistered, self.root, model, self._state)

    async def live(self, model: str) -> Lived:
        """What sealed forecasts say of every version that served."""
        require_grower(model)
        return await lived(self._sources.live_of, self._state.past, model)

    async def card(self, version: Version) -> Card:
        """The registered card."""
        async with self._db.read() as conn:
            return read_card(await rows.card_body(conn, version), version.model)

    # Changes

    def _swap(self, state: State) -> None:
        """The one place where what serves changes: one reference."""
        statuses = statuses_of(state, self._clock.now(), self._stale_after)
        catalogue = catalogue_with(state.kept, state.classes, statuses)
        self._state = replace(state, statuses=statuses, catalogue=catalogue)
        self.refused = {f"{' '.join((k[0], *k[1]))} {name}": why for (k, name), why in sorted(state.refused.items())}
        for listener in self.listeners:
            listener()

    async def _tell(self, loaded: Sequence[Loaded]) -> None:
        """Write down what this process began to serve, or could not."""
        for one in loaded:
            told = (one.model, one.asset_class, one.interval, one.version, one.status, one.reason or "")
            if told not in self._told:
                self._told.add(told)
                kind: Any = "loaded" if one.status == "ready" else "failed"
                key = (one.model, (one.asset_class, one.interval))
                try:
                    await self._write(kind, key, who=self._leases.holder, version=one.version, reason=one.reason or "")
                except TruecastError as error:  # a database that is read-only can still serve
                    _log.warning("loading not written down", code=error.code, detail=error.detail)

    async def _write(self, kind: Any, key: Key, **facts: Any) -> None:
        async with rows.writing(self._db) as conn:
            await rows.add_event(conn, kind, key, at=self._clock.now(), **facts)

"""What is told about a version for ever: from what it was learned, how, by which code, and how well it did."""

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, get_type_hints

from truecast import __version__
from truecast.kit.clock import from_us, to_us
from truecast.models.catalog import Scope
from truecast.models.location.artifact import Artifact, ArtifactRefused
from truecast.models.registry.training import Evaluation, TrainingOutcome, evaluation_of

CARD = "card.json"
FORMAT = "truecast-model/1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """Of one version. Times in microseconds UTC. `files`: SHA-256 of each. `against`: the champion it was held to."""

    model: str
    asset_class: str
    interval: str
    version: str
    created_at: int
    code_version: str
    recipe_version: str
    feature_set: str
    parameters: dict[str, Any]
    seed: int
    symbols: list[str]
    trained_from: int
    trained_until: int
    anchors: list[int]
    shrink: list[float]
    rows: list[int]
    evaluation: dict[str, Any]
    against: str | None
    files: dict[str, str]

    @property
    def scope(self) -> Scope:
        """Asset class and interval."""
        return self.asset_class, self.interval

    @property
    def judged(self) -> Evaluation:
        """The evaluation as values."""
        return evaluation_of(self.evaluation)

    def encoded(self) -> bytes:
        """The bytes of card.json: the same card, the same bytes."""
        return canonical({"format": FORMAT, **dataclasses.asdict(self)})


def card_of(outcome: TrainingOutcome, files: Mapping[str, bytes], *, at: datetime, against: str | None) -> Card:
    """The card of what was just learned; its version is the moment and a digest of everything else."""
    artifact = outcome.artifact
    card = Card(
        model=artifact.model,
        asset_class=artifact.asset_class,
        interval=artifact.interval,
        version="",
        created_at=to_us(at),
        code_version=__version__,
        recipe_version=artifact.version,
        feature_set=artifact.feature_set,
        parameters=artifact.parameters,
        seed=artifact.seed,
        symbols=list(artifact.symbols),
        trained_from=artifact.trained_from,
        trained_until=artifact.trained_until,
        anchors=list(artifact.anchors),
        shrink=list(artifact.shrink),
        rows=list(artifact.rows),
        evaluation=outcome.evaluation.plain(),
        against=against,
        files={name: digest(body) for name, body in sorted(files.items())},
    )
    return dataclasses.replace(card, version=f"{from_us(card.created_at):%Y%m%dT%H%M%SZ}-{digest(card.encoded())[:10]}")


def read_card(body: bytes, model: str) -> Card:
    """The card in these bytes; raises ArtifactRefused."""
    try:
        facts = json.loads(body)
    except (ValueError, RecursionError) as broken:
        raise ArtifactRefused(model=model, reason=f"{CARD} is not JSON") from broken
    if not isinstance(facts, dict) or facts.pop("format", None) != FORMAT:
        raise ArtifactRefused(model=model, reason=f"{CARD} is not of the format {FORMAT}")
    if set(facts) != set(_KINDS) or not all(isinstance(facts[name], kind) for name, kind in _KINDS.items()):
        raise ArtifactRefused(model=model, reason=f"{CARD} has not the fields of the format {FORMAT}")
    return Card(**facts)


def mismatch(card: Card, artifact: Artifact) -> str | None:
    """What the card says and the artifact does not; None when they agree."""
    for name in ("model", "asset_class", "interval", "feature_set", "seed", "trained_from", "trained_until"):
        if getattr(card, name) != getattr(artifact, name):
            return name
    lists = ("symbols", "anchors", "shrink", "rows")
    return next((name for name in lists if getattr(card, name) != list(getattr(artifact, name))), None)


def canonical(value: Mapping[str, Any]) -> bytes:
    """JSON in one way only."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def digest(body: bytes) -> str:
    """SHA-256, hexadecimal."""
    return hashlib.sha256(body).hexdigest()


def _kind(hint: Any) -> Any:
    return {list[str]: list, list[int]: list, list[float]: list}.get(hint) or getattr(hint, "__origin__", hint)


_KINDS = {name: _kind(hint) for name, hint in get_type_hints(Card).items()}

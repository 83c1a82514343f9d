"""One training, whole: what it is given, what it does in whatever process, and what it leaves behind.

    write_request(request, folder)        request.json, frames.npz, champion/       for another process
    outcome = learn(request)              the artifact, and how its recipe does on bars it has not seen
    write_outcome(outcome, folder)        outcome.json and the artifact's files; or refusal.json

What serves is learned from all bars. What is judged is a twin: the same recipe, learned without the last HELD_OUT of
the time span and asked about it, an embargo of bars between. It is held against the walk without its trees, against the
naive walk, and against the champion on what the champion has not seen either.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from truecast.domain.bar import FloatArray, IntArray
from truecast.domain.interval import Interval
from truecast.features.frame import Frame
from truecast.kit.errors import TruecastError
from truecast.models.catalog import GROWERS, LEARNS_WITH, Scope, catalogue_of
from truecast.models.heavy import ModelUnavailable, lacking
from truecast.models.located import Located
from truecast.models.location.artifact import Artifact, read_artifact
from truecast.models.location.trees import Grower
from truecast.models.naive import Naive
from truecast.models.registry.judge import HORIZONS, Comparison, Walks, compare
from truecast.models.training import ANCHORS, ROWS_MIN, TooLittleToLearn, train
from truecast.models.walk import Walk, fit_walk

HELD_OUT = 0.1  # of the time span
EMBARGO_BARS = 5
HANDICAP = 0.005  # of the CRPS: what a twin may lack against the champion, for it learned from HELD_OUT less
REQUEST, FRAMES, CHAMPION = "request.json", "frames.npz", "champion"
OUTCOME, REFUSAL = "outcome.json", "refusal.json"
_COLUMNS = ("end", "open", "high", "low", "close", "volume")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TrainingRequest:
    """What to learn, from which frames (all of one class and interval), and whom to be held against."""

    model: str
    asset_class: str
    interval: Interval
    frames: Sequence[Frame]
    champion: Artifact | None = None
    seed: int = 0
    feature_set: str = "tree/1"
    anchors: tuple[int, ...] = ANCHORS
    embargo: int = EMBARGO_BARS
    held_out: float = HELD_OUT

    @property
    def scope(self) -> Scope:
        """Asset class and interval."""
        return self.asset_class, self.interval.value


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """How the recipe did on the last bars, which its twin had not seen. Empty where there were too few to learn from.

    `held_from`: end of the first bar that was asked about. Champions are asked about what they have not seen either:
    from `champion_from` on.
    """

    held_from: int | None = None
    until: int | None = None
    walk: tuple[Comparison, ...] = ()
    naive: tuple[Comparison, ...] = ()
    champion: tuple[Comparison, ...] = ()
    champion_from: int | None = None

    def plain(self) -> dict[str, Any]:
        """For JSON."""
        parts = {name: [one.plain() for one in getattr(self, name)] for name in ("walk", "naive", "champion")}
        return {"held_from": self.held_from, "until": self.until, "champion_from": self.champion_from, **parts}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TrainingOutcome:
    """What was learned, how its recipe did, and what it took."""

    artifact: Artifact
    evaluation: Evaluation = field(default_factory=Evaluation)


def learn(request: TrainingRequest, growers: Mapping[str, Grower] = GROWERS) -> TrainingOutcome:
    """Train and judge. The same request gives the same outcome. Raises TooLittleToLearn, ModelUnavailable."""
    if reason := lacking(LEARNS_WITH[request.model]):
        raise ModelUnavailable(model=request.model, reason=reason)
    if not request.frames:
        raise TooLittleToLearn(model=request.model, frames=0, rows=0, need=ROWS_MIN)
    artifact = _trained(request, request.frames, growers)
    try:
        evaluation = _judged(request, growers)
    except TooLittleToLearn:  # enough for all, not for all but the last tenth: nothing can be said of it
        evaluation = Evaluation()
    return TrainingOutcome(artifact=artifact, evaluation=evaluation)


def _trained(request: TrainingRequest, frames: Sequence[Frame], growers: Mapping[str, Grower]) -> Artifact:
    return train(
        growers[request.model],
        frames,
        asset_class=request.asset_class,
        seed=request.seed,
        feature_set=request.feature_set,
        anchors=request.anchors,
        embargo=request.embargo,
    )


def _judged(request: TrainingRequest, growers: Mapping[str, Grower]) -> Evaluation:
    first = min(int(frame.end[0]) for frame in request.frames if len(frame))
    last = max(int(frame.end[-1]) for frame in request.frames if len(frame))
    cut = last - round(request.held_out * (last - first))
    known = [frame[: int(np.searchsorted(frame.end, cut, side="right"))] for frame in request.frames]
    twin = _trained(request, known, growers)
    class_of = {frame.symbol: request.asset_class for frame in request.frames}

    def located(artifact: Artifact) -> Located:
        bound = catalogue_of({request.model: {request.scope: ("", artifact)}}, class_of)
        model = bound.get(request.model, request.scope)
        assert isinstance(model, Located)
        return model

    def against(
        other: Walks, name: str, since_us: int, farthest: int, allowance: float = 0.0
    ) -> tuple[Comparison, ...]:
        horizons = [h for h in HORIZONS if h <= min(twin.anchors[-1], farthest)]
        reaching = [frame for frame in request.frames if len(frame) and frame.end[-1] >= since_us]
        facts: dict[str, Any] = {"since_us": since_us, "against": name, "allowance": allowance}
        return tuple(compare(one, other, reaching, horizons=horizons, **facts))

    one, champion, farthest = located(twin), request.champion, twin.anchors[-1]
    since = cut + request.embargo * request.interval.seconds * 1_000_000
    champion_from = None if champion is None else max(since, champion.trained_until)
    return Evaluation(
        held_from=since,
        until=last,
        walk=against(_Alone(one.scale), "walk", since, farthest),
        naive=against(Naive(), "naive", since, farthest),
        champion=()
        if champion is None or champion_from is None
        else against(located(champion), "champion", champion_from, champion.anchors[-1], HANDICAP),
        champion_from=champion_from,
    )


@dataclass(frozen=True, slots=True)
class _Alone:
    """A model's walk without its location."""

    scale: Walk

    @property
    def min_bars(self) -> int:
        return self.scale.min_bars

    def walk(self, frame: Frame, origins: IntArray, horizons: IntArray) -> FloatArray:
        return fit_walk(self.scale, Naive(), frame).quantiles(origins, horizons)


def write_request(request: TrainingRequest, folder: Path) -> None:
    """For another process to read."""
    facts = {
        "model": request.model, "asset_class": request.asset_class, "interval": request.interval.value,
        "seed": request.seed, "feature_set": request.feature_set, "anchors": list(request.anchors),
        "embargo": request.embargo, "held_out": request.held_out,
        "frames": [[f.symbol, f.signed, f.calendar] for f in request.frames],
    }  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    columns = {f"{i}.{name}": getattr(f, name) for i, f in enumerate(request.frames) for name in _COLUMNS}
    np.savez(folder / FRAMES, **columns)
    if request.champion is not None:
        _write(folder / CHAMPION, request.champion.files())
    (folder / REQUEST).write_text(json.dumps(facts))


def read_request(folder: Path) -> TrainingRequest:
    """What `write_request` wrote."""
    facts = json.loads((folder / REQUEST).read_text())
    interval, model = Interval(facts.pop("interval")), facts["model"]
    with np.load(folder / FRAMES, allow_pickle=False) as columns:
        frames = tuple(
            Frame(symbol, interval, **{n: columns[f"{i}.{n}"] for n in _COLUMNS}, signed=signed, calendar=calendar)
            for i, (symbol, signed, calendar) in enumerate(facts.pop("frames"))
        )
    given = folder / CHAMPION
    champion = read_artifact(_files(given), model) if given.is_dir() else None
    anchors = tuple(facts.pop("anchors"))
    return TrainingRequest(**facts, anchors=anchors, interval=interval, frames=frames, champion=champion)


def write_outcome(outcome: TrainingOutcome, folder: Path) -> None:
    """The artifact's files, and last the evaluation: where that is, all is."""
    _write(folder, outcome.artifact.files())
    (folder / OUTCOME).write_text(json.dumps({"evaluation": outcome.evaluation.plain()}))


def write_refusal(refusal: TooLittleToLearn | ModelUnavailable, folder: Path) -> None:
    """Why there is no artifact."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / REFUSAL).write_text(json.dumps({"code": refusal.code, "facts": refusal.facts}))


def read_outcome(folder: Path, model: str) -> TrainingOutcome:
    """What `write_outcome` wrote; raises what was refused, ArtifactRefused, OSError, ValueError."""
    refusals: dict[str, Callable[..., TruecastError]] = {e.code: e for e in (TooLittleToLearn, ModelUnavailable)}
    if (folder / REFUSAL).exists():
        said = json.loads((folder / REFUSAL).read_text())
        raise refusals[said["code"]](**said["facts"])
    evaluation = evaluation_of(json.loads((folder / OUTCOME).read_text())["evaluation"])
    files = {name: body for name, body in _files(folder).items() if name != OUTCOME}
    return TrainingOutcome(artifact=read_artifact(files, model), evaluation=evaluation)


def evaluation_of(plain: Mapping[str, Any]) -> Evaluation:
    """From `plain()`; raises KeyError, TypeError."""
    facts: dict[str, Any] = {name: plain[name] for name in ("held_from", "until", "champion_from")}
    facts |= {name: tuple(Comparison(**one) for one in plain[name]) for name in ("walk", "naive", "champion")}
    return Evaluation(**facts)


def _write(folder: Path, files: Mapping[str, bytes]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, body in files.items():
        (folder / name).write_bytes(body)


def _files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file()}

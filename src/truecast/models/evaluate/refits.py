"""Models that are trained, inside an evaluation: when, on which bars, and where the result lies.

when     at the boundaries at which the other models are fitted too; boundaries of series with other calendars that lie
         within NEAR of a refit are served by the training before them
on what  every series of the class, cut where the earliest of those fits is cut: `--embargo` bars before its origin
where    trained/<model>.<class>.<cut>.<seed>/ in the output folder, written whole; the next run finds it there

A task gets all trainings up to its own cut as a succession, so that what was said of the past was said in the past.
"""

import os
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import orjson

from truecast.domain.bar import IntArray
from truecast.features.frame import Frame
from truecast.kit.errors import TruecastError
from truecast.kit.limits import TRAINING_BARS_MAX
from truecast.models.catalog import GROWERS
from truecast.models.evaluate.phases import Seconds, added, watched
from truecast.models.evaluate.plan import Plan, origins_of
from truecast.models.evaluate.whole import TRAINED_FOLDER
from truecast.models.heavy import ModelUnavailable
from truecast.models.located import Located
from truecast.models.location.artifact import Artifact, ArtifactRefused, read_artifact
from truecast.models.location.succession import Succession
from truecast.models.location.trees import Trees
from truecast.models.training import ANCHORS, train

NEAR = 0.75  # of the bars between two refits
_COST = "cost.json"


@dataclass(frozen=True, slots=True, order=True)
class Refit:
    """One training: of a model, on the series of a class, with what was over at `cut` (microseconds UTC)."""

    model: str
    asset_class: str
    seed: int
    cut: int


@dataclass(frozen=True, slots=True)
class Cost:
    """What a training took."""

    wall_s: float
    cpu_s: float
    phases: Mapping[str, tuple[float, float]]


def cuts(plan: Plan, frame: Frame) -> IntArray:
    """When the last bar was over that each fit of the series sees. Ascending."""
    first = origins_of(plan, len(frame))[:: plan.refit_every]
    return frame.end[first - plan.embargo]


def cuts_of(plan: Plan, frames: Sequence[Frame], class_of: Mapping[str, str]) -> dict[str, tuple[int, ...]]:
    """When models are trained that learn from a class, by class."""
    by_class: dict[str, set[int]] = {}
    for frame in frames:
        by_class.setdefault(class_of[frame.symbol], set()).update(cuts(plan, frame).tolist())
    apart = NEAR * plan.refit_every * plan.interval.seconds * 1_000_000
    return {asset_class: tuple(_thinned(sorted(wanted), apart)) for asset_class, wanted in by_class.items()}


def refits_of(plan: Plan, wanted: Mapping[str, Sequence[int]]) -> list[Refit]:
    """Every training at these moments, by model, class, seed and time."""
    return sorted(
        Refit(model, asset_class, seed, cut)
        for model, seed in plan.trainings
        for asset_class, moments in wanted.items()
        for cut in moments
    )


def _thinned(moments: Sequence[int], apart: float) -> list[int]:
    kept: list[int] = []
    for moment in moments:
        if not kept or moment - kept[-1] >= apart:
            kept.append(moment)
    return kept


def trained_on(refit: Refit, frames: Sequence[Frame], class_of: Mapping[str, str]) -> list[Frame]:
    """The bars that the training sees, by symbol."""
    mine = sorted((f for f in frames if class_of[f.symbol] == refit.asset_class), key=lambda frame: frame.symbol)
    cut = [frame[: int(np.searchsorted(frame.end, refit.cut, side="right"))] for frame in mine]
    return [frame[-TRAINING_BARS_MAX:] for frame in cut if len(frame)]


def learn(refit: Refit, frames: Sequence[Frame], steps: int, folder: Path) -> None:
    """Train for so many steps ahead, and keep. Raises TooLittleToLearn, ModelUnavailable, OSError."""
    wall, cpu = time.perf_counter(), time.process_time()
    with watched() as watch:
        artifact = train(
            GROWERS[refit.model], frames, asset_class=refit.asset_class, seed=refit.seed, anchors=_reaching(steps)
        )
    cost = Cost(time.perf_counter() - wall, time.process_time() - cpu, _as_training(watch.seconds))
    target = path_of(folder, refit)
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    partial.mkdir(parents=True)
    for name, body in (artifact.files() | {_COST: orjson.dumps(cost)}).items():
        (partial / name).write_bytes(body)
    shutil.rmtree(target, ignore_errors=True)  # what was kept there could not be read
    partial.replace(target)


def _reaching(steps: int) -> tuple[int, ...]:
    """The anchors that forecasts of so many steps are made of; each is learned for itself."""
    return ANCHORS[: int(np.searchsorted(ANCHORS, steps)) + 1]


def is_kept(refit: Refit, folder: Path) -> bool:
    """Whether the training was done, and its files are what was written."""
    try:
        read_artifact(_files(folder, refit), refit.model)
        cost_of(refit, folder)
    except (ArtifactRefused, OSError, ValueError, KeyError):
        return False
    return True


def cost_of(refit: Refit, folder: Path) -> Cost:
    """What it took, whenever that was."""
    kept = orjson.loads((path_of(folder, refit) / _COST).read_bytes())
    phases = {name: (wall, cpu) for name, (wall, cpu) in kept["phases"].items()}
    return Cost(kept["wall_s"], kept["cpu_s"], phases)


def _as_training(seconds: Seconds) -> Seconds:
    """Everything but the features: what reads trees there, learns."""
    return added(*({name if name == "features" else "training": times} for name, times in seconds.items()))


@dataclass(frozen=True, slots=True)
class Refits:
    """All trainings of an evaluation, as a task asks for them; `refused` are those that there cannot be, and why."""

    folder: str
    class_of: Mapping[str, str]
    cuts: Mapping[str, tuple[int, ...]]  # by class
    listed: tuple[Refit, ...]
    refused: Mapping[Refit, str]

    def located(self, model: str, seed: int, frame: Frame) -> Located:
        """The model for a series whose last known bar is the frame's last. Raises ModelUnavailable, ArtifactRefused."""
        asset_class, last = self.class_of[frame.symbol], int(frame.end[-1])
        mine = [r for r in self.listed if (r.model, r.asset_class, r.seed) == (model, asset_class, seed)]
        known = [refit for refit in mine if refit.cut <= last]
        if not known:  # of one that is only asked as a witness
            raise ModelUnavailable(model=model, reason="not trained yet")
        if (reason := self.refused.get(known[-1])) is not None:
            raise ModelUnavailable(model=model, reason=reason)
        reigns = (self._trees(refit, frame) for refit in known if refit not in self.refused)
        return Located(Succession(tuple(reigns)))

    def _trees(self, refit: Refit, frame: Frame) -> Trees:
        scope = refit.asset_class, frame.interval.value
        artifact = _artifact(self.folder, refit)
        return Trees(GROWERS[refit.model], {scope: artifact}, {frame.symbol: refit.asset_class})


@lru_cache(maxsize=256)
def _artifact(folder: str, refit: Refit) -> Artifact:
    return read_artifact(_files(Path(folder), refit), refit.model)


def reason_of(refusal: TruecastError) -> str:
    """Why a training there cannot be, as its tasks tell it."""
    return str(refusal.facts.get("reason", refusal.detail)) if isinstance(refusal, ModelUnavailable) else refusal.detail


def path_of(folder: Path, refit: Refit) -> Path:
    """Where the files of a training lie."""
    return folder / TRAINED_FOLDER / f"{refit.model}.{refit.asset_class}.{refit.cut}.{refit.seed}"


def _files(folder: Path, refit: Refit) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in path_of(folder, refit).iterdir() if path.name != _COST}

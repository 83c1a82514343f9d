"""`ensemble` and `auto` inside an evaluation: their members at each boundary, and what the class says there.

The members are those of the live path; trees among them are those of the evaluation's own trainings. `auto` also
weighs what all series of the class say together: their evidence is taken once for every training cut, from bars up to
the cut, and kept in evidence/<series>.<cut>.json of the output folder.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import orjson

from truecast.features.frame import Frame
from truecast.kit.limits import HISTORY_BARS_MAX
from truecast.models.auto import AUTO, Auto, members_of
from truecast.models.base import Model
from truecast.models.catalog import UNTRAINED, Catalogue
from truecast.models.ensemble import Ensemble
from truecast.models.evaluate.plan import min_bars_of, trained_members
from truecast.models.evaluate.refits import Refits
from truecast.models.evaluate.whole import EVIDENCE_FOLDER, file_name, write_whole
from truecast.models.evidence import ENSEMBLE, Band, fit_members, learn, read_evidence
from truecast.models.heavy import ModelUnavailable
from truecast.models.pool import pooled

_FRESH_BARS = 30  # a series that ended longer ago is no witness


def blend(name: str, seed: int, known: Frame, refits: Refits) -> Model:
    """`auto` or `ensemble` as it would have been at the end of what is known."""
    members = members_at(seed, known, refits)
    if name != AUTO:
        return Ensemble(members)
    return Auto(members, pooled=_of_class(known, refits))


def members_at(seed: int, known: Frame, refits: Refits) -> tuple[Model, ...]:
    """Those that the live path would take, trained by the end of what is known."""
    scope = refits.class_of[known.symbol], known.interval.value
    trained: dict[str, Model] = {}
    for name in trained_members(known.interval):
        try:
            trained[name] = refits.located(name, seed, known)
        except ModelUnavailable:
            continue
    scoped = {name: {scope: model} for name, model in trained.items()}
    return members_of(Catalogue({**UNTRAINED.whole, **trained}, scoped), scope[0], known.interval)


def testify(frame: Frame, seed: int, refits: Refits) -> None:
    """Take and keep the evidence of one series at every cut of its class. Raises OutputNotWritten."""
    for path, known in _unheard(frame, refits):
        path.parent.mkdir(exist_ok=True)
        found = learn(fit_members(members_at(seed, known, refits), known), known)
        write_whole(path, orjson.dumps(found.plain()))


def is_heard(frame: Frame, refits: Refits) -> bool:
    """Whether all evidence of the series is kept."""
    return not any(True for _ in _unheard(frame, refits))


def _unheard(frame: Frame, refits: Refits) -> Iterator[tuple[Path, Frame]]:
    """What was known of the series at the cuts at which it is a witness, and was not heard yet."""
    for cut in refits.cuts[refits.class_of[frame.symbol]]:
        known = frame[: int(np.searchsorted(frame.end, cut, side="right"))][-HISTORY_BARS_MAX:]
        fresh = cut - _FRESH_BARS * frame.interval.seconds * 1_000_000
        path = _path(refits, frame.symbol, cut)
        if len(known) >= min_bars_of(ENSEMBLE) and int(known.end[-1]) >= fresh and not path.exists():
            yield path, known


def _of_class(known: Frame, refits: Refits) -> tuple[Band, ...]:
    """What the series of the class say at the last cut by the end of what is known."""
    asset_class = refits.class_of[known.symbol]
    cut = [one for one in refits.cuts[asset_class] if one <= int(known.end[-1])][-1]
    symbols = sorted(symbol for symbol, of in refits.class_of.items() if of == asset_class)
    paths = [_path(refits, symbol, cut) for symbol in symbols]
    return pooled(read_evidence(orjson.loads(path.read_bytes())) for path in paths if path.exists())


def _path(refits: Refits, symbol: str, cut: int) -> Path:
    return Path(refits.folder) / EVIDENCE_FOLDER / f"{file_name(symbol)}.{cut}.json"

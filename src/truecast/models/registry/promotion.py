"""May a challenger serve? Only on evidence: see judge.py for what is worse, training.py for what was asked.

- Not worse than the walk without its trees, nor than the naive walk, over MOMENTS_MIN moments that its twin had not
  seen.
- Not worse than the champion in the ledger, where sealed forecasts of both met enough outcomes (live.py); else on what
  neither had seen: in its training, if it was held against this champion there, else on what came after both.
- Not worse than the random walk in the ledger, where it served before and enough outcomes say so.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from truecast.kit.errors import EXIT_DATA, EXIT_NOT_FOUND, TruecastError
from truecast.models.registry.card import Card
from truecast.models.registry.judge import MOMENTS_MIN, Comparison, found
from truecast.models.registry.live import worst_of
from truecast.models.registry.record import Record


class PromotionRefused(TruecastError):
    """The evidence does not suffice, or speaks against it."""

    code = "promotion_refused"
    status = 409
    title = "Promotion refused"
    template = "Version {version} of {model} is not promoted: {reason}"
    exit_code = EXIT_DATA


class NothingToPromote(TruecastError):
    """No version waits."""

    code = "nothing_to_promote"
    status = 409
    title = "Nothing to promote"
    template = "{model}{scope}: {reason}"
    exit_code = EXIT_NOT_FOUND


@dataclass(frozen=True, slots=True)
class Weighed:
    """Why not, or None; and what it was decided on."""

    reason: str | None
    evidence: dict[str, Any]


def weigh(
    card: Card, champion: str | None, since_both: Sequence[Comparison] | None = None, record: Record | None = None
) -> Weighed:
    """Decide. `since_both`: against the champion on what came after both, where the card has another champion's."""
    judged, record = card.judged, record or Record()
    live = champion is not None and bool(record.champion)
    tried = judged.champion if card.against == champion else tuple(since_both or ())
    versus = tuple(record.champion) if live else tried
    evidence = {
        "champion": champion,
        "decided_on": "ledger" if live else "walk_forward",
        "ledger": [one.plain() for one in record.naive],
        "held_from": judged.held_from,
        "until": judged.until,
        "walk": [one.plain() for one in judged.walk],
        "naive": [one.plain() for one in judged.naive],
        "versus_champion": [one.plain() for one in versus],
    }
    reason = _against_walks(card) or _against_naive(record)
    if reason is None and champion is not None:
        reason = _against_champion(versus, champion, where=" in the ledger" if live else "")
    return Weighed(reason, evidence)


def _against_walks(card: Card) -> str | None:
    """In its trial."""
    judged = card.judged
    for name, comparisons in (("the walk without its trees", judged.walk), ("the naive walk", judged.naive)):
        match found(comparisons):
            case "worse":
                return f"worse than {name}, {_told(comparisons)}"
            case "too little":
                have = max((one.moments for one in comparisons), default=0)
                return f"{have} moments were judged, it takes {MOMENTS_MIN}"
    return None


def _against_naive(record: Record) -> str | None:
    """In the ledger, where it served before."""
    worst = worst_of(record.naive)
    return None if worst is None else f"worse than the random walk in the ledger, {_told([worst])}"


def _against_champion(versus: Sequence[Comparison], champion: str, *, where: str) -> str | None:
    match found(versus, moments_min=1):
        case "worse":
            return f"worse than {champion}{where}, {_told(versus)}"
        case "too little":
            return f"nothing has come since {champion} was trained that could tell them apart"
    return None


def _told(comparisons: Sequence[Comparison]) -> str:
    parts = [f"CRPS ratio {one.crps_ratio:.4f} at horizon {one.horizon}" for one in comparisons if one.worse]
    return ", ".join(parts)

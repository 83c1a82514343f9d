"""May a challenger serve? Only on evidence: see judge.py for what is worse, training.py for what was asked.

- Not worse than the walk without its trees, nor than the naive walk, over MOMENTS_MIN moments that its twin had not
  seen.
- Not worse than the champion on what neither had seen: in its training, if it was held against this champion there,
  else on what came after both.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from truecast.kit.errors import EXIT_DATA, EXIT_NOT_FOUND, TruecastError
from truecast.models.registry.card import Card
from truecast.models.registry.judge import MOMENTS_MIN, Comparison, found


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


def weigh(card: Card, champion: str | None, since_both: Sequence[Comparison] | None = None) -> Weighed:
    """Decide. `since_both`: against the champion on what came after both, where the card has another champion's."""
    judged = card.judged
    versus = judged.champion if card.against == champion else tuple(since_both or ())
    evidence = {
        "champion": champion,
        "held_from": judged.held_from,
        "until": judged.until,
        "walk": [one.plain() for one in judged.walk],
        "naive": [one.plain() for one in judged.naive],
        "versus_champion": [one.plain() for one in versus],
    }
    for name, comparisons in (("the walk without its trees", judged.walk), ("the naive walk", judged.naive)):
        match found(comparisons):
            case "worse":
                return Weighed(f"worse than {name}, {_told(comparisons)}", evidence)
            case "too little":
                have = max((one.moments for one in comparisons), default=0)
                return Weighed(f"{have} moments were judged, it takes {MOMENTS_MIN}", evidence)
    if champion is None:
        return Weighed(None, evidence)
    match found(versus, moments_min=1):
        case "worse":
            return Weighed(f"worse than {champion}, {_told(versus)}", evidence)
        case "too little":
            return Weighed(f"nothing has come since {champion} was trained that could tell them apart", evidence)
    return Weighed(None, evidence)


def _told(comparisons: Sequence[Comparison]) -> str:
    parts = [f"CRPS ratio {one.crps_ratio:.4f} at horizon {one.horizon}" for one in comparisons if one.worse]
    return ", ".join(parts)

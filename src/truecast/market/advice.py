"""What could be done about the sources: pure rules over what is known of them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from truecast.domain.instrument import AssetClass
from truecast.kit.limits import BUDGET_NEARLY_USED
from truecast.providers.base import SourceInfo

Kind = Literal["key_missing", "key_refused", "resting", "budget", "single_source", "unofficial_first"]


@dataclass(frozen=True, slots=True)
class Standing:
    """How a source does at present."""

    info: SourceInfo
    configured: bool
    key_missing: bool = False
    key_refused: str | None = None
    resting_s: float | None = None
    used: float = 0.0  # the fullest window's share of its limit
    last_error: str | None = None


@dataclass(frozen=True, slots=True)
class Advice:
    """One thing a person could do. `source` is None where it is about an asset class."""

    kind: Kind
    source: str | None
    asset_class: AssetClass | None
    text: str


def advise(standings: Sequence[Standing], leads: Mapping[AssetClass, Sequence[str]]) -> list[Advice]:
    """`leads`: for each class that instruments are kept of, its usable sources in the order they are asked."""
    by_key = {standing.info.key: standing for standing in standings}
    found = [one for standing in standings if standing.configured for one in _of_source(standing)]
    for asset_class, keys in sorted(leads.items()):
        found += _of_class(asset_class, keys, by_key)
    return found


def _of_source(standing: Standing) -> Iterable[Advice]:
    info = standing.info
    if standing.key_missing:
        text = f"{info.name} needs a key: get one at {info.url} and set TRUECAST_SOURCE_KEYS={info.key}=…"
        yield Advice("key_missing", info.key, None, text)
    if standing.key_refused is not None:
        text = f"{info.name} does not accept the key ({standing.key_refused}): check TRUECAST_SOURCE_KEYS"
        yield Advice("key_refused", info.key, None, text)
    if standing.resting_s is not None:
        text = f"{info.name} fails ({standing.last_error}) and is asked again in {standing.resting_s:.0f} s"
        yield Advice("resting", info.key, None, text)
    if standing.used >= BUDGET_NEARLY_USED:
        text = (
            f"{standing.used:.0%} of a limit of {info.name} is used: put another source before it in "
            "TRUECAST_SOURCE_ORDER, or use a plan with a higher limit"
        )
        yield Advice("budget", info.key, None, text)


def _of_class(asset_class: AssetClass, keys: Sequence[str], by_key: Mapping[str, Standing]) -> Iterable[Advice]:
    others = [
        key
        for key, standing in by_key.items()
        if asset_class in standing.info.asset_classes and not standing.configured and not standing.info.unofficial
    ]
    if len(keys) < 2 and others:
        has = f"only {keys[0]} is live" if keys else "no source is live"
        keyless = [key for key in others if not by_key[key].info.needs_key]
        text = f"For {asset_class.value} {has}; add one of {', '.join(keyless or others)} to TRUECAST_SOURCES"
        yield Advice("single_source", None, asset_class, text)
    if len(keys) > 1 and by_key[keys[0]].info.unofficial:
        text = f"For {asset_class.value} {keys[0]}, which is not official, is asked before {keys[1]}"
        yield Advice("unofficial_first", keys[0], asset_class, text)

"""Every column there is, by family and by name. docs/features.md is this list."""

from collections.abc import Mapping
from types import MappingProxyType

from truecast.features import averages, bands, macro, momentum, peers, ranges, returns, sentiment, session, volatility
from truecast.features.column import Column

FAMILIES: Mapping[str, tuple[Column, ...]] = MappingProxyType(
    {
        "returns": returns.columns(),
        "momentum": momentum.columns(),
        "averages": averages.columns(),
        "bands": bands.columns(),
        "ranges": ranges.columns(),
        "volatility": volatility.columns(),
        "session": session.columns(),
        "peers": peers.columns(),
        "macro": macro.columns(),
        "sentiment": sentiment.columns(),
    }
)
COLUMNS: Mapping[str, Column] = MappingProxyType(
    {column.name: column for family in FAMILIES.values() for column in family}
)
assert len(COLUMNS) == sum(map(len, FAMILIES.values())), "two columns of one name"

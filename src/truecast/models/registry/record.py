"""What sealed forecasts say of the versions of a model: to be weighed before a promotion, and told after one."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from truecast.models.catalog import Scope
from truecast.models.registry.events import Key, Past
from truecast.models.registry.judge import Comparison
from truecast.models.registry.live import Live, against_naive, between, worst_of

# Of each version of a model in a scope, what became of its sealed forecasts.
LiveOf = Callable[[str, Scope, Sequence[str]], Awaitable[Mapping[str, Sequence[Live]]]]


@dataclass(frozen=True, slots=True)
class Record:
    """Of a challenger: against the random walk, and against the champion's sealed forecasts where there are enough."""

    naive: Sequence[Comparison] = ()
    champion: Sequence[Comparison] = ()


@dataclass(frozen=True, slots=True)
class Hint:
    """A champion whose sealed forecasts are worse than the random walk, proven; `worst` says by how much."""

    model: str
    scope: Scope
    version: str
    worst: Comparison

    @property
    def told(self) -> str:
        """As a sentence, with the command that ends it."""
        one, (asset_class, interval) = self.worst, self.scope
        ratio = 1.0 if one.crps_ratio is None else one.crps_ratio
        return (
            f"{self.version} serves {asset_class} {interval} and its sealed forecasts were {100 * (ratio - 1):.1f} % "
            f"worse than the random walk beside them, at horizon {one.horizon} over {one.moments} moments: "
            f"{rollback_command(self.model, self.scope)}"
        )


def rollback_command(model: str, scope: Scope) -> str:
    """What puts back the version before."""
    return f"truecast models rollback {model} --class {scope[0]} --interval {scope[1]}"


@dataclass(frozen=True, slots=True)
class Lived:
    """Of all versions of a model that served: against the random walk sealed beside them; and what follows."""

    record: Mapping[tuple[Scope, str], Sequence[Comparison]]
    hints: Sequence[Hint]


async def record_of(live_of: LiveOf | None, key: Key, name: str, champion: str | None) -> Record:
    """Of a version, and of it and the champion."""
    if live_of is None:
        return Record()
    found = await live_of(*key, [name] if champion is None else [name, champion])
    versus = [] if champion is None else between(found[name], found[champion], champion)
    return Record(against_naive(found[name]), versus)


async def lived(live_of: LiveOf | None, past: Past, model: str) -> Lived:
    """Of every version of the model that was ever put in service."""
    served: dict[Key, dict[str, None]] = {}
    for event in past.events:
        if event.kind == "promoted" and event.model == model and event.version is not None:
            served.setdefault(event.key, {})[event.version] = None
    record: dict[tuple[Scope, str], Sequence[Comparison]] = {}
    hints = []
    lines = past.lines()
    for key, names in sorted(served.items()):
        found = {} if live_of is None else await live_of(*key, list(names))
        for name, one in found.items():
            record[key[1], name] = said = against_naive(one)
            if lines[key][-1:] == (name,) and (worst := worst_of(said)) is not None:
                hints.append(Hint(*key, name, worst))
    return Lived(record, hints)

"""What one request did already, found by who is said to have done it: it is not done twice."""

from truecast.models.registry.answers import Changed, Trained
from truecast.models.registry.events import Kind
from truecast.models.registry.registry import Registry


async def changed_by(registry: Registry, model: str, who: str, kind: Kind) -> list[Changed]:
    """What was put in or taken out of service. `who` with a mark, see `who_of`."""
    done = [event for event in await registry.events(model, who=who) if event.kind == kind]
    return [Changed(e.model, e.asset_class, e.interval, e.version, e.evidence.get("before")) for e in reversed(done)]


async def trained_by(registry: Registry, model: str, who: str) -> list[Trained]:
    """The challengers that were trained."""
    done = [event for event in await registry.events(model, who=who) if event.kind == "trained"]
    return [Trained(e.model, e.asset_class, e.interval, e.version) for e in reversed(done)]

"""Who asks, and what it may do."""

from dataclasses import dataclass
from enum import StrEnum


class Scope(StrEnum):
    """What a key allows. `admin` allows everything."""

    READ = "read"  # every GET
    FORECAST = "forecast"  # ask for forecasts and risk
    TRAIN = "train"  # train, promote and roll back models
    TRADE = "trade"  # orders
    ADMIN = "admin"  # jobs, symbols, quarantine, keys, caches


@dataclass(frozen=True, slots=True)
class Principal:
    """Somebody who asks. `id` names it in logs and rate limits; it is not a secret."""

    id: str
    name: str
    scopes: frozenset[Scope]

    def may(self, scope: Scope) -> bool:
        """Whether it has this scope, or all."""
        return scope in self.scopes or Scope.ADMIN in self.scopes


LOCAL = Principal(id="local", name="the user of this machine", scopes=frozenset(Scope))

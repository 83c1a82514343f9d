"""What the ledger tells after it has recorded something. Who listens stands to the right of this package."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from truecast.domain.forecast import Forecast
from truecast.forecasts.outcome import Outcome
from truecast.kit.clock import from_us, iso


@dataclass(frozen=True, slots=True)
class Scored:
    """One step of one forecast that met its outcome. Lengths in price units."""

    forecast_id: str
    symbol: str
    interval: str
    model: str
    step: int
    target: int  # start of the bar, µs
    outcome: float
    crps: float
    crps_naive: float
    sealed: bool

    def plain(self) -> dict[str, Any]:
        """As JSON says it."""
        return {
            "forecast_id": self.forecast_id,
            "symbol": self.symbol,
            "interval": self.interval,
            "model": self.model,
            "step": self.step,
            "target": iso(from_us(self.target)),
            "outcome": self.outcome,
            "crps": self.crps,
            "crps_naive": self.crps_naive,
            "sealed": self.sealed,
        }


class News(Protocol):
    """Is told of what is committed, and only of that."""

    async def forecasts(self, recorded: Sequence[Forecast]) -> None:
        """These were recorded just now, for the first time."""

    async def scores(self, scored: Sequence[Scored]) -> None:
        """These steps were scored just now."""

    async def settled(self, symbols: Sequence[str]) -> None:
        """Steps of forecasts of these met their outcome just now, or will never have one."""


def scored_of(settled: Iterable[Outcome], of: dict[int, tuple[str, str]]) -> list[Scored]:
    """The steps that have scores; `of` gives id and model of each forecast by its place in the chain."""
    found = []
    for one in settled:
        if one.scores is None:
            continue
        for i, seq in enumerate(one.forecast_seq.tolist()):
            forecast_id, model = of[seq]
            found.append(
                Scored(
                    forecast_id,
                    one.symbol,
                    one.interval,
                    model,
                    int(one.step[i]),
                    one.target,
                    float(one.outcome[i]),
                    float(one.scores.crps[i]),
                    float(one.scores.crps_naive[i]),
                    bool(one.sealed[i]),
                )
            )
    return found

"""Histories of a whole class, as models learn from them: prepared as for a forecast, the longest ones first."""

from collections.abc import Sequence
from dataclasses import dataclass

from truecast.domain.interval import Interval
from truecast.features.frame import Frame, frame_of
from truecast.forecasts.basis import adjustment_for
from truecast.kit.clock import Clock
from truecast.kit.limits import TRAINING_BARS_MAX, TRAINING_SERIES_MAX
from truecast.market.calendar import calendar
from truecast.market.history import History
from truecast.market.store import BarStore


@dataclass(frozen=True, slots=True)
class Panels:
    """What the register of models asks of the store."""

    store: BarStore
    history: History
    clock: Clock

    async def frames_of(self, asset_class: str, interval: Interval) -> list[Frame]:
        """The last TRAINING_BARS_MAX bars of each stored series, as known now; at most TRAINING_SERIES_MAX of them."""
        universe = {i.symbol: i for i in (await self.store.universe()).instruments if i.asset_class == asset_class}
        longest: dict[str, int] = {}
        for info in await self.store.series():
            if info.interval is interval and info.symbol in universe and info.bars:
                longest[info.symbol] = max(longest.get(info.symbol, 0), info.bars)
        chosen = sorted(longest, key=lambda symbol: (-longest[symbol], symbol))[:TRAINING_SERIES_MAX]
        frames = []
        for symbol in sorted(chosen):
            instrument = universe[symbol]
            slice_ = await self.history.bars(
                instrument,
                interval,
                limit=TRAINING_BARS_MAX,
                as_of=self.clock.now(),
                adjust=adjustment_for(instrument),
            )
            ends = calendar(slice_.calendar).ends(slice_.bars.start, interval)
            frames.append(frame_of(slice_.bars, ends, signed=instrument.signed, calendar=slice_.calendar))
        return [frame for frame in frames if len(frame)]

    async def scopes_of(self) -> Sequence[tuple[str, str]]:
        """Classes and intervals of which series are stored, the longer intervals last."""
        classes = await self.classes_of()
        found = {(classes[s.symbol], s.interval) for s in await self.store.series() if s.bars}
        return [(a, i.value) for a, i in sorted(found, key=lambda scope: (scope[0], scope[1].seconds))]

    async def classes_of(self) -> dict[str, str]:
        """The class of every symbol."""
        return {i.symbol: str(i.asset_class) for i in (await self.store.universe()).instruments}

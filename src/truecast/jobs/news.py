"""Whether bars have come since a job last looked, so that what waits for them may look often and seldom has to work."""

from collections.abc import Callable
from datetime import datetime

from truecast.jobs.schedule import Schedule
from truecast.kit.bus import CHANGED, Bus, Message


class News:
    """Counts the bars that arrive, from whatever process the bus brings them."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._count = 1  # whoever looks for the first time has not seen what is stored
        bus.subscribe("bars:*", self._hear)

    def since(self, always: Schedule) -> Callable[[datetime], bool]:
        """For one job: True when there is news it has not been told of, and whenever it is due `always`."""
        seen = 0

        def wanted(moment: datetime) -> bool:
            nonlocal seen
            if self._count == seen and not always.is_due(moment):
                return False
            seen = self._count
            return True

        return wanted

    async def tell_learned(self) -> None:
        """Tell that there is new evidence."""
        await self._bus.publish(f"{CHANGED}evidence", {})

    async def _hear(self, _message: Message) -> None:
        self._count += 1

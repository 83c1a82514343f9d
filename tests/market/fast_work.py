"""`truecast work` on a clock of which minutes pass in seconds: `python -m tests.market.fast_work BEGAN SPEED`."""

import asyncio
import signal
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from truecast.commands.progress import prepared
from truecast.kit.clock import ClockKind
from truecast.kit.logs import configure_logs
from truecast.kit.settings import Settings
from truecast.wiring import Role, build


@dataclass(frozen=True)
class FastClock:
    """The machine's clock, `speed` times as fast since `began_s`; the same in every process."""

    began_s: float
    speed: float
    kind: ClockKind = "system"

    def now(self) -> datetime:
        passed_s = time.time() - self.began_s  # noqa: TID251 processes that share nothing else
        return datetime.fromtimestamp(self.began_s, UTC) + timedelta(seconds=passed_s * self.speed)

    async def sleep_until(self, when: datetime) -> None:
        while (left_s := (when - self.now()).total_seconds()) > 0:
            await asyncio.sleep(left_s / self.speed)


async def main(clock: FastClock) -> None:
    me = asyncio.current_task()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, me.cancel)
    settings = Settings()
    configure_logs(settings.log_level, settings.log_format)
    async with prepared(build(settings, Role.WORK, clock=clock)) as services:
        await services.background.run()


if __name__ == "__main__":
    asyncio.run(main(FastClock(*map(float, sys.argv[1:]))))

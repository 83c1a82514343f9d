"""Priority of our child processes: `give_way(19)`, called by a child, lets everything else of this machine go first."""

import contextlib
import os
import time
from pathlib import Path

_AUTOGROUP = Path("/proc/self/autogroup")


def give_way(nice: int) -> None:
    """Lower the priority of this process, which leads a session of its own.

    Where Linux shares the processor out between sessions first ("autogroup"), the priority of a process counts only
    within its session: a child of the lowest priority that has a session to itself would get as much as the server. So
    the session gives way, too; elsewhere there is no such file.
    """
    os.nice(nice)
    with contextlib.suppress(OSError):
        for _ in range(5):
            try:
                _AUTOGROUP.write_text(str(nice))
                break
            except BlockingIOError:  # Linux takes one such wish in 0.1 s, of all processes together
                time.sleep(0.15)

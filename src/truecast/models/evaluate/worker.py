"""What runs in a process of the pool. Imports nothing heavy itself: the threads are pinned before numpy is loaded.

Sums depend on how many threads add them; with one per process the table is the same whatever the number of workers.
"""

import multiprocessing
import os
import signal
import threading
from multiprocessing.connection import wait

_LIBRARIES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS", "POLARS_MAX_THREADS")


def begin() -> None:
    """One thread for every library; Ctrl-C is the parent's to answer; and no life after the parent's."""
    os.environ.update(dict.fromkeys(_LIBRARIES, "1"))  # noqa: TID251 libraries read it, not we
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os._exit(1)

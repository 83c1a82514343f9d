"""Garbage collection of a process that answers: `settle()` once everything that lasts is there."""

import gc


def settle() -> None:
    """Never look again at the objects there are now.

    Modules, routes and schemas are two hundred thousand objects that end with the process. A collection of the oldest
    generation looks at each of them, a tenth of a second in which nobody is answered; from here on it looks at those
    that came later.
    """
    gc.collect()
    gc.freeze()

"""What lasts is collected no more; what comes later is."""

import subprocess
import sys

SETTLED = """
import gc, weakref
from truecast.kit.garbage import settle

class Thing: ...

lasting = [Thing() for _ in range(50_000)]
settle()
assert gc.get_freeze_count() > 50_000
assert len(gc.get_objects()) < 10_000
later = Thing()
later.me, gone = later, weakref.ref(later)
del later
gc.collect()
assert gone() is None
"""


def test_what_lasts_is_looked_at_no_more_and_what_comes_later_is():
    subprocess.run([sys.executable, "-c", SETTLED], check=True)  # this process would keep all its garbage

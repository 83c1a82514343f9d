"""Import first: pins numerical libraries to one thread, so that a busy machine does not decide the numbers."""

import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"  # noqa: TID251 a benchmark has no Settings

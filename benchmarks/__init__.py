"""How fast the engine is beside the same work done otherwise, in the same run. `make bench` measures everything.

`timing.py` says how time is taken, `report.py` how it is shown; every other file is one benchmark with one `measure`.
"""

import os
import sys

__all__: list[str] = []

# One thread, unless told otherwise: two contestants that share the cores with strangers cannot be compared. BLAS reads
# these when NumPy is first imported; set later, they would only be recorded and not obeyed.
if "numpy" not in sys.modules:
    for _variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"):
        os.environ.setdefault(_variable, "1")

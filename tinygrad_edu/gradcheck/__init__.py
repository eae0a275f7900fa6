"""Is this gradient right? Two questions: does backward behave like a derivative, and is every slope the true one.

The tolerance is relative and as tight as the estimate of the slope's own error allows; there is no absolute one, which
would let any gradient of a small function pass. A kink has no derivative, only a left and a right slope: there the
checker says so, and accepts what lies between them.

In reading order: `check.py` asks the questions, `structure.py` the first, `entries.py` the second, `kinks.py` decides
where there is no derivative, `report.py` says what was found.
"""

from tinygrad_edu.gradcheck.check import gradcheck
from tinygrad_edu.gradcheck.report import Entry, Report

__all__ = ["Entry", "Report", "gradcheck"]

"""Lessons to play with, in a notebook or on a page of their own: `tinygrad-edu downhill`, `tinygrad-edu playground`.

They need the extra `notebooks`. In a notebook: `from tinygrad_edu.widgets import Downhill`, then `Downhill()` in a cell.
"""

from tinygrad_edu.widgets.downhill import Downhill

__all__ = ["Downhill"]

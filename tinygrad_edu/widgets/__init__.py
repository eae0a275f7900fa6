"""Lessons to play with, in a notebook or on a page of their own: `tinygrad-edu downhill`, `tinygrad-edu playground`.

They need the extra `notebooks`. In a cell of a notebook: `from tinygrad_edu.widgets import Downhill`, and `Downhill()`.
"""

from tinygrad_edu.widgets.downhill import Downhill
from tinygrad_edu.widgets.playground import Playground

__all__ = ["Downhill", "Playground"]

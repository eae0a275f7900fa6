"""What all pictures share: colours, dashes and markers, empty figures, and writing to a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tinygrad_edu.extras import need
from tinygrad_edu.tensor import Tensor

__all__ = ["COLOURS", "HEIGHTS", "HUGE", "Style", "blank", "finished", "plain", "readable", "style"]

# Okabe and Ito's colours without the yellow, which is too light for lines. The dashes and markers tell the lines apart
# where colours do not; there are 7, 5 and 8 of them, so that only the 281st looks like the first.
COLOURS = ("#000000", "#D55E00", "#0072B2", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
DASHES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1)))
MARKERS = ("o", "^", "s", "D", "v", "P", "X", "*")
HEIGHTS = "cividis"  # grows evenly lighter, also in greyscale and for the colour-blind

ENDINGS = (".png", ".svg", ".pdf")
SHORT = 20.0  # times the lowest: an axis that ends before has too few powers of ten to be read by

HUGE = 1e100  # axes cannot be drawn far beyond: such numbers count as blown up, like those that are not finite


class Style(NamedTuple):
    """How the i-th line or class looks."""

    colour: str
    dashes: Any
    marker: str


def style(i: int) -> Style:
    """Colour, dashes and marker of line or class number i."""
    return Style(COLOURS[i % len(COLOURS)], DASHES[i % len(DASHES)], MARKERS[i % len(MARKERS)])


def blank(columns: int = 1, rows: int = 1, height: float = 4.0) -> Any:
    """A Figure without axes, sized for so many panels; `height` is that of a row, in inches."""
    figure = need("matplotlib.figure", "plot", "A picture")  # not pyplot: no window, no global state
    return figure.Figure(figsize=(1 + 5 * columns, height * rows), layout="constrained")


def plain(value: Any) -> NDArray[Any]:
    """A number, an array or a tensor, gradients wanted or not, as an array."""
    return np.asarray(value.data if isinstance(value, Tensor) else value)


def finished(figure: Any, path: str | Path | None) -> Any:
    """The figure, written to a file if there is a path."""
    if path is not None:
        if Path(path).suffix.lower() not in ENDINGS:
            raise ValueError(f"a picture is written to a {' or '.join(ENDINGS)} file, and {str(path)!r} is none")
        figure.savefig(path, dpi=150)
    return figure


def readable(axis: Any, low: float, high: float) -> None:
    """The ticks of a logarithmic axis from `low` to `high`: over little more than a decade, plain round numbers."""
    if high < SHORT * low:
        ticker = need("matplotlib.ticker", "plot", "A picture")
        axis.set_major_locator(ticker.MaxNLocator(7, steps=[1, 2, 5, 10]))
        axis.set_major_formatter(ticker.StrMethodFormatter("{x:g}"))
        axis.set_minor_locator(ticker.NullLocator())

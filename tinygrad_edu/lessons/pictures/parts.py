"""What the pictures of several lessons are made of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tinygrad_edu.plot.style import blank, style

__all__ = ["draw_lines", "legend_below", "row_of_panels"]


def row_of_panels(count: int, height: float = 4.4) -> tuple[Any, Any]:
    """A figure and its axes, side by side; the height in inches."""
    figure = blank(count, height=height)
    return figure, figure.subplots(1, count, squeeze=False)[0]


def draw_lines(axes: Any, lines: Mapping[str, tuple[Any, Any]], markers: bool = False, **labels: Any) -> None:
    """Lines by their names, (x, y) each, told apart by dashes as well as by colours."""
    for i, (name, (x, y)) in enumerate(lines.items()):
        colour, dashes, marker = style(i)
        axes.plot(
            x, y, color=colour, linestyle=dashes, linewidth=1.8, marker=marker if markers else "", ms=4, label=name
        )
    axes.set(**labels)
    axes.grid(alpha=0.25)
    axes.legend(framealpha=0.85, edgecolor="none", handlelength=3.5)


def legend_below(axes: Any, **options: Any) -> None:
    """The legend where it hides nothing."""
    axes.legend(frameon=False, handlelength=3.5, ncols=3, loc="upper center", bbox_to_anchor=(0.5, -0.14), **options)

"""Figures for a page: drawn again and again, as SVG in the page's own colours, with words for what they show."""

from __future__ import annotations

import html
import io
import re
from typing import Any

from tinygrad_edu.extras import need
from tinygrad_edu.plot.style import blank

__all__ = ["canvas", "figure_html", "png", "svg", "wipe"]


def canvas(width: float = 5.0, height: float = 3.4) -> Any:
    """A Figure with one empty panel, about as large (in inches) as a phone's window is wide.

    Example:
        >>> from tinygrad_edu.widgets.pictures import canvas
        >>> len(canvas().axes)
        1
    """
    figure = blank()
    figure.set_layout_engine("none")  # it costs more than all drawing
    figure.set_size_inches(width, height)
    figure.patch.set_visible(False)  # the page shows through
    figure.add_axes((0.11, 0.15, 0.86, 0.74), facecolor="none")
    return figure


def wipe(axes: Any) -> None:
    """Take away what is drawn, and keep the axes themselves: to make those anew, as `clear` does, costs most."""
    for artist in (*axes.lines, *axes.texts, *axes.collections):
        artist.remove()


def svg(figure: Any) -> str:
    """A Figure as SVG for a page: text stays text, black becomes the page's own colour of text, light or dark.

    Example:
        >>> from tinygrad_edu.widgets.pictures import canvas, svg
        >>> drawn = svg(canvas())
        >>> drawn[:29], "#000000" in drawn, "currentColor" in drawn
        ('<svg viewBox="0 0 360 244.8">', False, True)
    """
    matplotlib = need("matplotlib", "notebooks", "A widget")
    backend = need("matplotlib.backends.backend_svg", "notebooks", "A widget")
    out = io.StringIO()
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "tinygrad_edu"}):
        backend.FigureCanvasSVG(figure).print_svg(out, metadata={"Date": None})  # `savefig` would draw twice
    drawn = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>", "", out.getvalue(), flags=re.DOTALL)
    drawn = re.sub(r'<svg [^>]*viewBox="([^"]*)"[^>]*>', r'<svg viewBox="\1">', drawn[drawn.index("<svg") :])
    return drawn.replace("#000000", "currentColor").replace("xlink:href", "href")


def png(figure: Any) -> bytes:
    """A Figure as PNG."""
    out = io.BytesIO()
    figure.savefig(out, format="png", dpi=100)
    return out.getvalue()


def figure_html(figure: Any, alt: str) -> str:
    """A Figure with what it says in words, for those who do not see it."""
    return f'<figure role="img" aria-label="{html.escape(alt)}">{svg(figure)}</figure>'

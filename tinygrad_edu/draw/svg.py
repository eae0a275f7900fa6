"""Boxes and arrows as one SVG element, with its own white ground, so that it reads on a dark page too."""

from __future__ import annotations

import html
import math
from itertools import pairwise

from tinygrad_edu.draw.boxes import Box
from tinygrad_edu.draw.layout import Layout, Point, layout

__all__ = ["svg"]

LINE, LETTER = 17.0, 7.9  # height of a line and width of a letter, of 13 pixels
PAD = 10.0
MARGIN = 16.0
HEAD = 8.0  # length of an arrow's head
# The form tells the kinds apart where colours do not.
LOOKS = {
    "leaf": 'rx="14" fill="#e3eef7" stroke="#333"',
    "operation": 'rx="2" fill="#fff" stroke="#333"',
    "result": 'rx="2" fill="#fdf1d6" stroke="#333" stroke-width="3"',
    "fold": 'rx="2" fill="#f0f0f0" stroke="#333" stroke-dasharray="6 4"',
}
LEGEND = (
    "rounded: a leaf · square: an operation · thick: the result",
    "values flow along the arrows, gradients against them",
)


def svg(boxes: list[Box], edges: list[tuple[int, int]], widest: float = math.inf) -> str:
    """The picture, at most `widest` pixels wide unless it is enlarged; see `Drawing`."""
    plan = layout([_size(box) for box in boxes], edges)
    width = max(plan.width, LETTER * max(map(len, LEGEND))) + 2 * MARGIN
    height = plan.height + LINE * (len(LEGEND) + 1) + 2 * MARGIN
    scale = min(1.0, widest / width)
    legend = [_text(x=0, y=plan.height + LINE * (k + 2), text=line, fill="#555") for k, line in enumerate(LEGEND)]
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width * scale:.0f}" height="{height * scale:.0f}" '
        f'viewBox="{-MARGIN:g} {-MARGIN:g} {width:.0f} {height:.0f}" style="max-width:100%;height:auto" '
        'font-family="DejaVu Sans Mono, Menlo, Consolas, monospace" font-size="13" role="img" '
        f'aria-label="computation graph of {len(boxes)} boxes and {len(edges)} arrows">',
        f'<rect x="{-MARGIN:g}" y="{-MARGIN:g}" width="100%" height="100%" fill="#fff"/>',
        *(_arrow(edge, points) for edge, points in zip(edges, plan.lines)),
        *(_box(i, box, plan) for i, box in enumerate(boxes)),
        *legend,
        "</svg>",
    ]
    return "\n".join(parts)


def _size(box: Box) -> tuple[float, float]:
    lines = box.text.split("\n")
    return LETTER * max(map(len, lines)) + 2 * PAD, LINE * len(lines) + 2 * PAD - 4


def _box(i: int, box: Box, plan: Layout) -> str:
    width, height = _size(box)
    x, y = plan.centres[i][0] - width / 2, plan.centres[i][1] - height / 2
    bold = len(box.title.split("\n"))
    texts = [
        _text(x + PAD, y + PAD - 4 + LINE * (k + 0.8), line, "#000", bold=k < bold)
        for k, line in enumerate(box.text.split("\n"))
    ]
    frame = f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" {LOOKS[box.kind]}/>'
    return f'<g id="box{i}"><title>{html.escape(box.more)}</title>{frame}{"".join(texts)}</g>'


def _text(x: float, y: float, text: str, fill: str, bold: bool = False) -> str:
    weight = ' font-weight="bold"' if bold else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" fill="{fill}"{weight} xml:space="preserve">{html.escape(text)}</text>'


def _arrow(edge: tuple[int, int], points: list[Point]) -> str:
    """Straight down through each row, bent between two rows, and a head at the end."""
    (x, y), *rest, (entry, top), (end_x, end_y) = points
    path = [f"M{x:.1f} {y:.1f}"]
    for (x0, y0), (x1, y1) in pairwise([*rest, (entry, min(top, end_y - HEAD)), (end_x, end_y - HEAD)]):
        middle = (y0 + y1) / 2
        straight = x0 == x1
        path.append(f"L{x0:.1f} {y0:.1f}")
        path.append(
            f"L{x1:.1f} {y1:.1f}" if straight else f"C{x0:.1f} {middle:.1f} {x1:.1f} {middle:.1f} {x1:.1f} {y1:.1f}"
        )
    head = (
        f"{end_x:.1f},{end_y:.1f} {end_x - HEAD / 2:.1f},{end_y - HEAD:.1f} {end_x + HEAD / 2:.1f},{end_y - HEAD:.1f}"
    )
    return (
        f'<g class="from{edge[0]} to{edge[1]}"><path d="{" ".join(path)}" fill="none" stroke="#555" '
        f'stroke-width="1.5"/><polygon points="{head}" fill="#555"/></g>'
    )

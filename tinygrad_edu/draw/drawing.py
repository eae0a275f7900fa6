"""draw: from a result to the picture of how it came about."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tinygrad_edu.draw.boxes import Box, boxes
from tinygrad_edu.draw.languages import dot, mermaid
from tinygrad_edu.draw.svg import svg
from tinygrad_edu.tensor import Tensor
from tinygrad_edu.trace import trace

__all__ = ["MOST", "Drawing", "draw"]

PAGE = 940.0  # pixels of a notebook's page: pages made from notebooks cut off what is wider
MOST = 40  # boxes: of a larger graph, what repeats is folded


class Drawing:
    """What `draw` made. A notebook shows it; `save` writes it to a file.

    Attributes:
        boxes: one for every leaf and operation, and one for every folded part; the inputs first, the result last.
        edges: (from, to), places in `boxes`: the values flow along them, the gradients against them.
    """

    def __init__(self, boxes: list[Box], edges: list[tuple[int, int]]) -> None:
        self.boxes = boxes
        self.edges = edges

    def __repr__(self) -> str:
        return f"Drawing of {len(self.boxes)} boxes and {len(self.edges)} arrows: drawing.save('graph.svg')"

    def svg(self) -> str:
        """The picture, white behind it, as one SVG element."""
        return svg(self.boxes, self.edges)

    def _repr_svg_(self) -> str:
        return svg(self.boxes, self.edges, PAGE)

    def dot(self) -> str:
        """The graph in the language of Graphviz."""
        return dot(self.boxes, self.edges)

    def mermaid(self) -> str:
        """The graph in the language of Mermaid, which code hosts draw in Markdown."""
        return mermaid(self.boxes, self.edges)

    def save(self, path: str | Path) -> None:
        """Write the drawing to a file.

        Args:
            path: ends in .svg (a picture), .dot (for Graphviz) or .mmd (for Mermaid).

        Raises:
            ValueError: it ends in something else.
        """
        path = Path(path)
        writers = {".svg": self.svg, ".dot": self.dot, ".mmd": self.mermaid}
        if path.suffix not in writers:
            raise ValueError(
                f"draw writes {', '.join(writers)}, not {path.suffix or 'a file without an ending'}: "
                f"drawing.save({path.stem + '.svg'!r}); a browser opens that and prints it"
            )
        path.write_text(writers[path.suffix](), encoding="utf-8")


def draw(loss: Tensor, names: Any = None, most: int = MOST) -> Drawing:
    """The graph behind `loss`: every leaf and operation with its shape, its value and the gradient that arrives there.

    Nothing changes: the graph stays for `loss.backward()`, and no `.grad` is written. Where the same operations come
    again and again, as in a deep or a recurrent network, the first and the last round are drawn and the others are
    folded into one box that counts them.

    Args:
        loss: the result to draw.
        names: what to call things: `{"W1": W1, "h": h}` with tensors and arrays, a module, or simply `locals()`.
        most: boxes up to which nothing is folded.

    Raises:
        RuntimeError: `loss` has no graph, or backward() has already used and freed it.

    Example:
        >>> import numpy as np, tinygrad_edu as tg
        >>> x, w = np.array([1.0, 2.0]), tg.Tensor([0.5, -1.0], requires_grad=True)
        >>> drawing = tg.draw(np.sum(np.tanh(x * w)), names={"x": x, "w": w})
        >>> drawing
        Drawing of 4 boxes and 3 arrows: drawing.save('graph.svg')
        >>> print(drawing.boxes[1].text)
        t1 = x * w
        shape     (2,)
        value     [0.5 -2]
        gradient  [0.78645 0.070651]
    """
    try:
        lines = trace(loss, names)
    except RuntimeError as error:
        error.add_note("draw(loss) looks at the graph as trace(loss) does, so the same holds for it.")
        raise
    return Drawing(*boxes(lines, most))

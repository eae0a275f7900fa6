"""The chain rule as a table: one line an operation, with its rule and the gradient that arrived there."""

from __future__ import annotations

import html
import re
import shutil
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygrad_edu.backward import Node
from tinygrad_edu.tensor import Tensor
from tinygrad_edu.walk import Visit, values, walk
from tinygrad_edu.wording import Names, brief, rule_source

__all__ = ["Line", "Trace", "trace"]

HEADINGS = ("#", "operation", "shape", "value", "rules", "gradient", "from")
VALUE = HEADINGS.index("value")
LEGEND = (
    "Read the gradients from the bottom up. A rule turns the gradient g of its line into what it passes back to each "
    "of its inputs; out is the line's value, the other names are the function's parameters. The column 'from' says "
    "which lines passed on what: the sum of that is the line's gradient."
)
STYLE = "text-align:left;vertical-align:top;font-family:monospace;padding:2px 10px 2px 0"
SUMMANDS = 12  # contributions that are printed
MOST = 200  # lines that are printed
NARROWEST = 8  # characters of a column
SPACIOUS = 110  # in fewer characters the table does without the values
SUMMAND = 4  # entries of a contribution that are shown; it has the shape of the gradient, which shows more


@dataclass(frozen=True, eq=False)
class Line:
    """One operation, or a leaf.

    Attributes:
        number: of the line, in the order of the forward pass.
        name: the one given by the user, or t and the number.
        formula: what made it, such as `x @ W1`; `a leaf` for what nothing made.
        shape: of its value.
        value: the array, or None where the graph did not keep it and it cannot be computed again.
        rules: (parameter, source text) for every input that gets blame.
        gradient: what arrived.
        contributions: (number of the line that it came from, what came); they add up to `gradient`.
    """

    number: int
    name: str
    formula: str
    shape: tuple[int, ...]
    value: Any
    rules: tuple[tuple[str, str], ...]
    gradient: Any
    contributions: tuple[tuple[int, Any], ...]

    def cells(self) -> tuple[str, ...]:
        """What the table shows, in the order of HEADINGS; a cell may have several lines."""
        made = f"{self.name} = {self.formula}" if self.rules else self.name
        rules = "\n".join(f"{parameter}: {text}" for parameter, text in self.rules)
        if len(self.contributions) > 1:
            shown = [f"{number}: {brief(g, SUMMAND)}" for number, g in self.contributions[:SUMMANDS]]
            more = len(self.contributions) - len(shown)
            came_from = "\n".join([*shown, *([f"… {more} more"] if more else [])])
        else:
            came_from = "".join(str(number) for number, _ in self.contributions) or "start"
        value = brief(self.value) if self.value is not None else "(not kept)"
        return str(self.number), made, str(self.shape), value, rules or "a leaf", brief(self.gradient), came_from


class Trace:
    """What `trace` found: prints as a table, and is a sequence of lines; look one up by its number or name."""

    def __init__(self, lines: list[Line]) -> None:
        self.lines = lines

    def __len__(self) -> int:
        return len(self.lines)

    def __iter__(self) -> Iterator[Line]:
        return iter(self.lines)

    def __getitem__(self, which: int | str) -> Line:
        if isinstance(which, str):
            for line in self.lines:
                if line.name == which:
                    return line
            raise KeyError(f"no line is called {which!r}; there are {', '.join(line.name for line in self.lines)}")
        return self.lines[which]

    def __str__(self) -> str:
        return self.text(shutil.get_terminal_size((100, 24)).columns)

    __repr__ = __str__

    def text(self, width: int) -> str:
        """The table in lines of at most `width` characters, as long as the columns find room at all."""
        rows = [HEADINGS, *self._shown()]
        if width < SPACIOUS:
            rows = [(*row[:VALUE], *row[VALUE + 1 :]) for row in rows]
        widths = _widths(rows, width)
        lines = [text for row in rows for text in _wrapped(row, widths)]
        lines.insert(max(len(_wrapped(rows[0], widths)), 1), "  ".join("-" * width for width in widths))
        return "\n".join([*lines, "", textwrap.fill(LEGEND, min(width, 110))])

    def _shown(self) -> list[tuple[str, ...]]:
        """The cells of all lines; of very many, the first and the last."""
        if len(self) <= MOST:
            return [line.cells() for line in self.lines]
        left_out = f"… {len(self) - MOST} lines more: trace[{MOST // 2}] to trace[{len(self) - MOST // 2 - 1}]"
        first, last = self.lines[: MOST // 2], self.lines[-(MOST // 2) :]
        gap = tuple(left_out if heading == "operation" else "" for heading in HEADINGS)
        return [*(line.cells() for line in first), gap, *(line.cells() for line in last)]

    def _repr_html_(self) -> str:
        wraps = ("operation", "rules")  # an array keeps its lines
        styles = [f"{STYLE};white-space:{'pre-wrap' if heading in wraps else 'pre'}" for heading in HEADINGS]
        head = "".join(f"<th style='text-align:left'>{html.escape(heading)}</th>" for heading in HEADINGS)
        rows = (
            "".join(f"<td style='{style}'>{html.escape(cell)}</td>" for style, cell in zip(styles, cells, strict=True))
            for cells in self._shown()
        )
        body = "".join(f"<tr>{row}</tr>" for row in rows)
        table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
        return f"<div style='overflow-x:auto'>{table}</div><p>{html.escape(LEGEND)}</p>"


def trace(loss: Tensor, names: Any = None, seed: Any = None) -> Trace:
    """Every operation behind `loss` with its rule, the gradient that arrives at it, and where that came from.

    Nothing changes: the graph stays for `loss.backward()`, and no `.grad` is written.

    Args:
        loss: the result to trace back from.
        names: what to call things: `{"W1": W1, "h": h}` with tensors and arrays, a module, or simply `locals()`.
        seed: weights for the entries of `loss`, in its shape; 1 each when left out.

    Raises:
        RuntimeError: `loss` has no graph, or backward() has already used and freed it.

    Example:
        >>> import numpy as np, tinygrad_edu as tg
        >>> x, w = np.array([1.0, 2.0]), tg.Tensor([0.5, -1.0], requires_grad=True)
        >>> table = tg.trace(np.sum(np.tanh(x * w)), names={"x": x, "w": w})
        >>> for line in table:
        ...     print(line.name, "=", line.formula, dict(line.rules))
        w = a leaf {}
        t1 = x * w {'y': 'times(g, x)'}
        t2 = np.tanh(t1) {'x': 'times(g, 1 - out * out)'}
        loss = np.sum(t2) {'a': 'np.broadcast_to(expand(g, axis, keepdims), a_shape)'}
        >>> print(table["w"].gradient)
        [0.78644773 0.14130165]
    """
    if not isinstance(loss, Tensor) or loss.node is None:
        raise RuntimeError(
            "trace() needs a Tensor that was computed from something with requires_grad=True, outside no_grad() and "
            "without detach(); this one remembers nothing."
        )
    dtype = loss.dtype
    weights = np.ones(loss.shape, dtype) if seed is None else np.asarray(getattr(seed, "data", seed), dtype)
    if weights.shape != loss.shape:
        raise ValueError(f"trace(seed=...) got shape {weights.shape} for a Tensor of shape {loss.shape}")
    visits = walk(loss.node, weights)
    if any(visit.freed for visit in visits.values()):
        raise RuntimeError(
            "backward() has already used and freed this graph, so there is nothing left to trace. "
            "Run the forward pass again and call trace(loss) before loss.backward(): it leaves the graph as it is."
        )
    oldest_first = list(reversed(visits.values()))
    named = Names((visit.node for visit in oldest_first), names, {loss.node: "loss"})
    known = values(visits, named.given | {loss.node: loss.data})
    numbers = {visit.node: number for number, visit in enumerate(oldest_first)}
    return Trace([_line(visit, named, numbers, known) for visit in oldest_first])


def _line(visit: Visit, names: Names, numbers: dict[Node, int], known: dict[Node, Any]) -> Line:
    node = visit.node
    rules: dict[str, str] = {}
    with np.errstate(all="ignore"):
        for parent, rule, saved in node.edges or ():
            raw = rule.vjp(visit.gradient, *saved)
            folded = f", summed to {parent.shape}" if raw.shape != parent.shape else ""
            rules.setdefault(rule.name, rule_source(rule, (visit.gradient, *saved)) + folded)
    contributions = tuple((numbers[share.consumer], share.blame) for share in visit.shares)
    shape = node.shape if node.shape is not None else ()
    return Line(
        numbers[node],
        names.of(node),
        names.formula(node),
        shape,
        known.get(node),
        tuple(rules.items()),
        visit.gradient,
        contributions,
    )


# ---- a table of plain text ---------------------------------------------------------------------------------------
def _widths(rows: list[tuple[str, ...]], width: int) -> list[int]:
    """What every column would like; where that is too much, the widest give way, one character at a time."""
    columns = list(zip(*rows, strict=True))
    widths = [max(len(line) for cell in column for line in cell.split("\n")) for column in columns]
    # Broken arrays read worse than broken formulas, so they give way later.
    patience = [0.5 if column[0] in ("value", "gradient") else 1.0 for column in columns]
    while sum(widths) + 2 * (len(widths) - 1) > width and max(widths) > NARROWEST:
        pressure = [n * p if n > NARROWEST else 0 for n, p in zip(widths, patience, strict=True)]
        widths[pressure.index(max(pressure))] -= 1
    return widths


def _wrapped(row: tuple[str, ...], widths: list[int]) -> list[str]:
    """The lines that one row of the table takes."""
    cells = [
        [part for line in cell.split("\n") for part in _folded(line, width)]
        for cell, width in zip(row, widths, strict=True)
    ]
    height = max(map(len, cells))
    return [
        "  ".join((cell[i] if i < len(cell) else "").ljust(width) for cell, width in zip(cells, widths)).rstrip()
        for i in range(height)
    ]


class _Wrapper(textwrap.TextWrapper):
    """Breaks lines at spaces, and after an opening bracket or the dot in np.sum: a formula's words are long."""

    wordsep_simple_re = re.compile(r"(\s+|(?<=\()|(?<=\.)(?=[a-z]))")


def _folded(line: str, width: int) -> list[str]:
    return _Wrapper(width, subsequent_indent=" ", break_on_hyphens=False).wrap(line) or [""]

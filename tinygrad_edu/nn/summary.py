"""summary: what a model consists of, as a table."""

from __future__ import annotations

import copy
import html
import shutil
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygrad_edu.nn.module import Module
from tinygrad_edu.recording import no_grad
from tinygrad_edu.tensor import Tensor

__all__ = ["Layer", "Summary", "summary"]

HEADINGS = ("layer", "kind", "output", "parameters")
NARROWEST = 6  # characters of a column


@dataclass(frozen=True)
class Layer:
    """One module.

    Attributes:
        name: the path to it, such as `encoder.0`; "" for the model itself.
        kind: its class.
        output: shape of what it returned for the example; "" if there was none or the module was not called.
        parameters: numbers in its own parameters, not those of the modules in it; shared ones count where they are
            found first.
    """

    name: str
    kind: str
    output: str
    parameters: int

    def cells(self) -> tuple[str, ...]:
        """What the table shows, in the order of HEADINGS."""
        depth = self.name.count(".") + 1 if self.name else 0
        count = f"{self.parameters:,}" if self.parameters else "-"
        return "  " * depth + self.name.rpartition(".")[2], self.kind, self.output, count


@dataclass(frozen=True)
class Summary:
    """What `summary` found: prints as a table.

    Attributes:
        layers: the model and every module in it, each once.
        parameters: numbers that an optimizer moves.
        buffers: numbers that are saved with them but not moved.
        memory: bytes of both; gradients and an optimizer's moments come on top.
    """

    layers: tuple[Layer, ...]
    parameters: int
    buffers: int
    memory: int

    def __str__(self) -> str:
        return self.text(shutil.get_terminal_size((100, 24)).columns)

    __repr__ = __str__

    def text(self, width: int) -> str:
        """The table in lines of at most `width` characters, as long as the columns find room at all."""
        rows = [HEADINGS, *(layer.cells() for layer in self.layers)]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        while sum(widths) + 2 * (len(widths) - 1) > width and max(widths[:-1]) > NARROWEST:
            widths[widths.index(max(widths[:-1]))] -= 1
        lines = ["  ".join(map(_fitted, row[:-1], widths)) + "  " + row[-1].rjust(widths[-1]) for row in rows]
        lines.insert(1, "  ".join("-" * width for width in widths))
        return "\n".join([*lines, "", *self._totals()])

    def _totals(self) -> list[str]:
        buffers = [f"{self.buffers:,} numbers in buffers"] if self.buffers else []
        return [f"{self.parameters:,} parameters", *buffers, f"{_bytes(self.memory)} of memory"]

    def _repr_html_(self) -> str:
        rows = [
            "".join(f"<{tag} style='text-align:{'right' if column == 3 else 'left'};white-space:pre'>"
                    f"{html.escape(cell)}</{tag}>" for column, cell in enumerate(cells))
            for tag, cells in [("th", HEADINGS), *(("td", layer.cells()) for layer in self.layers)]
        ]  # fmt: skip
        table = "".join(f"<tr>{row}</tr>" for row in rows)
        return f"<table>{table}</table><p>{'<br>'.join(map(html.escape, self._totals()))}</p>"


def summary(model: Module, x: Any = None) -> Summary:
    """The layers of a model with their parameter counts and, for an example, the shapes that come out of them.

    Nothing changes: the example runs through a copy of the model, as in use (`eval`) and without gradients.

    Args:
        model: what to look at.
        x: an example input, or a tuple of them if the model takes several.

    Raises:
        Whatever the model raises if x does not fit.

    Example:
        >>> import numpy as np, tinygrad_edu as tg
        >>> from tinygrad_edu.nn.summary import summary
        >>> model = tg.nn.Sequential(tg.nn.Linear(4, 3), tg.nn.ReLU(), tg.nn.Linear(3, 4))
        >>> print(summary(model, np.ones((10, 4))).text(60))
        layer  kind        output   parameters
        -----  ----------  -------  ----------
               Sequential  (10, 4)           -
          0    Linear      (10, 3)          15
          1    ReLU        (10, 3)           -
          2    Linear      (10, 4)          16
        <BLANKLINE>
        31 parameters
        248 bytes of memory
    """
    modules = dict(model.named_modules())
    own = dict.fromkeys(modules, 0)
    for name, parameter in model.named_parameters():
        while name not in modules:  # from a path such as 0.weights.2 up to the module that holds it
            name = name.rpartition(".")[0]
        own[name] += parameter.size
    outputs = {} if x is None else _outputs(model, x if isinstance(x, tuple) else (x,))
    layers = (Layer(name, type(m).__name__, outputs.get(name, ""), own[name]) for name, m in modules.items())
    buffers = [array for _, array in model.named_buffers()]
    return Summary(
        tuple(layers),
        sum(own.values()),
        sum(array.size for array in buffers),
        sum(array.nbytes for array in [*buffers, *(parameter.data for parameter in model.parameters())]),
    )


def _outputs(model: Module, inputs: tuple[Any, ...]) -> dict[str, str]:
    """The shapes that every module returns, by its name; of one called several times, each shape once."""
    model = copy.deepcopy(model).eval()
    seen: dict[str, list[str]] = {}

    def watched(name: str, forward: Any) -> Any:
        def watch(*args: Any, **kwargs: Any) -> Any:
            out = forward(*args, **kwargs)
            if (shape := _shapes(out)) not in seen.setdefault(name, []):
                seen[name].append(shape)
            return out

        return watch

    for name, module in model.named_modules():
        vars(module)["forward"] = watched(name, module.forward)
    with no_grad():
        model(*inputs)
    return {name: " or ".join(shapes) for name, shapes in seen.items()}


def _shapes(out: Any) -> str:
    """A result's shape; of several results theirs, as an LSTM's: (2, 7, 5), ((1, 2, 5), (1, 2, 5))."""
    if isinstance(out, tuple | list):
        return ", ".join(f"({_shapes(one)})" if isinstance(one, tuple | list) else _shapes(one) for one in out)
    return str(out.shape) if isinstance(out, Tensor | np.ndarray | np.generic) else type(out).__name__


def _fitted(cell: str, width: int) -> str:
    return cell.ljust(width) if len(cell) <= width else cell[: width - 1] + "…"


def _bytes(number: float) -> str:
    """A number of bytes, in the unit that keeps it short."""
    if number < 1000:
        return f"{number} bytes"
    for unit in ("kB", "MB", "GB"):
        number /= 1000
        if number < 1000 or unit == "GB":
            break
    return f"{number:.1f} {unit}"

"""summary: what a model consists of, as a table."""

from __future__ import annotations

import contextlib
import html
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tinygrad_edu.nn.module import Module
from tinygrad_edu.recording import no_grad
from tinygrad_edu.rules.table import name_of
from tinygrad_edu.tensor import Tensor

__all__ = ["Layer", "Summary", "summary"]

HEADINGS = ("layer", "kind", "output", "parameters")
NARROWEST = 6  # characters of a column


@dataclass(frozen=True)
class Layer:
    """One module, or a function that stands where one could.

    Attributes:
        name: the path to it, such as `encoder.0`; "" for the model itself.
        kind: its class, or the function's name. A module that is met again has here the name under which it stood
            first, such as "= encoder.0", and nothing else.
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
        layers: the model and every module and function in it.
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

    The example runs through the model as in use (`eval`) and without gradients. Afterwards all attributes, buffers and
    random generators of the modules are as they were.

    Args:
        model: what to look at.
        x: an example input, or a tuple of them if the model takes several.

    Raises:
        TypeError: x is a shape.
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
    if isinstance(x, tuple) and x and all(isinstance(side, int) for side in x):
        raise TypeError(f"summary takes an example, and {x} is a shape; write summary(model, np.zeros({x})).")
    names = [name for name, _ in model.named_modules()]
    own = dict.fromkeys(names, 0)
    for name, parameter in model.named_parameters():
        while name not in own:  # from a path such as 0.weights.2 up to the module that holds it
            name = name.rpartition(".")[0]
        own[name] += parameter.size
    outputs = {} if x is None else _outputs(model, x if isinstance(x, tuple) else (x,))
    layers = (replace(layer, output=outputs.get(layer.name, ""), parameters=own.get(layer.name, 0))
              for layer in _layers(model, "", {}))  # fmt: skip
    buffers = [array for _, array in model.named_buffers()]
    return Summary(
        tuple(layers),
        sum(own.values()),
        sum(array.size for array in buffers),
        sum(array.nbytes for array in [*buffers, *(parameter.data for parameter in model.parameters())]),
    )


def _layers(part: Any, name: str, first: dict[int, str]) -> Iterator[Layer]:
    """The lines of a module or function and of all in it; `first` is where the modules seen so far stood."""
    if not isinstance(part, Module):
        yield Layer(name, name_of(part), "", 0)
    elif id(part) in first:
        yield Layer(name, f"= {first[id(part)] or 'the model'}", "", 0)
    else:
        first[id(part)] = name
        yield Layer(name, type(part).__name__, "", 0)
        for inner, held in part._parts():
            yield from _layers(held, f"{name}.{inner}" if name else inner, first)


def _outputs(model: Module, inputs: tuple[Any, ...]) -> dict[str, str]:
    """The shapes that every module returns, by its name; of one called several times, each shape once."""
    seen: dict[str, list[str]] = {}

    def watched(name: str, forward: Any) -> Any:
        def watch(*args: Any, **kwargs: Any) -> Any:
            out = forward(*args, **kwargs)
            if (shape := _shapes(out)) not in seen.setdefault(name, []):
                seen[name].append(shape)
            return out

        return watch

    with _as_it_was(model), no_grad():
        for name, module in model.eval().named_modules():
            vars(module)["forward"] = watched(name, module.forward)
        model(*inputs)
    return {name: " or ".join(shapes) for name, shapes in seen.items()}


@contextlib.contextmanager
def _as_it_was(model: Module) -> Iterator[None]:
    """Afterwards put back what a call may change. A copy of the model would not do: results that it keeps have none."""
    attributes = [(vars(module), vars(module).copy()) for module in model.modules()]
    buffers = [(array, array.copy()) for _, array in model.named_buffers() if array.flags.writeable]
    generators = [(rng.bit_generator, rng.bit_generator.state) for _, rng in model.named_generators()]
    try:
        yield
    finally:
        for now, before in attributes:
            now.clear()
            now.update(before)
        for array, copy in buffers:
            array[...] = copy
        for generator, state in generators:
            generator.state = state


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

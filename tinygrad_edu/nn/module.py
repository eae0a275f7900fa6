"""Module: something with parameters. Sequential: modules one after another."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import Any, Self

import numpy as np
from numpy.typing import DTypeLike

from tinygrad_edu.backward import Leaf
from tinygrad_edu.tensor import Tensor
from tinygrad_edu.vector import pack

__all__ = ["Module", "Sequential"]


class Module:
    """Base of everything with parameters. Keep tensors and modules as attributes, and write `forward`.

    A parameter is a Tensor with requires_grad=True; attributes, also in lists, tuples and dicts, are found by
    walking. There is nothing to register.

    Example:
        >>> import numpy as np, tinygrad_edu as tg
        >>> class Line(tg.nn.Module):
        ...     def __init__(self):
        ...         self.slope = tg.Tensor(2.0, requires_grad=True)
        ...         self.offset = tg.Tensor(1.0, requires_grad=True)
        ...     def forward(self, x):
        ...         return self.slope * x + self.offset
        >>> line = Line()
        >>> print(line(np.array([0.0, 1.0])))
        Tensor([1., 3.], requires_grad=True, made by np.add)
        >>> [name for name, _ in line.named_parameters()]
        ['slope', 'offset']
    """

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the module computes; subclasses write this."""
        raise NotImplementedError(
            f"{type(self).__name__} has no forward. Write: def forward(self, x): return ... in the class."
        )

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.forward(*args, **kwargs)

    def named_parameters(self) -> list[tuple[str, Tensor]]:
        """(name, parameter) in the order of the attributes; names are paths such as `layers.0.weight`.

        Parameters that lie in no vector yet move into one, contiguous, per dtype; each one's `data` is a view of it.
        """
        named = list(_walk(self, "", set()))
        pack(parameter for _, parameter in named)
        return named

    def parameters(self) -> list[Tensor]:
        """All parameters, each once, in the order of the attributes."""
        return [parameter for _, parameter in self.named_parameters()]

    def zero_grad(self) -> None:
        """Forget all gradients: the next backward begins from nothing."""
        for parameter in self.parameters():
            parameter.grad = None

    def astype(self, dtype: DTypeLike) -> Self:
        """Change all parameters to another dtype, in place; gradients are forgotten. Make optimizers afterwards."""
        for parameter in self.parameters():
            if parameter.dtype != dtype:
                changed = Tensor(parameter.data, requires_grad=True, dtype=np.dtype(dtype))
                parameter._data, parameter.node = changed._data, changed.node
        return self

    def __repr__(self) -> str:
        parts = [f"({name}): {part!r}" for name, part in self._parts()]
        inside = "\n" + textwrap.indent("\n".join(parts), "  ") + "\n" if parts else self._describe()
        return f"{type(self).__name__}({inside})"

    def _parts(self) -> list[tuple[str, Any]]:
        """The modules inside this one, for printing."""
        return [(name, value) for name, value in vars(self).items() if isinstance(value, Module)]

    def _describe(self) -> str:
        """What to print between the brackets of a module that has no parts."""
        return ""


class Sequential(Module):
    """Modules, or any functions, one after another.

    Args:
        *layers: each is called with what the one before returned.

    Example:
        >>> import numpy as np, tinygrad_edu as tg
        >>> net = tg.nn.Sequential(tg.nn.Linear(4, 3, rng=0), tg.nn.ReLU(), tg.nn.Linear(3, 4, rng=1))
        >>> net(np.ones((2, 4))).shape
        (2, 4)
        >>> sum(p.size for p in net.parameters())
        31
    """

    def __init__(self, *layers: Any) -> None:
        self.layers = layers

    def forward(self, x: Any) -> Any:
        """Shape in and out: the first layer's input, the last layer's output."""
        for layer in self.layers:
            x = layer(x)
        return x

    def __getitem__(self, index: int) -> Any:
        return self.layers[index]

    def __len__(self) -> int:
        return len(self.layers)

    def _parts(self) -> list[tuple[str, Any]]:
        return [(str(i), layer) for i, layer in enumerate(self.layers)]


def _walk(value: Any, name: str, seen: set[int]) -> Iterator[tuple[str, Tensor]]:
    """The leaves below `value`, each once, with the path that leads to it."""
    if isinstance(value, Module):
        children: Any = vars(value).items()
    elif isinstance(value, dict):
        children = value.items()
    elif isinstance(value, list | tuple):
        children = enumerate(value)
    elif isinstance(value, Tensor):
        children = ()
    else:
        return
    if id(value) in seen:
        return
    seen.add(id(value))
    if isinstance(value, Tensor) and isinstance(value.node, Leaf):
        yield name, value
    for key, child in children:
        yield from _walk(child, f"{name}.{key}" if name else str(key), seen)

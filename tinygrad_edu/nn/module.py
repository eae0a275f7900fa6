"""Module: something with parameters. Sequential: modules one after another."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import DTypeLike, NDArray

from tinygrad_edu.backward import Leaf
from tinygrad_edu.tensor import Tensor
from tinygrad_edu.vector import pack

__all__ = ["Mismatch", "Module", "Sequential"]


class Mismatch(NamedTuple):
    """The names in which a module and a state that was loaded into it differ."""

    missing: list[str]
    unexpected: list[str]


class Module:
    """Base of everything with parameters. Keep tensors and modules as attributes, and write `forward`.

    A parameter is a Tensor with requires_grad=True: an optimizer moves it. Tensors and modules are
    found by walking, also in lists, tuples and dicts. An attribute that is a NumPy array is a buffer: it is saved with
    the parameters, but nothing moves it except the module itself (a running mean). There is nothing to register.

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

    training = True  # what `train` and `eval` switch; dropout and batch normalisation look at it

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the module computes; subclasses write this."""
        raise NotImplementedError(
            f"{type(self).__name__} has no forward. Write: def forward(self, x): return ... in the class."
        )

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.forward(*args, **kwargs)

    # ---- what is inside ------------------------------------------------------------------------------------------
    def named_parameters(self) -> list[tuple[str, Tensor]]:
        """(name, parameter) in the order of the attributes; names are paths such as `encoder.0.weight`.

        Parameters that lie in no vector yet move into one, contiguous, per dtype; each one's `data` is a view of it.
        """
        named = [(name, value) for name, value in _walk(self) if _is_parameter(value)]
        pack(parameter for _, parameter in named)
        return named

    def parameters(self) -> list[Tensor]:
        """All parameters, each once, in the order of the attributes."""
        return [parameter for _, parameter in self.named_parameters()]

    def named_buffers(self) -> list[tuple[str, NDArray[Any]]]:
        """(name, array) of everything that is saved but not trained: the arrays that modules keep as attributes."""
        return [
            (f"{path}.{name}" if path else name, value)
            for path, module in self.named_modules()
            for name, value in vars(module).items()
            if isinstance(value, np.ndarray)
        ]

    def named_modules(self) -> list[tuple[str, Module]]:
        """(name, module) of this module, whose name is "", and all inside it."""
        return [(name, value) for name, value in _walk(self) if isinstance(value, Module)]

    def named_generators(self) -> list[tuple[str, np.random.Generator]]:
        """(name, generator) of the random numbers that modules draw when they are called, as Dropout does."""
        return [(name, value) for name, value in _walk(self) if isinstance(value, np.random.Generator)]

    def children(self) -> Iterable[tuple[str, Any]]:
        """What a walk goes into: (name, value) of the attributes."""
        return vars(self).items()

    # ---- training ------------------------------------------------------------------------------------------------
    def train(self, mode: bool = True) -> Self:
        """Switch this module and all inside it to training: dropout drops, batch normalisation uses its batch."""
        for _, module in self.named_modules():
            module.training = mode
        return self

    def eval(self) -> Self:
        """Switch to use: nothing is dropped, running statistics are used and stay as they are."""
        return self.train(False)

    def zero_grad(self) -> None:
        """Forget all gradients: the next backward begins from nothing."""
        for parameter in self.parameters():
            parameter.grad = None

    def astype(self, dtype: DTypeLike) -> Self:
        """Change all parameters and floating-point buffers to another dtype, in place; gradients are forgotten.

        Make optimizers afterwards.
        """
        for parameter in self.parameters():
            if parameter.dtype != dtype:
                changed = Tensor(parameter.data, requires_grad=True, dtype=np.dtype(dtype))
                parameter._data, parameter.node = changed._data, changed.node
        for _, module in self.named_modules():
            for name, value in vars(module).items():
                if isinstance(value, np.ndarray) and value.dtype.kind in "fc":
                    setattr(module, name, value.astype(dtype))
        return self

    # ---- saving --------------------------------------------------------------------------------------------------
    def state_dict(self) -> dict[str, NDArray[Any]]:
        """Name → a copy of the array, of every parameter and buffer.

        Example:
            >>> import tinygrad_edu as tg
            >>> {name: array.shape for name, array in tg.nn.Linear(4, 3, rng=0).state_dict().items()}
            {'weight': (4, 3), 'bias': (3,)}
        """
        return {name: np.array(array) for name, array in self._arrays().items()}

    def load_state_dict(self, state: Mapping[str, Any], strict: bool = True) -> Mismatch:
        """Write saved arrays into the parameters and buffers; either all of them or, after an error, none.

        Args:
            state: name → array, as from `state_dict()`; entries are cast to the dtype that the module has.
            strict: refuse names that are missing or unexpected; with False they are only returned.

        Returns:
            The missing and the unexpected names.

        Raises:
            ValueError: names (if strict) or shapes do not fit; the message lists all of them.
        """
        own = self._arrays()
        mismatch = Mismatch([n for n in own if n not in state], [n for n in state if n not in own])
        given = {name: np.asarray(state[name]) for name in own if name in state}
        wrong = [
            f"{name}: {array.shape} {array.dtype} for {own[name].shape} {own[name].dtype}"
            for name, array in given.items()
            if array.shape != own[name].shape or not np.can_cast(array.dtype, own[name].dtype, "same_kind")
        ]
        problems = {"wrongly shaped or typed": wrong}
        if strict:
            problems |= {"missing": mismatch.missing, "unexpected": mismatch.unexpected}
        if any(problems.values()):
            listed = "".join(f"\n  {what}: {', '.join(names)}" for what, names in problems.items() if names)
            hint = "" if wrong or not strict else "\nTo load only what fits: load_state_dict(state, strict=False)."
            raise ValueError(
                f"This state does not fit {type(self).__name__}; nothing was loaded.{listed}\nMake the model with the "
                f"sizes that it was saved with.{hint}"
            )
        for name, array in given.items():
            own[name][...] = array
        return mismatch

    def _arrays(self) -> dict[str, NDArray[Any]]:
        named = [(name, parameter.data) for name, parameter in self.named_parameters()] + self.named_buffers()
        arrays = dict(named)
        if len(arrays) < len(named):
            twice = sorted({name for name, _ in named if [n for n, _ in named].count(name) > 1})
            raise ValueError(
                f"{type(self).__name__} holds two different arrays under the name {twice[0]!r}, so it cannot be saved; "
                "rename one of them (a dot in the key of a dict looks like a path)."
            )
        return arrays

    # ---- printing ------------------------------------------------------------------------------------------------
    def __repr__(self) -> str:
        parts = [f"({name}): {part!r}" for name, part in self.children() if isinstance(part, Module)]
        inside = "\n" + textwrap.indent("\n".join(parts), "  ") + "\n" if parts else self._describe()
        return f"{type(self).__name__}({inside})"

    def _describe(self) -> str:
        """What to print between the brackets of a module that has no modules inside."""
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

    def __getitem__(self, index: int | slice) -> Any:
        return Sequential(*self.layers[index]) if isinstance(index, slice) else self.layers[index]

    def __len__(self) -> int:
        return len(self.layers)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.layers)

    def children(self) -> Iterable[tuple[str, Any]]:
        """The layers under their numbers, which is what PyTorch names them."""
        return ((str(i), layer) for i, layer in enumerate(self.layers))


def _is_parameter(value: Any) -> bool:
    return isinstance(value, Tensor) and isinstance(value.node, Leaf)


def _walk(value: Any, name: str = "", seen: set[int] | None = None) -> Iterator[tuple[str, Any]]:
    """Everything that a module holds, itself included, each thing once, with the path that leads to it."""
    seen = set() if seen is None else seen
    if id(value) in seen or isinstance(value, str | int | float | None):
        return
    seen.add(id(value))
    yield name, value
    children: Iterable[tuple[Any, Any]] = ()
    if isinstance(value, Module):
        children = value.children()
    elif isinstance(value, dict):
        children = value.items()
    elif isinstance(value, list | tuple):
        children = enumerate(value)
    for key, child in children:
        yield from _walk(child, f"{name}.{key}" if name else str(key), seen)

"""Module: something with parameters. Sequential: modules one after another."""

from __future__ import annotations

import reprlib
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import DTypeLike, NDArray

from tinygrad_edu.backward import Leaf
from tinygrad_edu.rules.table import name_of
from tinygrad_edu.states import differences, listed
from tinygrad_edu.tensor import Tensor
from tinygrad_edu.vector import pack

__all__ = ["Mismatch", "Module", "Sequential"]


class Mismatch(NamedTuple):
    """The names in which a module and a state that was loaded into it differ."""

    missing: list[str]
    unexpected: list[str]


def _is_parameter(value: Any) -> bool:
    return isinstance(value, Tensor) and isinstance(value.node, Leaf)


class Module:
    """Base of everything with parameters. Keep tensors and modules as attributes, and write `forward`.

    A parameter is a Tensor with requires_grad=True: an optimizer moves it. There is nothing to register: parameters,
    modules and random generators are found in the attributes of an instance (`self.x = …`), and in the lists, tuples
    and dicts that these hold, however deep. Nowhere else: not in objects of other classes, functions or slots. In sets
    and in the class itself, where they would be lost too, they are refused.

    A NumPy array that is itself an attribute is a buffer: it is saved with the parameters and must have the same shape
    when it is loaded, but nothing moves it except the module (a running mean). So do not keep the last batch as an
    array attribute; a result that is a Tensor is no buffer, but holds on to its graph, which cannot be copied.

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

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for name, value in vars(cls).items():
            if isinstance(value, Module) or _is_parameter(value):
                raise TypeError(
                    f"{cls.__name__}.{name} belongs to the class, so all instances would share it and none would find "
                    f"it. Make it in __init__: self.{name} = …"
                )

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

    def modules(self) -> list[Module]:
        """This module and all inside it, each once."""
        return [module for _, module in self.named_modules()]

    def named_generators(self) -> list[tuple[str, np.random.Generator]]:
        """(name, generator) of the random numbers that modules draw when they are called, as Dropout does."""
        return [(name, value) for name, value in _walk(self) if isinstance(value, np.random.Generator)]

    def _held(self) -> Iterable[tuple[str, Any]]:
        """What a walk goes into: (name, value) of the attributes."""
        return vars(self).items()

    def _parts(self) -> list[tuple[str, Any]]:
        """(name, part) of the modules and functions that it holds, without what is inside these; some maybe twice."""
        own = type(self)  # a method that tg.compile has bound is found in the class as well, and is no part
        return [(name, part) for name, part in _nearest(self, "", ()) if not callable(getattr(own, name, None))]

    # ---- training ------------------------------------------------------------------------------------------------
    def train(self, mode: bool = True) -> Self:
        """Switch this module and all inside it to training: dropout drops, batch normalisation uses its batch."""
        for module in self.modules():
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
        """Change all parameters, and buffers and constant Tensors of floats, to another dtype; gradients are forgotten.

        All of it in place. Make optimizers afterwards.
        """
        for parameter in self.parameters():
            if parameter.dtype != dtype:
                changed = Tensor(parameter.data, requires_grad=True, dtype=np.dtype(dtype))
                parameter._data, parameter.node = changed._data, changed.node
        for _, value in _walk(self):
            if isinstance(value, Tensor) and value.node is None and value.dtype.kind in "fc":
                value._data = Tensor(value._data, dtype=dtype)._data
        for module in self.modules():
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
            state: name → array or Tensor, as from `state_dict()`; entries are cast to the dtype that the module has.
            strict: refuse names that are missing or unexpected; with False they are only returned.

        Returns:
            The missing and the unexpected names.

        Raises:
            ValueError: names (if strict) or shapes do not fit; the message lists all of them.
        """
        own = self._arrays()
        given = {name: np.asarray(value.data if isinstance(value, Tensor) else value) for name, value in state.items()}
        missing, unexpected, wrong = differences(own, given)
        if wrong or (strict and (missing or unexpected)):
            hint = "" if wrong or not strict else "\nTo load only what fits: load_state_dict(state, strict=False)."
            raise ValueError(
                f"This state does not fit {type(self).__name__}; nothing was loaded."
                f"{listed(missing * strict, unexpected * strict, wrong)}\n"
                f"Make the model with the sizes that it was saved with.{hint}"
            )
        for name, array in own.items():
            if name in given:
                array[...] = given[name]
        return Mismatch(missing, unexpected)

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
    @reprlib.recursive_repr("(…)")
    def __repr__(self) -> str:
        first: dict[int, str] = {}
        lines = [self._describe()]
        for name, part in self._parts():
            same = first.setdefault(id(part), name)
            shown = repr(part) if isinstance(part, Module) else name_of(part)
            shown = f"the same as ({same})" if same != name and isinstance(part, Module) else shown
            lines.append(textwrap.indent(f"({name}): {shown}", "  "))
        end = "\n" if len(lines) > 1 else ""
        return f"{type(self).__name__}({end.join(lines)}{end})"

    def _describe(self) -> str:
        """The settings that stand behind the name when a module is printed."""
        return ""


class Sequential(Module):
    """Modules, or any functions, one after another.

    Args:
        *layers: each is called with what the one before returned.

    Raises:
        TypeError: one of them cannot be called, as a list of layers cannot.

    Example:
        >>> import numpy as np, tinygrad_edu as tg
        >>> net = tg.nn.Sequential(tg.nn.Linear(4, 3, rng=0), tg.nn.ReLU(), tg.nn.Linear(3, 4, rng=1))
        >>> net(np.ones((2, 4))).shape
        (2, 4)
        >>> sum(p.size for p in net.parameters())
        31
    """

    def __init__(self, *layers: Any) -> None:
        self.layers: tuple[Any, ...] = ()
        for layer in layers:
            self.append(layer)

    def append(self, layer: Any) -> Self:
        """One more layer at the end. An optimizer moves its parameters only if it is made, or told, afterwards."""
        if not callable(layer):
            raise TypeError(
                f"Sequential takes modules and functions, one by one, and {type(layer).__name__} is neither; of a list "
                "of layers write Sequential(*layers), of a dict Sequential(*layers.values())."
            )
        self.layers = (*self.layers, layer)
        return self

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

    def _held(self) -> Iterable[tuple[str, Any]]:
        """The layers under their numbers, which is what PyTorch names them, then what a subclass adds."""
        yield from ((str(i), layer) for i, layer in enumerate(self.layers))
        yield from ((name, value) for name, value in vars(self).items() if name != "layers")


def _walk(value: Any, name: str = "", seen: set[int] | None = None) -> Iterator[tuple[str, Any]]:
    """Everything that a module holds, itself included, each thing once, with the path that leads to it."""
    seen = set() if seen is None else seen
    if id(value) in seen or isinstance(value, str | int | float | None):
        return
    seen.add(id(value))
    yield name, value
    if isinstance(value, set | frozenset) and any(isinstance(item, Module | Tensor) for item in value):
        raise TypeError(f"{name} is a set of modules or Tensors, which has no order to name them by; make it a list")
    for key, child in _inside(value):
        yield from _walk(child, f"{name}.{key}" if name else str(key), seen)


def _inside(value: Any) -> Iterable[tuple[Any, Any]]:
    """(key, child) of what is directly in a module, dict, list or tuple; of anything else nothing."""
    if isinstance(value, Module):
        return value._held()
    if isinstance(value, dict):
        return value.items()
    if isinstance(value, list | tuple):
        return enumerate(value)
    return ()


def _nearest(value: Any, path: str, above: tuple[int, ...]) -> Iterator[tuple[str, Any]]:
    """(path, part) of the modules and functions that are met first on every way; `above` is where a way came from."""
    above = (*above, id(value))
    for key, child in _inside(value):
        name = f"{path}.{key}" if path else str(key)
        if callable(child):
            yield name, child
        elif id(child) not in above:
            yield from _nearest(child, name, above)

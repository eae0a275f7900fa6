"""Parameters are one vector: their data moves into one contiguous array per dtype, and each becomes a view of it.

The lessons write w ← w − η·∂L/∂w, and with one vector so does the code: an optimizer takes one step whatever the
number of layers, and a finite-difference check wiggles `vector[i]`.
"""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_edu.tensor import Tensor

__all__ = ["BLOCK", "Run", "pack", "runs"]

# Entries of a vector that are worked on together: what an optimizer needs of so many stays in the processor's cache.
BLOCK = 1 << 17


class Run:
    """Parameters that lie one after another in memory, and whatever an optimizer remembers about them.

    `vector` is their data as one (n,) array; `told` is what else the optimizer's formula gets, by name: arrays of that
    shape, 0-d arrays for what is one number for them all, and settings.
    """

    __slots__ = ("parameters", "told", "vector")

    def __init__(self, parameters: list[Tensor], vector: NDArray[Any], told: dict[str, Any]) -> None:
        self.parameters = parameters
        self.vector = vector
        self.told = told

    def gradient(self) -> NDArray[Any]:
        """The gradients of all parameters as one (n,) array; that of a single parameter is not copied.

        Raises:
            RuntimeError: the parameters have moved since (`model.astype` after the optimizer was made), or the
                gradients are lazy.
        """
        vector = self.vector.base
        flat: Any = []
        for parameter in self.parameters:
            if parameter._data.base is not vector or vector is None:
                raise RuntimeError(
                    f"The optimizer holds parameters of dtype {self.vector.dtype}, but since then they have been given "
                    f"memory of their own, of dtype {parameter.dtype}: it would move what the model no longer uses. "
                    "Call model.astype(...) first, then make the optimizer."
                )
            leaf: Any = parameter.node
            flat.append(leaf.grad.ravel())
            leaf.used = True
        gradient = np.concatenate(flat) if len(flat) > 1 else flat[0]
        if type(gradient) is np.ndarray:
            return gradient
        if hasattr(gradient, "__dask_graph__"):
            for parameter in self.parameters:
                parameter.grad = parameter.grad  # not used after all
            raise RuntimeError(
                "The gradients are lazy: nothing has computed them yet. Write tg.compute(loss, model) before the step."
            )
        return gradient.data if isinstance(gradient, Tensor) else gradient  # after backward(create_graph=True)

    def blocks(self, gradient: NDArray[Any]) -> Iterator[tuple[NDArray[Any], NDArray[Any], dict[str, Any]]]:
        """(vector, gradient, told) in views of at most BLOCK entries."""
        for start in range(0, self.vector.size, BLOCK):
            part = slice(start, start + BLOCK)
            yield self.vector[part], gradient[part], {name: _part(value, part) for name, value in self.told.items()}

    def rebind(self) -> list[Run]:
        """This run with the parameters where they are now, for copying or unpickling gives each memory of its own.

        It is cut where they do not follow each other any more: another optimizer may have packed some of them before.
        """
        found = runs(pack(self.parameters))
        number = {id(parameter): i for i, run in enumerate(found) for parameter in run.parameters}
        pieces = self.split(lambda parameter: number[id(parameter)])
        for piece, run in zip(pieces, found):
            piece.vector = run.vector
        return pieces

    def places(self) -> list[slice]:
        """Where in the vector each parameter is."""
        ends = list(itertools.accumulate(parameter.size for parameter in self.parameters))
        return [slice(start, end) for start, end in zip([0, *ends], ends)]

    def split(self, kind: Callable[[Tensor], Any]) -> list[Run]:
        """This run cut where parameters of one kind meet parameters of another."""
        pieces = []
        for _, same in itertools.groupby(zip(self.parameters, self.places()), key=lambda pair: kind(pair[0])):
            parameters, places = zip(*same)
            part = slice(places[0].start, places[-1].stop)
            told = {name: copy.copy(_part(value, part)) for name, value in self.told.items()}
            pieces.append(Run(list(parameters), self.vector[part], told))
        return pieces if len(pieces) > 1 else [self]


def _part(value: Any, part: slice) -> Any:
    """Of an array with entries these, of everything else all."""
    return value[part] if getattr(value, "ndim", 0) else value


def pack(parameters: Iterable[Tensor]) -> list[Tensor]:
    """Move the data of parameters into one vector per dtype; those that are in a vector already stay there.

    Args:
        parameters: tensors of any shapes.

    Returns:
        The same tensors, as a list.

    Example:
        >>> import tinygrad_edu as tg
        >>> from tinygrad_edu.vector import pack
        >>> w, b = pack([tg.Tensor([[1.0, 2.0]], requires_grad=True), tg.Tensor([3.0], requires_grad=True)])
        >>> w.data.base is b.data.base
        True
        >>> w.data.base
        array([1., 2., 3.])
    """
    parameters = list(parameters)
    loose = [parameter for parameter in parameters if parameter.data.base is None]
    for dtype in {parameter.dtype for parameter in loose}:
        same = [parameter for parameter in loose if parameter.dtype == dtype]
        vector = np.concatenate([parameter.data.ravel() for parameter in same])
        start = 0
        for parameter in same:
            view = vector[start : start + parameter.size].reshape(parameter.shape)
            parameter._data = view
            start += parameter.size
    return parameters


def runs(parameters: Sequence[Tensor]) -> list[Run]:
    """Group packed parameters, in the order given, into stretches that are contiguous in memory.

    A stretch has at most BLOCK entries, or is a single parameter, so that small gradients are gathered into one array
    and large ones never copied.

    Example:
        >>> import tinygrad_edu as tg
        >>> from tinygrad_edu.vector import pack, runs
        >>> w, b = pack([tg.Tensor([[1.0, 2.0]], requires_grad=True), tg.Tensor([3.0], requires_grad=True)])
        >>> [run.vector for run in runs([w, b])]
        [array([1., 2., 3.])]
    """
    stretches: list[list[Tensor]] = []
    end: tuple[int, int] | None = None
    size = 0
    for parameter in parameters:
        vector = parameter.data.base
        start = _offset(parameter)
        size += parameter.size
        if (id(vector), start) != end or size > BLOCK:
            stretches.append([])
            size = parameter.size
        stretches[-1].append(parameter)
        end = (id(vector), start + parameter.size)
    return [
        Run(same, same[0].data.base[_offset(same[0]) : _offset(same[-1]) + same[-1].size], {}) for same in stretches
    ]


def _offset(parameter: Tensor) -> int:
    """Where in its vector the parameter begins, in entries."""
    here, first = (a.__array_interface__["data"][0] for a in (parameter.data, parameter.data.base))
    return int(here - first) // parameter.dtype.itemsize

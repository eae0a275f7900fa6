"""Parameters are one vector: their data moves into one contiguous array per dtype, and each becomes a view of it.

The lessons write w ← w − η·∂L/∂w, and with one vector so does the code: an optimizer takes one step whatever the
number of layers, and a finite-difference check wiggles `vector[i]`.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_edu.tensor import Tensor

__all__ = ["Run", "pack", "runs"]


class Run:
    """Parameters that lie one after another in memory, and whatever an optimizer remembers about them.

    `vector` is their data as one (n,) array; `state` holds arrays of that shape, and 0-d arrays for what is one
    number for them all.
    """

    __slots__ = ("parameters", "state", "vector")

    def __init__(self, parameters: list[Tensor], vector: NDArray[Any], state: dict[str, NDArray[Any]]) -> None:
        self.parameters = parameters
        self.vector = vector
        self.state = state

    def leaves(self) -> list[Any]:
        """Where the parameters' gradients are: the same as `parameter.grad`, without a property's detour."""
        return [parameter.node for parameter in self.parameters]

    def gradient(self) -> NDArray[Any]:
        """The gradients of all parameters as one new (n,) array.

        Raises:
            RuntimeError: the parameters have moved since (`model.astype` after the optimizer was made), or the
                gradients are lazy.
        """
        vector = self.vector.base
        for parameter in self.parameters:
            if parameter._data.base is not vector or vector is None:
                raise RuntimeError(
                    f"The optimizer holds parameters of dtype {self.vector.dtype}, but since then they have been given "
                    f"memory of their own, of dtype {parameter.dtype}: it would move what the model no longer uses. "
                    "Call model.astype(...) first, then make the optimizer."
                )
        leaves = self.leaves()
        gradient: Any = np.concatenate([leaf.grad.ravel() for leaf in leaves])
        if hasattr(gradient, "__dask_graph__"):
            raise RuntimeError(
                "The gradients are lazy: nothing has computed them yet. Write tg.compute(loss, model) before the step."
            )
        for leaf in leaves:
            leaf.used = True
        return gradient.numpy() if isinstance(gradient, Tensor) else gradient  # after backward(create_graph=True)

    def rebind(self) -> None:
        """Take up the parameters where they are now: copying or unpickling gives each memory of its own."""
        pack(self.parameters)
        (self.vector,) = (run.vector for run in runs(self.parameters))

    def split(self) -> list[Run]:
        """This run cut where parameters that have a gradient meet parameters that have none."""
        pieces = []
        start = 0
        for _, group in itertools.groupby(self.parameters, key=lambda parameter: parameter.grad is None):
            parameters = list(group)
            part = slice(start, start := start + sum(parameter.size for parameter in parameters))
            state = {name: a[part] if a.ndim else a.copy() for name, a in self.state.items()}
            pieces.append(Run(parameters, self.vector[part], state))
        return pieces


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

    Example:
        >>> import tinygrad_edu as tg
        >>> from tinygrad_edu.vector import pack, runs
        >>> w, b = pack([tg.Tensor([[1.0, 2.0]], requires_grad=True), tg.Tensor([3.0], requires_grad=True)])
        >>> [run.vector for run in runs([w, b])]
        [array([1., 2., 3.])]
    """
    stretches: list[list[Tensor]] = []
    end: tuple[int, int] | None = None
    for parameter in parameters:
        vector = parameter.data.base
        start = _offset(parameter)
        if (id(vector), start) != end:
            stretches.append([])
        stretches[-1].append(parameter)
        end = (id(vector), start + parameter.size)
    return [
        Run(same, same[0].data.base[_offset(same[0]) : _offset(same[-1]) + same[-1].size], {}) for same in stretches
    ]


def _offset(parameter: Tensor) -> int:
    """Where in its vector the parameter begins, in entries."""
    here, first = (a.__array_interface__["data"][0] for a in (parameter.data, parameter.data.base))
    return int(here - first) // parameter.dtype.itemsize

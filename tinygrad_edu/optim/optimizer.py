"""What every optimizer shares: which parameters it moves, and how their gradients become one vector."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_edu.backward import Leaf
from tinygrad_edu.tensor import Tensor
from tinygrad_edu.vector import pack, runs

__all__ = ["Optimizer"]


class Optimizer:
    """Base of the optimizers; a new one writes `update`.

    The parameters lie in one vector (see `vector.py`), so `update` sees one weight array and one gradient array,
    however many layers there are. Everything that changes from step to step is an array updated in place.

    Args:
        params: tensors with requires_grad=True, such as `model.parameters()`.
        lr: learning rate, greater than or equal to 0.
        **state: initial value of what is remembered: a number per parameter entry, or a 0-d array for one in all,
            which keeps its own dtype.

    Raises:
        TypeError: something in `params` is not a leaf tensor that requires gradients.
        ValueError: no parameters, one given twice, or lr out of range.
    """

    def __init__(self, params: Iterable[Tensor], lr: float, **state: Any) -> None:
        if isinstance(params, Tensor):
            raise TypeError("params is a single Tensor; put it in a list: [w].")
        self.params = list(params)
        for i, parameter in enumerate(self.params):
            if not isinstance(parameter, Tensor) or not isinstance(parameter.node, Leaf):
                raise TypeError(
                    f"params[{i}] is {type(parameter).__name__} {parameter!r:.60}, not a Tensor made with "
                    "requires_grad=True. Pass model.parameters()."
                )
        if not self.params:
            raise ValueError("there are no parameters to optimize; pass model.parameters()")
        if len({id(parameter) for parameter in self.params}) < len(self.params):
            raise ValueError("a parameter is in params more than once; it would be moved twice a step")
        self._runs = runs(pack(self.params))
        for run in self._runs:
            run.state["lr"] = np.zeros((), run.vector.dtype)
            for name, value in state.items():
                is_array = isinstance(value, np.ndarray)
                run.state[name] = value.copy() if is_array else np.full_like(run.vector, value)
        self.lr = lr

    @property
    def lr(self) -> float:
        """The learning rate; assign to change it from the next step on."""
        return self._lr

    @lr.setter
    def lr(self, value: float) -> None:
        check("lr", value, 0, np.inf)
        self._lr = value
        for run in self._runs:
            run.state["lr"][...] = value

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        for run in self._runs:
            run.rebind()

    def zero_grad(self) -> None:
        """Forget the gradients of all parameters."""
        for parameter in self.params:
            leaf: Any = parameter.node
            leaf.grad, leaf.used = None, False

    def step(self) -> None:
        """Move every parameter that has a gradient; one that has none stays where it is.

        Raises:
            RuntimeError: no parameter has a gradient.
        """
        moving = []
        for run in list(self._runs):
            missing = [leaf.grad is None for leaf in run.leaves()]
            if True not in missing:
                moving.append(run)
            elif False in missing:
                # From here on the two kinds have histories of their own.
                at = self._runs.index(run)
                self._runs[at : at + 1] = pieces = run.split()
                moving += [piece for piece in pieces if piece.parameters[0].grad is not None]
        if not moving:
            raise RuntimeError("step() found no gradient on any parameter. Call loss.backward() before it.")
        for run in moving:
            self.update(run.vector, run.gradient(), **run.state)

    def update(self, w: NDArray[Any], g: NDArray[Any], **state: Any) -> None:
        """Change w, an (n,) array, in place, given its gradient g (an array of its own, free to be overwritten)."""
        raise NotImplementedError


def check(name: str, value: float, low: float, high: float) -> None:
    """Refuse a setting out of its range, which would quietly make training diverge."""
    if not low <= value < high:
        raise ValueError(f"{name}={value} is out of range: it must be at least {low} and less than {high}")

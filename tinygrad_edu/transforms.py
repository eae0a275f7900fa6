"""Functions of functions: the gradient of ordinary NumPy code, as a function again, to any order.

Each of them runs the function once on fresh tensors and goes backward to those. If arguments, or tensors that the
function refers to, belong to a graph outside, the result is recorded in it as a Tensor; otherwise it is a plain array.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_edu.backward import Node, backward
from tinygrad_edu.pytree import flatten
from tinygrad_edu.tensor import Tensor, _lift, _make, recorded

__all__ = ["elementwise_grad", "grad", "hessian", "hvp", "jacobian", "jvp", "value_and_grad", "vjp"]

Function = Callable[..., Any]


class _Run:
    """A function run once on fresh tensors, ready to be gone backward over as often as one likes."""

    def __init__(self, f: Function, args: tuple[Any, ...], kwargs: dict[str, Any], argnums: tuple[int, ...]) -> None:
        leaves, self.rebuild = flatten([args[n] for n in argnums])
        with recorded():
            self.inputs = [_fresh(leaf) for leaf in leaves]
            if not any(isinstance(x, Tensor) for x in self.inputs):
                raise TypeError(
                    f"there is nothing to differentiate with respect to: argument {argnums} holds no floating-point "
                    f"number, but {leaves!r:.60}. Write 3.0 instead of 3, or choose another argument with argnums."
                )
            own = dict(zip(argnums, self.rebuild(self.inputs)))
            out = f(*(own.get(n, arg) for n, arg in enumerate(args)), **kwargs)
        self.outputs, self.rebuild_out = flatten(out)
        self.stop = {x.node for x in self.inputs if isinstance(x, Tensor) and x.node is not None}
        nested = any(isinstance(leaf, Tensor) and leaf.requires_grad for leaf in leaves)
        self.is_recorded = nested or any(_reaches_outside(y, self.stop) for y in self.outputs)

    def value(self) -> Any:
        """What f returned: tensors of the outer graph, or plain arrays."""
        return self.rebuild_out([self._released(y) for y in self.outputs])

    def pull(self, seeds: list[Any]) -> list[Any]:
        """One gradient for every input, given one seed for every output; None for what is no tensor."""
        is_recorded = self.is_recorded or any(isinstance(seed, Tensor) and seed.requires_grad for seed in seeds)
        total: dict[Node, Any] = {}
        with recorded():
            for y, seed in zip(self.outputs, seeds, strict=True):
                if not isinstance(y, Tensor) or y.node is None:
                    continue
                seed = y._seed(seed)
                if is_recorded and not isinstance(seed, Tensor):
                    seed = _make(seed, None)
                for node, g in backward(y.node, seed, _lift if is_recorded else None, self.stop).items():
                    total[node] = total[node] + g if node in total else g
        return [self._gradient(x, total) for x in self.inputs]

    def _gradient(self, x: Any, total: dict[Node, Any]) -> Any:
        if not isinstance(x, Tensor):
            return None
        g = total.get(x.node) if x.node is not None else None
        if g is None:
            g = np.zeros(x.shape, x.dtype)
        return g if isinstance(g, Tensor) else _plain_copy(g)

    def _released(self, y: Any) -> Any:
        return _plain_copy(y.data) if isinstance(y, Tensor) and not self.is_recorded else y


def _fresh(leaf: Any) -> Any:
    """A tensor of this run alone for each float; it stays connected to the tensor that it came from."""
    if isinstance(leaf, Tensor):
        return np.positive(leaf) if leaf.requires_grad else Tensor(leaf.data, requires_grad=True)
    dtype = getattr(leaf, "dtype", None)
    is_float = isinstance(leaf, float | complex) or (dtype is not None and dtype.kind in "fc")
    return Tensor(leaf, requires_grad=True) if is_float else leaf


def _plain_copy(g: Any) -> Any:
    return np.array(g)[()] if isinstance(g, np.ndarray | np.generic) else g  # [()]: a number rather than a 0-d array


def _reaches_outside(y: Any, stop: set[Node]) -> bool:
    """Whether y depends on a node older than this run, that is, on a tensor that f took from elsewhere."""
    if not isinstance(y, Tensor) or y.node is None:
        return False
    oldest = max(node.serial for node in stop)  # serials count downwards
    seen, stack = set(stop), [y.node]
    while stack:
        node = stack.pop()
        if node in seen:
            continue
        seen.add(node)
        if node.serial > oldest or node.row is None:
            return True
        stack += [parent for parent, _, _ in node.edges or ()]
    return False


def _one_number(run: _Run, name: str) -> None:
    y = run.outputs[0]
    if len(run.outputs) != 1 or np.size(getattr(y, "data", y)) != 1:
        shapes = ", ".join(str(np.shape(getattr(y, "data", y))) for y in run.outputs)
        raise TypeError(
            f"{name} needs a function that returns one number, but it returned shape {shapes}. Reduce it with np.sum, "
            "or use tg.jacobian, or tg.elementwise_grad if every entry depends on its own input entry alone."
        )


def _as_tuple(argnums: int | tuple[int, ...]) -> tuple[int, ...]:
    return (argnums,) if isinstance(argnums, int) else argnums


def vjp(f: Function, *args: Any) -> tuple[Any, Function]:
    """F's value, and the function that takes a seed to the gradients: a vector-Jacobian product.

    Args:
        f: ordinary NumPy code.
        *args: arrays, or trees (dicts, lists, tuples) of arrays.

    Returns:
        (value, pullback); `pullback(seed)` gives a tuple with one gradient for every argument, as often as one likes.
        The seed has the value's structure and shapes.

    Example:
        >>> import numpy as np, tinygrad_edu as tg
        >>> value, pullback = tg.vjp(lambda x: x**2, np.array([1.0, 2.0]))
        >>> pullback(np.array([1.0, 10.0]))
        (array([ 2., 40.]),)
    """
    run = _Run(f, args, {}, tuple(range(len(args))))

    def pullback(seed: Any) -> tuple[Any, ...]:
        return tuple(run.rebuild(run.pull(flatten(seed)[0])))

    return run.value(), pullback


def value_and_grad(f: Function, argnums: int | tuple[int, ...] = 0) -> Function:
    """A function that returns f's value and its gradient at once; see `grad`.

    Example:
        >>> import numpy as np, tinygrad_edu as tg
        >>> print(*tg.value_and_grad(lambda x: x**3)(2.0))
        8.0 12.0
    """

    @functools.wraps(f)
    def differentiated(*args: Any, **kwargs: Any) -> tuple[Any, Any]:
        run = _Run(f, args, kwargs, _as_tuple(argnums))
        _one_number(run, "grad")
        gradients = run.rebuild(run.pull([None]))
        return run.value(), gradients[0] if isinstance(argnums, int) else tuple(gradients)

    return differentiated


def grad(f: Function, argnums: int | tuple[int, ...] = 0) -> Function:
    """The gradient of f as a function with the same arguments.

    Args:
        f: ordinary NumPy code that returns one number.
        argnums: with respect to which argument, or a tuple of them. An argument may be a tree of arrays.

    Returns:
        A function whose result has the structure of that argument; a tuple if argnums is one.

    Raises:
        TypeError: f does not return one number, or the argument holds no floats.

    Example:
        >>> import numpy as np, tinygrad_edu as tg
        >>> third = tg.grad(tg.grad(tg.grad(np.tanh)))
        >>> print(third(0.0).round(12))
        -2.0
        >>> tg.grad(lambda p: np.sum(p["w"] ** 2) + p["b"])({"w": np.array([1.0, 2.0]), "b": 3.0})
        {'w': array([2., 4.]), 'b': np.float64(1.0)}
    """

    @functools.wraps(f)
    def gradient(*args: Any, **kwargs: Any) -> Any:
        return value_and_grad(f, argnums)(*args, **kwargs)[1]

    return gradient


def elementwise_grad(f: Function, argnums: int = 0) -> Function:
    """The derivative of a function that works entry by entry, in every entry at once.

    Example:
        >>> import numpy as np, tinygrad_edu as tg
        >>> tg.elementwise_grad(np.square)(np.array([1.0, 2.0, 3.0]))
        array([2., 4., 6.])
    """

    @functools.wraps(f)
    def derivative(*args: Any, **kwargs: Any) -> Any:
        run = _Run(f, args, kwargs, (argnums,))
        return run.rebuild(run.pull([np.ones(np.shape(getattr(y, "data", y))) for y in run.outputs]))[0]

    return derivative


def jvp(f: Function, primals: tuple[Any, ...], tangents: tuple[Any, ...]) -> tuple[Any, Any]:
    """F's value, and how it changes when the arguments move along the tangents: a Jacobian-vector product.

    Backward is linear in the seed, so going backward over backward, with respect to the seed, goes forward.

    Args:
        f: ordinary NumPy code.
        primals: its arguments.
        tangents: a direction for each of them, in the same structure.

    Returns:
        (value, change of the value per unit of the tangents).

    Example:
        >>> import numpy as np, tinygrad_edu as tg
        >>> value, change = tg.jvp(lambda x: x**2, (np.array([1.0, 2.0]),), (np.array([1.0, 10.0]),))
        >>> change
        array([ 2., 40.])
    """
    run = _Run(f, primals, {}, tuple(range(len(primals))))

    def backwards(*seeds: Any) -> list[Any]:
        return [g for g in run.pull(list(seeds)) if g is not None]

    seeds = [np.ones(np.shape(getattr(y, "data", y))) for y in run.outputs]
    again = _Run(backwards, tuple(seeds), {}, tuple(range(len(seeds))))
    again.is_recorded = run.is_recorded or any(isinstance(t, Tensor) and t.requires_grad for t in flatten(tangents)[0])
    directions = [t for x, t in zip(run.inputs, flatten(tangents)[0], strict=True) if isinstance(x, Tensor)]
    return run.value(), run.rebuild_out(again.pull(directions))


def jacobian(f: Function, argnums: int = 0) -> Function:
    """All partial derivatives of f: for every entry of the result a gradient.

    Args:
        f: ordinary NumPy code that returns an array, or a tree of arrays.
        argnums: with respect to which argument; it may be a tree.

    Returns:
        A function whose result has the value's structure, in each place the argument's, in each place of that an
        array of shape value.shape + argument.shape.

    Example:
        >>> import numpy as np, tinygrad_edu as tg
        >>> tg.jacobian(lambda x: x**2)(np.array([1.0, 2.0]))
        array([[2., 0.],
               [0., 4.]])
    """

    @functools.wraps(f)
    def derivatives(*args: Any, **kwargs: Any) -> Any:
        run = _Run(f, args, kwargs, (argnums,))
        shapes = [np.shape(getattr(y, "data", y)) for y in run.outputs]
        found = []
        for k, shape in enumerate(shapes):
            pulled = []
            for index in np.ndindex(shape):
                seeds = [np.zeros(other) for other in shapes]
                seeds[k][index] = 1
                pulled.append(run.pull(seeds))
            columns = [_stacked(rows, shape) for rows in zip(*pulled)]
            found.append(run.rebuild(columns)[0])
        return run.rebuild_out(found)

    return derivatives


def _stacked(rows: tuple[Any, ...], shape: tuple[int, ...]) -> Any:
    if rows[0] is None:
        return None
    return np.reshape(np.stack(rows), shape + np.shape(getattr(rows[0], "data", rows[0])))


def hessian(f: Function, argnums: int = 0) -> Function:
    """All second derivatives of f, as a function: the Jacobian of the gradient.

    Args:
        f: ordinary NumPy code that returns one number.
        argnums: with respect to which argument; it may be a tree.

    Example:
        >>> import numpy as np, tinygrad_edu as tg
        >>> tg.hessian(lambda x: x[0] ** 2 * x[1])(np.array([1.0, 3.0]))
        array([[6., 2.],
               [2., 0.]])
    """
    return jacobian(grad(f, argnums), argnums)


def hvp(f: Function, x: Any, v: Any) -> Any:
    """The Hessian of f at x times v, without ever making the Hessian.

    Args:
        f: ordinary NumPy code of one argument that returns one number.
        x: array, or a tree of arrays.
        v: the same structure and shapes.

    Example:
        >>> import numpy as np, tinygrad_edu as tg
        >>> tg.hvp(lambda x: x[0] ** 2 * x[1], np.array([1.0, 3.0]), np.array([1.0, 0.0]))
        array([6., 2.])
    """
    _, pullback = vjp(grad(f), x)
    return pullback(v)[0]

"""Functions of functions: the gradient of ordinary NumPy code, as a function again, to any order.

Each of them runs the function once on fresh tensors and goes backward to those. If arguments, or tensors that the
function refers to, belong to a graph outside, the result is recorded in it as a Tensor; otherwise, and inside
`no_grad`, it is a plain array. A result shares no memory with what the caller gave.

Of complex numbers, going backward is the transpose of going forward under Re(Σ seed · change). So the gradient of a
real result with respect to z = x + iy is ∂/∂x − i ∂/∂y, and that of a holomorphic f is its seed times f'(z).
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_edu.backward import Node, backward
from tinygrad_edu.pytree import flatten, leaves_like
from tinygrad_edu.recording import recorded, recording
from tinygrad_edu.tensor import Tensor, _lift, _make

__all__ = ["elementwise_grad", "grad", "hessian", "hvp", "jacobian", "jvp", "value_and_grad", "vjp"]

Function = Callable[..., Any]
Argnums = int | tuple[int, ...]


class _Run:
    """A function run once on fresh tensors, ready to be gone backward over as often as one likes."""

    def __init__(self, f: Function, args: tuple[Any, ...], kwargs: dict[str, Any], argnums: Argnums) -> None:
        places = _places(argnums, len(args))
        chosen = [args[n] for n in places]
        leaves, self.rebuild = flatten(tuple(chosen) if isinstance(argnums, tuple) else chosen[0])
        with recorded():
            self.inputs = [_fresh(leaf) for leaf in leaves]
            if not any(isinstance(x, Tensor) for x in self.inputs):
                raise TypeError(
                    f"there is nothing to differentiate with respect to: argument {argnums} holds no floating-point "
                    f"number, but {leaves!r:.60}. Write 3.0 instead of 3, or choose another argument with argnums."
                )
            own = self.rebuild(self.inputs)
            moved = dict(zip(places, own if isinstance(argnums, tuple) else [own]))
            out = f(*(moved.get(n, arg) for n, arg in enumerate(args)), **kwargs)
        if out is None:
            raise TypeError("the function to differentiate returned None. Is its return statement missing?")
        self.outputs, self.rebuild_out = flatten(out)
        self.stop = {x.node for x in self.inputs if isinstance(x, Tensor) and x.node is not None}
        nested = any(isinstance(leaf, Tensor) and leaf.requires_grad for leaf in leaves)
        self.is_connected = nested or any(_reaches_outside(y, self.stop) for y in self.outputs)

    def value(self) -> Any:
        """What f returned: tensors of the outer graph, or plain arrays."""
        keep = recording.on and self.is_connected
        return self.rebuild_out([y if keep and isinstance(y, Tensor) else _plain_copy(y) for y in self.outputs])

    def pull(self, seeds: list[Tensor | None]) -> list[Any]:
        """One gradient for every input (None for what is no tensor), given a seed for every output (None: not it)."""
        is_recorded = recording.on and (self.is_connected or any(seed is not None and seed.node for seed in seeds))
        total: dict[Node, Any] = {}
        with recorded():
            for y, seed in zip(self.outputs, seeds, strict=True):
                if seed is None or not isinstance(y, Tensor) or y.node is None:
                    continue
                first, lift = (seed, _lift) if is_recorded else (seed._data, None)
                for node, g in backward(y.node, first, lift, self.stop).items():
                    total[node] = total[node] + g if node in total else g
        return [_gradient(x, total, is_recorded) for x in self.inputs]

    def slopes(self, k: int, weights: Any) -> list[Any]:
        """The derivative of output k, its entries added up with real weights, for every input."""

        def pulled(seed: Any) -> list[Any]:
            dtype = _float_dtype(self.outputs[k])
            return self.pull([Tensor(seed, dtype=dtype) if n == k else None for n in range(len(self.outputs))])

        if not _is_complex(self.outputs[k]):
            return pulled(weights)
        return [_complex_slope(g, turned) for g, turned in zip(pulled(weights), pulled(-1j * weights))]


def _places(argnums: Argnums, count: int) -> tuple[int, ...]:
    """The positions that argnums means, counted from the front, out of so many arguments."""
    try:
        numbers = [operator.index(n) for n in (argnums if isinstance(argnums, tuple) else (argnums,))]
    except TypeError:
        raise TypeError(
            f"argnums must be an integer or a tuple of integers, the positions of arguments, but is {argnums!r}."
        ) from None
    places = tuple(n + count if n < 0 else n for n in numbers)
    if not all(0 <= n < count for n in places):
        raise ValueError(
            f"argnums={argnums!r} chooses an argument that is not there: the call has {count} by position. "
            "One given by keyword cannot be chosen; write it without its keyword, in its place."
        )
    if len(set(places)) < len(places):
        raise ValueError(f"argnums={argnums!r} chooses one of {count} arguments twice; name each once.")
    return places


def _fresh(leaf: Any) -> Any:
    """A tensor of this run alone for each float; it stays connected to the tensor that it came from."""
    if _float_dtype(leaf) is None:
        return leaf
    if isinstance(leaf, Tensor):
        return np.positive(leaf) if leaf.requires_grad else Tensor(leaf._data, requires_grad=True)
    return Tensor(leaf, requires_grad=True)


def _gradient(x: Any, total: dict[Node, Any], is_recorded: bool) -> Any:
    if not isinstance(x, Tensor):
        return None
    g = total[x.node] if x.node in total else np.zeros_like(x._data)
    if not is_recorded:
        return _plain_copy(g)
    return _make(g._data, g.node) if isinstance(g, Tensor) else Tensor(g)  # an object that no other argument is given


def _float_dtype(leaf: Any) -> Any:
    """The dtype of floating-point or complex numbers; None for all that has no small step."""
    dtype = np.asarray(leaf).dtype if isinstance(leaf, float | complex) else getattr(leaf, "dtype", None)
    return dtype if getattr(dtype, "kind", "O") in "fc" else None


def _is_complex(leaf: Any) -> bool:
    dtype = _float_dtype(leaf)
    return dtype is not None and dtype.kind == "c"


def _plain_copy(g: Any) -> Any:
    """A plain array in memory of its own, and a number rather than a 0-d array."""
    g = g._data if isinstance(g, Tensor) else g
    if not isinstance(g, np.ndarray):
        return g
    return np.array(g) if g.ndim else g[()]


def _directions(name: str, given: Any, like: Any) -> list[Tensor | None]:
    """For every leaf of `like` a tensor of its shape and dtype, in memory of its own; None for one without floats."""
    return [_direction(name, own, leaf) for own, leaf in zip(leaves_like(given, like, name), flatten(like)[0])]


def _direction(name: str, given: Any, leaf: Any) -> Tensor | None:
    dtype = _float_dtype(leaf)
    if dtype is None:
        if given is not None and np.any(given):
            raise TypeError(
                f"{name} has {given!r:.60} for {leaf!r:.60}, which is no floating-point number and cannot change by a "
                "small step. Give None there, or make it one: 3.0 instead of 3."
            )
        return None
    t = given if isinstance(given, Tensor) else Tensor(given)
    if t.dtype.kind not in "biufc" or (t.dtype.kind == "c" and dtype.kind != "c"):
        raise TypeError(f"{name} has {given!r:.60} of dtype {t.dtype} where numbers of dtype {dtype} are needed.")
    if t.shape != np.shape(leaf):
        raise ValueError(f"{name} has shape {t.shape} where shape {np.shape(leaf)} is needed: one for every entry.")
    return t.astype(dtype)


def _ones(y: Any) -> Any:
    return np.ones_like(y._data if isinstance(y, Tensor) else y, dtype=_float_dtype(y) or float)


def _complex_slope(g: Any, turned: Any) -> Any:
    """The derivative of a complex result, given the gradients for the seeds 1 and −i.

    By a real x these are the real parts of f'(x) and −i f'(x); by a complex z they are f'(z) and −i f'(z), or else
    there is no f'(z).
    """
    if g is None:
        return None
    if g.dtype.kind != "c":
        return g + 1j * turned
    slope = _plain_copy(g)
    with np.errstate(invalid="ignore"):  # ∞ − ∞ tells nothing
        gap = np.abs(_plain_copy(turned) + 1j * slope)
    if np.any(gap > np.finfo(g.dtype).eps ** 0.75 * np.max(np.abs(slope), initial=0)):
        raise TypeError(
            "a complex result that is not holomorphic (it uses np.conjugate, np.abs, np.real, ...) has no single "
            "derivative by a complex number. Differentiate np.real(f(z)) and np.imag(f(z)) separately, or make the "
            "real and the imaginary part two real arguments: lambda x, y: f(x + 1j * y)."
        )
    return g


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
        if node.serial > oldest:
            return True
        stack += [parent for parent, _, _ in node.edges or ()]
    return False


def _real_number(run: _Run) -> Tensor:
    """The seed 1 for f's value, which must be one real number."""
    shapes = ", ".join(str(np.shape(y)) for y in run.outputs)
    if len(run.outputs) != 1 or np.size(run.outputs[0]) != 1:
        raise TypeError(
            f"grad needs a function that returns one number, but it returned shape {shapes}. Reduce it with np.sum, "
            "or use tg.jacobian, or tg.elementwise_grad if every entry depends on its own input entry alone."
        )
    if _is_complex(run.outputs[0]):
        raise TypeError(
            "grad needs a function that returns a real number, but it returned a complex one. Take np.real, np.imag or "
            "np.abs of it; of a holomorphic function, tg.jacobian is the complex derivative."
        )
    return Tensor(_ones(run.outputs[0]))


def vjp(f: Function, *args: Any) -> tuple[Any, Function]:
    """F's value, and the function that takes a seed to the gradients: a vector-Jacobian product.

    Args:
        f: ordinary NumPy code.
        *args: arrays, or trees (dicts, lists, tuples) of arrays.

    Returns:
        (value, pullback); `pullback(seed)` gives a tuple with one gradient for every argument, as often as one likes.
        The seed has the value's structure and shapes; dicts are matched by key.

    Raises:
        TypeError: the seed has another structure than the value.
        ValueError: it has another shape.

    Example:
        >>> import numpy as np, tinygrad_edu as tg
        >>> value, pullback = tg.vjp(lambda x: x**2, np.array([1.0, 2.0]))
        >>> pullback(np.array([1.0, 10.0]))
        (array([ 2., 40.]),)
    """
    run = _Run(f, args, {}, tuple(range(len(args))))
    like = run.rebuild_out(run.outputs)

    def pullback(seed: Any) -> tuple[Any, ...]:
        gradients: tuple[Any, ...] = run.rebuild(run.pull(_directions("the seed", seed, like)))
        return gradients

    return run.value(), pullback


def value_and_grad(f: Function, argnums: Argnums = 0) -> Function:
    """A function that returns f's value and its gradient at once; see `grad`.

    Example:
        >>> import numpy as np, tinygrad_edu as tg
        >>> print(*tg.value_and_grad(lambda x: x**3)(2.0))
        8.0 12.0
    """

    @functools.wraps(f)
    def differentiated(*args: Any, **kwargs: Any) -> tuple[Any, Any]:
        run = _Run(f, args, kwargs, argnums)
        gradients = run.rebuild(run.pull([_real_number(run)]))
        return run.value(), gradients

    return differentiated


def grad(f: Function, argnums: Argnums = 0) -> Function:
    """The gradient of f as a function with the same arguments.

    Args:
        f: ordinary NumPy code that returns one number.
        argnums: with respect to which argument, by its position (-1 is the last), or a tuple of positions. An argument
            may be a tree of arrays.

    Returns:
        A function whose result has the structure of that argument; a tuple if argnums is one.

    Raises:
        TypeError: f does not return one real number, or the argument holds no floats.
        ValueError: there is no such argument, or it is named twice.

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


def elementwise_grad(f: Function, argnums: Argnums = 0) -> Function:
    """The derivative of a function that works entry by entry, in every entry at once.

    Args:
        f: ordinary NumPy code whose result has the argument's shape, each entry made of the argument's entry there.
        argnums: as in `grad`.

    Raises:
        TypeError: the result has another shape, or has no complex derivative; see `jacobian`.

    Example:
        >>> import numpy as np, tinygrad_edu as tg
        >>> tg.elementwise_grad(np.square)(np.array([1.0, 2.0, 3.0]))
        array([2., 4., 6.])
    """

    @functools.wraps(f)
    def derivative(*args: Any, **kwargs: Any) -> Any:
        run = _Run(f, args, kwargs, argnums)
        shapes = [np.shape(x) for x in run.inputs if isinstance(x, Tensor)]
        if len(run.outputs) != 1 or any(shape != np.shape(run.outputs[0]) for shape in shapes):
            raise TypeError(
                f"elementwise_grad needs a function whose result has its argument's shape, but from {shapes} it made "
                f"{[np.shape(y) for y in run.outputs]}. Use tg.jacobian, or tg.grad of a sum."
            )
        return run.rebuild(run.slopes(0, _ones(run.outputs[0])))

    return derivative


def jvp(f: Function, primals: tuple[Any, ...], tangents: tuple[Any, ...]) -> tuple[Any, Any]:
    """F's value, and how it changes when the arguments move along the tangents: a Jacobian-vector product.

    Backward is linear in the seed, so going backward over backward, with respect to the seed, goes forward.

    Args:
        f: ordinary NumPy code.
        primals: its arguments, as a tuple.
        tangents: a direction for each of them, in the same structure and shapes; None for what holds no floats.

    Returns:
        (value, change of the value per unit of the tangents).

    Raises:
        TypeError: the tangents have another structure, or an integer is to change.
        ValueError: a tangent has another shape.

    Example:
        >>> import numpy as np, tinygrad_edu as tg
        >>> value, change = tg.jvp(lambda x: x**2, (np.array([1.0, 2.0]),), (np.array([1.0, 10.0]),))
        >>> change
        array([ 2., 40.])
    """
    if not (isinstance(primals, tuple | list) and isinstance(tangents, tuple | list)):
        raise TypeError("jvp takes the arguments in a tuple and their tangents in another: tg.jvp(f, (x,), (v,)).")
    run = _Run(f, tuple(primals), {}, tuple(range(len(primals))))
    directions = _directions("the tangent", tuple(tangents), run.rebuild(run.inputs))

    def backwards(*seeds: Any) -> list[Any]:
        return run.pull(list(seeds))

    again = _Run(backwards, tuple(map(_ones, run.outputs)), {}, tuple(range(len(run.outputs))))
    again.is_connected = run.is_connected
    return run.value(), run.rebuild_out(again.pull(directions))


def jacobian(f: Function, argnums: Argnums = 0) -> Function:
    """All partial derivatives of f: for every entry of the result a gradient.

    Args:
        f: ordinary NumPy code that returns an array, or a tree of arrays.
        argnums: as in `grad`.

    Returns:
        A function whose result has the value's structure, in each place the argument's (a tuple if argnums is one), in
        each place of that an array of shape value.shape + argument.shape.

    Raises:
        TypeError: a complex result has no derivative by a complex argument: it is not holomorphic.

    Example:
        >>> import numpy as np, tinygrad_edu as tg
        >>> tg.jacobian(lambda x: x**2)(np.array([1.0, 2.0]))
        array([[2., 0.],
               [0., 4.]])
    """

    @functools.wraps(f)
    def derivatives(*args: Any, **kwargs: Any) -> Any:
        run = _Run(f, args, kwargs, argnums)
        return run.rebuild_out([run.rebuild(_partials(run, k)) for k in range(len(run.outputs))])

    return derivatives


def _partials(run: _Run, k: int) -> list[Any]:
    """Output k's partial derivatives by every input, a pass for each of its entries."""
    y = run.outputs[k]
    rows = []
    for index in np.ndindex(np.shape(y)):
        weights = np.zeros_like(_ones(y))
        weights[index] = 1
        rows.append(run.slopes(k, weights))
    count = len(rows)
    rows = rows or [run.slopes(k, _ones(y))]  # of a result without entries: for the shapes and dtypes alone
    return [None if column[0] is None else _stacked(column, count, np.shape(y)) for column in zip(*rows)]


def _stacked(rows: tuple[Any, ...], count: int, shape: tuple[int, ...]) -> Any:
    stacked = np.reshape(np.stack(rows)[:count], shape + np.shape(rows[0]))
    return stacked if isinstance(stacked, Tensor) else _plain_copy(stacked)


def hessian(f: Function, argnums: Argnums = 0) -> Function:
    """All second derivatives of f, as a function: the Jacobian of the gradient.

    Args:
        f: ordinary NumPy code that returns one number.
        argnums: as in `grad`; of a tuple, entry i of the result's entry j is the derivative by j, then by i.

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
        v: the same structure and shapes; dicts are matched by key.

    Raises:
        TypeError: v has another structure than x.
        ValueError: it has another shape.

    Example:
        >>> import numpy as np, tinygrad_edu as tg
        >>> tg.hvp(lambda x: x[0] ** 2 * x[1], np.array([1.0, 3.0]), np.array([1.0, 0.0]))
        array([6., 2.])
    """
    run = _Run(grad(f), (x,), {}, 0)
    return run.rebuild(run.pull(_directions("v", v, run.rebuild(run.inputs))))

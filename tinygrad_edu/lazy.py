"""Tensors over Dask arrays: nothing is computed until `compute` asks for it, and then everything in one pass.

The engine has no special case for them. A Dask array answers NumPy's functions by writing them down, so a forward and
a backward pass over one build a single graph of chunks; rules, layers and losses are the same as ever.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_edu.backward import Leaf
from tinygrad_edu.pytree import flatten
from tinygrad_edu.tensor import Tensor, _make

__all__ = ["compute"]


def compute(*things: Any) -> tuple[Any, ...]:
    """Evaluate lazy tensors, arrays and gradients together, so that what they share is computed once.

    All of it is one `dask.compute`: on this machine's threads, or on a cluster if a `dask.distributed.Client` is
    open. What is not lazy stays as it is, so code with `compute` in it runs on plain arrays too.

    Args:
        *things: tensors, arrays, modules, and lists, tuples or dicts of them. The gradient of every tensor given, and
            of every parameter of a module given, is computed and put back into its `.grad`.

    Returns:
        One value for each thing, as `dask.compute` does: of a tensor its numbers as a plain array, of a module the
        module itself, of a list, tuple or dict another one with the values in it.

    Raises:
        ModuleNotFoundError: something is lazy and Dask is not installed.

    Example:
        >>> import numpy as np, tinygrad_edu as tg
        >>> import dask.array as da  # doctest: +SKIP
        >>> x = da.from_array(np.arange(6.0), chunks=3)  # doctest: +SKIP
        >>> w = tg.Tensor(2.0, requires_grad=True)
        >>> loss = np.mean((w * x - 3 * x) ** 2)  # doctest: +SKIP
        >>> loss.backward()  # doctest: +SKIP
        >>> value, _ = tg.compute(loss, w)  # doctest: +SKIP
        >>> print(value.round(3), w.grad.round(3))  # doctest: +SKIP
        9.167 -18.333
        >>> tg.compute(w, [np.float64(1.0), 2])  # nothing here is lazy
        (array(2.), [np.float64(1.0), 2])
    """
    leaves, rebuild = flatten(things)
    values = [thing._data if isinstance(thing, Tensor) else thing for thing in leaves]
    owners = {id(node): node for thing in leaves for node in _collectors(thing)}
    gradients = [(node, _plain(node.grad)) for node in owners.values()]
    gradients = [(node, g) for node, g in gradients if _is_lazy(g)]
    lazy = [i for i, value in enumerate(values) if _is_lazy(value)]
    computed = _dask_compute([*(values[i] for i in lazy), *(g for _, g in gradients)])
    for i, value in zip(lazy, computed):
        values[i] = value
    for (node, _), value in zip(gradients, computed[len(lazy) :]):
        # Copied: Dask hands the same array to all who asked for the same thing, and what comes from a worker is
        # read-only. A gradient is its owner's alone, to scale or clip.
        value = np.array(value) if isinstance(value, np.generic) else value.copy()
        node.grad = _make(value, node.grad.node) if isinstance(node.grad, Tensor) else value
    result: tuple[Any, ...] = rebuild(values)
    return result


def _collectors(thing: Any) -> list[Leaf]:
    """The nodes that hold the gradients of a tensor or a module."""
    if isinstance(thing, Tensor):
        tensors = [thing]
    else:  # asked of the type, so that no array and no class is mistaken for a module
        tensors = thing.parameters() if callable(getattr(type(thing), "parameters", None)) else []
    return [tensor.node for tensor in tensors if isinstance(tensor.node, Leaf)]


def _plain(gradient: Any) -> Any:
    return gradient._data if isinstance(gradient, Tensor) else gradient  # a Tensor after backward(create_graph=True)


def _is_lazy(value: Any) -> bool:
    return hasattr(type(value), "__dask_graph__")


def _dask_compute(collections: list[Any]) -> tuple[Any, ...]:
    """The values of Dask collections, in one pass."""
    if not collections:
        return ()
    try:
        import dask
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "Computing a lazy array needs Dask, which is not installed; install it with "
            "pip install 'tinygrad-edu[dask]'.",
            name=error.name,
        ) from None
    computed: tuple[Any, ...] = dask.compute(*collections, traverse=False)  # type: ignore[attr-defined, no-untyped-call]
    return computed

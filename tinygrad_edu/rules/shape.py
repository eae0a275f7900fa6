"""Rows for functions that rearrange entries: the gradient is put back where the entry came from."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygrad_edu.rules.elementwise import cast
from tinygrad_edu.rules.table import composition, derivative, no_derivative

__all__: list[str] = []


def _transpose(g: Any, axes: Any) -> Any:
    if axes is None:
        return np.transpose(g)
    places = [axis % g.ndim for axis in (axes if isinstance(axes, list | tuple) else (axes,))]
    return np.transpose(g, sorted(range(g.ndim), key=places.__getitem__))


def _reshape(g: Any, a_shape: Any, order: Any) -> Any:
    if order not in ("C", "F"):
        raise ValueError(
            f"np.reshape/np.ravel(order={order!r}) depends on the memory layout, which a gradient does not share; "
            "use order='C' or order='F'."
        )
    # Dask's reshape knows no order, so it is named only where it is not the usual one.
    return np.reshape(g, a_shape) if order == "C" else np.reshape(g, a_shape, order=order)


def _roll(g: Any, shift: Any, axis: Any) -> Any:
    return np.roll(g, [-one for one in shift] if isinstance(shift, list | tuple) else -shift, axis)


def _tile(g: Any, A_shape: Any, reps: Any) -> Any:
    """The copies along every axis, added up."""
    reps = (reps,) if np.ndim(reps) == 0 else tuple(reps)
    n = max(len(A_shape), len(reps))
    reps = (1,) * (n - len(reps)) + reps
    sides = (1,) * (n - len(A_shape)) + A_shape
    copies = np.reshape(g, [length for pair in zip(reps, sides) for length in pair])
    return np.reshape(np.sum(copies, axis=tuple(range(0, 2 * n, 2))), A_shape)


def _resize(g: Any, a_shape: Any) -> Any:
    """The repetitions of the flattened array, the last one cut short, added up."""
    size = math.prod(a_shape)
    if not size:
        return np.reshape(np.ravel(g)[:0], a_shape)
    whole = np.pad(np.ravel(g), (0, -math.prod(g.shape) % size))
    return np.reshape(np.sum(np.reshape(whole, (-1, size)), axis=0), a_shape)


# fmt: off
derivative(np.transpose,        a=_transpose)  # np.permute_dims is the same function
derivative(np.matrix_transpose, x=lambda g: np.matrix_transpose(g))
derivative(np.swapaxes,         a=lambda g, axis1, axis2: np.swapaxes(g, axis1, axis2))
derivative(np.moveaxis,         a=lambda g, source, destination: np.moveaxis(g, destination, source))
derivative(np.reshape, lambda a, shape, order="C": None,
                                a=lambda g, a_shape, shape, order: _reshape(g, a_shape, order))
derivative(np.ravel,            a=_reshape)
derivative(np.expand_dims,      a=lambda g, a_shape, axis: np.reshape(g, a_shape))
derivative(np.squeeze,          a=lambda g, a_shape, axis: np.reshape(g, a_shape))
derivative(np.broadcast_to,     array=lambda g, shape: g)  # the engine sums it down
derivative(np.copy,             a=lambda g, order: g)

derivative(np.flip,             m=lambda g, axis: np.flip(g, axis))
derivative(np.fliplr,           m=lambda g: np.fliplr(g))
derivative(np.flipud,           m=lambda g: np.flipud(g))
derivative(np.rot90,            m=lambda g, k, axes: np.rot90(g, -k, axes))
derivative(np.roll,             a=_roll)
derivative(np.tril,             m=lambda g, k: np.tril(g, k))
derivative(np.triu,             m=lambda g, k: np.triu(g, k))
derivative(np.tile,             A=_tile)
derivative(np.resize,           a=lambda g, a_shape, new_shape: _resize(g, a_shape))
# fmt: on


@composition(np.rollaxis)
def _rollaxis(a: Any, axis: int, start: int = 0) -> Any:
    axis, start = (i + a.ndim if i < 0 else i for i in (axis, start))
    return np.moveaxis(a, axis, start - 1 if axis < start else start)


def _at_least(sides: Any) -> Any:
    """The body of np.atleast_Nd, `sides` telling the new shape of an array that has another one."""

    def body(*arys: Any) -> Any:
        results = tuple(np.reshape(a, sides(np.shape(a))) for a in arys)
        return results[0] if len(results) == 1 else results

    return body


composition(np.atleast_1d)(_at_least(lambda shape: shape or (1,)))
composition(np.atleast_2d)(_at_least(lambda shape: (1,) * (2 - len(shape)) + shape))
composition(np.atleast_3d)(
    _at_least(lambda shape: (1, *shape, 1) if len(shape) == 1 else shape + (1,) * (3 - len(shape)))
)


@composition(np.broadcast_arrays)
def _broadcast_arrays(*args: Any) -> Any:
    shape = np.broadcast_shapes(*map(np.shape, args))
    return tuple(np.broadcast_to(a, shape) for a in args)


@composition(np.meshgrid)
def _meshgrid(*xi: Any, copy: bool = True, sparse: bool = False, indexing: str = "xy") -> Any:
    if indexing not in ("xy", "ij"):
        raise ValueError(f"np.meshgrid(indexing={indexing!r}): it can be 'xy' or 'ij'")
    n = len(xi)
    axes = [1, 0, *range(2, n)] if indexing == "xy" and n > 1 else range(n)
    grids = [np.reshape(x, (1,) * axis + (-1,) + (1,) * (n - 1 - axis)) for x, axis in zip(xi, axes)]
    return tuple(grids) if sparse else np.broadcast_arrays(*grids)


@composition(np.apply_along_axis)
def _apply_along_axis(func1d: Any, axis: int, arr: Any, *args: Any) -> Any:
    rows = np.moveaxis(arr, axis, -1)
    around = rows.shape[:-1]
    results = np.stack([func1d(rows[place], *args) for place in np.ndindex(around)])
    results = np.reshape(results, around + results.shape[1:])
    inner = range(len(around), results.ndim)  # the axes that func1d made go where the one it got was
    return np.moveaxis(results, inner, [i - len(around) + axis % arr.ndim for i in inner])


@composition(np.apply_over_axes)
def _apply_over_axes(func: Any, a: Any, axes: Any) -> Any:
    for axis in np.atleast_1d(axes):
        result = func(a, int(axis) % a.ndim)
        result = result if result.ndim == a.ndim else np.expand_dims(result, int(axis) % a.ndim)
        if result.ndim != a.ndim:
            raise ValueError("np.apply_over_axes: the function must keep the number of axes or drop the one it folds")
        a = result
    return a


@composition(np.full_like)
def _full_like(a: Any, fill_value: Any, dtype: Any = None, shape: Any = None) -> Any:
    # A function of the fill value alone: an ordinary number gives an ordinary array, a Tensor a Tensor.
    like = np.empty_like(a, dtype=dtype, shape=shape)
    return cast(np.broadcast_to(fill_value, like.shape), like.dtype)


if hasattr(np, "astype"):  # NumPy 2.1

    @composition(np.astype)
    def _astype(x: Any, dtype: Any, copy: bool = True) -> Any:
        return cast(x, np.dtype(dtype))


no_derivative(np.shape, np.ndim, np.size)

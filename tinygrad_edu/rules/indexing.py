"""Rows for taking entries out by their index, and for its adjoint: adding entries into zeros."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygrad_edu.rules.table import composition, derivative, no_derivative, primitive

__all__ = ["along", "getitem", "scatter_add"]


@primitive
def getitem(x: Any, index: Any) -> Any:
    """`x[index]` as a function, so that it can have a row."""
    return x[index]


@primitive
def scatter_add(g: Any, index: Any, shape: tuple[int, ...]) -> Any:
    """Zeros of the given shape with `g` added at `index`; an entry named twice receives both.

    Example:
        >>> import numpy as np
        >>> from tinygrad_edu.rules.indexing import scatter_add
        >>> scatter_add(np.array([1.0, 2.0, 4.0]), np.array([0, 0, 2]), (3,))
        array([3., 0., 4.])
    """
    total = np.zeros_like(g, shape=shape, order="C")  # of g's own kind, be it a NumPy array or another
    parts = index if isinstance(index, tuple) else (index,)
    if all(map(_names_no_entry_twice, parts)):
        total[index] = g
        return total
    try:
        np.add.at(total, index, g)
    except TypeError as error:
        if not isinstance(total, np.ndarray):
            error.add_note(
                "The gradient of taking entries by an array of places adds up what was taken twice, and "
                f"{type(total).__name__} has no np.add.at. Use slices or a mask, or a product with rows of the unit "
                "matrix: (places[:, None] == np.arange(n)) @ t."
            )
        raise
    return total


def _names_no_entry_twice(part: Any) -> bool:
    return part is None or part is ... or isinstance(part, int | np.integer | slice) or _is_mask(part)


def _is_mask(part: Any) -> bool:
    return getattr(part, "dtype", None) == np.bool_


def along(axis: int, ndim: int, index: Any) -> tuple[Any, ...]:
    """The index that applies `index` to one axis of `ndim` and takes all of the others.

    Example:
        >>> from tinygrad_edu.rules.indexing import along
        >>> along(-1, 2, 5)
        (slice(None, None, None), 5)
    """
    return (slice(None),) * (axis % ndim) + (index,)


def _scatter(g: Any, places: Any, a_shape: Any, axis: Any) -> Any:
    """The adjoint of taking `places` along an axis, or out of the flattened array if the axis is None."""
    if axis is None:
        return np.reshape(scatter_add(g, places, (math.prod(a_shape),)), a_shape)
    return scatter_add(g, along(axis, len(a_shape), places), a_shape)


def _length(a_shape: Any, axis: Any) -> int:
    return math.prod(a_shape) if axis is None else a_shape[axis]


def _take(g: Any, a_shape: Any, indices: Any, axis: Any, mode: Any) -> Any:
    if not a_shape:
        return g  # taken from a number, every entry is that number; the engine sums them up
    return _scatter(g, np.take(np.arange(_length(a_shape, axis)), indices, mode=mode), a_shape, axis)


def _take_along_axis(g: Any, arr_shape: Any, indices: Any, axis: Any) -> Any:
    if axis is None:
        return _scatter(g, indices, arr_shape, None)
    places = list(np.ix_(*map(np.arange, arr_shape)))
    places[axis] = indices
    return scatter_add(g, tuple(places), arr_shape)


def _repeat(g: Any, a_shape: Any, repeats: Any, axis: Any) -> Any:
    length = _length(a_shape, axis)
    if np.ndim(repeats) == 0:  # the same number of copies of each, next to one another
        k = 0 if axis is None else axis % len(a_shape)
        before, after = (a_shape[:k], a_shape[k + 1 :]) if axis is not None else ((), ())
        return np.reshape(np.sum(np.reshape(g, (*before, length, repeats, *after)), axis=k + 1), a_shape)
    return _scatter(g, np.repeat(np.arange(length), repeats), a_shape, axis)


def _diagonal(g: Any, a_shape: Any, offset: int, axis1: int, axis2: int) -> Any:
    """Zeros with the last axis of `g` on a diagonal."""
    n = len(a_shape)
    others = [side for axis, side in enumerate(a_shape) if axis not in (axis1 % n, axis2 % n)]
    step = np.arange(g.shape[-1])
    place = (..., step + max(-offset, 0), step + max(offset, 0))
    return np.moveaxis(scatter_add(g, place, (*others, a_shape[axis1], a_shape[axis2])), (-2, -1), (axis1, axis2))


def _trace(g: Any, a_shape: Any, offset: int, axis1: int, axis2: int) -> Any:
    ones = np.eye(a_shape[axis1], a_shape[axis2], offset, dtype=bool)
    return np.moveaxis(np.where(ones, np.expand_dims(g, (-2, -1)), 0), (-2, -1), (axis1, axis2))


# fmt: off
derivative(getitem,            x=lambda g, index, x_shape: scatter_add(g, index, x_shape))
derivative(scatter_add,        g=lambda h, index, shape: getitem(h, index))
derivative(np.take,            a=_take)
derivative(np.take_along_axis, arr=_take_along_axis)
derivative(np.compress,        a=lambda g, a_shape, condition, axis:
                                   _scatter(g, np.flatnonzero(condition), a_shape, axis))
derivative(np.repeat,          a=_repeat)
derivative(np.diagonal,        a=_diagonal)
derivative(np.trace,           a=_trace)
derivative(np.diag,            v=lambda g, v_shape, k:
                                   np.diagonal(g, k) if len(v_shape) == 1 else _diagonal(g, v_shape, k, 0, 1))
# fmt: on


@composition(np.diagflat)
def _diagflat(v: Any, k: int = 0) -> Any:
    return np.diag(np.ravel(v), k)


@composition(np.extract)
def _extract(condition: Any, arr: Any) -> Any:
    return np.take(arr, np.flatnonzero(condition))


@composition(np.delete)
def _delete(arr: Any, obj: Any, axis: Any = None) -> Any:
    kept = np.delete(np.arange(_length(arr.shape, axis)), obj)
    return np.take(arr, kept, axis)


# Where something is, is constant however its value changes a little.
no_derivative(
    *(np.nonzero, np.flatnonzero, np.argwhere, np.searchsorted),
    *(np.unravel_index, np.ravel_multi_index),
    *(np.diag_indices_from, np.tril_indices_from, np.triu_indices_from),
)

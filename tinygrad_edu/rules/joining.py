"""Rows for functions that join arrays and take them apart: concatenate and split are each other's adjoint."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np

from tinygrad_edu.rules.indexing import along, scatter_add
from tinygrad_edu.rules.table import composition, derivative, primitive

__all__ = ["join"]


# ---- together ----------------------------------------------------------------------------------------------------
@primitive
def join(arrays: Any, axis: Any, stops: tuple[int, ...]) -> Any:
    """`np.concatenate` that has been told where each array begins: at `stops[i]`.

    A rule that had to add up the lengths of all arrays before its own would take the square of their number.
    """
    return np.concatenate(arrays, axis=axis)


derivative(join, arrays=lambda g, i, axis, stops: g[along(axis or 0, g.ndim, slice(stops[i], stops[i + 1]))])
derivative(np.stack, arrays=lambda g, i, axis: g[along(axis, g.ndim, i)])


@composition(np.concatenate)  # np.concat is the same function
def _concatenate(arrays: Any, axis: Any = 0) -> Any:
    if axis is None:
        flat = [np.ravel(a) if np.ndim(a) > 1 else a for a in arrays]
        return join(flat, None, (0, *itertools.accumulate(map(np.size, flat))))
    shapes = [np.shape(a) for a in arrays]
    # An axis that an array does not have counts nothing here: NumPy itself says what is wrong with it.
    lengths = [shape[axis] if -len(shape) <= axis < len(shape) else 0 for shape in shapes]
    return join(list(arrays), axis, (0, *itertools.accumulate(lengths)))


@composition(np.append)
def _append(arr: Any, values: Any, axis: Any = None) -> Any:
    return np.concatenate([np.ravel(arr), np.ravel(values)] if axis is None else [arr, values], axis or 0)


@composition(np.vstack)
def _vstack(tup: Any) -> Any:
    return np.concatenate([np.atleast_2d(a) for a in tup], axis=0)


@composition(np.hstack)
def _hstack(tup: Any) -> Any:
    arrays = [np.atleast_1d(a) for a in tup]
    return np.concatenate(arrays, axis=0 if arrays and arrays[0].ndim == 1 else 1)


@composition(np.dstack)
def _dstack(tup: Any) -> Any:
    return np.concatenate([np.atleast_3d(a) for a in tup], axis=2)


@composition(np.column_stack)
def _column_stack(tup: Any) -> Any:
    return np.concatenate([a if np.ndim(a) > 1 else np.reshape(a, (-1, 1)) for a in tup], axis=1)


@composition(np.block)
def _block(arrays: Any) -> Any:
    depth, entries = 0, [arrays]
    while entries and isinstance(entries[0], list):
        depth, entries = depth + 1, [entry for row in entries for entry in (row if isinstance(row, list) else [row])]
    ndim = max(depth, *map(np.ndim, entries))

    def joined(part: Any, axis: int) -> Any:
        if isinstance(part, tuple) or isinstance(part, list) != (axis < 0):
            raise ValueError("np.block takes arrays in lists (not tuples) that are all nested equally deep")
        if axis < 0:
            return np.concatenate([joined(entry, axis + 1) for entry in part], axis=axis)
        return np.reshape(part, (1,) * (ndim - np.ndim(part)) + np.shape(part))

    return joined(arrays, -depth)


def _inserted(obj: Any, arr_shape: Any, values_shape: Any, axis: Any) -> Any:
    """Where np.insert puts what: 0 for an entry of the array, i + 1 for the value number i."""
    numbers = np.arange(1, math.prod(values_shape) + 1)
    return np.insert(np.zeros(arr_shape, int), obj, np.reshape(numbers, values_shape), axis)


def _insert_arr(g: Any, arr_shape: Any, obj: Any, values_shape: Any, axis: Any) -> Any:
    return np.reshape(g[_inserted(obj, arr_shape, values_shape, axis) == 0], arr_shape)


def _insert_values(g: Any, arr_shape: Any, obj: Any, values_shape: Any, axis: Any) -> Any:
    numbers = _inserted(obj, arr_shape, values_shape, axis)
    blame = scatter_add(g[numbers > 0], numbers[numbers > 0] - 1, (math.prod(values_shape),))
    return np.reshape(blame, values_shape)


derivative(np.insert, arr=_insert_arr, values=_insert_values)


# ---- apart -------------------------------------------------------------------------------------------------------
def _split(g: Any, ary_shape: Any, indices_or_sections: Any, axis: int) -> Any:
    joined = np.concatenate([*g], axis=axis)
    if joined.shape[axis] == ary_shape[axis]:
        return joined
    # Bounds that do not ascend, as in np.split(a, [3, 1]), make pieces that overlap.
    places = np.concatenate(np.array_split(np.arange(ary_shape[axis]), indices_or_sections))
    return scatter_add(joined, along(axis, joined.ndim, places), ary_shape)


def _hsplit(g: Any, ary_shape: Any, indices_or_sections: Any) -> Any:
    return _split(g, ary_shape, indices_or_sections, 1 if len(ary_shape) > 1 else 0)


# fmt: off
derivative(np.split,       ary=_split)
derivative(np.array_split, ary=_split)
derivative(np.hsplit,      ary=_hsplit)
derivative(np.vsplit,      ary=lambda g, ary_shape, indices_or_sections: _split(g, ary_shape, indices_or_sections, 0))
derivative(np.dsplit,      ary=lambda g, ary_shape, indices_or_sections: _split(g, ary_shape, indices_or_sections, 2))
# fmt: on
if hasattr(np, "unstack"):  # NumPy 2.1
    derivative(np.unstack, x=lambda g, axis: np.stack([*g], axis=axis))

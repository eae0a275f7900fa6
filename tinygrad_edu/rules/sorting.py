"""Rows for functions that order entries: each gets the blame of the place to which it went."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_edu.rules.elementwise import cast
from tinygrad_edu.rules.indexing import along, scatter_add
from tinygrad_edu.rules.table import composition, derivative, no_derivative

__all__: list[str] = []


def _sort(g: Any, a: Any, out: Any, axis: Any) -> Any:
    """Of n entries the k-th smallest gets what arrives at the k-th smallest of the result.

    Equal ones share equally, as in np.max: no matter which of them NumPy's unstable algorithms put first.
    """
    if axis is None:
        return np.reshape(_sort(g, np.ravel(a), out, 0), a.shape)
    places_in, places_out = np.argsort(a, axis=axis), np.argsort(out, axis=axis)
    ordered = np.take_along_axis(out, places_out, axis)
    first, others, previous = (
        ordered[along(axis, ordered.ndim, part)] for part in (slice(0, 1), slice(1, None), slice(0, -1))
    )
    # Equal entries have one number, counted from 0.
    group = np.cumsum(np.concatenate([np.zeros_like(first, dtype=bool), others != previous], axis), axis)
    where = list(np.ix_(*map(np.arange, group.shape)))
    where[axis] = group
    index = tuple(where)
    total = scatter_add(np.take_along_axis(g, places_out, axis), index, group.shape)
    count = scatter_add(np.ones_like(group, dtype=int), index, group.shape)
    shared = np.take_along_axis(total / np.maximum(count, 1), group, axis)
    return np.take_along_axis(shared, np.argsort(places_in, axis=axis), axis)


derivative(np.sort, a=lambda g, a, out, axis, kind, stable: _sort(g, a, out, axis))
derivative(np.partition, a=lambda g, a, out, kth, axis, kind: _sort(g, a, out, axis))


@composition(np.sort_complex)
def _sort_complex(a: Any) -> Any:
    return np.sort(a) if a.dtype.kind == "c" else cast(np.sort(a), np.sort_complex(np.array([], a.dtype)).dtype)


@composition(np.union1d)
def _union1d(ar1: Any, ar2: Any) -> Any:
    return np.unique(np.concatenate([ar1, ar2], axis=None))


@composition(np.setdiff1d)
def _setdiff1d(ar1: Any, ar2: Any, assume_unique: bool = False) -> Any:
    ar1 = np.ravel(ar1) if assume_unique else np.unique(ar1)
    return ar1[np.isin(ar1, ar2, invert=True)]


@composition(np.setxor1d)
def _setxor1d(ar1: Any, ar2: Any, assume_unique: bool = False) -> Any:
    if not assume_unique:
        ar1, ar2 = np.unique(ar1), np.unique(ar2)
    both = np.sort(np.concatenate([ar1, ar2], axis=None))
    new = both[1:] != both[:-1]
    edge = np.ones(min(both.shape[0], 1), bool)
    return both[np.concatenate([edge, new]) & np.concatenate([new, edge])]


no_derivative(np.argsort, np.argpartition, np.lexsort, np.isin)

"""Rows for functions that rearrange entries: the gradient is put back where the entry came from."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygrad_edu.rules.table import derivative, no_derivative

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
    return np.reshape(g, a_shape, order=order)


def _concatenate(g: Any, i: int, arrays_shape: Any, axis: Any) -> Any:
    """Entries of `g` that came from array number i."""
    if axis is None:
        start = sum(math.prod(shape) for shape in arrays_shape[:i])
        return np.reshape(g[start : start + math.prod(arrays_shape[i])], arrays_shape[i])
    start = sum(shape[axis] for shape in arrays_shape[:i])
    return g[_along(g, axis, slice(start, start + arrays_shape[i][axis]))]


def _along(g: Any, axis: int, index: Any) -> Any:
    return (slice(None),) * (axis % g.ndim) + (index,)


# fmt: off
derivative(np.transpose,    a=_transpose)
derivative(np.swapaxes,     a=lambda g, axis1, axis2: np.swapaxes(g, axis1, axis2))
derivative(np.moveaxis,     a=lambda g, source, destination: np.moveaxis(g, destination, source))
derivative(np.reshape, lambda a, shape, order="C": None,
                            a=lambda g, a_shape, shape, order: _reshape(g, a_shape, order))
derivative(np.ravel,        a=_reshape)
derivative(np.expand_dims,  a=lambda g, a_shape, axis: np.reshape(g, a_shape))
derivative(np.squeeze,      a=lambda g, a_shape, axis: np.reshape(g, a_shape))
derivative(np.broadcast_to, array=lambda g, shape: g)  # the engine sums it down
derivative(np.concatenate, lambda arrays, axis=0, out=None, dtype=None, casting="same_kind": None,
                            arrays=_concatenate)
derivative(np.stack,        arrays=lambda g, i, axis: g[_along(g, axis, i)])
# fmt: on

no_derivative(np.shape, np.ndim, np.size)

"""Rows for functions that fold an axis: sum, mean, max, min, var, std."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygrad_edu.rules.table import derivative, no_derivative

__all__ = ["expand"]


def expand(g: Any, axis: Any, keepdims: Any) -> Any:
    """Put the folded axes back with length 1, so that `g` broadcasts against the array it came from."""
    return g if keepdims or axis is None else np.expand_dims(g, axis)


def _count(shape: tuple[int, ...], axis: Any) -> int:
    """How many entries are folded into one."""
    axes = range(len(shape)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    return math.prod(shape[i] for i in axes)


def _sum(g: Any, a_shape: Any, axis: Any, keepdims: Any) -> Any:
    return np.broadcast_to(expand(g, axis, keepdims), a_shape)


def _mean(g: Any, a_shape: Any, axis: Any, keepdims: Any) -> Any:
    # max(…, 1): the mean of nothing has an empty gradient, not a division by zero
    return np.broadcast_to(expand(g, axis, keepdims) / max(_count(a_shape, axis), 1), a_shape)


def _extremum(g: Any, a: Any, out: Any, axis: Any, keepdims: Any) -> Any:
    tied = a == expand(out, axis, keepdims)
    share = expand(g, axis, keepdims) / np.maximum(np.sum(tied, axis=axis, keepdims=True), 1)
    return np.where(tied, share, 0)


def _var(g: Any, a: Any, axis: Any, ddof: Any, keepdims: Any) -> Any:
    freedom = max(_count(a.shape, axis) - ddof, 0)
    deviation = a - np.mean(a, axis=axis, keepdims=True)
    # The mean of 1e8 ± 1 is rounded to 1e-8; what it is wrong by is the mean that the deviations have left.
    deviation = deviation - np.mean(deviation, axis=axis, keepdims=True)
    return expand(g, axis, keepdims) * deviation * 2 / freedom


def _std(g: Any, a: Any, out: Any, axis: Any, ddof: Any, keepdims: Any) -> Any:
    # Where all entries are equal, std has a kink like |x| at 0; 0 is the symmetric choice among its slopes.
    divisor = expand(np.where(out == 0, 1, out), axis, keepdims)
    return _var(g, a, axis, ddof, keepdims) / (2 * divisor)


derivative(np.sum, a=_sum)
derivative(np.mean, a=_mean)
derivative(np.max, a=_extremum)
derivative(np.min, a=_extremum)
derivative(np.var, a=_var)
derivative(np.std, a=_std)

no_derivative(np.argmax, np.argmin, np.any, np.all, np.count_nonzero)

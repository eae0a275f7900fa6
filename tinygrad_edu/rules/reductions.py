"""Rows for functions that fold an axis: sum, prod, mean, max, min, var, std, and their twins that skip NaN."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygrad_edu.rules.strong_zero import over, times
from tinygrad_edu.rules.table import composition, derivative, no_derivative

__all__ = ["as_array", "expand", "folded_last", "mean_rule", "unfolded"]


def as_array(a: Any) -> Any:
    """A list or a number as an array; what is an array already (of any library), as it is."""
    return a if hasattr(a, "ndim") else np.array(a)


def expand(g: Any, axis: Any, keepdims: Any) -> Any:
    """Put the folded axes back with length 1, so that `g` broadcasts against the array it came from."""
    return g if keepdims or axis is None else np.expand_dims(g, axis)


def folded_last(a: Any, axis: Any) -> Any:
    """`a` with the axes that are folded made one, the last."""
    axes = _axes(a.ndim, axis)
    kept = tuple(n for i, n in enumerate(a.shape) if i not in axes)
    return np.reshape(np.moveaxis(a, axes, _last(axes)), (*kept, math.prod(a.shape[i] for i in axes)))


def unfolded(flat: Any, shape: tuple[int, ...], axis: Any) -> Any:
    """The way back from `folded_last` to the shape that it came from."""
    axes = _axes(len(shape), axis)
    moved = tuple(n for i, n in enumerate(shape) if i not in axes) + tuple(shape[i] for i in axes)
    return np.moveaxis(np.reshape(flat, moved), _last(axes), axes)


def _axes(ndim: int, axis: Any) -> tuple[int, ...]:
    """The axes that are folded, counted from the front."""
    return tuple(range(ndim)) if axis is None else tuple(i % ndim for i in np.atleast_1d(axis).tolist())


def _last(axes: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(range(-len(axes), 0))


def _count(shape: tuple[int, ...], axis: Any) -> int:
    """How many entries are folded into one."""
    return math.prod(shape[i] for i in _axes(len(shape), axis))


def _sum(g: Any, a_shape: Any, axis: Any, keepdims: Any) -> Any:
    return np.broadcast_to(expand(g, axis, keepdims), a_shape)


def mean_rule(g: Any, a_shape: Any, axis: Any, keepdims: Any) -> Any:
    """Every entry has an equal share in the mean."""
    # max(…, 1): the mean of nothing has an empty gradient, not a division by zero
    return np.broadcast_to(expand(g, axis, keepdims) / max(_count(a_shape, axis), 1), a_shape)


def _prod(g: Any, a: Any, axis: Any, keepdims: Any) -> Any:
    """An entry's slope is the product of all the others: those before it times those after it, zeros or not."""
    flat = folded_last(a, axis)
    with np.errstate(over="ignore"):  # it may be in an unselected branch
        others = _product_before(flat) * _product_before(flat[..., ::-1])[..., ::-1]
        return times(expand(g, axis, keepdims), unfolded(others, a.shape, axis))


def _product_before(x: Any) -> Any:
    return np.cumprod(np.concatenate([np.ones_like(x[..., :1]), x[..., :-1]], axis=-1), axis=-1)


def _extremum(g: Any, a: Any, out: Any, axis: Any, keepdims: Any) -> Any:
    tied = a == expand(out, axis, keepdims)
    share = expand(g, axis, keepdims) / np.maximum(np.sum(tied, axis=axis, keepdims=True, dtype=g.dtype), 1)
    return np.where(tied, share, 0)


def _var(g: Any, a: Any, axis: Any, ddof: Any, keepdims: Any, correction: Any) -> Any:
    freedom = max(_count(a.shape, axis) - _ddof(ddof, correction), 0)
    deviation = a - np.mean(a, axis=axis, keepdims=True)
    # The mean of 1e8 ± 1 is rounded to 1e-8; what it is wrong by is the mean that the deviations have left.
    deviation = deviation - np.mean(deviation, axis=axis, keepdims=True)
    # Without a degree of freedom the slope is infinite or NaN, as NumPy's result is.
    return times(expand(g, axis, keepdims), _conjugate(deviation) * 2 / freedom)


def _conjugate(z: Any) -> Any:
    """The variance is the mean of z * conj(z)."""
    return np.conj(z) if z.dtype.kind == "c" else z


def _ddof(ddof: Any, correction: Any) -> Any:
    """The array API calls it `correction`; who gives none has NumPy's mark for "no value" there."""
    return ddof if type(correction).__name__ == "_NoValueType" else correction


def _std(g: Any, a: Any, out: Any, axis: Any, ddof: Any, keepdims: Any, correction: Any) -> Any:
    # Where all entries are equal, std has a kink like |x| at 0; 0 is the symmetric choice among its slopes.
    divisor = 2 * expand(np.where(out == 0, math.inf, out), axis, keepdims)
    return over(_var(g, a, axis, ddof, keepdims, correction), divisor)


def _nanmean(g: Any, a: Any, axis: Any, keepdims: Any) -> Any:
    there = ~np.isnan(a)
    share = expand(g, axis, keepdims) / np.maximum(np.sum(there, axis=axis, keepdims=True), 1)
    return np.where(there, share, 0)


def _nanvar(g: Any, a: Any, axis: Any, ddof: Any, keepdims: Any, correction: Any) -> Any:
    there = ~np.isnan(a)
    count = np.sum(there, axis=axis, keepdims=True)
    freedom = count - _ddof(ddof, correction)

    def mean(x: Any) -> Any:
        return np.sum(x, axis=axis, keepdims=True) / np.maximum(count, 1)

    a = np.where(there, a, 0)
    deviation = np.where(there, a - mean(a), 0)
    deviation = deviation - mean(deviation)  # as in _var
    # Without a degree of freedom NumPy's result is NaN, and so is its slope, but for the NaN entries.
    slope = _conjugate(deviation) * 2 / np.where(freedom > 0, freedom, math.nan)
    return times(expand(g, axis, keepdims), np.where(there, slope, 0))


def _nanstd(g: Any, a: Any, out: Any, axis: Any, ddof: Any, keepdims: Any, correction: Any) -> Any:
    divisor = 2 * expand(np.where(out == 0, math.inf, out), axis, keepdims)
    return over(_nanvar(g, a, axis, ddof, keepdims, correction), divisor)


def _without_nan(rule: Any, neutral: int) -> Any:
    """The rule of a function that reads NaN as `neutral`: NaN entries get nothing."""

    def nan_rule(g: Any, a: Any, axis: Any, keepdims: Any) -> Any:
        missing = np.isnan(a)
        return np.where(missing, 0, rule(g, np.where(missing, neutral, a), axis, keepdims))

    return nan_rule


derivative(np.sum, a=_sum)
derivative(np.prod, a=_prod)
derivative(np.mean, a=mean_rule)
derivative(np.max, a=_extremum)
derivative(np.min, a=_extremum)
derivative(np.amax, a=_extremum)
derivative(np.amin, a=_extremum)
derivative(np.var, a=_var)
derivative(np.std, a=_std)

derivative(np.nansum, a=_without_nan(lambda g, a, axis, keepdims: _sum(g, a.shape, axis, keepdims), 0))
derivative(np.nanprod, a=_without_nan(_prod, 1))
derivative(np.nanmean, a=_nanmean)
derivative(np.nanmax, a=_extremum)  # NaN equals nothing, so it is never among the tied
derivative(np.nanmin, a=_extremum)
derivative(np.nanvar, a=_nanvar)
derivative(np.nanstd, a=_nanstd)


@composition(np.ptp)
def _ptp(a: Any, axis: Any = None, *, keepdims: Any = False) -> Any:
    return np.max(a, axis=axis, keepdims=keepdims) - np.min(a, axis=axis, keepdims=keepdims)


no_derivative(np.argmax, np.argmin, np.nanargmax, np.nanargmin, np.any, np.all, np.count_nonzero)

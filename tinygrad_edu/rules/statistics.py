"""Rows for statistics: order statistics, weighted averages, covariances, counts, and interpolation in a table."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_edu.rules.elementwise import cast
from tinygrad_edu.rules.indexing import scatter_add
from tinygrad_edu.rules.reductions import as_array, expand, folded_last, mean_rule, unfolded
from tinygrad_edu.rules.table import composition, derivative, no_derivative, primitive

__all__ = ["share_in_quantile", "within_one"]


# ---- median and quantiles: between two entries of the sorted array -----------------------------------------------
@primitive
def share_in_quantile(a: Any, quantile: Any, q: Any, axis: Any, method: str) -> Any:
    """How much of each entry is in its quantile: a constant almost everywhere. Equal entries have equal shares.

    Args:
        a: data.
        quantile: the function: np.quantile, np.percentile or one of their twins that skip NaN.
        q: one number.
        axis: what is folded, as in NumPy.
        method: how NumPy places the quantile between two entries.

    Example:
        >>> import numpy as np
        >>> from tinygrad_edu.rules.statistics import share_in_quantile
        >>> share_in_quantile(np.array([5.0, 3.0, 1.0]), np.quantile, 0.75, None, "linear")
        array([0.5, 0.5, 0. ])
    """
    flat = folded_last(a, axis)
    ordered = np.sort(flat, axis=-1)
    places = np.arange(flat.shape[-1], dtype=a.real.dtype)
    # The quantile of 0, 1, 2, … is the place of any data's quantile, by NumPy's own rules for each method.
    if quantile in (np.nanquantile, np.nanpercentile):
        missing = np.isnan(ordered) & (places > 0)  # the first place is left where there is no number at all
        place = quantile(np.where(missing, np.nan, places), q, axis=-1, method=method, keepdims=True)
    else:
        place = np.broadcast_to(quantile(places, q, method=method), (*flat.shape[:-1], 1))
    share: Any = 0
    for neighbour, weight in (
        (np.floor(place), 1 - (place - np.floor(place))),
        (np.ceil(place), place - np.floor(place)),
    ):
        tied = flat == np.take_along_axis(ordered, neighbour.astype(int), axis=-1)
        share = share + np.where(tied, weight / np.maximum(np.sum(tied, axis=-1, keepdims=True), 1), 0)
    return unfolded(share.astype(places.dtype), a.shape, axis)


no_derivative(share_in_quantile)


def _median(quantile: Any) -> Callable[..., Any]:
    def rule(g: Any, a: Any, axis: Any, keepdims: Any) -> Any:
        if not a.size:
            return np.zeros_like(a)  # of a's own kind, be it a NumPy array or another
        return expand(g, axis, keepdims) * share_in_quantile(a, quantile, 0.5, axis, "linear")

    return rule


def _quantile(quantile: Any) -> Callable[..., Any]:
    def rule(g: Any, a: Any, q: Any, axis: Any, method: Any, keepdims: Any) -> Any:
        if not a.size:
            return np.zeros_like(a)  # of a's own kind, be it a NumPy array or another
        if not np.ndim(q):
            return expand(g, axis, keepdims) * share_in_quantile(a, quantile, q, axis, method)
        q = as_array(q)
        if q.ndim > 1 and quantile in (np.nanquantile, np.nanpercentile):
            raise ValueError(
                f"np.{quantile.__name__} with q of shape {q.shape}: NumPy confuses the axes of its result where "
                "several axes are folded. Give q one axis, and reshape the result."
            )
        total: Any = np.zeros(a.shape, a.dtype)
        for number in np.ndindex(q.shape):  # the result has one entry, or one array, for each q
            total = total + expand(g[number], axis, keepdims) * share_in_quantile(
                a, quantile, q[(*number, ...)], axis, method
            )
        return total

    return rule


derivative(np.median, a=_median(np.quantile))
derivative(np.nanmedian, a=_median(np.nanquantile))
derivative(np.quantile, a=_quantile(np.quantile))
derivative(np.percentile, a=_quantile(np.percentile))
derivative(np.nanquantile, a=_quantile(np.nanquantile))
derivative(np.nanpercentile, a=_quantile(np.nanpercentile))


# ---- averages ----------------------------------------------------------------------------------------------------
def _weighted_axes(shape: tuple[int, ...], weights_shape: tuple[int, ...], axis: Any) -> list[int]:
    """Which axes of the data those of the weights are."""
    if weights_shape == shape:
        return list(range(len(shape)))
    return [i % len(shape) for i in np.atleast_1d(axis).tolist()]


def _aligned(weights: Any, shape: tuple[int, ...], axis: Any) -> Any:
    """The weights with the data's axes, of length 1 where they do not depend on it."""
    axes = _weighted_axes(shape, weights.shape, axis)
    in_order = np.transpose(weights, sorted(range(len(axes)), key=axes.__getitem__))
    return np.reshape(in_order, tuple(n if i in axes else 1 for i, n in enumerate(shape)))


def _average_a(g: Any, a_shape: Any, axis: Any, weights: Any, returned: Any, keepdims: Any) -> Any:
    g = g[0] if returned else g
    if weights is None:
        return mean_rule(g, a_shape, axis, keepdims)
    weights = _aligned(weights, a_shape, axis)
    return expand(g, axis, keepdims) * weights / np.sum(weights, axis=axis, keepdims=True)


def _average_weights(g: Any, a: Any, axis: Any, weights: Any, returned: Any, keepdims: Any, out: Any) -> Any:
    average, total = (out[0], g[1]) if returned else (out, None)
    g = g[0] if returned else g
    scale = np.sum(_aligned(weights, a.shape, axis), axis=axis, keepdims=True)
    blame = expand(g, axis, keepdims) * (a - expand(average, axis, keepdims)) / scale
    if total is not None:
        blame = blame + expand(total, axis, keepdims)
    axes = _weighted_axes(a.shape, weights.shape, axis)
    summed = np.sum(blame, axis=tuple(i for i in range(a.ndim) if i not in axes))
    return np.transpose(summed, [sorted(axes).index(i) for i in axes])


derivative(np.average, a=_average_a, weights=_average_weights)


@composition(np.cov)
def _cov(
    m: Any,
    y: Any = None,
    rowvar: Any = True,
    bias: Any = False,
    ddof: Any = None,
    fweights: Any = None,
    aweights: Any = None,
) -> Any:
    if ddof is not None and ddof != int(ddof):
        raise ValueError("ddof must be integer")
    ddof = (0 if bias else 1) if ddof is None else ddof
    m, y = as_array(m), None if y is None else as_array(y)
    if m.ndim > 2 or (y is not None and y.ndim > 2):
        raise ValueError(f"{'m' if m.ndim > 2 else 'y'} has more than 2 dimensions")
    dtype = np.result_type(m.dtype, np.float64, *([] if y is None else [y.dtype]))
    x = _rows_of(m, dtype, not rowvar and m.ndim != 1)
    if x.shape[0] == 0:
        return np.zeros((0, 0))
    if y is not None:
        y = _rows_of(y, dtype, False)
        x = np.concatenate([x, np.transpose(y) if not rowvar and y.shape[0] != 1 else y], axis=0)
    weights = _cov_weights(x.shape[1], fweights, aweights)
    mean, total = np.average(x, axis=1, weights=weights, returned=True)
    freedom = total[0]
    if weights is None:
        freedom = x.shape[1] - ddof
    elif ddof:
        freedom = freedom - (ddof if aweights is None else ddof * np.sum(weights * as_array(aweights)) / freedom)
    if freedom <= 0:
        warnings.warn("Degrees of freedom <= 0 for slice", RuntimeWarning, stacklevel=2)
        freedom = 0.0
    x = x - mean[:, None]
    other = np.transpose(x if weights is None else x * weights)
    return np.squeeze(np.dot(x, np.conj(other) if dtype.kind == "c" else other) * np.divide(1, freedom))


def _rows_of(x: Any, dtype: Any, transposed: bool) -> Any:
    """The variables as the rows of a matrix."""
    x = x if x.dtype == dtype else cast(x, dtype)
    x = np.reshape(x, (1, x.size)) if x.ndim < 2 else x
    return np.transpose(x) if transposed else x


def _cov_weights(number: int, fweights: Any, aweights: Any) -> Any:
    if fweights is not None:
        fweights = np.array(fweights, dtype=float)
        if not np.all(fweights == np.round(fweights)):
            raise TypeError("fweights must be integer")
    weights: Any = None
    for name, given in (("fweights", fweights), ("aweights", aweights)):
        if given is None:
            continue
        given = as_array(given)
        if given.ndim > 1:
            raise RuntimeError(f"cannot handle multidimensional {name}")
        if given.shape[0] != number:
            raise RuntimeError(f"incompatible numbers of samples and {name}")
        if np.any(given < 0):
            raise ValueError(f"{name} cannot be negative")
        weights = given if weights is None else weights * given
    return weights if weights is None or weights.dtype == np.float64 else cast(weights, np.dtype(np.float64))


@composition(np.corrcoef)
def _corrcoef(x: Any, y: Any = None, rowvar: Any = True) -> Any:
    c = np.cov(x, y, rowvar)
    if c.ndim == 0:
        return c / c
    each = np.arange(len(c))
    variance = c[each, each]
    is_complex = c.dtype.kind == "c"
    spread = np.sqrt(np.real(variance) if is_complex else variance)
    c = c / spread[:, None] / spread[None, :]
    if is_complex:
        return within_one(np.real(c)) + 1j * within_one(np.imag(c))
    return within_one(c)


@primitive
def within_one(x: Any) -> Any:
    """`np.clip(x, -1, 1)` of what can lie outside by rounding only: to its slope nothing was clipped."""
    return np.clip(x, -1, 1)


derivative(within_one, x=lambda g: g)


# ---- counts and distinct values ----------------------------------------------------------------------------------
derivative(
    np.bincount,
    lambda x, weights=None, minlength=0: None,
    weights=lambda g, x, minlength: g[x],
)


def _distinct(g: Any, x: Any, out: Any) -> Any:
    """What arrives at a distinct value is shared by all entries that have it."""
    order = np.argsort(out)  # np.unique_values does not sort
    where = order[np.searchsorted(out, np.reshape(x, -1), sorter=order)]
    return np.reshape(g[where] / np.bincount(where)[where], x.shape)


def _unique(g: Any, ar: Any, out: Any, return_index: Any, return_inverse: Any, return_counts: Any) -> Any:
    if return_index or return_inverse or return_counts:
        g, out = g[0], out[0]
    return _distinct(g, ar, out)


derivative(np.unique, ar=_unique)
derivative(np.unique_values, x=lambda g, x, out: _distinct(g, x, out))
derivative(np.unique_counts, x=lambda g, x, out: _distinct(g[0], x, out[0]))
derivative(np.unique_inverse, x=lambda g, x, out: _distinct(g[0], x, out[0]))
derivative(np.unique_all, x=lambda g, x, out: _distinct(g[0], x, out[0]))

no_derivative(np.digitize)


# ---- interpolation -----------------------------------------------------------------------------------------------
def _between(x: Any, xp: Any, fp: Any, period: Any) -> Any:
    """For every x its two neighbours in the table: their numbers, the slope between them, how far x is on its way.

    The last is whether x is inside the table at all. At a knot it is the piece to the right that counts, as in JAX.
    """
    n = len(xp)
    if period is not None:
        period = abs(period)
        x, xp = x - period * np.floor(x / period), xp - period * np.floor(xp / period)
        order = np.argsort(xp)
        place = np.concatenate([order[-1:], order, order[:1]])
        xp = np.concatenate([xp[order[-1:]] - period, xp[order], xp[order[:1]] + period])
    else:
        place = np.arange(n)
    left = np.clip(np.searchsorted(xp, x, side="right") - 1, 0, len(xp) - 2)  # -1, the only knot, if there is no other
    right = left + 1
    is_jump = xp[left] == xp[right]  # at the end of the table, where its last entry is what counts
    apart = np.where(is_jump, math.inf, xp[right] - xp[left])
    slope = (fp[place[right]] - fp[place[left]]) / apart
    inside = (x >= xp[0]) & (x <= xp[-1])
    return place[left], place[right], slope, np.where(is_jump, 1, (x - xp[left]) / apart), inside


def _interp_x(g: Any, x: Any, xp: Any, fp: Any, period: Any) -> Any:
    _, _, slope, _, inside = _between(x, xp, fp, period)
    return np.where(inside, g * slope, 0)


def _interp_xp(g: Any, x: Any, xp: Any, fp: Any, period: Any) -> Any:
    left, right, slope, way, inside = _between(x, xp, fp, period)
    blame = np.where(inside, -g * slope, 0)
    return scatter_add(blame * (1 - way), left, xp.shape) + scatter_add(blame * way, right, xp.shape)


def _interp_fp(g: Any, x: Any, xp: Any, fp: Any, left: Any, right: Any, period: Any) -> Any:
    before, after, _, way, inside = _between(x, xp, fp, period)
    # Outside the table the result is its first or last entry, or the given `left` or `right` instead.
    blame = np.where(inside, g, 0)
    if period is None:
        blame = blame + (np.where(x < xp[0], g, 0) if left is None else 0)
        blame = blame + (np.where(x > xp[-1], g, 0) if right is None else 0)
        way = np.where(inside, way, x > xp[-1])
    return scatter_add(blame * (1 - way), before, fp.shape) + scatter_add(blame * way, after, fp.shape)


derivative(
    np.interp,
    x=_interp_x,
    xp=_interp_xp,
    fp=_interp_fp,
    left=lambda g, x, xp, period: np.where(x < xp[0], g, 0) if period is None else np.zeros_like(g),
    right=lambda g, x, xp, period: np.where(x > xp[-1], g, 0) if period is None else np.zeros_like(g),
)

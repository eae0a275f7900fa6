"""Rows for the methods of ufuncs: np.add.reduce is np.sum along axis 0, np.multiply.accumulate is np.cumprod.

They are kept under the pair (ufunc, method). `reduceat` and `at` have none, and the engine says what to write instead.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from tinygrad_edu.rules.elementwise import over_length
from tinygrad_edu.rules.reductions import expand
from tinygrad_edu.rules.table import composition, derivative, primitive, rows

__all__ = ["extreme", "fmax_reduce", "fmin_reduce", "hypot_reduce", "logaddexp2_reduce", "logaddexp_reduce"]


# ---- reduce ------------------------------------------------------------------------------------------------------
def _folded(ufunc: Any, array: Any, axis: Any, keepdims: bool) -> Any:
    return ufunc.reduce(array, axis=axis, keepdims=keepdims)


@primitive
def logaddexp_reduce(array: Any, axis: Any = 0, keepdims: bool = False) -> Any:
    """log(sum(exp(array))) along an axis."""
    return _folded(np.logaddexp, array, axis, keepdims)


@primitive
def logaddexp2_reduce(array: Any, axis: Any = 0, keepdims: bool = False) -> Any:
    """log2(sum(2**array)) along an axis."""
    return _folded(np.logaddexp2, array, axis, keepdims)


@primitive
def hypot_reduce(array: Any, axis: Any = 0, keepdims: bool = False) -> Any:
    """The length sqrt(sum(array**2)) along an axis."""
    return _folded(np.hypot, array, axis, keepdims)


@primitive
def fmax_reduce(array: Any, axis: Any = 0, keepdims: bool = False) -> Any:
    """The largest entry along an axis that is not NaN."""
    return _folded(np.fmax, array, axis, keepdims)


@primitive
def fmin_reduce(array: Any, axis: Any = 0, keepdims: bool = False) -> Any:
    """The smallest entry along an axis that is not NaN."""
    return _folded(np.fmin, array, axis, keepdims)


def _log_share(reduce: Any, array: Any, out: Any, axis: Any, keepdims: Any) -> Any:
    """Return array - out; where the result is infinite, the entries that are as infinite share it equally."""
    out = expand(out, axis, keepdims)
    array = np.where(np.isinf(out), np.where(array == out, 0, np.where(array != out, -np.inf, array)), array)
    return array - reduce(array, axis=axis, keepdims=True)


def _extremum(g: Any, array: Any, out: Any, axis: Any, keepdims: Any) -> Any:
    tied = array == expand(out, axis, keepdims)
    share = expand(g, axis, keepdims) / np.maximum(np.sum(tied, axis=axis, keepdims=True), 1)
    return np.where(tied, share, 0)


derivative(
    logaddexp_reduce,
    array=lambda g, array, out, axis, keepdims: (
        expand(g, axis, keepdims) * np.exp(_log_share(logaddexp_reduce, array, out, axis, keepdims))
    ),
)
derivative(
    logaddexp2_reduce,
    array=lambda g, array, out, axis, keepdims: (
        expand(g, axis, keepdims) * np.exp2(_log_share(logaddexp2_reduce, array, out, axis, keepdims))
    ),
)
derivative(
    hypot_reduce,
    array=lambda g, array, out, axis, keepdims: (
        expand(g, axis, keepdims) * over_length(array, expand(out, axis, keepdims))
    ),
)
derivative(fmax_reduce, array=_extremum)
derivative(fmin_reduce, array=_extremum)

REDUCTIONS: dict[Any, Any] = {
    np.add: np.sum,
    np.multiply: np.prod,
    np.maximum: np.max,
    np.minimum: np.min,
    np.fmax: fmax_reduce,
    np.fmin: fmin_reduce,
    np.logaddexp: logaddexp_reduce,
    np.logaddexp2: logaddexp2_reduce,
    np.hypot: hypot_reduce,
}


def _reduce(function: Any) -> Any:
    return lambda array, axis=0, keepdims=False: function(array, axis=axis, keepdims=keepdims)


# ---- accumulate --------------------------------------------------------------------------------------------------
@primitive
def extreme(x: Any, y: Any, share: Any, ufunc: Any) -> Any:
    """What the ufunc, np.maximum or one of its kin, makes of x and y. Where they are equal, y has the given share."""
    return ufunc(x, y)


derivative(
    extreme,
    x=lambda g, x, y, share, ufunc, out: np.where(x == y, g * (1 - share), np.where(x == out, g, 0)),
    y=lambda g, x, y, share, out: np.where(x == y, g * share, np.where(y == out, g, 0)),
)

ACCUMULATIONS: dict[Any, Any] = {np.add: np.cumsum, np.multiply: np.cumprod}
ONE_BY_ONE: tuple[Any, ...] = (np.subtract, np.divide, np.logaddexp, np.logaddexp2, np.hypot)
EXTREMA: tuple[Any, ...] = (np.maximum, np.minimum, np.fmax, np.fmin)


def _accumulate(function: Any) -> Any:
    return lambda array, axis=0: function(array, axis=axis)


def _one_by_one(running: Any) -> Any:
    """Each entry joined to the result so far, by operations of which every one has a row."""

    def accumulate(array: Any, axis: int = 0) -> Any:
        entries = np.moveaxis(array, axis, 0)
        return np.stack(list(running(entries)), axis=axis) if len(entries) else np.positive(array)

    return accumulate


def _running_extremum(ufunc: np.ufunc) -> Any:
    """The extremum so far. It knows how many entries it is equal to, for they share its gradient equally."""

    def running(entries: Any) -> Any:
        so_far: Any = None
        number: Any = 1
        for entry in entries:
            if so_far is None:
                so_far = entry
            else:
                tied = entry == so_far
                so_far = extreme(so_far, entry, 1 / (number + 1), ufunc)
                number = np.where(tied, number + 1, np.where(entry == so_far, 1, number))
            yield so_far

    return running


# ---- outer -------------------------------------------------------------------------------------------------------
def _outer(ufunc: np.ufunc) -> Any:
    """Every entry of A with every entry of B."""
    return lambda A, B: ufunc(np.reshape(A, np.shape(A) + (1,) * np.ndim(B)), B)


for ufunc, function in REDUCTIONS.items():
    composition((ufunc, "reduce"))(_reduce(function))
for ufunc, function in ACCUMULATIONS.items():
    composition((ufunc, "accumulate"))(_accumulate(function))
for ufunc in ONE_BY_ONE:
    composition((ufunc, "accumulate"))(_one_by_one(lambda entries, join=ufunc: itertools.accumulate(entries, join)))
for ufunc in EXTREMA:
    composition((ufunc, "accumulate"))(_one_by_one(_running_extremum(ufunc)))
for ufunc in [
    f
    for f, row in rows().items()
    if isinstance(f, np.ufunc) and not row.is_constant and f.nin == 2 and f.nout == 1 and f.signature is None
]:
    composition((ufunc, "outer"))(_outer(ufunc))

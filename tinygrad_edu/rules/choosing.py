"""Functions that choose among several arrays entry by entry: each is np.where in other words."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygrad_edu.rules.elementwise import cast
from tinygrad_edu.rules.indexing import getitem, scatter_add
from tinygrad_edu.rules.table import composition

__all__: list[str] = []


def _in(dtype: Any, a: Any) -> Any:
    """`a` in that dtype, which np.where alone would not give: two Python numbers make it forget float32."""
    return a if a.dtype == dtype else cast(a, dtype)


@composition(np.copysign)
def _copysign(x: Any, y: Any) -> Any:
    size = np.absolute(x)
    return _in(np.result_type(x, y, np.float16), np.where(np.signbit(y), -size, size))


@composition(np.heaviside)
def _heaviside(x: Any, y: Any) -> Any:
    step = np.where(np.isnan(x), math.nan, np.greater(x, 0))
    return _in(np.result_type(x, y, np.float16), np.where(np.equal(x, 0), y, step))


@composition(np.select)
def _select(condlist: Any, choicelist: Any, default: Any = 0) -> Any:
    if not condlist:
        raise ValueError("np.select needs at least one condition")
    chosen = default
    for condition, choice in reversed(list(zip(condlist, choicelist, strict=True))):
        chosen = np.where(condition, choice, chosen)
    return _in(np.result_type(*choicelist, default), chosen)


@composition(np.choose)
def _choose(a: Any, choices: Any, out: Any = None, mode: Any = "raise") -> Any:
    if out is not None:
        raise TypeError("np.choose(out=...) is not supported on Tensors; leave it out.")
    number = len(choices)
    # NumPy checks the index, or wraps or clips it. Dividing by 1 takes the plain numbers out of a Tensor.
    index = np.choose(np.floor_divide(a, 1), np.arange(number), mode=mode)
    chosen = choices[-1]
    for k in range(number):
        chosen = np.where(index == k, choices[k], chosen)
    return _in(np.result_type(*choices), chosen)


@composition(np.piecewise)
def _piecewise(x: Any, condlist: Any, funclist: Any, *args: Any) -> Any:
    """Every function sees only its own entries, so that none is asked where it has no value."""
    if not isinstance(condlist[0], list | tuple | np.ndarray) and x.ndim:
        condlist = [condlist]  # a single condition
    conditions = np.asarray(condlist, dtype=bool)
    if len(conditions) == len(funclist) - 1:
        conditions = np.concatenate([conditions, ~np.any(conditions, axis=0, keepdims=True)])
    if len(conditions) != len(funclist):
        raise ValueError(
            f"np.piecewise with {len(conditions)} condition(s) needs as many functions, or one more for the rest; "
            f"it got {len(funclist)}"
        )
    result = np.where(False, x, np.zeros_like(x))  # depends on x even where only constants are chosen
    for condition, function in zip(conditions, funclist):
        if callable(function):
            own = getitem(x, condition)
            if own.size:
                values = np.broadcast_to(function(own, *args), own.shape)
                result = np.where(condition, scatter_add(_in(x.dtype, values), condition, x.shape), result)
        else:
            result = _in(x.dtype, np.where(condition, function, result))
    return result

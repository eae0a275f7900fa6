"""Rows for `t[index]` and its adjoint: taking entries out, and adding entries into zeros."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_edu.rules.table import derivative, no_derivative, primitive

__all__ = ["getitem", "scatter_add"]


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
    total = np.zeros(shape, g.dtype)
    parts = index if isinstance(index, tuple) else (index,)
    if all(part is None or part is ... or isinstance(part, int | np.integer | slice) for part in parts):
        total[index] = g  # a basic index names no entry twice
    else:
        np.add.at(total, index, g)
    return total


derivative(getitem, x=lambda g, index, x_shape: scatter_add(g, index, x_shape))
derivative(scatter_add, g=lambda h, index, shape: getitem(h, index))

no_derivative(np.nonzero, np.argsort, np.searchsorted, np.flatnonzero)

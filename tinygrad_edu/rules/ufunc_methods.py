"""Rows for the methods of ufuncs that are functions under another name: np.add.reduce is np.sum along axis 0."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_edu.rules.table import composition, rows

__all__: list[str] = []

REDUCTIONS = {np.add: np.sum, np.maximum: np.max, np.minimum: np.min}


def _reduce(function: Any) -> Any:
    return lambda array, axis=0, keepdims=False: function(array, axis=axis, keepdims=keepdims)


def _outer(ufunc: np.ufunc) -> Any:
    """Every entry of A with every entry of B."""
    return lambda A, B: ufunc(np.reshape(A, np.shape(A) + (1,) * np.ndim(B)), B)


for ufunc, function in REDUCTIONS.items():
    composition((ufunc, "reduce"))(_reduce(function))
for ufunc in [
    f for f, row in rows().items() if isinstance(f, np.ufunc) and row.rules and f.nin == 2 and f.signature is None
]:
    composition((ufunc, "outer"))(_outer(ufunc))

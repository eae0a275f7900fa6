"""The table of derivatives: importing this package fills it, one file per family of functions."""

from tinygrad_edu.rules import (
    elementwise,
    indexing,
    linear_algebra,
    reductions,
    several,
    shape,
    strong_zero,
    ufunc_methods,
)
from tinygrad_edu.rules.table import composition, derivative, lookup, no_derivative, primitive

__all__ = [
    "composition",
    "derivative",
    "elementwise",
    "indexing",
    "linear_algebra",
    "lookup",
    "no_derivative",
    "primitive",
    "reductions",
    "several",
    "shape",
    "strong_zero",
    "ufunc_methods",
]

"""The table of derivatives: importing this package fills it, one file per family of functions."""

from tinygrad_edu.rules import elementwise, indexing, linear_algebra, reductions, shape, strong_zero
from tinygrad_edu.rules.table import derivative, lookup, no_derivative, primitive

__all__ = [
    "derivative",
    "elementwise",
    "indexing",
    "linear_algebra",
    "lookup",
    "no_derivative",
    "primitive",
    "reductions",
    "shape",
    "strong_zero",
]

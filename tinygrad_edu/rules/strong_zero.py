"""Products and quotients in which the arriving gradient's zero wins: 0 * inf = 0, 0 / 0 = 0.

`np.where(x > 0, np.log(x), 0)` sends 0 back into the branch that it did not select. At x = 0 the slope of log is
infinite, and an ordinary 0 / 0 would turn "no blame" into NaN. Rules with a pole therefore use these two.

They are rows of their own, because their derivative with respect to the gradient is the full factor even where the
gradient is 0: second derivatives would be wrong there if rules wrote `g / np.where(g == 0, 1, x)` themselves.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_edu.rules.table import derivative, primitive

__all__ = ["over", "times", "times_both"]


LARGE = 1 << 14


def _quick(function: Any, g: Any, other: Any) -> Any:
    """For large arrays the ordinary result, if it is finite: then no zero has met an infinity. Choosing is slower."""
    if type(g) is type(other) is np.ndarray and g.size >= LARGE:
        with np.errstate(all="ignore"):
            result = function(g, other)
            if np.isfinite(np.sum(result)):
                return result
    return None


@primitive
def times(g: Any, factor: Any) -> Any:
    """`g * factor`, but exactly 0 wherever g is 0."""
    if type(factor) in (int, float, complex):  # part of the program, not a value; and x * 2 stays in float32
        return g * factor
    product = _quick(np.multiply, g, factor)
    return g * np.where(g, factor, 0) if product is None else product


@primitive
def over(g: Any, divisor: Any) -> Any:
    """`g / divisor`, but exactly 0 wherever g is 0."""
    quotient = _quick(np.divide, g, divisor)
    return g / np.where(g, divisor, 1) if quotient is None else quotient


@primitive
def times_both(x: Any, y: Any) -> Any:
    """`x * y`, but exactly 0 wherever x or y is 0: for second derivatives, where blame meets blame."""
    return np.where(y, x, 0) * np.where(x, y, 0)


derivative(
    times,
    g=lambda h, factor: times(h, factor),
    factor=lambda h, g: times_both(g, h),  # either may be infinite where of the other nothing arrived
)
derivative(
    over,
    g=lambda h, divisor: over(h, divisor),
    divisor=lambda h, out, divisor: -over(times_both(out, h), divisor),
)
derivative(times_both, x=lambda h, y: times_both(h, y), y=lambda h, x: times_both(h, x))

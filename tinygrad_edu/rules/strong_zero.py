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

__all__ = ["strong_divide", "strong_multiply"]


@primitive
def strong_multiply(g: Any, factor: Any) -> Any:
    """`g * factor`, but exactly 0 wherever g is 0."""
    return g * np.where(g == 0, 0, factor)


@primitive
def strong_divide(g: Any, divisor: Any) -> Any:
    """`g / divisor`, but exactly 0 wherever g is 0."""
    return g / np.where(g == 0, 1, divisor)


derivative(
    strong_multiply,
    g=lambda h, factor: strong_multiply(h, factor),
    factor=lambda h, g: strong_multiply(g, h),  # g's zero wins here too: h may be infinite where nothing arrived
)
derivative(
    strong_divide,
    g=lambda h, divisor: strong_divide(h, divisor),
    divisor=lambda h, out, divisor: -strong_divide(strong_multiply(out, h), divisor),
)

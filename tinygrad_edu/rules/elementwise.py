"""Rows for functions that work entry by entry."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_edu.rules.strong_zero import strong_divide, strong_multiply
from tinygrad_edu.rules.table import derivative, no_derivative, primitive

__all__ = ["cast"]


@primitive
def cast(x: Any, dtype: Any) -> Any:
    """`x` in another dtype; from complex to real numbers, its real part."""
    if np.issubdtype(x.dtype, np.complexfloating) and not np.issubdtype(dtype, np.complexfloating):
        x = x.real
    return x.astype(dtype)


def _power_x(g: Any, x: Any, y: Any) -> Any:
    with np.errstate(divide="ignore"):  # 0**-0.5 is the true slope of sqrt at 0, and may be in an unselected branch
        # A Python number is part of the program, not a value; without this branch x**2 would leave float32.
        if isinstance(y, int | float):
            return strong_multiply(g, y * x ** (y - 1)) if y else g * 0
        return strong_multiply(g, strong_multiply(y, x ** (y - 1)))


def _power_y(g: Any, x: Any, out: Any) -> Any:
    with np.errstate(divide="ignore"):
        return strong_multiply(g, out * np.log(np.where(out == 0, 1, x)))


# fmt: off
derivative(np.add,      x=lambda g: g,                             y=lambda g: g)
derivative(np.subtract, x=lambda g: g,                             y=lambda g: -g)
derivative(np.multiply, x=lambda g, y: g * y,                      y=lambda g, x: g * x)
derivative(np.divide,   x=lambda g, y: strong_divide(g, y),
                        y=lambda g, out, y: -strong_divide(strong_multiply(g, out), y))
derivative(np.power,    x=_power_x,
                        y=_power_y)

derivative(np.negative, x=lambda g: -g)
derivative(np.positive, x=lambda g: g)
derivative(np.square,   x=lambda g, x: g * (2 * x))
derivative(np.sqrt,     x=lambda g, out: strong_divide(g, 2 * out))
derivative(np.exp,      x=lambda g, out: strong_multiply(g, out))
derivative(np.expm1,    x=lambda g, out: strong_multiply(g, out + 1))
derivative(np.log,      x=lambda g, x: strong_divide(g, x))
derivative(np.log1p,    x=lambda g, x: strong_divide(g, 1 + x))
derivative(np.sin,      x=lambda g, x: g * np.cos(x))
derivative(np.cos,      x=lambda g, x: -g * np.sin(x))
derivative(np.tan,      x=lambda g, out: g * (1 + out * out))
derivative(np.tanh,     x=lambda g, out: g * (1 - out * out))
derivative(np.absolute, x=lambda g, x: g * np.sign(x))

# A tie is shared equally, so that the two shares add up to the whole.
derivative(np.maximum,  x=lambda g, x, y: np.where(x == y, g * 0.5, np.where(x > y, g, 0)),
                        y=lambda g, x, y: np.where(x == y, g * 0.5, np.where(x < y, g, 0)))
derivative(np.minimum,  x=lambda g, x, y: np.where(x == y, g * 0.5, np.where(x < y, g, 0)),
                        y=lambda g, x, y: np.where(x == y, g * 0.5, np.where(x > y, g, 0)))

derivative(np.where, lambda condition, x, y: None,
           x=lambda g, condition: np.where(condition, g, 0),
           y=lambda g, condition: np.where(condition, 0, g))
# What was not clipped passes, the bounds included; a bound gets the blame of what it replaced.
derivative(np.clip, lambda a, a_min=None, a_max=None: None,
           a=lambda g, a, out: np.where(out == a, g, 0),
           a_min=lambda g, a, a_min, out: np.where((out != a) & (out == a_min), g, 0),
           a_max=lambda g, a, a_max, out: np.where((out != a) & (out == a_max), g, 0))

derivative(cast, x=lambda g, dtype: g)  # the engine gives every gradient its input's dtype
# fmt: on

no_derivative(
    *(np.greater, np.greater_equal, np.less, np.less_equal, np.equal, np.not_equal),
    *(np.logical_and, np.logical_or, np.logical_not, np.logical_xor),
    *(np.isnan, np.isinf, np.isfinite, np.signbit, np.sign),
    *(np.floor, np.ceil, np.trunc, np.rint, np.round, np.floor_divide),
    *(np.isclose, np.allclose, np.array_equal),
    *(np.zeros_like, np.ones_like, np.empty_like, np.full_like, np.result_type),
)

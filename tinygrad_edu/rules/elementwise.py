"""Rows for functions that work entry by entry."""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np

from tinygrad_edu.rules.strong_zero import over, times
from tinygrad_edu.rules.table import derivative, no_derivative, primitive

__all__ = ["cast", "over_length"]


@primitive
def cast(x: Any, dtype: Any) -> Any:
    """`x` in another dtype; from complex to real numbers, its real part."""
    if np.issubdtype(x.dtype, np.complexfloating) and not np.issubdtype(dtype, np.complexfloating):
        x = x.real
    return x.astype(dtype)


# A slope at a place that np.where did not select may be infinite or have no meaning at all. It is multiplied by a
# strong zero, so NumPy need not warn of it; what divides by it, or the result itself, still tells where it matters.
_quietly = np.errstate(divide="ignore", over="ignore", invalid="ignore")
_sqrt, _sinh, _cosh = _quietly(np.sqrt), _quietly(np.sinh), _quietly(np.cosh)
_pow = _quietly(operator.pow)


@_quietly
def _power_y(g: Any, x: Any, y: Any, out: Any) -> Any:
    # 0**y jumps from 1 to 0 at y = 0 and is flat from there on
    return times(g, out * np.log(np.where((x == 0) & (y >= 0), 1, x)))


def over_length(x: Any, length: Any) -> Any:
    """Divide by the length; 0 at the kink where both are 0."""
    return x / np.where(length == 0, math.inf, length)


def _absolute(g: Any, x: Any, out: Any) -> Any:
    return times(g, over_length(np.conjugate(x), out) if x.dtype.kind == "c" else np.sign(x))


def _length_with_one(x: Any) -> Any:
    """sqrt(1 + x²); np.hypot does not overflow, but knows only real numbers."""
    return np.sqrt(1 + x * x) if x.dtype.kind == "c" else np.hypot(1, x)


def _arctan(g: Any, x: Any) -> Any:
    if x.dtype.kind == "c":
        return over(g, 1 + x * x)
    length = np.hypot(1, x)
    return over(over(g, length), length)


def _turn(g: Any, leg: Any, other: Any) -> Any:
    """Return g * leg / (leg² + other²), with nothing squared that could overflow."""
    length = np.hypot(leg, other)
    return over(times(over(g, length), leg), length)


@_quietly
def _wraps(x: Any, y: Any, out: Any) -> Any:
    """How many times y was taken off x: a constant, out being the remainder."""
    return np.rint((x - out) / y)


def _share(logaddexp: Any, x: Any, y: Any) -> Any:
    """log(exp(x) / (exp(x) + exp(y))), to base e or 2. Two equal infinities have half each."""
    same = np.isinf(x) & (x == y)
    return -logaddexp(0, np.where(same, 0, y) - np.where(same, 0, x))


# π sinc'(x / π) = Σ s_k (πx)^(2k+1): the slope near 0, where the formula's two terms cancel
_SINC_SERIES = [-((-1) ** k) * (2 * k + 2) / math.factorial(2 * k + 3) for k in range(12)]


def _sinc_slope(x: Any, out: Any) -> Any:
    z = math.pi * x
    near = abs(x) < 0.5
    square = np.where(near, z * z, 0)
    series: Any = 0
    for coefficient in reversed(_SINC_SERIES):
        series = series * square + coefficient
    return np.where(near, math.pi * series * z, (np.cos(z) - out) / np.where(near, math.inf, x))


# I1(x) is the mean of cos θ sinh(x cos θ) over a quarter circle. The rule of midpoints converges at once on a periodic
# function: with 60 of them, to the last digit for every x whose I0(x) is below 1e308. No two terms cancel.
_COSINES = [math.cos(math.pi / 2 * (k + 0.5) / 60) for k in range(60)]


def _i0_slope(x: Any) -> Any:
    return sum(cosine * _sinh(x * cosine) for cosine in _COSINES) / len(_COSINES)


LOG_2, LOG_10, DEGREE = math.log(2), math.log(10), math.pi / 180


def _below(low: Any, high: Any) -> Any:
    """Whether a lower bound can be what np.clip returned: where the bounds meet, it is the upper one."""
    return True if high is None else low < high


# np.clip(x, min=…, max=…) came with NumPy 2.1, as np.unstack did.
CLIP_BY_OTHER_NAMES: dict[str, Any] = {
    "min": lambda g, a, min, max, out: np.where((out != a) & (out == min) & _below(min, max), g, 0),
    "max": lambda g, a, max, out: np.where((out != a) & (out == max), g, 0),
}
if not hasattr(np, "unstack"):
    CLIP_BY_OTHER_NAMES.clear()

# fmt: off
derivative(np.add,         x=lambda g: g,                             y=lambda g: g)
derivative(np.subtract,    x=lambda g: g,                             y=lambda g: -g)
derivative(np.multiply,    x=lambda g, y: times(g, y),                y=lambda g, x: times(g, x))
derivative(np.divide,      x=lambda g, y: over(g, y),
                           y=lambda g, out, y: -over(times(g, out), y))
derivative(np.power,       x=lambda g, x, y: times(g, times(y, _pow(x, y - 1))),        y=_power_y)
derivative(np.float_power, x=lambda g, x, y: times(g, times(y, _pow(x, y - 1))),        y=_power_y)

derivative(np.negative,    x=lambda g: -g)
derivative(np.positive,    x=lambda g: g)
derivative(np.square,      x=lambda g, x: times(g, 2 * x))
derivative(np.reciprocal,  x=lambda g, x: -over(over(g, x), x))
derivative(np.sqrt,        x=lambda g, out: over(g, 2 * out))
derivative(np.cbrt,        x=lambda g, out: over(g, 3 * out * out))
derivative(np.absolute,    x=_absolute)
derivative(np.fabs,        x=lambda g, x: times(g, np.sign(x)))
derivative(np.hypot,       x=lambda g, x, out: times(g, over_length(x, out)),
                           y=lambda g, y, out: times(g, over_length(y, out)))

derivative(np.exp,         x=lambda g, out: times(g, out))
derivative(np.exp2,        x=lambda g, out: times(g, out * LOG_2))
derivative(np.expm1,       x=lambda g, out: times(g, out + 1))
derivative(np.log,         x=lambda g, x: over(g, x))
derivative(np.log2,        x=lambda g, x: over(g / LOG_2, x))
derivative(np.log10,       x=lambda g, x: over(g / LOG_10, x))
derivative(np.log1p,       x=lambda g, x: over(g, 1 + x))
derivative(np.logaddexp,   x=lambda g, x, y: times(g, np.exp(_share(np.logaddexp, x, y))),
                           y=lambda g, x, y: times(g, np.exp(_share(np.logaddexp, y, x))))
derivative(np.logaddexp2,  x=lambda g, x, y: times(g, np.exp2(_share(np.logaddexp2, x, y))),
                           y=lambda g, x, y: times(g, np.exp2(_share(np.logaddexp2, y, x))))

derivative(np.sin,         x=lambda g, x: times(g, np.cos(x)))
derivative(np.cos,         x=lambda g, x: -times(g, np.sin(x)))
derivative(np.tan,         x=lambda g, out: times(g, 1 + out * out))
derivative(np.arcsin,      x=lambda g, x: over(g, _sqrt(1 - x) * _sqrt(1 + x)))
derivative(np.arccos,      x=lambda g, x: -over(g, _sqrt(1 - x) * _sqrt(1 + x)))
derivative(np.arctan,      x=_arctan)
derivative(np.arctan2,     x=lambda g, x, y: _turn(g, y, x),          y=lambda g, x, y: -_turn(g, x, y))
derivative(np.sinh,        x=lambda g, x: times(g, _cosh(x)))
derivative(np.cosh,        x=lambda g, x: times(g, _sinh(x)))
derivative(np.tanh,        x=lambda g, out: times(g, 1 - out * out))
derivative(np.arcsinh,     x=lambda g, x: over(g, _length_with_one(x)))
derivative(np.arccosh,     x=lambda g, x: over(g, _sqrt(x - 1) * _sqrt(x + 1)))
derivative(np.arctanh,     x=lambda g, x: over(over(g, 1 - x), 1 + x))
for radians, degrees in ((np.deg2rad, np.rad2deg), (np.radians, np.degrees)):
    derivative(radians,    x=lambda g: g * DEGREE)
    derivative(degrees,    x=lambda g: g / DEGREE)
derivative(np.unwrap,      p=lambda g, discont, axis, period: g)  # whole periods are added: constants
derivative(np.sinc,        x=lambda g, x, out: times(g, _sinc_slope(x, out)))
derivative(np.i0,          x=lambda g, x: times(g, _i0_slope(x)))

# What is cut off, added or counted is a whole number: a constant. Only the part that remains moves with x.
derivative(np.remainder,   x=lambda g: g,     y=lambda g, x, y, out: -times(g, _wraps(x, y, out)))
derivative(np.fmod,        x=lambda g: g,     y=lambda g, x, y, out: -times(g, _wraps(x, y, out)))
derivative(np.divmod,      x=lambda g: g[1],  y=lambda g, x, y, out: -times(g[1], _wraps(x, y, out[1])))
derivative(np.modf,        x=lambda g: g[0])
derivative(np.frexp,       x=lambda g, out: np.ldexp(g[0], -out[1]))
derivative(np.ldexp,       x=lambda g, y: np.ldexp(g, y))
derivative(np.nextafter,   x=lambda g: g)  # x and a constant

# A tie is shared equally, so that the two shares add up to the whole.
derivative(np.maximum,     x=lambda g, x, y: np.where(x == y, g * 0.5, np.where(x > y, g, 0)),
                           y=lambda g, x, y: np.where(x == y, g * 0.5, np.where(x < y, g, 0)))
derivative(np.minimum,     x=lambda g, x, y: np.where(x == y, g * 0.5, np.where(x < y, g, 0)),
                           y=lambda g, x, y: np.where(x == y, g * 0.5, np.where(x > y, g, 0)))
# These two leave a NaN out, so `out` is equal to what it came from and to nothing that is NaN.
for extremum in (np.fmax, np.fmin):
    derivative(extremum,   x=lambda g, x, y, out: np.where(x == y, g * 0.5, np.where(x == out, g, 0)),
                           y=lambda g, x, y, out: np.where(x == y, g * 0.5, np.where(y == out, g, 0)))

derivative(np.where, lambda condition, x, y: None,
           x=lambda g, condition: np.where(condition, g, 0),
           y=lambda g, condition: np.where(condition, 0, g))
# What was not clipped passes, the bounds included; a bound gets the blame of what it replaced.
derivative(np.clip, lambda a, a_min=None, a_max=None, out=None, *, min=None, max=None: None,
           a=lambda g, a, out: np.where(out == a, g, 0),
           a_min=lambda g, a, a_min, a_max, out: np.where((out != a) & (out == a_min) & _below(a_min, a_max), g, 0),
           a_max=lambda g, a, a_max, out: np.where((out != a) & (out == a_max), g, 0),
           **CLIP_BY_OTHER_NAMES)

# The engine gives every gradient its input's dtype. A whole number does not move with what it was cut from.
derivative(cast, x=lambda g, dtype: g if np.dtype(dtype).kind in "fc" else g * 0)
# fmt: on


no_derivative(
    *(np.greater, np.greater_equal, np.less, np.less_equal, np.equal, np.not_equal),
    *(np.logical_and, np.logical_or, np.logical_not, np.logical_xor),
    *(np.bitwise_and, np.bitwise_or, np.bitwise_xor, np.bitwise_count, np.invert, np.left_shift, np.right_shift),
    *(np.isnan, np.isinf, np.isfinite, np.isneginf, np.isposinf, np.signbit),
    *(np.iscomplex, np.isreal, np.iscomplexobj, np.isrealobj),
    *(np.floor, np.ceil, np.trunc, np.fix, np.rint, np.round, np.around, np.floor_divide, np.spacing, np.gcd, np.lcm),
    *(np.isclose, np.allclose, np.array_equal, np.array_equiv),
    *(np.zeros_like, np.ones_like, np.empty_like, np.result_type),
)

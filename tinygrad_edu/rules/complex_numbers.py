"""Rows for functions that take complex numbers apart.

The gradient of a real loss L with respect to z = x + iy is ∂L/∂x - i ∂L/∂y. With that a holomorphic function's rule is
g * f'(z), as for real numbers, and only the functions in this file, which are not holomorphic, say anything special.
Where the input is real the engine keeps the real part of what a rule returns.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_edu.rules.elementwise import over_length
from tinygrad_edu.rules.table import composition, derivative, no_derivative, primitive

__all__ = ["direction", "step"]


@primitive
def step(x: Any) -> Any:
    """np.sign of real numbers: a constant."""
    return np.sign(x)


@primitive
def direction(x: Any) -> Any:
    """np.sign of complex numbers, x / |x|: it turns as x does."""
    return np.sign(x)


def _direction(g: Any, x: Any, out: Any) -> Any:
    """A step along x leaves x / |x| as it is; a step across turns it: only g * out's imaginary part counts."""
    return over_length(np.conjugate(out) * (np.imag(g * out) * 1j), np.absolute(x))


def _nan_to_num(g: Any, x: Any, nan: Any, posinf: Any, neginf: Any) -> Any:
    """What was replaced is a constant; of a complex number each part is replaced on its own."""
    if x.dtype.kind == "c":
        kept = np.where(np.isfinite(np.imag(x)), np.imag(g), 0)
        return np.where(np.isfinite(np.real(x)), np.real(g), 0) + kept * 1j
    return np.where(np.isfinite(x), g, 0)


# fmt: off
derivative(np.conjugate,  x=lambda g: np.conjugate(g))
derivative(np.real,       val=lambda g: g)
derivative(np.imag,       val=lambda g: g * -1j)
derivative(direction,     x=_direction)
derivative(np.nan_to_num, x=_nan_to_num)  # copy=False writes into its argument; no rule names it, so it is refused
no_derivative(step)
# fmt: on


@composition(np.sign)
def _sign(x: Any) -> Any:
    return direction(x) if x.dtype.kind == "c" else step(x)


@composition(np.angle)
def _angle(z: Any, deg: bool = False) -> Any:
    radians = np.arctan2(np.imag(z), np.real(z))
    return radians * (180 / np.pi) if deg else radians


@composition(np.real_if_close)
def _real_if_close(a: Any, tol: float = 100) -> Any:
    if a.dtype.kind != "c":
        return a
    if tol > 1:
        tol = float(np.finfo(a.dtype).eps) * tol
    return np.real(a) if np.all(np.absolute(np.imag(a)) < tol) else a

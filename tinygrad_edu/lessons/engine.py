"""How the engine works: an autodiff in sixty lines, and how to see that it agrees with the library.

The notebook builds `Value` step by step; here it is whole. `compare` holds any class that behaves like it against
`tinygrad_edu`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygrad_edu.functions import relu
from tinygrad_edu.tensor import Tensor

__all__ = ["EXPRESSIONS", "Comparison", "Value", "compare"]


class Value:
    """A number that remembers how it was made.

    Args:
        data: the number.
        made_from: the values it was made from, each with the slope of this one with respect to it.

    Example:
        >>> w = Value(1.0)
        >>> loss = (10 - w * 2) ** 2 * 0.5
        >>> loss.backward()
        >>> loss.data, w.grad
        (32.0, -16.0)
    """

    def __init__(self, data: float, made_from: tuple[tuple[Value, float], ...] = ()) -> None:
        self.data, self.made_from, self.grad = data, made_from, 0.0

    def __add__(self, other: Value | float) -> Value:
        y = as_value(other)
        return Value(self.data + y.data, ((self, 1.0), (y, 1.0)))

    def __mul__(self, other: Value | float) -> Value:
        y = as_value(other)
        return Value(self.data * y.data, ((self, y.data), (y, self.data)))

    def __pow__(self, n: float) -> Value:
        return Value(self.data**n, ((self, n * self.data ** (n - 1)),))

    def relu(self) -> Value:
        """max(x, 0)."""
        return Value(max(self.data, 0.0), ((self, 1.0 if self.data > 0 else 0.0),))

    def tanh(self) -> Value:
        """The hyperbolic tangent."""
        t = math.tanh(self.data)
        return Value(t, ((self, 1 - t * t),))

    def __neg__(self) -> Value:
        return self * -1.0

    def __sub__(self, other: Value | float) -> Value:
        return self + -as_value(other)

    def __rsub__(self, other: float) -> Value:
        return as_value(other) - self

    def __truediv__(self, other: Value | float) -> Value:
        return self * as_value(other) ** -1

    __radd__, __rmul__ = __add__, __mul__

    def backward(self) -> None:
        """The chain rule: newest first, each value hands its gradient × slope to what it was made from."""
        self.grad = 1.0
        for value in reversed(in_order(self)):
            for source, slope in value.made_from:
                source.grad += value.grad * slope


def as_value(x: Value | float) -> Value:
    """A plain number as a value that was made from nothing."""
    return x if isinstance(x, Value) else Value(x)


def in_order(end: Value) -> list[Value]:
    """All that a value was made from, each after its own sources; without recursion, so that depth does not matter."""
    order: list[Value] = []
    seen: set[int] = set()
    waiting = [(end, False)]
    while waiting:
        value, sources_done = waiting.pop()
        if sources_done:
            order.append(value)
        elif id(value) not in seen:
            seen.add(id(value))
            waiting += [(value, True), *((source, False) for source, _ in value.made_from)]
    return order


# ---- against the library -----------------------------------------------------------------------------------------
# Each takes the inputs and the two activations, as the class in question and the library write them differently.
Expression = Callable[[Any, Any, Callable[[Any], Any], Callable[[Any], Any]], Any]
EXPRESSIONS: dict[str, Expression] = {
    "a + b": lambda a, b, relu, tanh: a + b,
    "a · b": lambda a, b, relu, tanh: a * b,
    "a · a": lambda a, b, relu, tanh: a * a,
    "½(10 − 2a)²": lambda a, b, relu, tanh: 0.5 * (10 - a * 2) ** 2,
    "a / b − b": lambda a, b, relu, tanh: a / b - b,
    "relu(a·b + 1)": lambda a, b, relu, tanh: relu(a * b + 1),
    "tanh(a)·relu(−b)": lambda a, b, relu, tanh: tanh(a) * relu(-b),
    "c = a·b; c·c + c": lambda a, b, relu, tanh: (lambda c: c * c + c)(a * b),
}
A, B = 1.5, -0.5


@dataclass(frozen=True)
class Comparison:
    """One expression: its value and its two slopes, by a class of your own and by the library."""

    expression: str
    own: tuple[float, float, float]
    library: tuple[float, float, float]

    @property
    def agree(self) -> bool:
        """Whether all three are equal but for rounding."""
        return bool(np.allclose(self.own, self.library, rtol=1e-12, atol=1e-12))


def compare(value: Any = Value, a: float = A, b: float = B) -> list[Comparison]:
    """Let a class and the library go forward and backward through the same expressions.

    Args:
        value: a class like `Value`: made from a number; `data`, `grad`, `backward()`, + − * / **, `relu()`, `tanh()`.
        a: the first input.
        b: the second input, not 0.

    Example:
        >>> all(comparison.agree for comparison in compare())
        True
    """
    found = []
    for name, expression in EXPRESSIONS.items():
        x, y = value(a), value(b)
        own = expression(x, y, lambda v: v.relu(), lambda v: v.tanh())
        own.backward()
        s, t = Tensor(a, requires_grad=True), Tensor(b, requires_grad=True)
        out = expression(s, t, relu, np.tanh)
        out.backward()
        slopes = (0.0 if leaf.grad is None else leaf.grad.item() for leaf in (s, t))  # a · a does not use b
        found.append(Comparison(name, (own.data, x.grad, y.grad), (out.item(), *slopes)))
    return found

"""Verify your own backprop: four ways to measure a slope, their limits, and a lab of rules, some of them wrong.

The learner's own rule is judged by `check_rule`: the engine uses it, and gradcheck says whether it is the derivative.
"""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_edu.gradcheck import gradcheck
from tinygrad_edu.gradcheck.report import Report
from tinygrad_edu.rules.table import derivative, primitive

__all__ = [
    "METHODS",
    "STEPS",
    "Suspect",
    "V",
    "central",
    "check_rule",
    "complex_step",
    "errors",
    "example",
    "forward",
    "richardson",
    "suspects",
    "true_slope",
]

Array = NDArray[np.float64]
Function = Callable[..., Any]
STEPS = 10.0 ** np.arange(0, -17, -0.5)  # from 1 to 3e-17
X = 1.0


# ---- error against step size -------------------------------------------------------------------------------------
def example(x: Any) -> Any:
    """eˣ·sin x: smooth, and its slope eˣ·(sin x + cos x) is known."""
    return np.exp(x) * np.sin(x)


def true_slope(x: float = X) -> float:
    """The slope of `example`, by the product rule.

    Example:
        >>> round(true_slope(1.0), 6)
        3.756049
    """
    return math.exp(x) * (math.sin(x) + math.cos(x))


def forward(f: Function, x: float, h: float) -> float:
    """(f(x + h) − f(x)) / h: wrong by about h·f″/2, and by rounding ε·|f|/h."""
    return float((f(x + h) - f(x)) / h)


def central(f: Function, x: float, h: float) -> float:
    """(f(x + h) − f(x − h)) / 2h: wrong by about h²·f‴/6, and by rounding."""
    return float((f(x + h) - f(x - h)) / (2 * h))


def richardson(f: Function, x: float, h: float) -> float:
    """Two central differences mixed so that their h² parts cancel: (4·central(h/2) − central(h)) / 3."""
    return (4 * central(f, x, h / 2) - central(f, x, h)) / 3


def complex_step(f: Function, x: float, h: float) -> float:
    """Im f(x + ih) / h: nothing is subtracted, so rounding does not grow, and h can be as small as one likes.

    Source: W. Squire and G. Trapp, "Using complex variables to estimate derivatives of real functions", SIAM Review
    40 (1998).
    """
    return float(np.imag(f(x + 1j * h)) / h)


METHODS: dict[str, Callable[[Function, float, float], float]] = {
    "forward": forward,
    "central": central,
    "Richardson": richardson,
    "complex step": complex_step,
}


@dataclass(frozen=True)
class V:
    """A method's errors: down as the step shrinks, and up again where rounding takes over."""

    method: str
    steps: Array
    errors: Array  # |measured − true| / |true|

    @property
    def best_error(self) -> float:
        """The least of them, at the bottom of the V."""
        return float(np.min(self.errors))

    @property
    def best_step(self) -> float:
        """The largest step that comes within twice the least error (or within rounding, if that is 0)."""
        return float(np.max(self.steps[self.errors <= max(2 * self.best_error, np.finfo(float).eps)]))


def errors(
    f: Function = example, x: float = X, true: float | None = None, steps: Sequence[float] | Array = STEPS
) -> list[V]:
    """The relative error of every method at every step size.

    Args:
        f: takes a number, real or complex.
        x: where the slope is measured.
        true: the slope there; it can be left out for `example`.
        steps: step sizes.

    Raises:
        ValueError: the true slope of a function of your own is missing, or is 0, so that there is no relative error.

    Example:
        >>> [f"{v.method}: {v.best_error < 1e-7}, {v.best_error < 1e-10}" for v in errors()[:2]]
        ['forward: True, False', 'central: True, True']
    """
    if true is None and f is not example:
        raise ValueError("errors: what is the true slope? Give it, for instance errors(np.sin, 0.0, true=1.0)")
    known = true_slope(x) if true is None else true
    if known == 0:
        raise ValueError(
            f"errors: the true slope at {x} is 0, and an error relative to 0 says nothing; choose another x"
        )
    sizes = np.array(steps, dtype=float)
    return [
        V(name, sizes, np.array([abs(method(f, x, float(h)) - known) / abs(known) for h in sizes]))
        for name, method in METHODS.items()
    ]


# ---- judging a rule ----------------------------------------------------------------------------------------------
@functools.cache
def _planted(function: Function) -> Function:
    """A twin of the function, with a row of its own whose rules can be changed; a ufunc's inputs are x and y."""
    if not isinstance(function, np.ufunc):
        return primitive(function)
    twins: tuple[Function, ...] = (lambda x: function(x), lambda x, y: function(x, y))
    return primitive(twins[function.nin - 1])


def check_rule(function: Function, rule: Function | dict[str, Function], *inputs: Any) -> Report:
    """Let the engine use a rule for a function, and let gradcheck judge it.

    Args:
        function: ordinary NumPy, of one or several arrays.
        rule: the vector-Jacobian product for its first parameter, `lambda g, ...: ...`; or a dict of rules by
            parameter. After g a rule names what it needs: parameters of the function, or `out`.
        *inputs: where to check; one for every parameter.

    Returns:
        gradcheck's report.

    Raises:
        TypeError: a rule names something that the function does not have.

    Example:
        >>> import numpy as np
        >>> bool(check_rule(np.tanh, lambda g, out: g * (1 - out**2), np.array([0.5, -1.0])))
        True
        >>> check_rule(np.tanh, lambda g, x: g * (1 - x**2), np.array([0.5, -1.0])).worst.verdict
        'mismatch'
    """
    planted = _planted(function)
    first = next(iter(inspect.signature(planted).parameters))
    derivative(planted, **(rule if isinstance(rule, dict) else {first: rule}))
    return gradcheck(planted, *inputs)


# ---- the lab -----------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Suspect:
    """A function and a rule that claims to be its derivative.

    Attributes:
        name: to speak of it.
        function: ordinary NumPy.
        rule: the claim, for all parameters.
        source: the rule as it is written.
        where: inputs to check at.
        defect: what is wrong with the rule, empty if nothing is; do not look before you have judged it.
    """

    name: str
    function: Function
    rule: dict[str, Function]
    source: str
    where: tuple[Any, ...]
    defect: str

    def check(self, *inputs: Any) -> Report:
        """What gradcheck says of the rule, at inputs of your own or at `where`."""
        return check_rule(self.function, self.rule, *(inputs or self.where))


def _abs(x: Any) -> Any:
    return np.abs(x)


def _relu(x: Any) -> Any:
    return np.maximum(x, 0)


def _sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


def _mean(x: Any) -> Any:
    return np.mean(x)


def _product(a: Any, b: Any) -> Any:
    return a @ b


def _softmax(x: Any) -> Any:
    e = np.exp(x - np.max(x))
    return e / np.sum(e)


@functools.cache
def suspects() -> tuple[Suspect, ...]:
    """The lab: ten rules, seven of them wrong, one of these only where the check does not look at first.

    Example:
        >>> [suspect.name for suspect in suspects() if not suspect.check()]
        ['square', 'tanh', 'divide', 'mean', 'matmul', 'softmax']
    """
    x = np.array([0.5, 1.5, -0.7])
    above, a, b = np.abs(x), np.array([[1.0, 2.0], [0.5, -1.0]]), np.array([[0.3, -0.2], [1.1, 0.7]])
    return (
        _suspect("square", np.square, x, "the factor 2 is missing", x="lambda g, x: g * x"),
        _suspect("sigmoid", _sigmoid, x, "", x="lambda g, out: g * out * (1 - out)"),
        _suspect("tanh", np.tanh, x, "1 − x² instead of 1 − out²", x="lambda g, x: g * (1 - x**2)"),
        _suspect("exp", np.exp, x, "", x="lambda g, out: g * out"),
        _suspect(
            "divide",
            np.divide,
            (x, above),
            "the sign for y",
            x="lambda g, y: g / y",
            y="lambda g, x, y: g * x / y**2",
        ),
        _suspect("mean", _mean, x, "each entry has a share of 1/n only", x="lambda g, x: g * np.ones_like(x)"),
        _suspect(
            "matmul",
            _product,
            (a, b),
            "b is not transposed",
            a="lambda g, b: g @ b",
            b="lambda g, a: a.T @ g",
        ),
        _suspect("relu", _relu, x, "", x="lambda g, x: g * (x > 0)"),
        _suspect(
            "softmax",
            _softmax,
            x,
            "each output depends on every input, through the sum",
            x="lambda g, out: g * out * (1 - out)",
        ),
        _suspect("abs", _abs, above, "right where x > 0, where it was checked; wrong where x < 0", x="lambda g, x: g"),
    )


def _suspect(name: str, function: Function, where: Any, defect: str, **rules: str) -> Suspect:
    source = "\n".join(f"{parameter}={rule}" for parameter, rule in rules.items())
    compiled = {parameter: eval(rule, {"np": np}) for parameter, rule in rules.items()}
    return Suspect(name, function, compiled, source, where if isinstance(where, tuple) else (where,), defect)

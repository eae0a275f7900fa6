"""A branch that np.where did not select gets exactly 0, even where its own slope is infinite."""

import numpy as np
import pytest

import tinygrad_edu as tg

X = np.array([0.0, 4.0])

POLES = {
    "log": (np.log, lambda x: 1 / x, lambda x: -1 / x**2),
    "sqrt": (np.sqrt, lambda x: 0.5 / np.sqrt(x), lambda x: -0.25 * x**-1.5),
    "divide": (lambda x: 1 / x, lambda x: -1 / x**2, lambda x: 2 / x**3),
    "power -1.5": (lambda x: x**-1.5, lambda x: -1.5 * x**-2.5, lambda x: 3.75 * x**-3.5),
    "power 0.5": (lambda x: x**0.5, lambda x: 0.5 * x**-0.5, lambda x: -0.25 * x**-1.5),
    "log1p": (lambda x: np.log1p(x - 1), lambda x: 1 / x, lambda x: -1 / x**2),
    "exp": (lambda x: np.exp(1 / x), lambda x: -np.exp(1 / x) / x**2, lambda x: np.exp(1 / x) * (1 + 2 * x) / x**4),
}


@pytest.mark.parametrize("name", POLES)
def test_an_unselected_pole_gets_nothing_back(name):
    function, slope, curvature = POLES[name]
    x = tg.Tensor(X, requires_grad=True)
    with np.errstate(divide="ignore", over="ignore"):  # the forward pass does compute what is not selected
        y = np.where(x > 0, function(x), 0)
    y.backward(np.ones(2), create_graph=True)
    first, x.grad = x.grad, None
    assert first.data[0] == 0
    assert first.data[1] == pytest.approx(slope(4.0), rel=1e-14)
    with np.errstate(divide="ignore"):  # how the first gradient would move with what arrives is infinite
        first.backward(np.ones(2))
    assert x.grad[0] == 0
    assert x.grad[1] == pytest.approx(curvature(4.0), rel=1e-14)


def test_an_unselected_power_gives_its_exponent_nothing():
    x, p = tg.Tensor(X, requires_grad=True), tg.Tensor([-1.0, 2.0], requires_grad=True)
    with np.errstate(divide="ignore"):
        y = np.where(x > 0, x**p, 0)
    y.backward(np.ones(2))
    assert x.grad.tolist() == [0, 8]
    assert p.grad.tolist() == [0, pytest.approx(16 * np.log(4), rel=1e-14)]


def test_an_unselected_quotient_gives_both_parts_nothing():
    a, b = tg.Tensor([0.0, 3.0], requires_grad=True), tg.Tensor([0.0, 2.0], requires_grad=True)
    with np.errstate(invalid="ignore"):  # 0 / 0
        y = np.where(b != 0, a / b, 0)
    y.backward(np.ones(2))
    assert a.grad.tolist() == [0, 0.5]
    assert b.grad.tolist() == [0, -0.75]


def mixed(function, a, x):
    """∂²/∂a∂x of a * function(x)."""
    a, x = tg.Tensor(a, requires_grad=True), tg.Tensor(x, requires_grad=True)
    (a * function(x)).backward(create_graph=True)
    slope, a.grad = x.grad, None
    slope.backward()
    return a.grad


@pytest.mark.parametrize("a", [0.0, 1.0])
@pytest.mark.parametrize("name", POLES)
def test_a_gradient_of_zero_still_has_a_slope(name, a):
    """At a = 0 the gradient that reaches x is 0, but it moves with a: its slope is function'(x) whatever a is."""
    function, slope, _ = POLES[name]
    assert mixed(function, a, 4.0) == pytest.approx(slope(4.0), rel=1e-14)


def test_a_zero_exponent_still_has_a_slope():
    """∂/∂x x**y = y * x**(y - 1) is 0 at y = 0, and its slope in y is x**-1 there."""
    x, y = tg.Tensor(2.0, requires_grad=True), tg.Tensor(0.0, requires_grad=True)
    (x**y).backward(create_graph=True)
    slope, x.grad, y.grad = x.grad, None, None
    slope.backward()
    assert y.grad == 0.5


@pytest.mark.parametrize("exponent", [0, 0.0, np.zeros(1)])
def test_zero_to_the_zero_is_flat(exponent):
    x = tg.Tensor([0.0], requires_grad=True)
    (x**exponent).backward()
    assert x.grad.tolist() == [0]

"""A branch that np.where did not select gets exactly 0, even where its own slope is infinite."""

import itertools

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu.rules.strong_zero import over, times, times_both
from tinygrad_edu.rules.table import name_of, rows

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


@pytest.mark.parametrize("name", POLES)
def test_an_unselected_slope_gets_nothing_back(name):
    """Here the gradient is what is selected from, and at the pole it is infinite."""
    function, _, curvature = POLES[name]
    x = tg.Tensor(X, requires_grad=True)
    with np.errstate(all="ignore"):
        function(x).backward(np.ones(2), create_graph=True)
        slope, x.grad = x.grad, None
        np.where(x > 0, slope, 0).backward(np.ones(2))
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


STRONG = [times, over, times_both]
POINTS = [0.0, -0.0, 1.0, -1.0, 0.5, -2.0, 1e308, 1e-310, np.inf, -np.inf, np.nan]
UFUNCS = [f for f in rows() if isinstance(f, np.ufunc) and f.signature is None and f.nout == 1]
ENTRYWISE = [*UFUNCS, np.sinc, np.i0, tg.relu, tg.sigmoid, tg.softplus, *STRONG]


@pytest.mark.parametrize("function", [f for f in ENTRYWISE if any(rows()[f].rules)], ids=name_of)
def test_where_nothing_arrives_nothing_flows_on(function):
    """For every row that works entry by entry, at its poles, at infinity and beside NaN."""
    wanted = [rule is not None for rule in rows()[function].rules]
    points = np.array(list(itertools.product(POINTS, repeat=len(wanted)))).T
    if function is np.ldexp:
        points = [points[0], np.zeros(len(points[0]), int)]
    inputs = [tg.Tensor(p, requires_grad=True) if w else p for p, w in zip(points, wanted)]
    with np.errstate(all="ignore"):
        out = function(*inputs)
        out.backward(np.zeros(out.shape))
    for t, w in zip(inputs, wanted):
        if w:
            np.testing.assert_array_equal(t.grad, np.zeros(out.shape))


def test_the_entropy_of_a_sure_thing():
    p = tg.Tensor([0.0, 0.25, 0.75], requires_grad=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        entropy = -np.sum(np.where(p > 0, p * np.log(p), 0))
    entropy.backward()
    np.testing.assert_allclose(p.grad, [0, -np.log(0.25) - 1, -np.log(0.75) - 1], rtol=1e-14)


@pytest.mark.parametrize("function", [tg.softmax, tg.log_softmax, lambda x: tg.logsumexp(x, axis=-1, keepdims=True)])
def test_a_row_without_any_probability_that_is_left_out(function):
    x = tg.Tensor([[-np.inf, -np.inf], [0.0, 1.0]], requires_grad=True)
    twin = tg.Tensor([[0.0, 1.0]], requires_grad=True)
    weights = np.array([1.0, 2.0])
    with np.errstate(invalid="ignore"):
        np.sum(np.where([[False], [True]], function(x) * weights, 0)).backward()
    np.sum(function(twin) * weights).backward()
    np.testing.assert_array_equal(x.grad, [[0, 0], twin.grad[0]])


def test_a_product_that_overflows_later_on():
    x = tg.Tensor([1e200, 1e200, 3.0], requires_grad=True)
    with np.errstate(over="ignore"):
        np.cumprod(x)[0].backward()
    assert x.grad.tolist() == [1, 0, 0]


@pytest.mark.parametrize("size", [10, 100_000])
def test_zeros_are_strong_in_large_arrays_too(size):
    """Where nothing infinite meets a zero, large arrays take a shorter way; here something does."""
    g = np.ones(size)
    g[::2] = 0
    bad = np.where(g == 0, np.inf, 2.0)
    np.testing.assert_array_equal(times(g, bad), np.where(g == 0, 0, 2.0))
    np.testing.assert_array_equal(times(g, 2 * g), 2 * g)
    np.testing.assert_array_equal(over(g, 1 / bad), np.where(g == 0, 0, 2.0))
    np.testing.assert_array_equal(over(g, g + 1), g / 2)
    np.testing.assert_array_equal(over(g + 2, g + 1), np.where(g == 0, 2, 1.5))

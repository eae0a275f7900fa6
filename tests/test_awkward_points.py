"""docs/awkward_points.md, line by line."""

import numpy as np
import pytest

import tinygrad_edu as tg


def gradient(f, *values):
    return tg.grad(f, tuple(range(len(values))))(*values)


def test_ties_are_shared_equally():
    assert np.array_equal(tg.grad(np.max)(np.array([2.0, 1.0, 2.0])), [0.5, 0, 0.5])
    assert np.array_equal(tg.grad(np.min)(np.ones(4)), np.full(4, 0.25))
    for f in (np.maximum, np.minimum):
        assert gradient(f, 1.0, 1.0) == (0.5, 0.5)


@pytest.mark.parametrize("f", [tg.relu, np.abs, np.linalg.norm, np.std, lambda x: np.hypot(x, 0 * x)])
def test_slope_zero_at_the_kink(f):
    assert np.array_equal(tg.grad(lambda x: np.sum(f(x)))(np.zeros(3)), np.zeros(3))


@pytest.mark.parametrize("scale", [1e-200, 1e-100, 1.0, 1e100, 1e150])
def test_norm_at_any_scale(scale):
    x = np.array([3.0, 4.0])
    with np.errstate(all="ignore"):
        assert tg.grad(np.linalg.norm)(x * scale) == pytest.approx([0.6, 0.8], rel=1e-12)
        assert gradient(np.hypot, *(x * scale)) == pytest.approx((0.6, 0.8), rel=1e-12)


def test_variance_of_a_hundred_million_plus_or_minus_one():
    x = 1e8 + np.array([1.0, -1.0])
    assert np.array_equal(tg.grad(np.var)(x), [1, -1])


def test_squared_error_that_overflows_is_infinite():
    with np.errstate(over="ignore"):
        assert tg.nn.mse_loss(tg.Tensor([1e300]), [0.0]).item() == np.inf


UNSELECTED = {
    "log": lambda x: np.log(x),
    "log1p": lambda x: np.log1p(x - 1),
    "sqrt": lambda x: np.sqrt(x),
    "1 / x": lambda x: 1 / x,
    "x / x": lambda x: x / x,
    "x**0.5": lambda x: x**0.5,
    "x**-1": lambda x: x**-1.0,
    "0.5 power of arrays": lambda x: np.power(x, np.full(2, 0.5)),
    "arcsin": lambda x: np.arcsin(1 - x),
    "arccosh": lambda x: np.arccosh(1 + x),
    "norm": lambda x: np.linalg.norm(np.stack([x, x]), axis=0),
    "exp of 1 / x": lambda x: np.exp(1 / x),
}


@pytest.mark.parametrize("name", UNSELECTED)
def test_branch_that_was_not_selected_contributes_exactly_nothing(name):
    def f(x):
        return np.sum(np.where(x > 0, UNSELECTED[name](x), 0))

    with np.errstate(all="ignore"):
        found = tg.grad(f)(np.array([0.0, 0.25]))
        alone = tg.grad(f)(np.array([0.25, 0.25]))
    assert found[0] == 0
    assert found[1] == pytest.approx(alone[1])
    assert alone[1] != 0 or name == "x / x"


def test_powers_of_zero():
    assert gradient(lambda x, p: x**p, 0.0, 2.0) == (0, 0)
    assert tg.grad(lambda x: x**0)(0.0) == 0
    assert tg.grad(lambda x: x**1)(0.0) == 1
    assert tg.grad(lambda p: 0.0**p)(2.0) == 0


def test_products_with_zeros():
    assert np.array_equal(tg.grad(np.prod)(np.array([2.0, 0.0, 3.0])), [0, 6, 0])
    assert np.array_equal(tg.grad(np.prod)(np.array([2.0, 0.0, 0.0])), [0, 0, 0])
    J = tg.jacobian(np.cumprod)(np.array([2.0, 0.0, 3.0]))
    assert np.array_equal(J, [[1, 0, 0], [0, 2, 0], [0, 6, 0]])


def test_determinant_of_a_singular_matrix():
    a = np.array([[1.0, 2.0], [2.0, 4.0]])
    assert tg.grad(np.linalg.det)(a) == pytest.approx(np.array([[4.0, -2.0], [-2.0, 1.0]]), abs=1e-12)
    b = np.diag([3.0, 5.0, 0.0])
    assert tg.grad(np.linalg.det)(b) == pytest.approx(np.diag([0.0, 0.0, 15.0]), abs=1e-12)


def test_large_logits():
    x = np.array([1000.0, 0.0, -1000.0])
    assert np.array_equal(tg.grad(tg.logsumexp)(x), [1, 0, 0])
    assert np.array_equal(tg.grad(lambda x: tg.log_softmax(x)[2])(x), [-1, 0, 1])
    assert np.array_equal(tg.elementwise_grad(tg.softplus)(x), [1, 0.5, 0])
    assert np.array_equal(tg.elementwise_grad(lambda x: np.logaddexp(0, x))(x), [1, 0.5, 0])
    assert np.array_equal(tg.elementwise_grad(tg.sigmoid)(x), [0, 0.25, 0])


def test_float32_stays_beside_python_numbers():
    x = np.array([0.5, 2.0], dtype=np.float32)
    for f in (
        lambda x: x * 2.5 + 1,
        lambda x: 2**x,
        lambda x: x**3,
        lambda x: np.where(x > 1, x, 0.0),
        lambda x: 1 / x,
    ):
        t = tg.Tensor(x, requires_grad=True)
        y = f(t)
        assert y.dtype == np.float32
        np.sum(y).backward()
        assert t.grad.dtype == np.float32


def test_complex_convention():
    """L = |z|² has ∂L/∂x − i ∂L/∂y = 2x − 2iy; L = Re(c·z) has c."""
    z, c = 3.0 + 4.0j, 2.0 - 1.0j
    assert tg.grad(lambda z: np.abs(z) ** 2)(z) == pytest.approx(2 * np.conj(z))
    assert tg.grad(lambda z: np.real(c * z))(z) == pytest.approx(c)
    assert tg.grad(lambda x: np.real(c * x))(2.0) == 2.0  # a real input gets a real gradient


def test_relu_minus_relu():
    assert tg.grad(lambda x: tg.relu(x) - tg.relu(-x))(0.0) == 0

"""Functions of functions, against closed forms, complex steps and each other."""

import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_edu as tg
from tinygrad_edu.lessons import flip

x = np.array([0.3, -1.2, 2.0])
A = np.array([[2.0, 0.5, 0.0], [0.5, 1.0, -0.3], [0.0, -0.3, 3.0]])
numbers = st.floats(-3, 3)


@given(numbers)
def test_derivatives_of_tanh_to_the_fourth_order(a):
    t, derivative = np.tanh(a), np.tanh
    s = 1 - t * t
    for closed in (s, -2 * t * s, s * (6 * t * t - 2), 8 * t * s * (2 - 3 * t * t)):
        derivative = tg.grad(derivative)
        assert derivative(a) == pytest.approx(closed, rel=1e-10, abs=1e-12)


def test_results_are_plain_arrays_and_numbers():
    assert isinstance(tg.grad(np.sin)(0.5), float)
    assert type(tg.grad(lambda x: np.sum(x**2))(x)) is np.ndarray
    assert tg.grad(lambda x: np.sum(x**2))(x.astype(np.float32)).dtype == np.float32
    value, gradient = tg.value_and_grad(lambda x: np.sum(x**2))(x)
    assert value == np.sum(x**2)
    gradient[0] = 7  # memory of its own
    assert x[0] == 0.3


def test_argnums_choose_arguments():
    f = lambda a, b: np.sum(a * b**2)
    assert tg.grad(f, 1)(2.0, 3.0) == 12
    assert tg.grad(f, (1, 0))(2.0, 3.0) == (12, 9)
    assert tg.grad(f)(2.0, b=3.0) == 9


def test_arguments_and_results_are_trees():
    parameters = {"layers": [(x, 2.0), (np.ones(3), 3.0)], "name": "net"}
    loss = lambda p, k: sum(np.sum(w**2) * b for w, b in p["layers"]) * k
    found = tg.grad(loss)(parameters, 2.0)
    assert found["name"] is None
    assert found["layers"][0][0] == pytest.approx(2 * 2 * 2 * x)
    assert found["layers"][1][1] == pytest.approx(2 * 3)
    value, pullback = tg.vjp(lambda a: {"twice": 2 * a, "square": (a**2,)}, x)
    assert value["square"][0] == pytest.approx(x**2)
    assert pullback({"twice": np.ones(3), "square": (np.ones(3),)})[0] == pytest.approx(2 + 2 * x)
    assert pullback({"twice": np.zeros(3), "square": (x,)})[0] == pytest.approx(2 * x * x)


@given(st.integers(0, 2**32 - 1))
def test_jvp_and_vjp_are_transposes(seed):
    rng = np.random.default_rng(seed)
    W, a, v, g = rng.normal(size=(4, 3)), rng.normal(size=3), rng.normal(size=3), rng.normal(size=4)
    f = lambda a: np.tanh(W @ a) * np.exp(-np.sum(a**2))
    value, change = tg.jvp(f, (a,), (v,))
    _, pullback = tg.vjp(f, a)
    assert value == pytest.approx(f(a), rel=1e-15)
    assert g @ change == pytest.approx(pullback(g)[0] @ v, rel=1e-10, abs=1e-12)
    assert change == pytest.approx(tg.jacobian(f)(a) @ v, rel=1e-10, abs=1e-12)


def test_hessian_of_a_quadratic_is_its_matrix():
    f = lambda x: 0.5 * x @ A @ x
    assert tg.hessian(f)(x) == pytest.approx(A, abs=1e-14)
    assert tg.hvp(f, x, np.array([1.0, 2.0, 3.0])) == pytest.approx(A @ [1, 2, 3], abs=1e-14)


def test_jacobian_of_a_tree():
    J = tg.jacobian(lambda p: p["w"] * p["b"])({"w": x, "b": 2.0})
    assert J["w"] == pytest.approx(np.diag([2.0, 2, 2]))
    assert J["b"] == pytest.approx(x)
    assert tg.jacobian(lambda a: a[:, None] * a)(x).shape == (3, 3, 3)


def test_hessian_of_the_flip_loss_is_right_to_ten_digits():
    """All 31 × 31 second derivatives against complex steps of the gradient, written out by hand in NumPy."""
    model = flip.network(3, rng=0)
    images, targets = flip.images(), flip.flipped(flip.images())
    start = np.concatenate([p.data.ravel() for p in model.parameters()])

    def loss(v):
        W1, b1, W2, b2 = v[:12].reshape(4, 3), v[12:15], v[15:27].reshape(3, 4), v[27:]
        return np.mean((tg.relu(images @ W1 + b1) @ W2 + b2 - targets) ** 2)

    def gradient(v):
        W1, b1, W2, b2 = v[:12].reshape(4, 3), v[12:15], v[15:27].reshape(3, 4), v[27:]
        z = images @ W1 + b1
        on = z.real > 0
        h = z * on
        g = 2 * (h @ W2 + b2 - targets) / targets.size
        gz = (g @ W2.T) * on
        return np.concatenate([(images.T @ gz).ravel(), gz.sum(0), (h.T @ g).ravel(), g.sum(0)])

    steps = 1e-30j * np.eye(31)
    expected = np.array([gradient(start + step).imag / 1e-30 for step in steps])
    found = tg.hessian(loss)(start)
    assert np.abs(found - expected).max() < 1e-10
    assert np.abs(found - found.T).max() < 1e-12
    assert np.abs(expected).max() > 0.1


def test_gradient_penalty_trains_by_backward():
    """A loss that contains a gradient: d/dw of (∂/∂x of w·x² at x = 3)² is d/dw (6 w)² = 72 w."""
    w = tg.Tensor(2.0, requires_grad=True)
    slope = tg.grad(lambda x: w * x**2)(3.0)
    assert isinstance(slope, tg.Tensor)
    (slope**2).backward()
    assert w.grad == pytest.approx(144)


def test_gradient_penalty_of_a_network_against_differences():
    model = tg.nn.Sequential(tg.nn.Linear(3, 4, rng=0), tg.nn.Tanh(), tg.nn.Linear(4, 1, rng=1))

    def penalty():
        slopes = tg.grad(lambda x: np.sum(model(x)))(np.stack([x, -x]))
        return np.mean((np.sqrt(np.sum(slopes**2, axis=1)) - 1) ** 2)

    assert tg.gradcheck(lambda: penalty(), wrt=model)


def test_function_that_uses_an_outer_graph_leaves_it_alone():
    w = tg.Tensor(2.0, requires_grad=True)
    h = w * 3
    assert tg.grad(lambda x: (x * h) ** 2)(1.0).item() == pytest.approx(72)
    h.backward()  # nothing was freed, nothing was added
    assert w.grad == 3


def test_perturbations_are_not_confused():
    """d/dx [x · d/dy (x + y)] = 1: the inner derivative must not see the outer x."""
    f = lambda x: x * tg.grad(lambda y: x + y)(1.0)
    assert tg.grad(f)(5.0) == 1


def test_inside_no_grad_and_in_other_threads():
    with tg.no_grad():
        assert tg.grad(np.square)(3.0) == 6
        assert not (tg.Tensor(1.0, requires_grad=True) * 2).requires_grad
    found = []
    threads = [threading.Thread(target=lambda n=n: found.append(tg.grad(lambda a: a**n)(2.0))) for n in range(1, 6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == [n * 2.0 ** (n - 1) for n in range(1, 6)]


def test_what_does_not_depend_has_slope_zero():
    assert np.array_equal(tg.grad(lambda x: np.sum(np.floor(x)))(x), np.zeros(3))
    assert np.array_equal(tg.elementwise_grad(np.floor)(x), np.zeros(3))
    assert tg.grad(lambda a, b: b * 2, 0)(1.0, 2.0) == 0
    _, change = tg.jvp(lambda a: a * 0 + 3, (x,), (x,))
    assert np.array_equal(change, np.zeros(3))


def test_elementwise_grad():
    assert tg.elementwise_grad(np.sin)(x) == pytest.approx(np.cos(x), rel=1e-15)
    assert tg.elementwise_grad(tg.elementwise_grad(np.sin))(x) == pytest.approx(-np.sin(x), rel=1e-15)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: tg.grad(np.sin)(x), "elementwise_grad"),
        (lambda: tg.grad(lambda a: (a, a))(1.0), "one number"),
        (lambda: tg.grad(np.square)(3), "3.0 instead of 3"),
    ],
)
def test_errors_teach(call, says):
    with pytest.raises(TypeError, match=says):
        call()

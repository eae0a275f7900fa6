"""Functions of functions, against closed forms, complex steps and each other."""

import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_edu as tg
from tinygrad_edu.lessons import flip
from tinygrad_edu.pytree import flatten, leaves_like

x = np.array([0.3, -1.2, 2.0])
A = np.array([[2.0, 0.5, 0.0], [0.5, 1.0, -0.3], [0.0, -0.3, 3.0]])
numbers = st.floats(-3, 3)
weighted, two = lambda p: p["a"] ** 2 * p["b"], {"a": 2.0, "b": 3.0}


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


def test_argnums_count_as_python_does():
    f = lambda a, b: np.sum(a * b**2)
    assert tg.grad(f, -1)(2.0, 3.0) == 12
    assert tg.grad(f, np.int64(1))(2.0, 3.0) == 12
    assert tg.grad(f, (-1, 0))(2.0, 3.0) == (12, 9)


def test_a_tuple_of_argnums_gives_a_tuple_in_every_transform():
    f = lambda a, b: a * b**2
    first, second = tg.jacobian(f, (0, 1))(x, 3.0)
    assert first == pytest.approx(9 * np.eye(3))
    assert second == pytest.approx(6 * x)
    assert tg.elementwise_grad(f, (1, 0))(x, 2 + x)[0] == pytest.approx(2 * x * (2 + x))
    (aa, ab), (ba, bb) = tg.hessian(f, (0, -1))(2.0, 3.0)
    assert (aa, ab, ba, bb) == (0, 6, 6, 4)


def test_trees_are_matched_by_key():
    """f = a² b: its slopes are (2ab, a²), its second derivatives [[2b, 2a], [2a, 0]]; here a = 2, b = 3."""
    assert tg.hvp(weighted, two, {"b": 1.0, "a": 0.0}) == {"a": 4, "b": 0}
    assert tg.jvp(weighted, (two,), ({"b": 1.0, "a": 0.0},))[1] == 4
    _, pullback = tg.vjp(lambda a: {"double": 2 * a, "deep": [{"square": a**2, "same": a}]}, 3.0)
    assert pullback({"deep": [{"same": 100.0, "square": 10.0}], "double": 1.0}) == (2 + 60 + 100,)


@given(
    st.recursive(
        st.just(1.0),
        lambda own: (
            st.lists(own, max_size=3)
            | st.lists(own, max_size=3).map(tuple)
            | st.dictionaries(st.text("abc", max_size=2), own)
        ),
    )
)
def test_leaves_come_in_the_order_of_the_other_tree(tree):
    leaves, rebuild = flatten(tree)
    numbered = rebuild([float(n) for n in range(len(leaves))])

    def backwards(tree):
        if isinstance(tree, dict):
            return {key: backwards(tree[key]) for key in reversed(tree)}
        return type(tree)(map(backwards, tree)) if isinstance(tree, list | tuple) else tree

    assert leaves_like(backwards(numbered), tree, "the tree") == list(range(len(leaves)))


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


@given(st.integers(0, 2**32 - 1), st.booleans(), st.booleans())
def test_jvp_and_vjp_are_transposes_of_complex_numbers_too(seed, is_complex, is_complex_inside):
    """Re Σ seed · change = Re Σ gradient · tangent, from and to real and complex numbers, holomorphic or not."""
    rng = np.random.default_rng(seed)
    normal = lambda is_complex: rng.normal(size=3) + (1j * rng.normal(size=3) if is_complex else 0)
    W = np.stack([normal(is_complex_inside) for _ in range(3)])

    def f(z):
        return {"a": W @ np.fft.fft(z) * np.conj(z), "b": np.abs(z) ** 2 * np.imag(W @ z)}

    z, v = normal(is_complex), normal(is_complex)
    g = {"b": normal(False), "a": normal(True)}
    value, change = tg.jvp(f, (z,), (v,))
    _, pullback = tg.vjp(f, z)
    assert value["a"] == pytest.approx(f(z)["a"], rel=1e-15)
    assert change["a"].dtype == complex
    assert change["b"].dtype == float
    h = 1e-4  # f is a cubic: extrapolated central differences are exact but for rounding
    for key in g:
        once, twice = ((f(z + n * h * v)[key] - f(z - n * h * v)[key]) / (2 * n * h) for n in (1, 2))
        assert change[key] == pytest.approx((4 * once - twice) / 3, rel=1e-7, abs=1e-8)
    (pulled,) = pullback(g)
    assert pulled.dtype == z.dtype
    forward = sum(np.sum(g[key] * change[key]).real for key in g)
    assert forward == pytest.approx(np.sum(pulled * v).real, rel=1e-9, abs=1e-9)


z = np.array([1 + 2j, 0.5 - 1j, -0.3 + 0.1j])


def test_jvp_of_complex_results():
    v = np.array([0.3 + 1j, 2 - 1j, 1j])
    assert tg.jvp(lambda x: np.exp(1j * x), (0.5,), (1.0,))[1] == pytest.approx(1j * np.exp(0.5j), rel=1e-15)
    assert tg.jvp(lambda z: z * z, (z,), (v,))[1] == pytest.approx(2 * z * v, rel=1e-15)
    assert tg.jvp(np.fft.fft, (z,), (v,))[1] == pytest.approx(np.fft.fft(v), rel=1e-15)
    assert tg.jvp(np.fft.fft, (x,), (z.real,))[1] == pytest.approx(np.fft.fft(z.real), rel=1e-15)
    assert tg.jvp(np.conj, (z,), (v,))[1] == pytest.approx(np.conj(v), rel=1e-15)
    change = tg.jvp(np.abs, (z,), (v,))[1]
    assert change.dtype == float
    assert change == pytest.approx((np.conj(z) * v).real / np.abs(z), rel=1e-14)


def test_derivatives_of_complex_results_are_complex():
    dft = np.exp(-2j * np.pi * np.outer(np.arange(3), np.arange(3)) / 3)
    assert tg.jacobian(np.fft.fft)(x) == pytest.approx(dft, abs=1e-14)
    assert tg.jacobian(np.fft.fft)(z) == pytest.approx(dft, abs=1e-14)
    assert tg.elementwise_grad(np.exp)(z) == pytest.approx(np.exp(z), rel=1e-15)
    turn = lambda x: np.exp(1j * x)
    assert tg.elementwise_grad(turn)(x) == pytest.approx(1j * turn(x), rel=1e-15)
    assert tg.jacobian(tg.jacobian(tg.jacobian(turn)))(0.7) == pytest.approx(-1j * turn(0.7), rel=1e-14)
    assert tg.jacobian(lambda z: z**3)(z[0].astype(np.complex64)).dtype == np.complex64
    by_x, by_z = tg.jacobian(lambda x, z: x * z**2, (0, 1))(2.0, 1 + 1j)
    assert (by_x, by_z) == (2j, 4 + 4j)
    mixed = tg.jacobian(lambda x: {"real": x**2, "complex": 1j * x})(3.0)
    assert mixed == {"real": 6, "complex": 1j}


def test_real_results_of_complex_numbers_follow_the_convention():
    """|z|² has the slopes 2x and 2y, so ∂/∂x − i ∂/∂y is 2 z̄; the change of that along v is 2 v̄."""
    square = lambda z: np.sum(np.abs(z) ** 2)
    assert tg.grad(square)(z) == pytest.approx(2 * np.conj(z), rel=1e-14)
    assert tg.jacobian(square)(z) == pytest.approx(2 * np.conj(z), rel=1e-14)
    assert tg.hvp(square, z, 1j * z) == pytest.approx(2 * np.conj(1j * z), rel=1e-14)
    assert tg.hessian(lambda z: np.real(z**3))(2 + 1j) == pytest.approx(6 * (2 + 1j), rel=1e-14)


@pytest.mark.parametrize("f", [np.conj, lambda z: z * np.abs(z), lambda z: z + 1e-6 * np.real(z)])
@pytest.mark.parametrize("transform", [tg.jacobian, tg.elementwise_grad])
def test_there_is_no_derivative_of_what_is_not_holomorphic(transform, f):
    with pytest.raises(TypeError, match=r"np.real\(f\(z\)\)"):
        transform(f)(z)
    transform(f)(z.real)  # of a real number there is


def test_derivatives_through_jvp():
    assert tg.grad(lambda a: tg.jvp(np.sin, (a,), (1.0,))[1])(0.5) == pytest.approx(-np.sin(0.5), rel=1e-15)
    assert tg.grad(lambda v: tg.jvp(np.sin, (0.5,), (v,))[1])(2.0) == pytest.approx(np.cos(0.5), rel=1e-15)
    assert tg.jvp(tg.grad(np.sin), (0.5,), (2.0,))[1] == pytest.approx(-2 * np.sin(0.5), rel=1e-15)


def test_float32_stays():
    single = np.float32([0.5, 2])
    value, change = tg.jvp(np.sin, (single,), (np.ones(2),))
    assert value.dtype == change.dtype == np.float32
    value, pullback = tg.vjp(np.sin, single)
    assert value.dtype == pullback(np.ones(2))[0].dtype == np.float32
    assert tg.vjp(lambda a: a, single)[1](np.ones(2))[0].dtype == np.float32
    assert tg.jacobian(np.sin)(single).dtype == np.float32
    assert tg.jacobian(lambda a: np.exp(1j * a))(single).dtype == np.complex64
    assert tg.hvp(lambda a: np.sum(a**3), single, np.ones(2)).dtype == np.float32


def test_results_own_their_memory():
    constant = np.ones(3)
    for start in (np.ones(3), tg.Tensor(np.ones(3), requires_grad=True)):
        value, pullback = tg.vjp(lambda a: {"a": a + 1, "itself": a, "constant": constant}, start)
        seed = {"a": np.ones(3), "itself": np.zeros(3), "constant": np.ones(3)}
        (g,) = pullback(seed)
        change = tg.jvp(lambda a: a, (start,), (seed["a"],))[1]
        seed["a"][:] = constant[:] = 99
        if not isinstance(start, tg.Tensor):
            start[:] = 99
        for result in (g, change, value["itself"], value["constant"]):
            assert np.array_equal(getattr(result, "_data", result), np.ones(3))
        constant[:] = 1
    seed = tg.Tensor(np.ones(3), requires_grad=True)
    (g,) = tg.vjp(lambda a: a, x)[1](seed)
    seed.data[:] = 99
    assert np.array_equal(g.data, np.ones(3))
    gradients = tg.grad(lambda a, b: np.sum(a + b), (0, 1))(x, x)
    gradients[0][:] = 99
    assert np.array_equal(gradients[1], np.ones(3))


def test_jacobians_without_entries():
    assert tg.jacobian(lambda a: a[:0])(x).shape == (0, 3)
    assert tg.jacobian(lambda a: a * 2)(x[:0]).shape == (0, 0)
    assert tg.jacobian(lambda p: 1j * p["a"][:0])({"a": np.float32(x), "n": 3})["a"].dtype == np.complex64
    assert type(tg.jacobian(np.sin)(0.5)) is np.float64


def test_integers_beside_floats():
    power = lambda a, n: a**n
    assert tg.jvp(power, (2.0, 3), (1.0, None))[1] == 12
    assert tg.jvp(power, (2.0, 3), (1.0, 0))[1] == 12
    assert tg.hvp(lambda p: p["a"] ** p["n"], {"a": 2.0, "n": 3}, {"n": None, "a": 1.0}) == {"a": 12, "n": None}
    rows = tg.Tensor(np.array([0, 0]))
    assert tg.vjp(lambda a, i: a[i], x, rows)[1](np.ones(2))[0] == pytest.approx([2, 0, 0])


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


def test_what_an_inner_transform_made_does_not_count_as_outer_graph():
    """The inner x is a tensor of the inner run alone: d/dv of v · d/dx x² = 2xv is plainly 2x."""
    found = tg.grad(lambda v: tg.grad(lambda x: v * x**2)(3.0))(2.0)
    assert isinstance(found, float)
    assert found == 6


def test_perturbations_are_not_confused():
    """d/dx [x · d/dy (x + y)] = 1: the inner derivative must not see the outer x."""
    f = lambda x: x * tg.grad(lambda y: x + y)(1.0)
    assert tg.grad(f)(5.0) == 1


def test_inside_no_grad_and_in_other_threads():
    with tg.no_grad():
        assert tg.grad(np.square)(3.0) == 6
        assert not (tg.Tensor(1.0, requires_grad=True) * 2).requires_grad
        w = tg.Tensor(1.0, requires_grad=True)
        cube = lambda a: a**3 * w
        one = tg.Tensor(1.0, requires_grad=True)
        value, pullback = tg.vjp(cube, one)
        for result in (tg.grad(cube)(2.0) / 12, tg.grad(tg.grad(cube))(2.0) / 12, value, pullback(one)[0] / 3):
            assert isinstance(result, float)
            assert result == 1
        assert isinstance(tg.jvp(cube, (one,), (one,))[1], float)
        assert isinstance(tg.hessian(cube)(one), float)
    assert tg.grad(cube)(2.0).requires_grad
    assert pullback(1.0)[0].requires_grad
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
        (lambda: tg.grad(lambda a: a * 1j)(1.0), "np.real, np.imag or np.abs"),
        (lambda: tg.grad(lambda a: None)(1.0), "return statement"),
        (lambda: tg.grad(np.square, 1.0)(3.0), "argnums must be an integer or a tuple of integers.*1.0"),
        (lambda: tg.grad(np.square, "x")(3.0), "argnums must be an integer or a tuple of integers.*'x'"),
        (lambda: tg.elementwise_grad(np.sum)(x), r"\(3,\).*\(\)"),
        (lambda: tg.elementwise_grad(lambda a: (a, a))(x), "tg.jacobian"),
        (lambda: tg.hvp(weighted, two, {"a": 1.0}), r"\{'a': '\*', 'b': '\*'\}, but it has \{'a': '\*'\}"),
        (lambda: tg.hvp(weighted, two, (1.0, 2.0)), r"\{'a': '\*', 'b': '\*'\}, but it has \('\*', '\*'\)"),
        (lambda: tg.jvp(weighted, (two,), (1.0,)), "the tangent must have the structure"),
        (lambda: tg.jvp(np.square, (x,), (x, x)), "the tangent must have the structure"),
        (lambda: tg.jvp(np.square, (x,), ([1.0, 2.0, 3.0],)), "np.array"),
        (lambda: tg.jvp(np.square, x, x), "in a tuple"),
        (lambda: tg.jvp(np.power, (2.0, 3), (1.0, 1)), "no floating-point number"),
        (lambda: tg.jvp(np.square, (x,), (x * 1j,)), "complex128 where numbers of dtype float64"),
        (lambda: tg.jvp(np.square, (2.0,), (None,)), "None"),
        (lambda: tg.vjp(lambda a: (a, a), x)[1]([x, x]), r"the seed must have the structure \('\*', '\*'\)"),
        (lambda: tg.vjp(np.square, 2.0)[1]("one"), "'one'"),
    ],
)
def test_errors_teach(call, says):
    with pytest.raises(TypeError, match=says):
        call()


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: tg.grad(np.multiply, (0, 0))(2.0, 3.0), r"\(0, 0\).*twice"),
        (lambda: tg.grad(np.multiply, (1, -1))(2.0, 3.0), "twice"),
        (lambda: tg.grad(np.square, 1)(2.0), "argnums=1.*1 by position"),
        (lambda: tg.jacobian(np.square, -2)(2.0), "argnums=-2"),
        (lambda: tg.grad(lambda a: a**2)(a=2.0), "without its keyword"),
        (lambda: tg.jvp(np.square, (x,), (x[:2],)), r"the tangent has shape \(2,\) where shape \(3,\)"),
        (lambda: tg.vjp(np.square, x)[1](1.0), r"the seed has shape \(\) where shape \(3,\)"),
        (lambda: tg.hvp(lambda a: np.sum(a**2), x, x[:1]), r"v has shape \(1,\)"),
    ],
)
def test_errors_name_places_and_shapes(call, says):
    with pytest.raises(ValueError, match=says):
        call()

"""Elementwise functions at their awkward points, on complex numbers, and as methods of ufuncs."""

import math

import numpy as np
import pytest

import tinygrad_edu as tg


def slope(function, *inputs, seed=None):
    """The gradients of sum(function(*inputs)), one for each input."""
    leaves = [tg.Tensor(x, requires_grad=True) for x in inputs]
    out = function(*leaves)
    out.backward(np.ones(out.shape) if seed is None else seed)
    grads = [leaf.grad for leaf in leaves]
    return grads[0] if len(grads) == 1 else grads


# ---- branches that were not selected ---------------------------------------------------------------------------------
# name → function, where it has a value, its slope there, where it has none or an infinite slope
UNSELECTED = {
    "arcsin": (np.arcsin, 0.5, 1 / math.sqrt(0.75), (1.0, -1.0, 2.0, np.inf)),
    "arccos": (np.arccos, 0.5, -1 / math.sqrt(0.75), (1.0, -1.0, 2.0, np.inf)),
    "arctanh": (np.arctanh, 0.5, 4 / 3, (1.0, -1.0, 2.0, 1e200)),
    "arccosh": (np.arccosh, 2.0, 1 / math.sqrt(3), (1.0, -1.0, 0.0)),
    "log2": (np.log2, 2.0, 0.5 / math.log(2), (0.0, -1.0)),
    "log10": (np.log10, 2.0, 0.5 / math.log(10), (0.0, -1.0)),
    "cbrt": (np.cbrt, 8.0, 1 / 12, (0.0,)),
    "reciprocal": (np.reciprocal, 2.0, -0.25, (0.0, 1e-200)),
    "sinh": (np.sinh, 1.0, math.cosh(1), (800.0, -800.0)),
    "cosh": (np.cosh, 1.0, math.sinh(1), (800.0, -800.0)),
    "exp2": (np.exp2, 1.0, 2 * math.log(2), (2000.0,)),
    "i0": (lambda x: np.i0(x), 1.0, 0.5651591039924850, (800.0,)),
    "power": (lambda x: x**0.5, 4.0, 0.25, (0.0, -1.0)),
    "power -30": (lambda x: x**-30, 1.0, -30.0, (0.0, 1e-20)),
    "float_power": (lambda x: np.float_power(x, -0.5), 4.0, -1 / 16, (0.0, -1.0)),
    "fmod": (lambda x: np.fmod(7.0, x), 2.0, -3.0, (0.0,)),
    "remainder": (lambda x: np.remainder(7.0, x), 2.0, -3.0, (0.0,)),
    "divmod": (lambda x: np.divmod(7.0, x)[1], 2.0, -3.0, (0.0,)),
    "arctan2": (lambda x: np.arctan2(x, x * 0 + x), 2.0, 0.0, (0.0,)),
    "logaddexp": (lambda x: np.logaddexp(x, x), 2.0, 1.0, (np.inf, -np.inf)),
    "2**x": (lambda x: 2.0**x, 3.0, 8 * math.log(2), (5000.0,)),
    "(-2)**x": (lambda x: np.where(x > 0, 3.0, -2.0) ** x, 2.0, 9 * math.log(3), (-1.5,)),
}


@pytest.mark.parametrize("name", UNSELECTED)
def test_an_unselected_branch_gets_exactly_zero(name):
    function, good, expected, bad = UNSELECTED[name]
    x = tg.Tensor([good, *bad], requires_grad=True)
    with np.errstate(all="ignore"):  # the forward pass does compute what is not selected
        y = np.where(np.arange(1 + len(bad)) == 0, function(x), 0)
    y.backward(np.ones(y.shape))
    assert x.grad[0] == pytest.approx(expected, rel=1e-14, abs=1e-15)
    assert x.grad[1:].tolist() == [0] * len(bad)


# ---- closed forms where a careless formula overflows, cancels or divides by 0 --------------------------------------
@pytest.mark.parametrize("size", [1e200, 1e-200, 1.0])
def test_hypot_is_right_at_any_size(size):
    assert slope(np.hypot, 3 * size, 4 * size) == [pytest.approx(0.6, rel=1e-15), pytest.approx(0.8, rel=1e-15)]
    assert slope(np.hypot.reduce, [3 * size, -4 * size]).tolist() == pytest.approx([0.6, -0.8], rel=1e-15)
    assert slope(np.arctan2, 3 * size, 4 * size) == [
        pytest.approx(0.16 / size, rel=1e-14),
        pytest.approx(-0.12 / size, rel=1e-14),
    ]
    assert slope(np.abs, np.array(3 * size + 4j * size)) == pytest.approx(0.6 - 0.8j, rel=1e-14)


@pytest.mark.parametrize("function", [np.abs, np.fabs, lambda x: np.hypot(x, 0), lambda x: np.copysign(x, 5)])
def test_kinks_have_slope_zero(function):
    assert slope(function, [0.0, -2.0])[0] == 0


def test_complex_abs_has_slope_zero_at_zero():
    assert slope(np.abs, [0j]).tolist() == [0]
    assert slope(np.hypot, 0.0, 0.0) == [0, 0]


@pytest.mark.parametrize(
    ("function", "x", "expected"),
    [
        (np.arcsinh, 1e200, 1e-200),
        (np.arccosh, 1e200, 1e-200),
        (np.arctan, 1e150, 1e-300),
        (np.arctan, 1e200, 0.0),
        (np.arctan, np.inf, 0.0),
        (np.log10, 1e308, 1e-308 / math.log(10)),
        (np.arcsin, 1 - 2.0**-40, 1 / math.sqrt(2.0**-40 * (2 - 2.0**-40))),
        (np.arccos, 2.0**-40 - 1, -1 / math.sqrt(2.0**-40 * (2 - 2.0**-40))),
        (np.sinc, 0.0, 0.0),
        (np.sinc, 1e-9, -(math.pi**2) * 1e-9 / 3),
        (np.sinc, 1.0, -1.0),
        (np.sinc, 100.0, 0.01),
        (np.i0, 0.0, 0.0),
        (np.i0, 1e-9, 5e-10),
        (np.i0, -1.0, -0.5651591039924850),  # I1(1), Abramowitz and Stegun, table 9.8
        (np.i0, 10.0, 2670.988303701255),
        (lambda x: x**0, 0.0, 0.0),
        (lambda x: x**1, 0.0, 1.0),
        (lambda x: x**2, 0.0, 0.0),
        (lambda x: 0.0**x, 2.0, 0.0),
        (lambda x: 0.0**x, 0.0, 0.0),
        (lambda x: np.power(np.zeros(()), x), 2.0, 0.0),
        (lambda x: np.power(np.zeros(()), x), 0.0, 0.0),
    ],
)
def test_closed_forms(function, x, expected):
    assert slope(function, x) == pytest.approx(expected, rel=1e-13, abs=0)


def test_the_slope_of_i0_where_it_is_almost_too_large():
    """I1 / I0 is a continued fraction (Gauss)."""
    for x in (1.0, 30.0, 700.0):
        ratio = 0.0
        for k in range(2000, 0, -1):
            ratio = 1 / (2 * k / x + ratio)
        assert slope(np.i0, x) / np.i0(x) == pytest.approx(ratio, rel=1e-14)


def test_second_derivatives_at_awkward_points():
    for function, x, expected in (
        (np.sinc, 0.0, -(math.pi**2) / 3),
        (np.i0, 0.0, 0.5),
        (lambda x: x**2, 0.0, 2.0),
        (lambda x: x ** np.array(2.0), 0.0, 2.0),
        (lambda x: x**1, 0.0, 0.0),
        (lambda x: np.logaddexp(x, 1.0), 1.0, 0.25),
        (lambda x: np.logaddexp2(x, 1.0), 1.0, 0.25 * math.log(2)),
        (lambda x: np.logaddexp(x, 0.0), 1000.0, 0.0),
    ):
        t = tg.Tensor(x, requires_grad=True)
        function(t).backward(create_graph=True)
        first, t.grad = t.grad, None
        if first.requires_grad:
            first.backward()
        assert (0.0 if t.grad is None else t.grad) == pytest.approx(expected, rel=1e-13, abs=1e-300)


# ---- logaddexp and its reductions ------------------------------------------------------------------------------------
INF = math.inf


@pytest.mark.parametrize(
    ("x", "y", "share"),
    [
        *((1000.0, -1000.0, 1), (-1000.0, 1000.0, 0), (-1e5, -1e5, 0.5), (-INF, -INF, 0.5), (INF, INF, 0.5)),
        *((INF, 1.0, 1), (-INF, 1.0, 0), (1e-3, 0.0, 1 / (1 + math.exp(-1e-3)))),
    ],
)
def test_logaddexp_shares_itself_out(x, y, share):
    assert slope(np.logaddexp, x, y) == [pytest.approx(share, rel=1e-15), pytest.approx(1 - share, rel=1e-14)]
    assert slope(np.logaddexp.reduce, [x, y]).tolist() == pytest.approx([share, 1 - share], rel=1e-14)
    if x != 1e-3:
        assert slope(np.logaddexp2, x, y) == [share, 1 - share]
        assert slope(np.logaddexp2.reduce, [x, y]).tolist() == [share, 1 - share]


def test_a_sum_of_nothing_is_impossible_but_differentiable():
    assert slope(lambda t: np.logaddexp.reduce(t, axis=1), np.zeros((2, 0))).shape == (2, 0)
    assert slope(np.logaddexp.reduce, [-INF] * 4).tolist() == [0.25] * 4


# ---- ties and NaN ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("method", [np.fmax, np.fmin])
def test_fmax_and_fmin_leave_nan_out(method):
    x, y = [np.nan, 1.0, np.nan, 2.0], [3.0, np.nan, np.nan, 2.0]
    gx, gy = slope(method, x, y)
    assert gx.tolist() == [0, 1, 0, 0.5]
    assert gy.tolist() == [1, 0, 0, 0.5]
    assert slope(method.reduce, [np.nan, 5.0, 5.0]).tolist() == [0, 0.5, 0.5]


@pytest.mark.parametrize("ufunc", [np.maximum, np.fmax])
def test_a_running_maximum_shares_ties_equally(ufunc):
    for last, expected in ((2, [1 / 3] * 3 + [0, 0]), (4, [0, 0, 0, 0.5, 0.5])):
        seed = np.eye(5)[last]
        assert slope(ufunc.accumulate, [1.0, 1.0, 1.0, 2.0, 2.0], seed=seed).tolist() == pytest.approx(expected)
    assert slope(ufunc.accumulate, [2.0, 1.0, 2.0], seed=np.eye(3)[2]).tolist() == [0.5, 0, 0.5]


def test_nan_to_num_sends_nothing_to_what_it_replaced():
    with_nan = [1.0, np.nan, INF, -INF]
    assert slope(lambda x: np.nan_to_num(x, nan=5.0, posinf=6.0, neginf=7.0), with_nan).tolist() == [1, 0, 0, 0]
    z = np.array([complex(np.nan, 2), complex(1, INF)])
    assert slope(np.nan_to_num, z, seed=np.array([2 + 3j, 2 + 3j])).tolist() == [3j, 2]
    with pytest.raises(TypeError, match=r"np\.nan_to_num\(copy=\.\.\.\) is not supported"):
        np.nan_to_num(tg.Tensor([1.0], requires_grad=True), copy=False)


def test_clip_by_keywords_and_by_position_agree():
    for call in (lambda x: np.clip(x, 0, 1), lambda x: np.clip(x, a_min=0, a_max=1)):
        assert slope(call, [-1.0, 0.0, 0.5, 2.0]).tolist() == [0, 1, 1, 0]


# ---- complex numbers -------------------------------------------------------------------------------------------------
Z = np.array([0.7 + 0.4j, -1.3 + 0.6j, 0.2 - 1.1j, -0.5 - 0.8j])
W = np.array([1.2 - 0.3j, 0.4 + 0.9j, -0.8 + 0.5j, 0.6 + 1.4j])
COMPLEX = {
    **{f.__name__: f for f in (np.exp, np.expm1, np.exp2, np.log, np.log2, np.log10, np.log1p, np.sqrt, np.square)},
    **{f.__name__: f for f in (np.sin, np.cos, np.tan, np.sinh, np.cosh, np.tanh, np.reciprocal, np.negative)},
    **{f.__name__: f for f in (np.arcsin, np.arccos, np.arctan, np.arcsinh, np.arccosh, np.arctanh, np.sinc)},
    **{f.__name__: f for f in (np.conjugate, np.real, np.imag, np.angle, np.absolute, np.sign, np.nan_to_num)},
    "z + w": lambda z: z + W,
    "z * w": lambda z: z * W,
    "z / w": lambda z: z / W,
    "w / z": lambda z: W / z,
    "z ** 3": lambda z: z**3,
    "z ** w": lambda z: z**W,
    "w ** z": lambda z: W**z,
    "2 ** z": lambda z: 2**z,
    "|z|²": lambda z: np.real(z * np.conjugate(z)),
    "where": lambda z: np.where(np.real(z) > 0, z, 2j * z),
}


@pytest.mark.parametrize("name", COMPLEX)
def test_complex_gradients_are_the_slopes_in_x_and_minus_i_times_those_in_y(name):
    function = COMPLEX[name]
    weights = np.array([0.3 - 1.1j, -0.9 + 0.4j, 1.3 + 0.2j, 0.8 - 0.7j])

    def loss(z):
        out = function(z)
        return np.real(weights * out)  # Re(g * out): what a seed g means

    z = tg.Tensor(Z, requires_grad=True)
    out = function(z)
    np.testing.assert_array_equal(out.data, function(Z))
    out.backward(weights if out.dtype.kind == "c" else weights.real)
    h = 2.0**-10

    def central(step):
        return (8 * (loss(Z + step) - loss(Z - step)) - (loss(Z + 2 * step) - loss(Z - 2 * step))) / (12 * h)

    np.testing.assert_allclose(z.grad, central(h) - 1j * central(1j * h), atol=1e-9)


def test_the_constant_parts_of_real_numbers():
    assert slope(np.imag, [1.0, 2.0]).tolist() == [0, 0]
    assert slope(np.conjugate, [1.0, 2.0]).tolist() == [1, 1]
    assert slope(np.angle, [1.0, -2.0]).tolist() == [0, 0]
    assert type(np.sign(tg.Tensor([1.0], requires_grad=True))) is np.ndarray


@pytest.mark.parametrize("tol", [100, 1e4, 1, 1e-3])
@pytest.mark.parametrize("size", [10, 1000, 1e12, 1e14])
def test_numbers_are_real_if_close_where_numpy_says_so(size, tol):
    z = np.array([1.0, 2.0]) + size * np.finfo(float).eps * 1j
    assert np.real_if_close(tg.Tensor(z), tol).dtype == np.real_if_close(z, tol).dtype


# ---- float32 ---------------------------------------------------------------------------------------------------------
PAIRS = [np.add, np.subtract, np.multiply, np.divide, np.power, np.hypot, np.logaddexp, np.logaddexp2, np.arctan2]
PAIRS += [np.remainder, np.fmod, np.maximum, np.minimum, np.fmax, np.fmin, np.copysign, np.heaviside]


@pytest.mark.parametrize("ufunc", PAIRS, ids=lambda f: f.__name__)
@pytest.mark.parametrize("number", [2, 2.0])
def test_python_numbers_leave_float32_alone(ufunc, number):
    t = tg.Tensor([0.5, 1.5], requires_grad=True, dtype=np.float32)
    for call in (lambda t: ufunc(t, number), lambda t: ufunc(number, t)):
        out = call(t)
        assert out.dtype == np.float32
        if getattr(out, "requires_grad", False):
            t.grad = None
            out.backward(np.ones(2))
            assert t.grad.dtype == np.float32


# ---- methods of ufuncs -----------------------------------------------------------------------------------------------
def test_reduce_takes_axis_zero_and_keepdims():
    x = np.array([[1.0, 2.0], [3.0, 4.0]])
    t = tg.Tensor(x, requires_grad=True)
    assert np.add.reduce(t).shape == (2,)
    assert np.multiply.reduce(t, axis=1, keepdims=True).data.tolist() == [[2], [12]]
    with pytest.raises(TypeError, match=r"np\.add\.reduce\(initial=\.\.\.\) is not supported"):
        np.add.reduce(t, initial=1.0)


# ---- choosing --------------------------------------------------------------------------------------------------------
def test_piecewise_asks_no_function_where_it_has_no_value():
    x = np.array([-1.0, 0.0, 4.0])
    assert slope(lambda t: np.piecewise(t, [t > 0], [np.sqrt, lambda v: 3 * v]), x).tolist() == [3, 3, 0.25]
    assert slope(lambda t: np.piecewise(t, t > 0, [lambda v: v**2, 0.0]), x).tolist() == [0, 0, 8]


def test_select_takes_the_first_that_holds():
    x = np.array([1.0, 2.0, 3.0])
    assert slope(lambda t: np.select([t < 2, t < 3], [t, t**2], 7 * t), x).tolist() == [1, 4, 7]
    with pytest.raises(ValueError, match=r"shorter|longer"):
        np.select([x < 2], [tg.Tensor(x), tg.Tensor(x)])

"""Activations: closed forms, both ends, kinks, float32, and the layers around them."""

import math

import numpy as np
import pytest

import tinygrad_edu as tg
from tests.differences import check_first, check_second
from tinygrad_edu import nn
from tinygrad_edu.functions import elu, gelu, leaky_relu, normal_cdf, silu

EXTREME = np.array([-1000.0, -40.0, 0.0, 40.0, 1000.0])
tanh_gelu = lambda x: gelu(x, approximate="tanh")
ALL = [leaky_relu, elu, normal_cdf, gelu, tanh_gelu, silu]
LAYERS = [
    *(nn.ReLU(), nn.LeakyReLU(0.2), nn.ELU(0.5), nn.GELU(), nn.GELU(approximate="tanh"), nn.SiLU()),
    *(nn.Softplus(), nn.Sigmoid(), nn.Tanh(), nn.Softmax(), nn.Softmax(0), nn.LogSoftmax(), nn.LogSoftmax(dim=0)),
]


def slope(function, x):
    t = tg.Tensor(x, requires_grad=True)
    out = function(t)
    out.backward(np.ones(out.shape, out.dtype))
    return t.grad


def test_both_ends_are_exact():
    far = math.exp(-40)
    for function, value, derivative in [
        (leaky_relu, [-10, -0.4, 0, 40, 1000], [0.01, 0.01, 0.01, 1, 1]),
        (elu, [-1, -1, 0, 40, 1000], [0, far, 1, 1, 1]),
        (silu, [0, -40 * far, 0, 40, 1000], [0, far - 40 * far, 0.5, 1, 1]),
        (gelu, [0, 0, 0, 40, 1000], [0, 0, 0.5, 1, 1]),
        (tanh_gelu, [0, 0, 0, 40, 1000], [0, 0, 0.5, 1, 1]),
        (normal_cdf, [0, 0, 0.5, 1, 1], [0, 0, 1 / math.sqrt(2 * math.pi), 0, 0]),
    ]:
        np.testing.assert_allclose(function(EXTREME), value, rtol=1e-14, atol=1e-200)
        np.testing.assert_allclose(slope(function, EXTREME), derivative, rtol=1e-14, atol=1e-200)


def test_normal_cdf_keeps_its_digits_in_the_tail():
    x = 20.0  # the tail's asymptotic series, φ(x)/x·(1 − 1/x² + 3/x⁴ − 15/x⁶ …)
    series = sum((-1) ** k * math.prod(range(1, 2 * k, 2)) / x ** (2 * k) for k in range(12))
    expected = math.exp(-x * x / 2) / math.sqrt(2 * math.pi) / x * series
    np.testing.assert_allclose(normal_cdf(np.array([-x])), expected, rtol=1e-11)


def test_gelu_is_its_definition():
    x = np.linspace(-4, 4, 33)
    exact = [0.5 * a * (1 + math.erf(a / math.sqrt(2))) for a in x]
    np.testing.assert_allclose(gelu(x), exact, rtol=1e-10, atol=1e-15)
    published = 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))
    np.testing.assert_allclose(tanh_gelu(x), published, rtol=1e-10, atol=1e-15)
    assert np.max(np.abs(gelu(x) - tanh_gelu(x))) < 5e-4


def test_kinks():
    assert slope(lambda t: leaky_relu(t, 0.25), [0.0, -0.0]).tolist() == [0.25, 0.25]
    assert slope(lambda t: elu(t, 0.5), [0.0]).tolist() == [0.5]


@pytest.mark.parametrize("function", ALL)
def test_gradients_are_slopes(function):
    x = np.array([[-2.5, -0.3], [0.4, 1.7]])
    check_first(function, [x], [True])
    check_second(function, [x])
    assert tg.gradcheck(function, np.array([-6.0, -1.5, 0.3, 5.0]))


@pytest.mark.parametrize("function", ALL)
def test_where_nothing_arrives_nothing_flows_on(function):
    x = tg.Tensor([np.nan, np.inf, -np.inf, 1e300, 0.0], requires_grad=True)
    with np.errstate(all="ignore"):
        function(x).backward(np.zeros(5))
    assert x.grad.tolist() == [0] * 5


@pytest.mark.parametrize("layer", LAYERS, ids=repr)
def test_layers_keep_shape_and_float32(layer):
    x = np.array([[-1000.0, -1.5, 0.25], [0.5, 2.0, 1000.0]], np.float32)
    t = tg.Tensor(x, requires_grad=True)
    out = layer(t)
    assert out.shape == x.shape
    out.backward(np.ones(x.shape, np.float32))
    for values in (out.data, t.grad):
        assert values.dtype == np.float32
        assert np.isfinite(values).all()
    assert layer.parameters() == []
    assert layer(x).dtype == np.float32
    assert tg.gradcheck(layer, np.array([[0.3, -1.2], [0.7, 2.0]]))


def test_softmax_layers_add_up_along_their_axis():
    x = np.cos(np.arange(12.0)).reshape(3, 4)
    for dim in (0, 1, -1):
        np.testing.assert_allclose(nn.Softmax(dim)(x).sum(axis=dim), 1, rtol=1e-14)
        np.testing.assert_allclose(np.exp(nn.LogSoftmax(dim)(x)), nn.Softmax(dim)(x), rtol=1e-14)


def test_unknown_forms_are_refused_at_once():
    with pytest.raises(ValueError, match=r"gelu\(approximate='erf'\): it can be 'none' or 'tanh'"):
        nn.GELU(approximate="erf")


def test_repr_tells_the_setting():
    assert repr(nn.LeakyReLU(0.1)) == "LeakyReLU(negative_slope=0.1)"
    assert repr(nn.ELU()) == "ELU(alpha=1.0)"
    assert repr(nn.GELU()) == "GELU(approximate='none')"
    assert repr(nn.LogSoftmax(0)) == "LogSoftmax(dim=0)"


# ---- Flatten -----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("shape", "flat"), [((5, 2, 3), (5, 6)), ((4,), (4, 1)), ((2, 3), (2, 3)), ((0, 2, 2), (0, 4))]
)
def test_flatten(shape, flat):
    x = np.arange(np.prod(shape, dtype=int), dtype=float).reshape(shape)
    np.testing.assert_array_equal(nn.Flatten()(tg.Tensor(x, requires_grad=True)).data, x.reshape(flat))


def test_flatten_of_some_axes():
    x = np.arange(120.0).reshape(2, 3, 4, 5)
    for axes, shape in {(0, 1): (6, 4, 5), (2, -1): (2, 3, 20), (-2, -2): (2, 3, 4, 5), (0, -1): (120,)}.items():
        np.testing.assert_array_equal(nn.Flatten(*axes)(x), x.reshape(shape))
    assert [repr(nn.Flatten()), repr(nn.Flatten(start_dim=2))] == ["Flatten()", "Flatten(2, -1)"]
    for axes in ((2, 1), (4, -1), (0, 7)):
        with pytest.raises(ValueError, match="has no axes"):
            nn.Flatten(*axes)(x)


def test_flatten_needs_a_batch():
    with pytest.raises(ValueError, match=r"got x of shape \(\).*a batch has shape"):
        nn.Flatten()(1.0)

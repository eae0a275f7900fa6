"""What NumPy lacks: closed forms, and stability where exp alone would overflow."""

import numpy as np
import pytest

import tinygrad_edu as tg
from tests.differences import check_first, check_second

EXTREME = np.array([-1000.0, -40.0, 0.0, 40.0, 1000.0])


def gradient(function, x, seed=None):
    t = tg.Tensor(x, requires_grad=True)
    out = function(t)
    out.backward(np.ones(out.shape) if seed is None else seed)
    return t.grad


def test_relu_has_slope_0_at_its_kink():
    x = np.array([-2.0, -0.0, 0.0, 3.0])
    assert tg.relu(x).tolist() == [0, 0, 0, 3]
    assert gradient(tg.relu, x).tolist() == [0, 0, 0, 1]


def test_maximum_shares_a_tie():
    a, b = tg.Tensor([1.0, 2.0], requires_grad=True), tg.Tensor([1.0, 5.0], requires_grad=True)
    np.maximum(a, b).backward([4, 4])
    assert a.grad.tolist() == [2, 0]
    assert b.grad.tolist() == [2, 4]


def test_tied_extremes_share_equally():
    assert gradient(np.max, [3.0, 1.0, 3.0, 3.0], 6).tolist() == [2, 0, 2, 2]
    assert gradient(np.min, [3.0, 1.0, 1.0, 3.0], 6).tolist() == [0, 3, 3, 0]


def test_abs_std_and_clip_at_their_kinks():
    assert gradient(np.abs, [0.0]).tolist() == [0]
    assert gradient(np.std, [2.0, 2.0, 2.0]).tolist() == [0, 0, 0]
    assert gradient(lambda t: np.clip(t, 0, 1), [0.0, 0.5, 1.0, 1.5]).tolist() == [1, 1, 1, 0]


def test_sigmoid_is_exact_at_both_ends():
    value, slope = tg.sigmoid(EXTREME), gradient(tg.sigmoid, EXTREME)
    np.testing.assert_allclose(value, [0, np.exp(-40), 0.5, 1, 1], rtol=1e-14, atol=1e-300)
    np.testing.assert_allclose(slope, [0, np.exp(-40), 0.25, np.exp(-40), 0], rtol=1e-14, atol=1e-300)


def test_softplus_is_exact_at_both_ends():
    value, slope = tg.softplus(EXTREME), gradient(tg.softplus, EXTREME)
    np.testing.assert_allclose(value, [0, np.exp(-40), np.log(2), 40, 1000], rtol=1e-14, atol=1e-300)
    np.testing.assert_allclose(slope, tg.sigmoid(EXTREME), rtol=1e-14)


def test_logsumexp_does_not_overflow():
    rows = np.array([[1000.0, 1000.0], [-1000.0, -1000.0], [1000.0, -1000.0]])
    expected = np.array([1000 + np.log(2), -1000 + np.log(2), 1000])
    np.testing.assert_allclose(tg.logsumexp(rows, axis=1), expected, rtol=1e-15)
    assert tg.logsumexp(rows, axis=1, keepdims=True).shape == (3, 1)
    slope = gradient(lambda t: tg.logsumexp(t, axis=1), rows)
    np.testing.assert_allclose(slope, [[0.5, 0.5], [0.5, 0.5], [1, 0]], rtol=1e-12)


def test_logsumexp_of_nothing_likely():
    assert tg.logsumexp(np.array([-np.inf, -np.inf])) == -np.inf
    assert tg.logsumexp(np.array([-np.inf, 3.0])) == 3
    assert gradient(tg.logsumexp, [-np.inf, 3.0]).tolist() == [0, 1]


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_softmax_is_its_definition(axis):
    x = np.array([[0.3, -1.0, 2.0], [1.5, 0.2, -0.7]])
    p = np.exp(x) / np.exp(x).sum(axis=axis, keepdims=True)
    np.testing.assert_allclose(tg.softmax(x, axis), p, rtol=1e-14)
    np.testing.assert_allclose(tg.log_softmax(x, axis), np.log(p), rtol=1e-14)
    seed = np.cos(np.arange(6.0)).reshape(2, 3)
    dot = (seed * p).sum(axis=axis, keepdims=True)
    np.testing.assert_allclose(gradient(lambda t: tg.softmax(t, axis), x, seed), p * (seed - dot), rtol=1e-12)
    total = seed.sum(axis=axis, keepdims=True)
    np.testing.assert_allclose(gradient(lambda t: tg.log_softmax(t, axis), x, seed), seed - p * total, rtol=1e-12)


def test_softmax_does_not_overflow():
    x = np.array([1000.0, 0.0, -1000.0])
    assert tg.softmax(x).tolist() == [1, 0, 0]
    assert tg.log_softmax(x).tolist() == [0, -1000, -2000]
    assert gradient(tg.softmax, x, [1, 2, 3]).tolist() == [0, 0, 0]
    assert gradient(tg.log_softmax, x, [0, 0, 1]).tolist() == [-1, 0, 1]


@pytest.mark.parametrize("function", [tg.relu, tg.sigmoid, tg.softplus, tg.logsumexp, tg.softmax, tg.log_softmax])
def test_on_plain_arrays_they_are_plain_functions(function):
    for dtype in (np.float32, np.float64):
        out = function(np.array([1.0, -2.0], dtype))
        assert isinstance(out, np.ndarray | np.generic)
        assert out.dtype == dtype


def test_a_row_of_your_own():
    @tg.primitive
    def swish(x):
        return x / (1 + np.exp(-x))

    with pytest.raises(NotImplementedError, match="No derivative rule for swish"):
        swish(tg.Tensor(1.0))
    tg.derivative(swish, x=lambda g, x, out: g * (out + tg.sigmoid(x) * (1 - out)))
    check_first(swish, [np.array([[0.0, 2.0], [-1.0, 0.5]])], [True])
    check_second(swish, [np.array([[0.0, 2.0], [-1.0, 0.5]])])


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ({}, "has no rule"),
        ({"z": lambda g: g}, "has no parameter {'z'}"),
        ({"x": lambda g, w: g}, "asks for 'w'"),
        ({"x": lambda g, w_shape: g}, "asks for 'w_shape'"),
    ],
)
def test_a_row_that_cannot_be_is_refused(rules, message):
    with pytest.raises(TypeError, match=message):
        tg.derivative(tg.primitive(lambda x: x), **rules)

"""Initialisers: the variances of their papers, orthonormal columns, the same numbers from the same seed."""

import math

import numpy as np
import pytest

from tinygrad_edu import nn
from tinygrad_edu.nn import init

LINEAR, CONVOLUTION = (300, 200), (40, 50, 3, 5)
RANDOM = [
    *(init.uniform, init.normal, init.kaiming_uniform, init.kaiming_normal),
    *(init.xavier_uniform, init.xavier_normal, init.orthogonal),
]


def test_fans_of_every_layout():
    assert init.fans(LINEAR) == (300, 200)
    assert init.fans((8, 4, 5)) == (4 * 5, 8 * 5)  # a Conv1d
    assert init.fans(CONVOLUTION) == (50 * 15, 40 * 15)


def test_fans_are_what_a_linear_layer_sums_over():
    layer = nn.Linear(7, 3)
    layer.weight.data = np.ones((7, 3))
    layer.bias.data = np.zeros(3)
    fan_in, fan_out = init.fans(layer.weight.shape)
    assert layer(np.ones(7)).data.tolist() == [fan_in] * 3
    assert fan_out == 3


@pytest.mark.parametrize("shape", [LINEAR, CONVOLUTION])
@pytest.mark.parametrize("mode", ["fan_in", "fan_out"])
@pytest.mark.parametrize(("nonlinearity", "squared"), [("relu", 2), ("linear", 1), ("tanh", 25 / 9)])
def test_kaiming_has_variance_gain_squared_over_fan(shape, mode, nonlinearity, squared):
    fan = init.fans(shape)[mode == "fan_out"]
    for form in (init.kaiming_normal, init.kaiming_uniform):
        check_variance(form(shape, nonlinearity, mode=mode, rng=1), squared / fan)
    uniform = init.kaiming_uniform(shape, nonlinearity, mode=mode, rng=1)
    assert math.sqrt(3 * squared / fan) * 0.999 < np.abs(uniform).max() <= math.sqrt(3 * squared / fan)


@pytest.mark.parametrize("shape", [LINEAR, CONVOLUTION])
def test_xavier_has_variance_2_over_both_fans(shape):
    for form in (init.xavier_normal, init.xavier_uniform):
        check_variance(form(shape, gain=3, rng=2), 9 * 2 / sum(init.fans(shape)))
    bound = 3 * math.sqrt(6 / sum(init.fans(shape)))
    assert bound * 0.999 < np.abs(init.xavier_uniform(shape, gain=3, rng=2)).max() <= bound


def check_variance(values, variance):
    # The sample variance of n normal numbers has the relative standard deviation √(2/n), of uniform ones less.
    assert values.mean() == pytest.approx(0, abs=5 * math.sqrt(variance / values.size))
    assert values.var() == pytest.approx(variance, rel=5 * math.sqrt(2 / values.size))


def test_kaiming_keeps_the_size_of_a_signal_through_many_layers():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 256))
    for _ in range(30):
        x = np.maximum(x @ init.kaiming_normal((256, 256), rng=rng), 0)
    assert 0.1 < np.mean(x * x) < 10  # without the gain of 2 it would be 2⁻³⁰


@pytest.mark.parametrize("shape", [(5, 5), (7, 3), (3, 7), (4, 2, 3, 3), (30, 2, 3), (1, 4), (0, 3)])
def test_orthogonal_is_orthonormal(shape):
    q = init.orthogonal(shape, gain=2, rng=0)
    assert q.shape == shape
    matrix = q.reshape(shape[0], math.prod(shape[1:])) / 2
    small = matrix @ matrix.T if matrix.shape[0] <= matrix.shape[1] else matrix.T @ matrix
    np.testing.assert_allclose(small, np.eye(len(small)), atol=1e-14)


def test_orthogonal_prefers_no_direction():
    """Of uniformly distributed rotations every entry has mean 0; QR without the signs fails this."""
    corner = np.array([init.orthogonal((2, 2), rng=seed)[0, 0] for seed in range(400)])
    assert corner.mean() == pytest.approx(0, abs=5 * math.sqrt(0.5 / 400))


def test_plain_ones():
    assert init.zeros((2, 3)).tolist() == [[0.0] * 3] * 2
    assert init.ones((2,)).tolist() == [1, 1]
    assert init.constant((2,), 3).tolist() == [3.0, 3.0]
    uniform, normal = init.uniform((9999,), -1, 3, rng=0), init.normal((9999,), 5, 2, rng=0)
    assert uniform.mean() == pytest.approx(1, abs=0.06)
    assert uniform.min() >= -1
    assert 2.99 < uniform.max() < 3
    assert normal.mean() == pytest.approx(5, abs=0.1)
    assert normal.std() == pytest.approx(2, rel=0.05)


@pytest.mark.parametrize("form", RANDOM)
def test_the_same_seed_gives_the_same_numbers(form):
    one, same = form((6, 4), rng=3), form((6, 4), rng=np.random.default_rng(3))
    np.testing.assert_array_equal(one, same)
    assert (form((6, 4), rng=4) != one).any()
    generator = np.random.default_rng(0)
    assert (form((6, 4), rng=generator) != form((6, 4), rng=generator)).any()


def test_it_fills_a_layer():
    layer = nn.Linear(4, 3).astype(np.float32)
    layer.weight.data = init.orthogonal(layer.weight.shape, rng=0)
    assert layer.weight.dtype == np.float32
    np.testing.assert_allclose(layer.weight.data.T @ layer.weight.data, np.eye(3), atol=1e-6)


def test_what_cannot_be_is_refused():
    for form in (init.kaiming_normal, init.xavier_uniform, init.orthogonal):
        with pytest.raises(ValueError, match=r"shape \(5,\).*for a bias write init.zeros\(\(5,\)\)"):
            form((5,))
    with pytest.raises(ValueError, match="it can be 'linear'"):
        init.kaiming_normal((2, 2), "swish")
    with pytest.raises(ValueError, match="'fan_in' or 'fan_out'"):
        init.kaiming_normal((2, 2), mode="in")
    assert init.calculate_gain("leaky_relu", slope=1) == 1
    assert init.calculate_gain("leaky_relu", slope=0) == init.calculate_gain("relu")


def test_a_slope_of_leaky_relu_counts():
    one, other = (init.kaiming_normal((30, 20), "leaky_relu", slope=slope, rng=0) for slope in (0.0, 1.0))
    np.testing.assert_allclose(one, other * math.sqrt(2), rtol=1e-14)


@pytest.mark.parametrize("form", [init.zeros, init.ones, init.fans, *RANDOM])
def test_a_tensor_is_no_shape(form):
    for given in (nn.Linear(2, 3).weight, np.ones((2, 3))):
        with pytest.raises(TypeError, match=r"take a shape and give an array; write w\.data = init\.zeros\(w\.shape\)"):
            form(given)
    with pytest.raises(ValueError, match=r"shape \(2, -3\) cannot be"):
        form((2, -3))

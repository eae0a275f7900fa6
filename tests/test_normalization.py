"""Normalising is its formula; running statistics follow the batches, in training only, in place."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_edu as tg
from tinygrad_edu import nn
from tinygrad_edu.nn.normalization import standardize

BATCHES = [(nn.BatchNorm1d, (5, 3)), (nn.BatchNorm1d, (2, 3, 4)), (nn.BatchNorm2d, (2, 3, 2, 3))]
every_batch_norm = pytest.mark.parametrize(("kind", "shape"), BATCHES)


def images(shape, seed=0):
    return np.random.default_rng(seed).normal(2, 3, shape)


def moved(layer, seed=1):
    """The layer with weights that are not the usual ones."""
    rng = np.random.default_rng(seed)
    for parameter in layer.parameters():
        parameter.data = rng.normal(size=parameter.shape)
    return layer


def channel(x, c):
    return np.moveaxis(x, 1, 0)[c]


@every_batch_norm
def test_batch_norm_is_its_formula_channel_by_channel(kind, shape):
    layer, x = moved(kind(3, eps=0.1)), images(shape)
    out = layer(x).data
    for c in range(3):
        own = channel(x, c)
        expected = layer.weight.data[c] * (own - own.mean()) / np.sqrt(own.var() + 0.1) + layer.bias.data[c]
        np.testing.assert_allclose(channel(out, c), expected, rtol=0, atol=1e-13)


@every_batch_norm
def test_running_statistics_follow_in_place_and_only_in_training(kind, shape):
    layer = kind(3, momentum=0.25)
    mean, var = layer.running_mean, layer.running_var
    expected_mean, expected_var = np.zeros(3), np.ones(3)
    for seed in range(3):
        x = images(shape, seed)
        with tg.no_grad():
            layer(tg.Tensor(x, requires_grad=True))
        own = np.stack([channel(x, c).ravel() for c in range(3)])
        expected_mean = 0.75 * expected_mean + 0.25 * own.mean(axis=1)
        expected_var = 0.75 * expected_var + 0.25 * own.var(axis=1, ddof=1)
    assert layer.running_mean is mean
    assert layer.running_var is var
    np.testing.assert_allclose(mean, expected_mean, rtol=1e-13)
    np.testing.assert_allclose(var, expected_var, rtol=1e-13)
    before = mean.copy(), var.copy()
    moved(layer).eval()
    out = layer(x).data
    np.testing.assert_array_equal((mean, var), before)
    for c in range(3):
        normal = (channel(x, c) - mean[c]) / np.sqrt(var[c] + 1e-5)
        expected = layer.weight.data[c] * normal + layer.bias.data[c]
        np.testing.assert_allclose(channel(out, c), expected, rtol=0, atol=1e-13)


def test_running_statistics_are_saved_and_not_trained():
    layer = nn.BatchNorm2d(3)
    layer(images((2, 3, 2, 2)))
    assert list(layer.state_dict()) == ["weight", "bias", "running_mean", "running_var"]
    other = nn.BatchNorm2d(3)
    other.load_state_dict(layer.state_dict())
    np.testing.assert_array_equal(other.running_mean, layer.running_mean)
    assert [name for name, _ in layer.named_parameters()] == ["weight", "bias"]
    assert nn.BatchNorm1d(3, affine=False).parameters() == []


@pytest.mark.parametrize(
    "layer", [nn.LayerNorm(4), nn.LayerNorm((3, 4), eps=0.1), nn.LayerNorm(4, bias=False), nn.LayerNorm((4,), 1, False)]
)
def test_layer_norm_is_its_formula_example_by_example(layer):
    moved(layer)
    x = images((2, 3, 4))
    rows = x.reshape(-1, int(np.prod(layer.normalized_shape)))
    normal = np.stack([(row - row.mean()) / np.sqrt(row.var() + layer.eps) for row in rows]).reshape(x.shape)
    weight = 1 if layer.weight is None else layer.weight.data
    bias = 0 if layer.bias is None else layer.bias.data
    out = layer(x)
    numbers = out.data if isinstance(out, tg.Tensor) else out
    np.testing.assert_allclose(numbers, normal * weight + bias, rtol=0, atol=1e-13)
    assert layer(x[:0]).shape == (0, 3, 4)


EVERY = [(nn.BatchNorm1d(3), (5, 3)), (nn.BatchNorm1d(3, affine=False), (2, 3, 4)), (nn.BatchNorm2d(3), (2, 3, 2, 2))]
EVERY += [(nn.LayerNorm(4), (3, 4)), (nn.LayerNorm((2, 3)), (2, 2, 3)), (nn.BatchNorm2d(3).eval(), (1, 3, 1, 2))]
every_layer = pytest.mark.parametrize(("layer", "shape"), EVERY, ids=str)


@every_layer
def test_gradients_pass_the_gradient_check(layer, shape):
    moved(layer)
    wrt = {"wrt": layer} if layer.parameters() else {}
    assert tg.gradcheck(lambda x: np.sum(np.sin(layer(x))), images(shape), **wrt)


@every_layer
def test_float32_stays_float32(layer, shape):
    state = layer.state_dict()
    layer.astype(np.float32)
    x = tg.Tensor(images(shape), requires_grad=True, dtype=np.float32)
    out = layer(x)
    np.sum(out * out).backward()
    everything = (out, x.grad, *(p.grad for p in layer.parameters()), *(array for _, array in layer.named_buffers()))
    assert {a.dtype for a in everything} == {np.dtype(np.float32)}
    layer.astype(np.float64).load_state_dict(state)


@given(st.integers(-3, 3), st.integers(0, 99))
def test_standardising_forgets_scale_and_place(power, seed):
    x = images((4, 3), seed)
    same = standardize(x * 2.0**power + 5, (0,), 1e-30)
    np.testing.assert_allclose(same, standardize(x, (0,), 1e-30), rtol=0, atol=1e-12)


def test_equal_entries_have_a_finite_slope():
    x = np.full((2, 3), 7.0)
    assert (standardize(x, (1,), 1e-5) == 0).all()
    leaf = tg.Tensor(x, requires_grad=True)
    np.sum(standardize(leaf, (1,), 0.25) * np.array([1.0, 2.0, 6.0])).backward()
    np.testing.assert_allclose(leaf.grad, [[-4, -2, 6]] * 2, atol=1e-14)  # (weights − their mean) / √0.25


def test_no_gradient_along_what_the_batch_norm_forgets():
    x = tg.Tensor(images((6, 2)), requires_grad=True)
    normal = nn.BatchNorm1d(2, eps=1e-30)(x)
    np.sum(normal * images((6, 2), seed=1)).backward()
    assert np.abs(x.grad).max() > 0.1
    np.testing.assert_allclose(x.grad.sum(axis=0), 0, atol=1e-13)  # to move all entries alike changes nothing
    np.testing.assert_allclose((x.grad * x.data).sum(axis=0), 0, atol=1e-13)  # nor does a factor


def test_repr_shows_what_is_not_usual():
    assert repr(nn.BatchNorm2d(8)) == "BatchNorm2d(8)"
    assert repr(nn.BatchNorm1d(8, 0.1, 0.5, affine=False)) == "BatchNorm1d(8, eps=0.1, momentum=0.5, affine=False)"
    assert repr(nn.LayerNorm((2, 3), 0.1, bias=False)) == "LayerNorm((2, 3), eps=0.1, bias=False)"
    assert repr(nn.LayerNorm(4, elementwise_affine=False)) == "LayerNorm((4,), elementwise_affine=False)"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: nn.BatchNorm1d(3, eps=0), r"eps=0 must be positive"),
        (lambda: nn.BatchNorm1d(3, momentum=2), r"momentum=2"),
        (lambda: nn.LayerNorm(3)(np.ones(())), r"A single number has none"),
        (lambda: nn.LayerNorm((3, 4))(np.ones((4, 5))), r"for example LayerNorm\(5\)"),
        (lambda: nn.BatchNorm1d(3)(np.ones((1, 3))), r"\(1, 3\): in training.*at least two values.*model.eval\(\)"),
        (lambda: nn.BatchNorm2d(3)(np.ones((0, 3, 2, 2))), r"at least two values"),
        (lambda: nn.BatchNorm1d(3)(np.ones((5, 4))), r"\(5, 4\); it takes \(N, channels\) or .*with 3 channels"),
        (lambda: nn.BatchNorm2d(3)(np.ones((5, 3))), r"takes \(N, channels, height, width\)"),
        (lambda: nn.LayerNorm(()), r"normalized_shape=\(\)"),
        (lambda: nn.LayerNorm(4)(np.ones((4, 3))), r"LayerNorm\(\(4,\)\) got x of shape \(4, 3\).*must be \(4,\)"),
    ],
)
def test_what_does_not_fit_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_a_refused_batch_leaves_the_running_statistics_alone():
    layer = nn.BatchNorm1d(3)
    with pytest.raises(ValueError, match="two values"):
        layer(np.ones((1, 3)))
    assert layer.running_mean.tolist() == [0, 0, 0]
    assert layer.running_var.tolist() == [1, 1, 1]


def test_numbers_of_numpy_and_none_as_settings():
    assert nn.LayerNorm(np.int64(3)).normalized_shape == (3,)
    assert nn.Conv2d(4, 4, 3, groups=np.int64(2))(np.ones((1, 4, 5, 5))).shape == (1, 4, 3, 3)
    with pytest.raises(TypeError, match=r"BatchNorm2d: momentum=None.*give a number from 0 to 1"):
        nn.BatchNorm2d(3, momentum=None)

"""Convolution is its definition, written out in loops; its gradients are adjoints; what does not fit is refused."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_edu as tg
from tests.samples.layers import convolutions
from tinygrad_edu import nn
from tinygrad_edu.nn import convolution as module
from tinygrad_edu.nn.convolution import convolution, convolution_to_weight, convolution_to_x


def by_definition(x, weight, bias, stride, padding, dilation, groups):
    """One output at a time, one product at a time; settings are tuples, padding a pair for every axis."""
    x = np.pad(x, [(0, 0), (0, 0), *padding])
    outputs, channels, *kernel = weight.shape
    spans = [(k - 1) * d + 1 for k, d in zip(kernel, dilation)]
    sides = [(side - span) // s + 1 for side, span, s in zip(x.shape[2:], spans, stride)]
    out = np.zeros((len(x), outputs, *sides))
    for n, o, *place in np.ndindex(out.shape):
        group = o // (outputs // groups)
        for c, *offset in np.ndindex(weight.shape[1:]):
            at = [p * s + k * d for p, s, k, d in zip(place, stride, offset, dilation)]
            out[n, o, *place] += weight[o, c, *offset] * x[n, group * channels + c, *at]
        out[n, o, *place] += bias[o]
    return out


def pairs(padding, kernel, dilation):
    if padding == "same":
        missing = [(k - 1) * d for k, d in zip(kernel, dilation)]
        return [(n // 2, n - n // 2) for n in missing]
    numbers = {"valid": 0}.get(padding, padding) if isinstance(padding, str) else padding
    return [(p, p) for p in np.broadcast_to(numbers, len(kernel))]


@given(drawn=convolutions(), seed=st.integers(0, 99))
def test_every_output_is_its_definition(drawn, seed):
    x_shape, weight_shape, out_shape, (stride, padding, dilation, groups) = drawn
    rng = np.random.default_rng(seed)
    x, weight, bias = rng.normal(size=x_shape), rng.normal(size=weight_shape), rng.normal(size=weight_shape[0])
    kernel = weight_shape[2:]
    steps = tuple(np.broadcast_to(stride, len(kernel)))
    out = convolution(x, weight, bias, stride, padding, dilation, groups)
    assert out.shape == out_shape
    expected = by_definition(x, weight, bias, steps, pairs(padding, kernel, dilation), dilation, groups)
    np.testing.assert_allclose(out, expected, rtol=0, atol=1e-13)


@given(drawn=convolutions(), seed=st.integers(0, 99), block=st.sampled_from([1, 300, 2**22]))
def test_both_ways_back_are_adjoints_whatever_the_blocks(drawn, seed, block):
    x_shape, weight_shape, out_shape, options = drawn
    rng = np.random.default_rng(seed)
    x, weight, g = (rng.normal(size=shape) for shape in (x_shape, weight_shape, out_shape))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "BLOCK", block)
        forward = np.vdot(convolution(x, weight, None, *options), g)
        assert np.vdot(x, convolution_to_x(g, weight, x_shape, *options)) == pytest.approx(forward, abs=1e-12)
        assert np.vdot(weight, convolution_to_weight(g, x, weight_shape, *options)) == pytest.approx(forward, abs=1e-12)


def test_one_dimension_is_what_numpy_calls_correlate():
    rng = np.random.default_rng(0)
    signal, kernel = rng.normal(size=20), rng.normal(size=4)
    for mode, padding in (("valid", 0), ("full", 3)):
        out = convolution(signal[None, None], kernel[None, None], padding=padding)
        np.testing.assert_allclose(out[0, 0], np.correlate(signal, kernel, mode), rtol=0, atol=1e-14)


def test_a_kernel_of_one_is_a_linear_layer_at_every_pixel():
    layer, x = nn.Conv2d(3, 5, 1, rng=0), np.random.default_rng(1).normal(size=(2, 3, 4, 6))
    weight = layer.weight.data[:, :, 0, 0]
    expected = np.moveaxis(np.moveaxis(x, 1, -1) @ weight.T + layer.bias.data, -1, 1)
    np.testing.assert_allclose(layer(x).data, expected, rtol=0, atol=1e-14)


@pytest.mark.parametrize("kernel_size", [1, 2, 3, (2, 5)])
@pytest.mark.parametrize("dilation", [1, 2])
def test_same_keeps_the_sides(kernel_size, dilation):
    layer = nn.Conv2d(1, 2, kernel_size, padding="same", dilation=dilation, rng=0)
    assert layer(np.ones((3, 1, 5, 7))).shape == (3, 2, 5, 7)


# A layer and the shape of x: each setting at least once, also in pairs.
LAYERS = [
    (nn.Conv1d(2, 3, 3, rng=0), (2, 2, 7)),
    (nn.Conv1d(4, 2, 2, stride=3, padding=1, dilation=2, groups=2, bias=False, rng=1), (2, 4, 6)),
    (nn.Conv2d(1, 2, 3, padding=1, rng=2), (2, 1, 4, 3)),
    (nn.Conv2d(2, 4, (2, 1), stride=(1, 2), padding=(0, 1), dilation=(2, 1), groups=2, rng=3), (2, 2, 4, 3)),
]
every_layer = pytest.mark.parametrize(("layer", "shape"), LAYERS, ids=lambda value: str(value))


@every_layer
def test_gradients_pass_the_gradient_check(layer, shape):
    x = np.random.default_rng(5).normal(size=shape)
    assert tg.gradcheck(lambda x: np.sum(np.sin(layer(x))), x, wrt=layer)


@every_layer
def test_float32_stays_float32(layer, shape):
    state = layer.state_dict()
    small = type(layer)(*_settings(layer)).astype(np.float32)
    small.load_state_dict(state)
    x = tg.Tensor(np.random.default_rng(5).normal(size=shape), requires_grad=True, dtype=np.float32)
    out = small(x)
    np.sum(out * out).backward()
    assert {t.dtype for t in (out, x.grad, *(p.grad for p in small.parameters()))} == {np.dtype(np.float32)}
    np.testing.assert_allclose(out.data, layer(x.data.astype(float)).data, rtol=0, atol=1e-5)


def _settings(layer):
    outputs, channels, *kernel = layer.weight.shape
    settings = (layer.stride, layer.padding, layer.dilation, layer.groups, layer.bias is not None)
    return channels * layer.groups, outputs, tuple(kernel), *settings


@every_layer
def test_an_empty_batch_gives_nothing_and_blames_nobody(layer, shape):
    x = tg.Tensor(np.ones((0, *shape[1:])), requires_grad=True)
    out = layer(x)
    assert out.shape == (0, *layer(np.ones(shape)).shape[1:])
    np.sum(out).backward()
    assert x.grad.shape == x.shape
    assert not layer.weight.grad.any()
    layer.zero_grad()


def test_the_start_is_uniform_in_one_over_the_root_of_what_an_output_sees():
    layer = nn.Conv2d(16, 100, 5, groups=4, rng=0)
    assert layer.weight.shape == (100, 4, 5, 5)
    for p in (layer.weight, layer.bias):
        assert np.abs(p.data).max() <= 0.1
        assert p.data.std() == pytest.approx(0.1 / math.sqrt(3), rel=0.1)
    assert (nn.Conv2d(16, 100, 5, groups=4, rng=0).weight.data == layer.weight.data).all()
    assert [name for name, _ in layer.named_parameters()] == ["weight", "bias"]


def test_repr_shows_what_is_not_usual():
    assert repr(nn.Conv2d(3, 8, 3)) == "Conv2d(3, 8, (3, 3))"
    shown = "Conv1d(4, 8, (3,), stride=(2,), padding='valid', dilation=(2,), groups=2, bias=False)"
    assert repr(nn.Conv1d(4, 8, 3, stride=2, padding="valid", dilation=2, groups=2, bias=False)) == shown


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: nn.Conv2d(3, 8, 3, groups=2), r"in_channels=3 and out_channels=8 must both be multiples of groups=2"),
        (lambda: nn.Conv2d(3, 8, 0), r"kernel_size=0: it must be a whole number of at least 1"),
        (lambda: nn.Conv2d(3, 8, (3, 3, 3)), r"kernel_size=\(3, 3, 3\).*2 of them"),
        (lambda: nn.Conv2d(3, 8, 3, stride=1.5), r"stride=1.5: it must be a whole number"),
        (lambda: nn.Conv2d(3, 8, 3, padding=-1), r"padding=-1: .* at least 0"),
        (
            lambda: nn.Conv2d(3, 8, 3, padding="SAME"),
            r"padding='SAME': it can be \"same\", \"valid\", or a whole number",
        ),
        (lambda: nn.Conv2d(4, 8, 3, groups=0), r"groups=0: it must be a whole number of at least 1"),
        (lambda: nn.Conv2d(3, 8, 3, stride=2, padding="same"), r"same.*stride=\(2, 2\)"),
        (lambda: nn.Conv1d(3, 8, 3, dilation=0), r"dilation=0"),
        (lambda: nn.Conv2d(3, 8, 3)(np.ones((2, 4, 9, 9))), r"\(2, 4, 9, 9\), which has 4 channels .* takes 3"),
        (lambda: nn.Conv2d(3, 8, 3)(np.ones((2, 9, 9, 3))), r"np.moveaxis\(x, -1, 1\)"),
        (lambda: nn.Conv2d(3, 8, 3)(np.ones((3, 9, 9))), r"x of shape \(3, 9, 9\) .* 4 axes.*x\[None\]"),
        (lambda: nn.Conv2d(3, 8, 5)(np.ones((2, 3, 4, 9))), r"kernel of \(5, 5\) spans \(5, 5\).*\(4, 9\)"),
        (lambda: nn.Conv1d(3, 8, 3, dilation=4)(np.ones((2, 3, 8))), r"dilation \(4,\) spans \(9,\).*\(8,\)"),
        (
            lambda: convolution(np.ones((1, 2, 3)), np.ones((3, 1, 1)), groups=2),
            r"3 outputs cannot be cut into groups=2",
        ),
    ],
)
def test_what_does_not_fit_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_an_edge_is_found_and_learned():
    """A kernel learns to be the difference of neighbours, from images and where their edges are."""
    images = np.random.default_rng(0).normal(size=(8, 1, 6, 6))
    edges = images[:, :, :, 1:] - images[:, :, :, :-1]
    layer = nn.Conv2d(1, 1, (1, 2), rng=0)
    optimizer = tg.optim.SGD(layer.parameters(), lr=0.3)
    for _ in range(60):
        optimizer.zero_grad()
        nn.mse_loss(layer(images), edges).backward()
        optimizer.step()
    np.testing.assert_allclose(layer.weight.data.ravel(), [-1, 1], atol=1e-6)

"""Samples of the rows that layers bring along: windows, convolutions, standardising."""

import math
from functools import partial

from hypothesis import strategies as st

from tests.samples.base import Case, Sample, some_axes
from tests.samples.shape import sample
from tinygrad_edu.nn.convolution import convolution, convolution_to_weight, convolution_to_x
from tinygrad_edu.nn.normalization import standardize
from tinygrad_edu.nn.windows import fold, stops, windows


def few(draw, low, high, number):
    return tuple(draw(st.integers(low, high)) for _ in range(number))


@st.composite
def sliding(draw, axes):
    """Sides that a kernel fits into, the kernel, its stride and its dilation."""
    kernel, stride, dilation = (few(draw, 1, 4 - axes, axes) for _ in range(3))
    more = few(draw, 0, 2, axes)
    sides = tuple((k - 1) * d + 1 + n for k, d, n in zip(kernel, dilation, more))
    return sides, kernel, stride, dilation


@st.composite
def convolutions(draw):
    """Shapes of x, weight and result, and the options; a value for each axis or one for all."""
    axes = draw(st.integers(1, 2))
    sides, kernel, stride, dilation = draw(sliding(axes))
    groups, n = draw(st.integers(1, 2)), draw(st.integers(0, 2))
    channels, outputs = draw(st.sampled_from([(1, 1), (2, 1), (1, 2)]))
    padding = draw(st.sampled_from([0, 1, "valid", "same"] if set(stride) == {1} else [0, 1, (1, 0)[:axes]]))
    x, weight = (n, channels * groups, *sides), (outputs * groups, channels, *kernel)
    pads = [2 * p for p in padding] if isinstance(padding, tuple) else [2 * (padding == 1)] * axes
    reached = stops(tuple(s + p for s, p in zip(sides, pads)), kernel, stride, dilation)
    out = (n, weight[0], *(sides if padding == "same" else reached))
    stride = stride[0] if len(set(stride)) == 1 else stride
    return x, weight, out, (stride, padding, dilation, groups)


@st.composite
def forward(draw):
    x, weight, out, options = draw(convolutions())
    biased = draw(st.booleans())
    call = lambda x, w, b=None: convolution(x, w, b, *options)
    return Case(call, [x, weight, out[1:2]] if biased else [x, weight])


@st.composite
def back_to_x(draw):
    x, weight, out, options = draw(convolutions())
    return Case(lambda g, w: convolution_to_x(g, w, x, *options), [out, weight])


@st.composite
def back_to_weight(draw):
    x, weight, out, options = draw(convolutions())
    return Case(lambda g, x: convolution_to_weight(g, x, weight, *options), [out, x])


@st.composite
def seen(draw):
    sides, kernel, stride, dilation = draw(sliding(draw(st.integers(1, 2))))
    return partial(windows, kernel=kernel, stride=stride, dilation=dilation), [(*few(draw, 0, 2, 1), *sides)]


@st.composite
def folded(draw):
    sides, kernel, stride, dilation = draw(sliding(draw(st.integers(1, 2))))
    shape = (math.prod(kernel), *few(draw, 0, 2, 1), *stops(sides, kernel, stride, dilation))
    return lambda w: fold(w, sides, kernel, stride, dilation), [shape]


@st.composite
def standardized(draw):
    shape = draw(some_axes)
    axis = tuple(draw(st.sets(st.integers(0, len(shape) - 1), min_size=1)))
    return Case(partial(standardize, axis=axis, eps=1.0), [shape])


SAMPLES = {
    convolution: [Sample(forward(), apart=1 / 64)],
    convolution_to_x: [Sample(back_to_x(), apart=1 / 64)],
    convolution_to_weight: [Sample(back_to_weight(), apart=1 / 64)],
    windows: sample(seen()),
    fold: [Sample(one.cases, apart=1 / 64) for one in sample(folded())],
    standardize: [Sample(standardized())],
}

"""Samples of the losses' rows."""

from hypothesis import strategies as st

from tests.samples.base import Case, Sample, shapes, some_axes, unary
from tinygrad_edu.nn.classification_losses import bernoulli_cross_entropy, softmax_cross_entropy
from tinygrad_edu.nn.losses import huber, mean_squared_error


def alike(function, sizes=shapes, **values):
    """A function of two arrays of one shape."""
    return Sample(st.builds(Case, st.just(function), sizes.map(lambda s: [s, s])), **values)


SAMPLES = {
    mean_squared_error: [alike(mean_squared_error, some_axes)],
    huber: [unary(lambda x: huber(x, 1.0), lambda x: huber(x, 0.5))],
    bernoulli_cross_entropy: [alike(bernoulli_cross_entropy, low=1 / 4, high=3 / 4, apart=1 / 64)],
    softmax_cross_entropy: [alike(softmax_cross_entropy, some_axes)],
}

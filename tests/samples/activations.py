"""Samples of the activations."""

from functools import partial

from tests.samples.base import unary
from tinygrad_edu.functions import elu, leaky_relu, normal_cdf

SAMPLES = {
    leaky_relu: [unary(leaky_relu, partial(leaky_relu, negative_slope=0.5))],
    elu: [unary(elu, partial(elu, alpha=0.5))],
    normal_cdf: [unary(normal_cdf)],
}

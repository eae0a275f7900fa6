"""What a sample is: a strategy that draws a `Case`, and the range in which the function is smooth.

Every value is a multiple of 1/128 that no other entry of the call shares, and none is 0: no ties, no kinks.
"""

from collections.abc import Callable
from dataclasses import dataclass

import hypothesis.extra.numpy as hnp
import numpy as np
from hypothesis import strategies as st


@dataclass(frozen=True)
class Case:
    """One way to call a function: `call` takes the differentiable inputs, its options are set already."""

    call: Callable
    shapes: list[tuple[int, ...]]


@dataclass(frozen=True)
class Sample:
    cases: st.SearchStrategy[Case]
    low: float = -2
    high: float = 2
    apart: float = 1 / 16

    def inputs(self, case):
        """A strategy for the input arrays of a case."""
        return st.tuples(*[self._values(shape, number) for number, shape in enumerate(case.shapes)])

    def _values(self, shape, number):
        steps = st.integers(round(self.low / self.apart), round(self.high / self.apart) - 1)
        own = (2 * number + 1) / 8  # so that the entries of different inputs differ
        return hnp.arrays(int, shape, elements=steps, unique=True).map(lambda k: np.asarray((k + own) * self.apart))


SIDES = {"min_dims": 0, "max_dims": 3, "max_side": 3}
shapes = hnp.array_shapes(**SIDES, min_side=0)
some_axes = hnp.array_shapes(min_dims=1, max_dims=3, min_side=1, max_side=3)


def broadcastable(number):
    return hnp.mutually_broadcastable_shapes(num_shapes=number, **SIDES, min_side=0).map(lambda s: list(s.input_shapes))


def unary(*calls, low=-2, high=2):
    return Sample(st.builds(Case, st.sampled_from(calls), shapes.map(lambda s: [s])), low, high)


def binary(function, low=-2, high=2):
    return Sample(st.builds(Case, st.just(function), broadcastable(2)), low, high)

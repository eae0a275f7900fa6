"""What all contestants are given: the kind of step, then weights, data and the learning rate.

Learning rates are small: contestants go on from turn to turn, and a loss must still have all its digits at the end.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from benchmarks import flip_step

__all__ = ["LAYERS", "Problem", "classifier", "deep", "flip", "memory", "rnn"]

Problem = tuple[str, tuple[Any, ...]]
LAYERS = (784, 512, 512, 10)


def flip(batch: int) -> Problem:
    """The lesson's network of 31 parameters, in float64."""
    return "network", (
        [parameter.data for parameter in flip_step.network().parameters()],
        *flip_step.images(batch),
        1e-5,
    )


def deep(depth: int, width: int = 16, batch: int = 16) -> Problem:
    """Many small layers with ReLU between them, in float64: what a layer costs that has hardly anything to do."""
    rng = np.random.default_rng(0)
    parameters = []
    for _ in range(depth):
        parameters += [rng.normal(0, (2 / width) ** 0.5, (width, width)), rng.normal(0, 0.1, width)]
    x, y = rng.standard_normal((2, batch, width))
    return "network", (parameters, x, y, 1e-6)


def rnn(time: int, inputs: int = 8, hidden: int = 32, batch: int = 16) -> Problem:
    """Sequences, (batch, time, inputs), and what each step should answer, (batch, time, hidden); in float64."""
    rng = np.random.default_rng(0)
    shapes = (inputs, hidden), (hidden, hidden), (hidden,), (hidden,)
    parameters = [rng.uniform(-1, 1, shape) / hidden**0.5 for shape in shapes]
    x, y = rng.standard_normal((batch, time, inputs)), rng.uniform(-1, 1, (batch, time, hidden))
    return "recurrent", (parameters, x, y, 1e-4)


def classifier(batch: int, sizes: Sequence[int] = LAYERS) -> Problem:
    """ReLU, cross-entropy and Adam, in float32: where the matrix products take nearly all of the time."""
    rng = np.random.default_rng(0)
    parameters = []
    for inputs, outputs in itertools.pairwise(sizes):
        bound = 1 / np.sqrt(inputs)
        parameters += [rng.uniform(-bound, bound, shape).astype(np.float32) for shape in ((inputs, outputs), outputs)]
    x, labels = rng.random((batch, sizes[0]), np.float32), rng.integers(0, sizes[-1], batch)
    return "classifier", (parameters, x, labels, 1e-6)


def memory(kind: str, length: int, size: int) -> Problem:
    """An array of `size` numbers through `length` additions, or as many tanh: what is kept for the way back?"""
    return kind, (np.random.default_rng(0).standard_normal(size), length)

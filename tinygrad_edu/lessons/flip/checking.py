"""Are the gradients right? Backpropagation against finite differences: verdicts, passes, seconds."""

from __future__ import annotations

import math
import statistics
import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygrad_edu.finite_differences import numerical_gradient
from tinygrad_edu.gradcheck import gradcheck
from tinygrad_edu.lessons.flip.networks import Array, named
from tinygrad_edu.lessons.flip.passes import backprop, loss_of, output_gradient
from tinygrad_edu.nn import Sequential
from tinygrad_edu.recording import no_grad
from tinygrad_edu.tensor import Tensor

__all__ = ["Check", "Entry", "Timing", "check_gradients", "timing"]


@dataclass(frozen=True)
class Entry:
    """One entry of one parameter and its slope, found in several ways."""

    name: str  # for instance W1[2,0]
    backprop: float
    central: float  # by wiggling: from both sides at once
    left: float  # the one-sided slopes, and what the gradient check says
    right: float
    verdict: str  # agree, kink, mismatch or inconclusive


@dataclass(frozen=True)
class Check:
    """Backpropagation against finite differences, with the passes that each of them took, counted."""

    entries: list[Entry]
    well: bool
    forward_passes: int  # of the central differences
    backprop_passes: tuple[int, int]  # forward, backward
    output: Array  # ∂loss/∂prediction, with which the backward pass begins

    def count(self, verdict: str) -> int:
        """How many entries got this verdict."""
        return sum(entry.verdict == verdict for entry in self.entries)

    @property
    def kinks(self) -> list[Entry]:
        """The entries that have two slopes."""
        return [entry for entry in self.entries if entry.verdict == "kink"]

    @property
    def max_error(self) -> float:
        """The largest difference to the central difference where there is a derivative, that is, off the kinks."""
        return max((abs(e.backprop - e.central) for e in self.entries if e.verdict != "kink"), default=math.nan)


class _Passes:
    """A loss that counts how often it is run forward and backward."""

    def __init__(self, model: Sequential, x: Array) -> None:
        self.model = model
        self.x = x
        self.forward_count = 0
        self.backward_count = 0

    def forward(self, *_: Any) -> Tensor:
        self.forward_count += 1
        return loss_of(self.model, self.x)

    def backward(self, loss: Tensor) -> None:
        self.backward_count += 1
        loss.backward()


def check_gradients(model: Sequential, x: Array) -> Check:
    """Compare one backward pass with central differences, entry by entry, and have the gradient check judge them.

    Example:
        >>> from tinygrad_edu.lessons.flip import IMAGE, traced_network
        >>> check = check_gradients(traced_network(), IMAGE)
        >>> check.count("agree"), [entry.name for entry in check.kinks]
        (27, ['W1[0,0]', 'W1[2,0]', 'W1[3,0]', 'b1[0]'])
        >>> check.forward_passes, check.backprop_passes
        (62, (1, 1))
    """
    parameters = named(model)
    wiggled = _Passes(model, x)
    with no_grad():
        central = np.concatenate([g.ravel() for g in numerical_gradient(wiggled.forward, *parameters.values())])
    forward_passes = wiggled.forward_count

    walked = _Passes(model, x)
    model.zero_grad()
    walked.backward(walked.forward())
    gradients = np.concatenate([parameter.grad.ravel() for parameter in parameters.values()])

    report = gradcheck(lambda: loss_of(model, x), wrt=parameters, seed=1.0)
    entries = [
        Entry(
            f"{judged.name}[{','.join(map(str, judged.index))}]",
            float(gradient),
            float(slope),
            float(judged.left),
            float(judged.right),
            judged.verdict,
        )
        for gradient, slope, judged in zip(gradients, central, report.entries, strict=True)
    ]
    passes = (walked.forward_count, walked.backward_count)
    return Check(entries, bool(report), forward_passes, passes, output_gradient(model, x))


@dataclass(frozen=True)
class Timing:
    """Seconds for all gradients once (the median of many), in the two ways."""

    backprop: float
    finite_difference: float

    @property
    def ratio(self) -> float:
        """How many times longer wiggling takes."""
        return self.finite_difference / self.backprop


def timing(model: Sequential, x: Array, repeats: int = 30) -> Timing:
    """Time both ways to the gradient, in turn, so that a busy machine slows them alike.

    Example:
        >>> from tinygrad_edu.lessons.flip import IMAGE, traced_network
        >>> timing(traced_network(), IMAGE, repeats=5).ratio > 1
        True
    """
    parameters = model.parameters()
    seconds: tuple[list[float], list[float]] = [], []
    for _ in range(repeats):
        start = time.perf_counter()
        backprop(model, x)
        between = time.perf_counter()
        with no_grad():
            numerical_gradient(lambda *_: loss_of(model, x), *parameters)
        seconds[0].append(between - start)
        seconds[1].append(time.perf_counter() - between)
    return Timing(*map(statistics.median, seconds))

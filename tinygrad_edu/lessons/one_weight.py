"""One weight, by hand: prediction = w·x with x = 2, truth 10, error ½(truth − prediction)².

The slope of the error is −(truth − prediction)·x, and a step goes against it: w ← w − η·slope. Everything else that a
network does is this, with more weights.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygrad_edu.optim import SGD
from tinygrad_edu.tensor import Tensor

__all__ = ["BEST", "LR", "RATES", "START", "TRUTH", "Look", "X", "descend", "error", "look", "verdict"]

X, TRUTH = 2.0, 10.0
BEST = TRUTH / X  # where the slope is 0
START = 1.0
LR = 0.01  # of the first step
RATES = (0.01, 0.25, 0.5, 0.6)


def error(w: Any) -> Any:
    """½(truth − w·x)², of a number or a Tensor.

    Example:
        >>> error(1.0)
        32.0
    """
    return 0.5 * (TRUTH - w * X) ** 2


@dataclass(frozen=True)
class Look:
    """Everything there is to see at one weight."""

    w: float
    prediction: float
    difference: float  # truth − prediction
    squared_error: float  # its square; the error is half of that
    error: float
    slope: float


def look(w: float = START) -> Look:
    """Forward, error and, from the engine, the slope at a weight.

    Example:
        >>> look(1.0)
        Look(w=1.0, prediction=2.0, difference=8.0, squared_error=64.0, error=32.0, slope=-16.0)
    """
    weight = Tensor(w, requires_grad=True)
    loss = error(weight)
    loss.backward()
    difference = TRUTH - w * X
    return Look(w, w * X, difference, difference**2, loss.item(), float(weight.grad) + 0.0)  # + 0.0: 0, not −0


def descend(lr: float = LR, start: float = START, steps: int = 10) -> list[float]:
    """The weights that gradient descent goes through, `start` first: steps + 1 numbers.

    Example:
        >>> [round(w, 4) for w in descend(0.01, steps=2)]
        [1.0, 1.16, 1.3136]
        >>> descend(0.5, steps=3)
        [1.0, 9.0, 1.0, 9.0]
    """
    weight = Tensor(start, requires_grad=True)
    optimizer = SGD([weight], lr)
    path = [start]
    with np.errstate(all="ignore"):  # a weight that explodes is something the lesson shows
        for _ in range(steps):
            optimizer.zero_grad()
            error(weight).backward()
            optimizer.step()
            path.append(weight.item())
    return path


def verdict(path: Sequence[float]) -> str:
    """What became of the distance to the best weight along a path.

    Example:
        >>> [verdict(descend(lr)) for lr in RATES]
        ['comes closer', 'lands on 5 in one step', 'bounces between 1 and 9 for ever', 'explodes']
    """
    away = [abs(w - BEST) for w in path]
    if away[1] < 1e-12:
        return f"lands on {BEST:g} in one step"
    ratios = [after / before for before, after in itertools.pairwise(away) if before > 1e-12]
    if all(math.isclose(ratio, 1, rel_tol=1e-9) for ratio in ratios):
        return f"bounces between {min(path):g} and {max(path):g} for ever"
    return "comes closer" if ratios[-1] < 1 else "explodes"

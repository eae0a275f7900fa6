"""Losses and what they punish: squared error for numbers, cross-entropy for yes or no and for classes.

All losses and slopes are those of `tinygrad_edu.nn`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygrad_edu.nn import binary_cross_entropy, huber_loss, l1_loss, mse_loss, nll_loss
from tinygrad_edu.optim import SGD
from tinygrad_edu.optim.schedules import cosine
from tinygrad_edu.tensor import Tensor

__all__ = [
    "CHANCES",
    "CLASSES",
    "FOR_NUMBERS",
    "HOURS",
    "Punishment",
    "best_constant",
    "classes",
    "constants",
    "cost",
    "punishments",
    "times_worse",
]

CHANCES = (0.95, 0.5, 0.05)  # what the network gave to the right answer: sure and right, unsure, sure and wrong
CLASSES = ("cat", "dog", "fox")
HOURS = (1.0, 2.0, 2.0, 3.0, 12.0)  # the last one is an outlier
FOR_NUMBERS: dict[str, Callable[..., Any]] = {
    "squared error": mse_loss,
    "absolute error": l1_loss,
    "Huber": huber_loss,
}


@dataclass(frozen=True)
class Punishment:
    """What two losses say of a chance that was given to the right answer, and how hard they pull at it."""

    chance: float
    squared_error: float
    squared_slope: float
    cross_entropy: float  # −log chance
    cross_slope: float


def _with_slope(loss: Callable[..., Any], chance: float) -> tuple[float, float]:
    p = Tensor(np.array([chance]), requires_grad=True)
    value = loss(p, np.array([1.0]))
    value.backward()
    return value.item(), p.grad.item()


def punishments(chances: Sequence[float] = CHANCES) -> list[Punishment]:
    """Squared error and binary cross-entropy where the truth is yes, with their slopes.

    Example:
        >>> sure, _, wrong = punishments()
        >>> round(sure.cross_entropy, 4), round(wrong.cross_entropy, 4), round(wrong.cross_slope, 6)
        (0.0513, 2.9957, -20.0)
    """
    return [
        Punishment(chance, *_with_slope(mse_loss, chance), *_with_slope(binary_cross_entropy, chance))
        for chance in chances
    ]


def times_worse(sure: float = CHANCES[0], wrong: float = CHANCES[-1]) -> float:
    """How many times more cross-entropy a confidently wrong answer costs than a confidently right one.

    Example:
        >>> round(times_worse(), 1)
        58.4
    """
    right, punished = punishments((sure, wrong))
    return punished.cross_entropy / right.cross_entropy


def classes(chances: Sequence[float]) -> list[float]:
    """Categorical cross-entropy of these chances (one a class, adding up to 1) if the truth is each class in turn.

    Example:
        >>> [round(loss, 4) for loss in classes((0.05, 0.9, 0.05))]
        [2.9957, 0.1054, 2.9957]
    """
    logs = np.log(np.array([chances], dtype=float))
    return [float(nll_loss(logs, np.array([truth]))) for truth in range(len(chances))]


def best_constant(loss: Callable[..., Any], values: Sequence[float] = HOURS, steps: int = 2000) -> float:
    """The one number that a loss likes best as a prediction of all the values, found by gradient descent.

    Args:
        loss: such as `mse_loss`, called with (prediction, target).
        values: what is to be predicted.
        steps: how many; the learning rate shrinks to 0 along half a cosine.

    Example:
        >>> round(best_constant(mse_loss), 3), round(best_constant(l1_loss), 3)
        (4.0, 2.0)
    """
    target = np.array(values, dtype=float)
    guess = Tensor(np.array(target[0]), requires_grad=True)
    optimizer = SGD([guess], cosine(0.1, steps))
    for _ in range(steps):
        optimizer.zero_grad()
        loss(guess * np.ones_like(target), target).backward()
        optimizer.step()
    return float(guess.data)


def constants(values: Sequence[float] = HOURS) -> dict[str, float]:
    """For each loss for numbers, its best constant prediction.

    Squared error likes the mean, which an outlier drags along; absolute error the median, which it does not. Huber's
    lies between.

    Example:
        >>> {name: round(found, 2) for name, found in constants().items()}
        {'squared error': 4.0, 'absolute error': 2.0, 'Huber': 2.33}
    """
    return {name: best_constant(loss, values) for name, loss in FOR_NUMBERS.items()}


def cost(name: str, guess: float, values: Sequence[float] = HOURS) -> float:
    """The mean of a loss for numbers, if `guess` is predicted for all the values.

    Args:
        name: a key of `FOR_NUMBERS`.
        guess: the prediction.
        values: what is to be predicted.

    Example:
        >>> cost("squared error", 4.0), cost("absolute error", 4.0)
        (16.4, 3.2)
    """
    target = np.array(values, dtype=float)
    return float(FOR_NUMBERS[name](np.full_like(target, guess), target))

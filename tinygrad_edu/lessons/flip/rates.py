"""The same network with four learning rates."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

from tinygrad_edu.lessons.flip.networks import images, traced_network
from tinygrad_edu.lessons.flip.training import Run, train
from tinygrad_edu.optim import SGD

__all__ = ["LEARNING_RATES", "TABLE_STEPS", "Rate", "learning_rates"]

LEARNING_RATES = (0.001, 0.1, 1.0, 10.0)
TABLE_STEPS = (0, 10, 100, 1000)  # where the learning-rate table looks at the loss


@dataclass(frozen=True)
class Rate:
    """What one learning rate does to the loss."""

    lr: float
    run: Run

    def at(self, step: int) -> float:
        """The loss after so many steps, NaN if it had blown up by then."""
        return self.run.losses[step] if step < len(self.run.losses) else math.nan

    @property
    def rises(self) -> int:
        """How many steps made the loss worse."""
        losses = self.run.losses
        return sum(after > 1.0001 * before for before, after in itertools.pairwise(losses))

    @property
    def verdict(self) -> str:
        """One word, or two, for how the loss went."""
        losses = self.run.losses
        if self.run.blew_up:
            return "blows up"
        if losses[-1] > losses[0] / 2:
            return "crawls" if not self.rises else "unstable"
        fast = losses[min(10, len(losses) - 1)] < losses[0] / 2
        words = ["fast"] * fast + ["unstable"] * (self.rises > 0)
        return ", ".join(words) or "steady"


def learning_rates(rates: tuple[float, ...] = LEARNING_RATES, steps: int = TABLE_STEPS[-1]) -> list[Rate]:
    """Plain gradient descent on all 16 images from the traced network's weights, once for every learning rate.

    Example:
        >>> [rate.verdict for rate in learning_rates((0.1, 10.0), steps=300)]
        ['steady', 'blows up']
    """
    compared = []
    for lr in rates:
        model = traced_network()
        compared.append(Rate(lr, train(model, images(), SGD(model.parameters(), lr), steps)))
    return compared

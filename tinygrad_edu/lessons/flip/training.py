"""One training run: the loop, why it ends, and the traced image learned by heart."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from tinygrad_edu.lessons.flip.networks import IMAGE, Array, traced_network
from tinygrad_edu.lessons.flip.passes import loss_of
from tinygrad_edu.nn import Sequential
from tinygrad_edu.optim import SGD, Adam, Optimizer

__all__ = ["DEFAULT_LR", "GOAL", "Run", "Settings", "train", "train_one"]

DEFAULT_LR = {"sgd": 0.1, "momentum": 0.1, "adam": 0.01}  # of the training runs
GOAL = 1e-6  # a loss below this is learned


@dataclass(frozen=True)
class Settings:
    """What the user chose for the training runs. `lr=None` is the optimizer's own default."""

    seed: int = 0
    hidden: int = 3
    lr: float | None = None
    steps: int = 5000
    optimizer: str = "sgd"

    @property
    def are_default(self) -> bool:
        """Whether training can be held to the lesson's results: with anyone's own settings it may do as it likes."""
        return self == Settings(seed=self.seed, hidden=self.hidden)

    @property
    def learning_rate(self) -> float:
        """The learning rate of the training runs."""
        return DEFAULT_LR[self.optimizer] if self.lr is None else self.lr

    @property
    def sizes(self) -> list[int]:
        """The numbers of hidden units to train on all images: always 3 and 4, for the comparison."""
        return sorted({3, 4, self.hidden})

    def optimizer_of(self, model: Sequential) -> Optimizer:
        """The chosen optimizer, for this model's parameters."""
        if self.optimizer == "adam":
            return Adam(model.parameters(), self.learning_rate)
        return SGD(model.parameters(), self.learning_rate, momentum=0.9 if self.optimizer == "momentum" else 0)


@dataclass(frozen=True)
class Run:
    """One training run: `losses[k]` is the loss after k steps."""

    losses: list[float]
    ended: str  # "goal", "steps", "plateau" or "overflow"

    @property
    def steps(self) -> int:
        """How many steps were taken."""
        return len(self.losses) - 1

    @property
    def loss(self) -> float:
        """The loss at the end; not finite when it overflowed."""
        return self.losses[-1]

    @property
    def blew_up(self) -> bool:
        """Whether the loss ended far above where it began, or is no number any more."""
        return not math.isfinite(self.loss) or self.loss > 10 * self.losses[0]


def train(
    model: Sequential, x: Array, optimizer: Optimizer, steps: int, goal: float = 0.0, patience: int | None = None
) -> Run:
    """Forward, loss, backward, update, until one of four things happens.

    Args:
        model: is changed.
        x: images, (4,) or (n, 4); all of them are used in every step.
        optimizer: of the model's parameters.
        steps: at most so many.
        goal: stop when the loss is below it.
        patience: stop when this many steps have not brought the lowest loss down by 0.1 %; None never gives up.

    Example:
        >>> model = traced_network()
        >>> run = train(model, IMAGE, SGD(model.parameters(), lr=0.1), steps=1000, goal=1e-6)
        >>> run.ended, run.loss < 1e-6
        ('goal', True)
    """
    losses: list[float] = []
    with np.errstate(all="ignore"):  # a loss that blows up is something the lesson shows, not an accident
        while True:
            loss = loss_of(model, x)
            losses.append(loss.item())
            if ended := _ended(losses, steps, goal, patience):
                return Run(losses, ended)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


def _ended(losses: list[float], steps: int, goal: float, patience: int | None) -> str:
    """Why to stop, or an empty string to go on."""
    taken = len(losses) - 1
    if not math.isfinite(losses[-1]):
        return "overflow"
    if losses[-1] < goal:
        return "goal"
    if taken >= steps:
        return "steps"
    if patience and taken >= 2 * patience and taken % patience == 0:
        return "plateau" if min(losses[-patience:]) > 0.999 * min(losses[:-patience]) else ""
    return ""


def train_one(settings: Settings) -> Run:
    """Train the traced network on the traced image alone, until the loss is below 1e-6.

    Example:
        >>> train_one(Settings()).ended
        'goal'
    """
    model = traced_network()
    return train(model, IMAGE, settings.optimizer_of(model), settings.steps, GOAL)

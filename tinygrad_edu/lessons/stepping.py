"""The flip network, one stage of its training at a time: what the playground shows. Nothing here knows of widgets."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tinygrad_edu.lessons.flip import (
    GOAL,
    IMAGE,
    LR,
    Trace,
    backprop,
    flipped,
    floor,
    images,
    images_right,
    loss_of,
    named,
    network,
    trace,
    traced_network,
    train,
)
from tinygrad_edu.optim import SGD

__all__ = ["STAGES", "Stepper"]

# In this order; after the last comes the update, and then the first again.
STAGES = ("ready", "hidden", "output", "loss", "b2", "W2", "b1", "W1")
FORWARD, BACKWARD = STAGES.index("loss"), len(STAGES) - 1
LANDS = {name: STAGES.index(name) for name in ("b2", "W2", "b1", "W1")}  # backward's order: from the loss to the input


class Stepper:
    """A 4 → hidden → 4 network that is stepped through forward, loss, backward, update, as slowly as one likes.

    Args:
        hidden: 3 or 4 hidden units.
        seed: of random weights; None takes the lesson's, which has three units.
        lr: the learning rate; assign to `lr` to change it.

    Attributes:
        model: the network.
        image: (4,), the one that is looked at; see `look_at`.
        learns_all: whether it learns from all 16 images or from this one alone; see `learn_from_all`.
        stage: how far the present step is, a number of STAGES.
        updates: how many steps are done.
        losses: before the first step and after each; empty before the first forward pass.

    Raises:
        ValueError: not 3 or 4 hidden units, the lesson's weights for 4, or a learning rate that is not above 0.

    Example:
        >>> stepper = Stepper()
        >>> stepper.backward()
        >>> print(round(stepper.loss, 5), stepper.gradients["b2"].round(3))
        0.89625 [-0.45  -0.55  -0.025 -0.625]
        >>> stepper.update()
        >>> stepper.forward()
        >>> print(round(stepper.loss, 7))
        0.7257526
    """

    def __init__(self, hidden: int = 3, seed: int | None = None, lr: float = LR) -> None:
        if hidden not in (3, 4):
            raise ValueError(f"this network has 3 or 4 hidden units, not {hidden}")
        if hidden == 4 and seed is None:
            raise ValueError("the lesson's weights are for 3 hidden units; for 4 give a seed: hidden=4, seed=0")
        if not 0 < lr < math.inf:  # also NaN
            raise ValueError(f"a learning rate is a number above 0, not {lr}; try for instance lr=0.1")
        self.hidden, self.seed, self.lr = hidden, seed, lr
        self.image, self.learns_all = IMAGE, False
        self.reset()

    def reset(self) -> None:
        """Back to the weights that it started with."""
        self.model = traced_network() if self.seed is None else network(self.hidden, self.seed)
        self._forget()

    def _forget(self) -> None:
        """The losses of what it learned from so far say nothing of what comes; the weights stay."""
        self.stage, self.updates = 0, 0
        self.losses: list[float] = []

    def look_at(self, image: Sequence[float] | NDArray[np.float64]) -> None:
        """Choose an image of four numbers; the present step begins again, and so do the losses if they were of one."""
        self.image, self.stage = np.array(image, dtype=float), 0
        if not self.learns_all:
            self._forget()

    def learn_from_all(self, learns_all: bool) -> None:
        """Choose whether to learn from all 16 images; the losses begin again."""
        self.learns_all = learns_all
        self._forget()

    @property
    def data(self) -> NDArray[np.float64]:
        """What it learns from: (4,) or (16, 4)."""
        return images() if self.learns_all else self.image

    # ---- one step, stage by stage
    def advance(self) -> None:
        """One stage on; from the last one, the update."""
        if self.stage == BACKWARD:
            self.update()
            return
        self.stage += 1
        with np.errstate(all="ignore"):  # weights that have blown up are something to be seen
            if self.stage == 1:
                self._trace = trace(self.model, self.image)
                self.losses[self.updates :] = [loss_of(self.model, self.data).item()]
            elif self.stage == FORWARD + 1:
                self._gradients = backprop(self.model, self.data)

    def forward(self) -> None:
        """On until the loss is known; nothing happens if it is."""
        while self.stage < FORWARD:
            self.advance()

    def backward(self) -> None:
        """On until every parameter has its gradient, forward included."""
        while self.stage < BACKWARD:
            self.advance()

    def update(self) -> None:
        """Every weight moves against its gradient, forward and backward included; the next step begins."""
        self.backward()
        with np.errstate(all="ignore"):
            SGD(self.model.parameters(), self.lr).step()
        self.stage, self.updates = 0, self.updates + 1

    def train(self, steps: int) -> bool:
        """Many steps, and the forward pass after them.

        Returns:
            Whether there is reason to go on: the loss is a number, and not yet below 1e-6.
        """
        run = train(self.model, self.data, SGD(self.model.parameters(), self.lr), steps, GOAL)
        self.losses[self.updates :] = run.losses
        self.updates += run.steps
        self.stage = 0
        self.forward()
        return run.ended == "steps"

    # ---- what is known at this stage
    @property
    def weights(self) -> dict[str, NDArray[np.float64]]:
        """W1 (4, hidden), b1 (hidden,), W2 (hidden, 4), b2 (4,)."""
        return {name: parameter.data for name, parameter in named(self.model).items()}

    @property
    def gradients(self) -> dict[str, NDArray[np.float64]]:
        """Of the same shapes; NaN where none has arrived yet."""
        return {
            name: self._gradients[name] if self.stage >= LANDS[name] else np.full(weight.shape, np.nan)
            for name, weight in self.weights.items()
        }

    @property
    def seen(self) -> Trace | None:
        """The image on its way through the network; None before its forward pass."""
        return self._trace if self.stage else None

    @property
    def target(self) -> NDArray[np.float64]:
        """The image flipped."""
        return flipped(self.image)

    @property
    def loss(self) -> float | None:
        """Of what it learns from, before the update; None if it is not known yet."""
        return self.losses[self.updates] if self.stage >= FORWARD else None

    @property
    def floor(self) -> float:
        """The least loss that there is: 1/16 for 16 images and three hidden units, else 0."""
        return floor(self.hidden) if self.learns_all else 0.0

    @property
    def dead_units(self) -> int:
        """How many hidden units are 0 for all 16 images: no gradient wakes them, and each raises the floor by 1/16."""
        with np.errstate(all="ignore"):
            return int((trace(self.model, images()).h <= 0).all(axis=0).sum())  # NaN is no silence

    @property
    def images_right(self) -> int:
        """How many of the 16 images come out right as the weights are."""
        return images_right(self.model)

"""All 16 images: the floor that no training gets below, and many random starts that try."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tinygrad_edu.lessons.flip.networks import flipped, images, network
from tinygrad_edu.lessons.flip.training import GOAL, Run, Settings, train
from tinygrad_edu.nn import Sequential
from tinygrad_edu.recording import no_grad

__all__ = ["STARTS", "Start", "Starts", "dead_units", "floor", "images_right", "most_images", "train_all"]

STARTS = 24  # random starts at most
PATIENCE = 500  # steps without progress after which a start is given up


def floor(hidden: int) -> float:
    """The least mean squared error that so many hidden units can reach on all 16 images.

    With h hidden units the outputs lie in an h-dimensional affine space. The 16 targets vary by ¼ in every one of their
    four directions; each direction left out costs that ¼, averaged over four outputs.

    Example:
        >>> floor(3), floor(4)
        (0.0625, 0.0)
    """
    return max(4 - hidden, 0) / 16


def most_images(hidden: int) -> int:
    """The most images that so many hidden units can get right: four thresholds cut their space into so many regions.

    On the floor itself it is fewer; 14 for three units. There the outputs are the targets projected along some unit
    vector u, and the target furthest along ±u keeps an output on the wrong side, since max|uᵢ|·Σ|uᵢ| ≥ Σuᵢ² = 1.

    Example:
        >>> [most_images(hidden) for hidden in (1, 2, 3, 4, 5)]
        [5, 11, 15, 16, 16]
    """
    return sum(math.comb(4, k) for k in range(min(hidden, 4) + 1))


def images_right(model: Sequential) -> int:
    """How many of the 16 images come out right: each of the four outputs on the target's side of 0.5.

    Example:
        >>> from tinygrad_edu.lessons.flip import traced_network
        >>> images_right(traced_network())
        1
    """
    with no_grad(), np.errstate(all="ignore"):  # the weights may have blown up
        outputs = model(images()).data
    right = np.where(flipped(images()) > 0.5, outputs > 0.5, outputs <= 0.5)  # NaN is on neither side
    return int(right.all(axis=1).sum())


def dead_units(model: Sequential) -> int:
    """How many hidden units are 0 for every image, so that no gradient can wake them.

    Example:
        >>> dead_units(network(3, rng=0))
        0
    """
    with no_grad(), np.errstate(all="ignore"):
        h = model[1](model[0](images())).data
    return int((h <= 0).all(axis=0).sum())  # NaN is no silence


@dataclass(frozen=True)
class Start:
    """Training from one random start."""

    number: int  # from 1
    run: Run
    images_right: int
    dead_units: int


@dataclass(frozen=True)
class Starts:
    """Training on all 16 images from several random starts."""

    hidden: int
    starts: list[Start]

    @property
    def floor(self) -> float:
        """The least loss possible, see `floor`."""
        return floor(self.hidden)

    @property
    def parameters(self) -> int:
        """Of each of these networks."""
        return 9 * self.hidden + 4

    @property
    def best(self) -> Start:
        """The lowest loss; among those within 0.1 % of it, the most images right."""
        finite = [start for start in self.starts if math.isfinite(start.run.loss)] or self.starts
        lowest = min(start.run.loss for start in finite)
        equal = [start for start in finite if start.run.loss <= max(1.001 * lowest, GOAL)] or finite
        return max(equal, key=lambda start: start.images_right)

    @property
    def at_floor(self) -> int:
        """How many starts came within 0.1 % of the floor (or below 1e-6 if that is 0)."""
        return len(self.right_at_floor)

    @property
    def right_at_floor(self) -> list[int]:
        """How many images each start that reached the floor gets right, from the fewest to the most."""
        floor = max(1.001 * self.floor, GOAL)
        return sorted(start.images_right for start in self.starts if start.run.loss <= floor)

    @property
    def with_dead_units(self) -> int:
        """How many starts ended with a hidden unit that is 0 for every image, not counting those that blew up."""
        return sum(start.dead_units > 0 and not start.run.blew_up for start in self.starts)

    @property
    def blown_up(self) -> int:
        """How many starts ended with a loss far above the first, or with none that is a number."""
        return sum(start.run.blew_up for start in self.starts)


def train_all(hidden: int, settings: Settings, on_start: Callable[[int, int], None] | None = None) -> Starts:
    """Train on all 16 images from random starts, until one gets all of them right or 24 have been tried.

    Args:
        hidden: number of hidden units.
        settings: the seed decides all starts.
        on_start: called with (hidden, how many starts are done) before each start.

    Example:
        >>> tried = train_all(3, Settings(steps=2))
        >>> len(tried.starts), tried.best.run.loss > tried.floor
        (24, True)
    """
    tried: list[Start] = []
    for number in range(1, STARTS + 1):
        if on_start:
            on_start(hidden, number - 1)
        model = network(hidden, np.random.default_rng([settings.seed, number]))
        run = train(model, images(), settings.optimizer_of(model), settings.steps, GOAL, PATIENCE)
        tried.append(Start(number, run, images_right(model), dead_units(model)))
        if run.loss < GOAL and tried[-1].images_right == 16:
            break
    return Starts(hidden, tried)

"""Roll downhill: a ball on the curve f(x) = 0.12·x² + sin(2.4·x) + 0.3·cos(5·x), and what the learning rate does to it.

`Ball` is what the simulator shows: it steps, runs, and goes back to its start; it knows where it is, how steep it is
there, where it came from, and what to say about that. All slopes are the engine's, all steps `tinygrad_edu.optim`'s.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygrad_edu.optim import SGD, Adam, Optimizer
from tinygrad_edu.optim.schedules import constant, cosine, step_decay
from tinygrad_edu.tensor import Tensor

__all__ = [
    "HIGH",
    "LOW",
    "OPTIMIZERS",
    "RATES",
    "SCHEDULES",
    "Ball",
    "Bottom",
    "bottoms",
    "deepest",
    "f",
    "global_minimum",
    "restarts",
    "slope",
    "tops",
    "ways_out",
]

LOW, HIGH = -6.0, 6.0  # the part of the curve that the picture shows
RATES = (0.01, 0.6, 1.2)  # left, middle and right of the slider
STEPS = 200  # that a run takes at most, and that a schedule is made for
FAR = (
    1000.0  # a ball that is out here has left for good: where steps are not too large, even momentum 0.99 turns before
)
FLAT = 5e-5  # a slope, a step or a rise that counts as none: four digits do not show it
SLOW = 0.02  # steps shorter than this share of the slope crawl
LOOK_BACK = 10  # steps that the verdict is about

OPTIMIZERS: dict[str, Callable[[list[Tensor], Any, float], Optimizer]] = {
    "sgd": lambda params, lr, momentum: SGD(params, lr),
    "momentum": lambda params, lr, momentum: SGD(params, lr, momentum=momentum),
    "adam": lambda params, lr, momentum: Adam(params, lr),
}
SCHEDULES: dict[str, Callable[[float], Any]] = {
    "constant": constant,
    "step decay": lambda lr: step_decay(lr, every=STEPS // 4, factor=0.3),
    "cosine": lambda lr: cosine(lr, STEPS),
}


# ---- the curve ---------------------------------------------------------------------------------------------------
def f(x: Any) -> Any:
    """The height at x: a number, an array or a Tensor.

    Example:
        >>> print(round(f(-0.6283), 4))
        -1.2507
    """
    return 0.12 * x**2 + np.sin(2.4 * x) + 0.3 * np.cos(5 * x)


def slope(x: Any) -> Any:
    """f′(x) from the engine, at a number or at every entry of an array.

    Example:
        >>> print(round(slope(3.0), 4))
        1.2046
    """
    t = Tensor(np.array(x, dtype=float), requires_grad=True)
    np.sum(f(t)).backward()
    return t.grad[()]


@dataclass(frozen=True)
class Bottom:
    """A minimum, or a maximum, of the curve."""

    x: float
    f: float


@functools.cache
def bottoms() -> tuple[Bottom, ...]:
    """The minima between −6 and 6, from left to right.

    Example:
        >>> [(round(b.x, 4), round(b.f, 4)) for b in bottoms()][2:4]
        [(-0.6283, -1.2507), (1.8848, -0.8559)]
    """
    return _level(1)


@functools.cache
def tops() -> tuple[Bottom, ...]:
    """The maxima between −6 and 6, from left to right: each parts two valleys.

    Example:
        >>> [round(top.x, 2) for top in tops()]
        [-4.94, -2.32, 0.98, 3.63]
    """
    return _level(-1)


def _level(rising: int) -> tuple[Bottom, ...]:
    """Where the slope goes through 0, upwards for rising = 1; halved down to neighbouring numbers."""
    x = np.linspace(LOW, HIGH, 601)
    signs = np.sign(slope(x)) * rising
    found = []
    for low, high in zip(x[:-1][(signs[:-1] < 0) & (signs[1:] >= 0)], x[1:][(signs[:-1] < 0) & (signs[1:] >= 0)]):
        while low < (middle := (low + high) / 2) < high:
            low, high = (middle, high) if slope(middle) * rising < 0 else (low, middle)
        found.append(Bottom(float(low), float(f(low))))
    return tuple(found)


def global_minimum() -> Bottom:
    """The deepest of all minima; the others are local.

    Example:
        >>> print(round(global_minimum().x, 4))
        -0.6283
    """
    return min(bottoms(), key=lambda bottom: bottom.f)


# ---- the ball ----------------------------------------------------------------------------------------------------
class Ball:
    """A ball that rolls down the curve, one step of an optimizer at a time.

    Args:
        start: where it lies at first.
        lr: the learning rate; assign to `lr` to change it while the ball rolls.
        optimizer: "sgd", "momentum" or "adam".
        momentum: of "momentum", at least 0 and less than 1.
        schedule: "constant", or "step decay" or "cosine", which shrink the learning rate over 200 steps.

    Attributes:
        path: all positions, the start first.
        heights: f at these positions.
        slopes: f′ at these positions.

    Raises:
        ValueError: an optimizer or schedule that there is not, a start that is far away, or a setting out of range.

    Example:
        >>> ball = Ball(start=3.0, lr=0.1)
        >>> ball.run(50)
        >>> ball.steps, round(ball.x, 4), ball.verdict
        (15, 1.8848, 'stuck in a local minimum at 1.8848')
    """

    def __init__(
        self,
        start: float = 3.0,
        lr: float = 0.1,
        optimizer: str = "sgd",
        momentum: float = 0.9,
        schedule: str = "constant",
    ) -> None:
        for name, chosen, offered in (("optimizer", optimizer, OPTIMIZERS), ("schedule", schedule, SCHEDULES)):
            if chosen not in offered:
                raise ValueError(f"there is no {name} {chosen!r}; there are {', '.join(offered)}")
        if not abs(start) < FAR:  # also NaN
            raise ValueError(f"a ball cannot start at {start}; put it somewhere from {LOW:g} to {HIGH:g}")
        self.start, self.optimizer, self.momentum, self.schedule = float(start), optimizer, momentum, schedule
        self._lr = lr
        self.reset()

    def reset(self) -> None:
        """Back to the start; nothing is remembered of the way."""
        self._x = Tensor(self.start, requires_grad=True)
        self._optimizer = OPTIMIZERS[self.optimizer]([self._x], SCHEDULES[self.schedule](self._lr), self.momentum)
        self.path: list[float] = []
        self.heights: list[float] = []
        self.slopes: list[float] = []
        self._arrive()

    def _arrive(self) -> None:
        """Forward and backward where the ball is now."""
        with np.errstate(all="ignore"):  # a ball that flies away is something to be seen
            self._optimizer.zero_grad()
            height = f(self._x)
            height.backward()
        self.path.append(self._x.item())
        self.heights.append(height.item())
        self.slopes.append(float(self._x.grad))

    def step(self) -> None:
        """One step against the slope; a ball that has left for good stays away."""
        if self.is_gone:
            return
        with np.errstate(all="ignore"):
            self._optimizer.step()
        self._arrive()

    def run(self, steps: int = STEPS) -> None:
        """So many steps, fewer if it comes to rest or flies away."""
        for _ in range(steps):
            if self.is_gone or self.is_at_rest:
                return
            self.step()

    @property
    def lr(self) -> float:
        """The learning rate that was asked for; a schedule starts with it."""
        return self._lr

    @lr.setter
    def lr(self, value: float) -> None:
        self._optimizer.lr = SCHEDULES[self.schedule](value)
        self._lr = value

    @property
    def rate(self) -> float:
        """The learning rate of the next step: what the schedule makes of `lr`.

        Example:
            >>> ball = Ball(3.0, 0.1, schedule="step decay")
            >>> for _ in range(50):
            ...     ball.step()
            >>> round(ball.rate, 3)
            0.03
        """
        return float(SCHEDULES[self.schedule](self._lr)(self.steps))

    @property
    def steps(self) -> int:
        """How many steps it has taken."""
        return len(self.path) - 1

    @property
    def x(self) -> float:
        """Where it is."""
        return self.path[-1]

    @property
    def f(self) -> float:
        """How high that is."""
        return self.heights[-1]

    @property
    def slope(self) -> float:
        """How steep it is there: f′(x)."""
        return self.slopes[-1]

    def tangent(self, x: Any) -> Any:
        """The height at x of the straight line that touches the curve where the ball is."""
        return self.f + self.slope * (x - self.x)

    # ---- what to say of it
    @property
    def is_gone(self) -> bool:
        """Whether it has left the valley: far out, or no number any more."""
        return not abs(self.x) < FAR

    @property
    def is_at_rest(self) -> bool:
        """Whether it lies on flat ground and has stopped moving."""
        moved = abs(self.x - self.path[-2]) if self.steps else 0.0
        return abs(self.slope) < FLAT and moved < FLAT

    @property
    def verdict(self) -> str:
        """In words: ready, crawling, smooth, overshooting, diverged, or where it is stuck.

        It is about the last ten steps: overshooting is a step that led upwards; crawling, that all were shorter than
        0.02 × the slope that they followed, so that a steep slope gets it nowhere.
        """
        if self.is_gone:
            return "diverged"
        if self.is_at_rest:
            return self._resting_place()
        if not self.steps:
            return "ready"
        heights, path = np.array(self.heights[-LOOK_BACK - 1 :]), np.array(self.path[-LOOK_BACK - 1 :])
        if np.any(np.diff(heights) > FLAT):
            return "overshooting"
        followed = np.abs(self.slopes[-LOOK_BACK - 1 : -1])
        return "crawling" if np.all(np.abs(np.diff(path)) < SLOW * followed) else "smooth"

    def _resting_place(self) -> str:
        where = f"{self.x:.4f}"
        if any(abs(self.x - top.x) < 0.01 for top in tops()):
            return f"balanced on a maximum at {where}"
        is_best = abs(self.x - global_minimum().x) < 0.01
        return f"in the global minimum at {where}" if is_best else f"stuck in a local minimum at {where}"


# ---- ways out of a poor valley -----------------------------------------------------------------------------------
def restarts(
    count: int = 12, lr: float = 0.05, steps: int = STEPS, rng: np.random.Generator | int | None = 0
) -> list[Ball]:
    """Plain gradient descent from random starts between −6 and 6; the lowest that any of them ends is the result.

    Example:
        >>> balls = restarts()
        >>> deepest(balls).verdict
        'in the global minimum at -0.6283'
    """
    balls = [Ball(float(start), lr) for start in np.random.default_rng(rng).uniform(LOW, HIGH, count)]
    for ball in balls:
        ball.run(steps)
    return balls


def ways_out(start: float = 3.0, steps: int = 300) -> dict[str, Ball]:
    """From one start, what each refinement does: where plain descent gets stuck, some of them roll on.

    Example:
        >>> {name: round(ball.x, 2) for name, ball in ways_out().items() if "plain" in name}
        {'plain': 1.88}
    """
    balls = {
        "plain": Ball(start, 0.1),
        "momentum 0.9": Ball(start, 0.1, "momentum", 0.9),
        "0.6, constant": Ball(start, 0.6),
        "0.6, shrinking": Ball(start, 0.6, schedule="cosine"),
        "adam": Ball(start, 0.3, "adam"),
    }
    for ball in balls.values():
        ball.run(steps)
    return balls


def deepest(balls: Sequence[Ball]) -> Ball:
    """The ball that lies lowest."""
    return min(balls, key=lambda ball: ball.f)

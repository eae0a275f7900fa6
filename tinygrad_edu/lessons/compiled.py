"""See the compiled step: one training step of the flip network three times, and what compiling takes away from it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_edu.compile import Compiled, compile
from tinygrad_edu.lessons import flip
from tinygrad_edu.nn import mse_loss
from tinygrad_edu.optim import SGD

__all__ = ["WHAT", "Stage", "Steps", "by_hand", "speed", "stages", "steps"]

Array = NDArray[np.float64]
Step = Callable[[Array, Array], Any]

# What each stage of compiling takes away from the list of calls, in a few words.
WHAT = {
    "traced": "nothing yet: all that the engine does",
    "dead code": "what nothing depends on",
    "constants": "what is the same at every step",
    "algebra": "times 1, minus 0 and the like",
    "common subexpressions": "what was computed before",
    "views hoisted": "views of the weights",
    "dead code again": "what only those needed",
    "operands evened": "(adds copies: NumPy is slow to stretch a row)",
    "gradients in place": "copies of gradients",
    "views of buffers hoisted": "views of the buffers",
}


@dataclass(frozen=True)
class Steps:
    """The same training step in three ways. Each takes (x, y), moves weights of its own, and returns the loss."""

    eager: Step
    compiled: Compiled
    by_hand: Step

    def all(self) -> dict[str, Step]:
        """By name."""
        return {"eager": self.eager, "compiled": self.compiled, "by hand": self.by_hand}


def steps(lr: float = flip.LR) -> Steps:
    """The training step of the traced 4-3-4 network: as one writes it, compiled, and as a person would do it in NumPy.

    Example:
        >>> three = steps()
        >>> x, y = flip.IMAGE[None], flip.flipped(flip.IMAGE)[None]
        >>> [round(step(x, y).item(), 6) for step in three.all().values()]
        [0.89625, 0.89625, 0.89625]
        >>> [round(step(x, y).item(), 6) for step in three.all().values()]
        [0.725753, 0.725753, 0.725753]
    """
    return Steps(_written(lr), compile(_written(lr)), by_hand(lr))


def _written(lr: float) -> Step:
    model = flip.traced_network()
    optimizer = SGD(model.parameters(), lr=lr)

    def step(x: Array, y: Array) -> Any:
        loss = mse_loss(model(x), y)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        return loss

    return step


def by_hand(lr: float = flip.LR) -> Step:
    """The step without any engine: every line of backward worked out on paper. For batches, x and y of shape (n, 4)."""
    w1, b1, w2, b2 = (np.array(flip.WEIGHTS[name], dtype=float) for name in ("W1", "b1", "W2", "b2"))

    def step(x: Array, y: Array) -> Any:
        h = np.maximum(x @ w1 + b1, 0)
        off = h @ w2 + b2 - y
        g = off * (2 / off.size)
        above = (g @ w2.T) * (h > 0)
        w2[...] -= lr * (h.T @ g)
        b2[...] -= lr * g.sum(axis=0)
        w1[...] -= lr * (x.T @ above)
        b1[...] -= lr * above.sum(axis=0)
        return (off * off).mean()

    return step


# ---- what compiling takes away -----------------------------------------------------------------------------------
@dataclass(frozen=True)
class Stage:
    """One stage of compiling."""

    name: str
    calls: int  # that are left after it
    removed: int  # by it; below 0 if it added some
    what: str  # it takes away, or in brackets why it adds some


def stages(step: Compiled) -> list[Stage]:
    """How many NumPy calls each stage of compiling left, for a compiled step that has run.

    Raises:
        RuntimeError: it has not run yet.

    Example:
        >>> three = steps()
        >>> _ = three.compiled(flip.images(), flip.flipped(flip.images()))
        >>> found = stages(three.compiled)
        >>> found[0].name, found[0].removed, found[-1].calls < found[0].calls
        ('traced', 0, True)
    """
    calls: dict[str, int] = step.stats["calls"]
    before = [next(iter(calls.values())), *calls.values()]
    return [Stage(name, left, had - left, WHAT.get(name, "")) for had, (name, left) in zip(before, calls.items())]


# ---- what is gained ----------------------------------------------------------------------------------------------
def speed(those: dict[str, Step], x: Array, y: Array, rounds: int = 7, times: int = 100) -> dict[str, float]:
    """Seconds that each step takes: the best of several rounds, in turn, so that a busy moment hits them all.

    Args:
        those: the steps, by name.
        x: inputs.
        y: targets.
        rounds: how many times each has its turn.
        times: steps in a turn.

    Example:
        >>> sorted(speed(steps().all(), flip.images(), flip.images(), rounds=1, times=2))
        ['by hand', 'compiled', 'eager']
    """
    best = dict.fromkeys(those, float("inf"))
    for step in those.values():
        step(x, y)  # compiling is not counted
    for _ in range(rounds):
        for name, step in those.items():
            start = time.perf_counter()
            for _ in range(times):
                step(x, y)
            best[name] = min(best[name], (time.perf_counter() - start) / times)
    return best

"""When the loss or a gradient is no longer finite: what to say, and how to undo the step that was begun."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_edu.explain import explain
from tinygrad_edu.nn.module import Module
from tinygrad_edu.tensor import Tensor
from tinygrad_edu.train.callbacks import Run
from tinygrad_edu.train.history import History

__all__ = ["Diverged", "Surroundings", "diverged"]


class Diverged(FloatingPointError):
    """The loss or a gradient became NaN or infinite.

    Weights, running statistics and random generators are as they were before that step, unless a callback has put
    back others; the message says which. `history` is what happened until then.
    """

    def __init__(self, message: str, history: History) -> None:
        super().__init__(message)
        self.history = history


class Surroundings:
    """What a forward pass changes besides the graph: the buffers of modules, and their random generators."""

    def __init__(self, model: Module) -> None:
        self.buffers = [
            (module, name)
            for _, module in model.named_modules()
            for name, value in vars(module).items()
            if isinstance(value, np.ndarray)
        ]
        self.generators = [rng.bit_generator for _, rng in model.named_generators()]

    def remember(self) -> None:
        """Take note of how everything is now."""
        arrays = [getattr(module, name) for module, name in self.buffers]
        self.before = [(array, array.copy()) for array in arrays]
        self.states = [generator.state for generator in self.generators]

    def restore(self) -> None:
        """Make everything as it was when `remember` was called."""
        for (module, name), (array, values) in zip(self.buffers, self.before):
            array[...] = values
            setattr(module, name, array)  # for modules that put a new array in its place
        for generator, state in zip(self.generators, self.states):
            generator.state = state


def diverged(run: Run, what: str, suspect: Tensor, error: Tensor) -> Diverged:
    """Name the step, the learning rate, and the first operation that is to blame.

    Args:
        run: what has diverged.
        what: what is no longer finite, in words.
        suspect: the loss, or the parameter with the bad gradient.
        error: the loss, whose graph is still there.
    """
    with np.errstate(all="ignore"):
        why: Any = explain(suspect, error, names={"model": run.model, "loss": error})
    run.history.stopped = "diverged"
    step = len(run.history.steps.get("loss", ())) + 1
    return Diverged(
        f"fit stopped at step {step} (epoch {len(run.history) + 1}), learning rate {run.optimizer.lr:.6g}: {what}. "
        f"Most often the learning rate is too large: try a tenth of it, or fit(..., clip_norm=1.0).\n{why}",
        run.history,
    )

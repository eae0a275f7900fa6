"""Callbacks: what may look at, or end, a training run."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from tinygrad_edu.nn.module import Module
from tinygrad_edu.optim.optimizer import Optimizer
from tinygrad_edu.train.history import History

__all__ = ["Callback", "EarlyStopping", "Run"]


@dataclass
class Run:
    """A training run as callbacks see it.

    Attributes:
        model: what is trained.
        optimizer: what trains it.
        history: what has happened so far.
        stop: set it to a reason, and training ends after this epoch.
    """

    model: Module
    optimizer: Optimizer
    history: History
    stop: str = ""


class Callback:
    """Base of callbacks that are told more than the end of an epoch; for that alone a function of the run will do."""

    def __call__(self, run: Run) -> None:
        """After every epoch."""

    def training_ended(self, run: Run) -> None:
        """Once, however training ended: finished, stopped, interrupted or diverged."""


class EarlyStopping(Callback):
    """End training when a number has stopped falling, and put back the weights with which it was best.

    The best weights come back however training ends, also when the epochs run out first.

    Args:
        monitor: which entry of `history.epochs`; `val_loss` if there is validation.
        patience: epochs without improvement to wait for.
        min_delta: how much lower counts as an improvement.

    Example:
        >>> import tinygrad_edu as tg
        >>> stopping = tg.train.EarlyStopping(patience=5)
        >>> stopping.best
        inf
    """

    def __init__(self, monitor: str = "val_loss", patience: int = 10, min_delta: float = 0.0) -> None:
        if patience < 1:
            raise ValueError(f"patience={patience}: wait for at least 1 epoch")
        self.monitor, self.patience, self.min_delta = monitor, patience, min_delta
        self.best, self.waited = math.inf, 0
        self.best_weights: dict[str, Any] = {}

    def __call__(self, run: Run) -> None:
        value = run.history[self.monitor][-1]
        if value < self.best - self.min_delta:
            self.best, self.waited, self.best_weights = value, 0, run.model.state_dict()
            return
        self.waited += 1
        if self.waited >= self.patience:
            run.stop = f"early stopping: {self.monitor} was best, {self.best:.6g}, {self.waited} epochs ago"

    def training_ended(self, run: Run) -> None:
        if self.best_weights:
            run.model.load_state_dict(self.best_weights)

    def state_dict(self) -> dict[str, Any]:
        """What a resumed run needs to go on waiting where this one was."""
        return {"best": self.best, "waited": self.waited, "best_weights": dict(self.best_weights)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over what `state_dict` returned."""
        self.best, self.waited = state["best"], state["waited"]
        self.best_weights = dict(state["best_weights"])

"""Callbacks: what may look at, change or end a training run."""

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
        recorded: the names that every epoch will have in `history.epochs`.
        stop: set it to a reason, and training ends before the next step. An epoch that is cut short by that is none.
        weights: which weights the model has, should training diverge; for callbacks that put back others.
    """

    model: Module
    optimizer: Optimizer
    history: History
    recorded: tuple[str, ...] = ()
    stop: str = ""
    weights: str = "those before this step"


class Callback:
    """Base of callbacks that are told more than the end of an epoch; for that alone a function of the run will do.

    Example:
        >>> import tinygrad_edu as tg
        >>> class ClipEveryEntry(tg.train.Callback):
        ...     def before_step(self, run):
        ...         tg.optim.clip_grad_value(run.optimizer.params, 0.5)
    """

    def training_started(self, run: Run) -> None:
        """Once, before the first epoch."""

    def before_step(self, run: Run) -> None:
        """Between backward and update, where gradients may still be changed."""

    def __call__(self, run: Run) -> None:
        """After every whole epoch."""

    def training_ended(self, run: Run) -> None:
        """Once, however training ended: finished, stopped, interrupted or diverged."""


class EarlyStopping(Callback):
    """End training when a number has not become better for a while, and put back the weights with which it was best.

    The best weights come back however training ends, also when the epochs run out first. So to train on afterwards
    means to go on from them, and 20 epochs and then 20 are not 40. What is to be resumed as if nothing had happened
    is saved during training, by a function among the callbacks (see `fit`), together with this object. A run that was
    stopped stays stopped when it is resumed; a new `EarlyStopping` lets it go on. One that is used for another run,
    with another history, begins anew.

    Args:
        monitor: which entry of `history.epochs`; `val_loss` if there is validation.
        patience: epochs without improvement to wait for.
        min_delta: by how much better counts as an improvement.
        mode: "min" if low is good, "max" if high is, as with an accuracy. Only for a loss it need not be said.

    Raises:
        ValueError: an argument out of range, or no mode for what is not `loss` or `val_loss`. When training starts:
            what is monitored will not be recorded.

    Example:
        >>> import tinygrad_edu as tg
        >>> stopping = tg.train.EarlyStopping(patience=5)
        >>> stopping.best
        inf
        >>> stopping = tg.train.EarlyStopping("val_accuracy", mode="max")
    """

    def __init__(
        self, monitor: str = "val_loss", patience: int = 10, min_delta: float = 0.0, mode: str | None = None
    ) -> None:
        if not patience >= 1:
            raise ValueError(f"patience={patience}: wait for at least 1 epoch")
        if not min_delta >= 0:
            raise ValueError(f"min_delta={min_delta}: an improvement is at least 0")
        if mode is None and monitor in ("loss", "val_loss"):
            mode = "min"
        if mode not in ("min", "max"):
            raise ValueError(
                f"EarlyStopping cannot know whether {monitor} is good when it is high or when it is low, and mode is "
                f'{mode!r}. Write EarlyStopping("{monitor}", mode="max") if high is good, as with an accuracy, '
                'otherwise mode="min".'
            )
        self.monitor, self.patience, self.min_delta = monitor, patience, min_delta
        self.sign = 1 if mode == "min" else -1
        self.history: History | None = None  # that of the run whose state this is; None: of the one that comes next
        self._forget()

    def _forget(self) -> None:
        self.best, self.waited, self.stopped = self.sign * math.inf, 0, ""
        self.best_weights: dict[str, Any] = {}

    def training_started(self, run: Run) -> None:
        if self.monitor not in run.recorded:
            missing = self.monitor.startswith("val_") and "val_loss" not in run.recorded
            raise ValueError(
                f"EarlyStopping waits for {self.monitor!r}, which will not be recorded; there will be: "
                f"{', '.join(run.recorded)}. "
                + ("Write fit(..., validation=batches)" if missing else "Name it in fit(..., metrics={...})")
                + ', or EarlyStopping("loss").'
            )
        if self.history is not None and self.history is not run.history:
            self._forget()
        self.history = run.history
        run.stop = run.stop or self.stopped

    def __call__(self, run: Run) -> None:
        value = run.history[self.monitor][-1]
        if self.sign * value < self.sign * self.best - self.min_delta:
            self.best, self.waited, self.best_weights = value, 0, run.model.state_dict()
            return
        self.waited += 1
        if self.waited >= self.patience:
            best = (
                f"was best, {self.best:.6g}, {self.waited} epochs ago" if self.best_weights else f"is {value} for ever"
            )
            run.stop = self.stopped = f"early stopping: {self.monitor} {best}"

    def training_ended(self, run: Run) -> None:
        if self.best_weights:
            run.model.load_state_dict(self.best_weights)
            epoch = len(run.history) - self.waited
            run.weights = f"those after epoch {epoch}, when {self.monitor} was best, {self.best:.6g}"

    def state_dict(self) -> dict[str, Any]:
        """What a resumed run needs to go on waiting where this one was."""
        return {
            "best": self.best,
            "waited": self.waited,
            "stopped": self.stopped,
            "best_weights": dict(self.best_weights),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over what `state_dict` returned, for the run that comes next."""
        self.best, self.waited, self.stopped = state["best"], state["waited"], state["stopped"]
        self.best_weights = dict(state["best_weights"])
        self.history = None

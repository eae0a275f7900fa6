"""Progress: a bar with the loss and the time left in a terminal, plain lines elsewhere."""

from __future__ import annotations

import contextlib
import importlib.util
import sys
import time
from collections.abc import Iterator
from typing import Any, Protocol

from tinygrad_edu.train.history import History

__all__ = ["Reporter", "reporter"]

LINES = 20  # at most so many, however many epochs there are


class Reporter(Protocol):
    """What is told how training goes."""

    def step(self, loss: float) -> None:
        """After every step."""

    def epoch(self, history: History) -> None:
        """After every epoch."""


class _Silent:
    def step(self, loss: float) -> None:
        pass

    def epoch(self, history: History) -> None:
        pass


class _Lines(_Silent):
    """A line now and then, with the time left."""

    def __init__(self, epochs: int) -> None:
        self.epochs, self.done, self.start = epochs, 0, time.perf_counter()
        self.every = max(1, epochs // LINES)

    def epoch(self, history: History) -> None:
        self.done += 1
        if self.done % self.every and self.done < self.epochs:
            return
        left = (time.perf_counter() - self.start) / self.done * (self.epochs - self.done)
        epoch = f"{self.done:{len(str(self.epochs))}}/{self.epochs}"
        print(f"epoch {epoch}  {numbers(history)}  {left:.0f} s left", flush=True)


class _Bar:
    """A bar of rich: steps if their number is known, else epochs."""

    def __init__(self, bar: Any, epochs: int, steps: int | None) -> None:
        self.bar, self.steps = bar, steps
        self.task = bar.add_task("", total=epochs * (steps or 1), numbers="")
        self.seen = ""

    def step(self, loss: float) -> None:
        text = f"{self.seen}  now {loss:.4g}" if self.seen else f"loss {loss:.4g}"
        self.bar.update(self.task, advance=1 if self.steps else 0, numbers=text)

    def epoch(self, history: History) -> None:
        self.seen = numbers(history)
        self.bar.update(self.task, advance=0 if self.steps else 1, numbers=self.seen)


def numbers(history: History) -> str:
    """What an epoch measured, without learning rate, gradient and time: `loss 0.12  val_loss 0.2`."""
    hidden = ("lr", "grad_norm", "seconds")
    return "  ".join(f"{name} {column[-1]:.4g}" for name, column in history.epochs.items() if name not in hidden)


@contextlib.contextmanager
def reporter(progress: bool, epochs: int, data: Any) -> Iterator[Reporter]:
    """A bar where there is a terminal and rich, lines otherwise, silence if that is wanted."""
    if not progress:
        yield _Silent()
    elif not sys.stdout.isatty() or importlib.util.find_spec("rich") is None:
        yield _Lines(epochs)
    else:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (BarColumn(20), MofNCompleteColumn(), TextColumn("{task.fields[numbers]}"), TimeRemainingColumn())
        steps = len(data) if hasattr(data, "__len__") else None
        with Progress(*columns) as bar:
            yield _Bar(bar, epochs, steps)

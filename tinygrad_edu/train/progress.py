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
        self.every = max(1, -(-epochs // LINES))

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
        text = f"now {loss:.4g}  {self.seen}" if self.seen else f"loss {loss:.4g}"
        self.bar.update(self.task, advance=1 if self.steps else 0, numbers=text)

    def epoch(self, history: History) -> None:
        self.seen = numbers(history)
        self.bar.update(self.task, advance=0 if self.steps else 1, numbers=self.seen)


def numbers(history: History) -> str:
    """What an epoch measured, without learning rate, gradient and time: `loss 0.12 (val 0.2)`."""
    hidden = ("lr", "grad_norm", "seconds")
    last = {name: f"{column[-1]:.4g}" for name, column in history.epochs.items() if name not in hidden}
    validation = {name: f" (val {last.pop(f'val_{name}')})" for name in list(last) if f"val_{name}" in last}
    return "  ".join(f"{name} {number}{validation.get(name, '')}" for name, number in last.items())


@contextlib.contextmanager
def reporter(progress: bool, epochs: int, data: Any, history: History) -> Iterator[Reporter]:
    """A bar where there is a terminal and rich, lines otherwise, silence if that is wanted or nobody can listen.

    A run that ends before its time says why.
    """
    if not progress or sys.stdout is None:
        yield _Silent()
        return
    if sys.stdout.isatty() and importlib.util.find_spec("rich") is not None:
        with _bar() as bar:
            yield _Bar(bar, epochs, len(data) if hasattr(data, "__len__") else None)
    else:
        yield _Lines(epochs)
    if history.stopped != "finished":
        print(f"ended after epoch {len(history)}  {numbers(history)}  {history.stopped}", flush=True)


def _bar() -> Any:
    """Where there is no room for everything, it is the numbers that are cut short."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
    from rich.table import Column

    numbers = Column(ratio=1, no_wrap=True, overflow="ellipsis")
    return Progress(
        BarColumn(None, table_column=Column(min_width=5, max_width=20, width=12)),
        MofNCompleteColumn(table_column=Column(no_wrap=True)),
        TextColumn("{task.fields[numbers]}", markup=False, table_column=numbers),
        TimeRemainingColumn(table_column=Column(no_wrap=True)),
        expand=True,
    )

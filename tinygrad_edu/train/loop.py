"""fit: forward, loss, backward, update, until the epochs are over."""

from __future__ import annotations

import contextlib
import math
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from tinygrad_edu.explain import explain
from tinygrad_edu.nn.module import Module
from tinygrad_edu.optim.optimizer import Optimizer
from tinygrad_edu.recording import no_grad
from tinygrad_edu.tensor import Tensor
from tinygrad_edu.train.callbacks import Callback, Run
from tinygrad_edu.train.history import History
from tinygrad_edu.train.progress import Reporter, reporter

__all__ = ["Diverged", "evaluate", "fit"]

Loss = Callable[[Any, Any], Any]
Metrics = Mapping[str, Callable[[Any, Any], float]]


class Diverged(FloatingPointError):
    """The loss or a gradient became NaN or infinite. The weights are those before that step; `history` is what was."""

    def __init__(self, message: str, history: History) -> None:
        super().__init__(message)
        self.history = history


def fit(
    model: Module,
    loss: Loss,
    optimizer: Optimizer,
    data: Iterable[tuple[Any, Any]],
    epochs: int,
    validation: Iterable[tuple[Any, Any]] | None = None,
    metrics: Metrics | None = None,
    callbacks: Sequence[Callback | Callable[[Run], Any]] = (),
    progress: bool = True,
    history: History | None = None,
) -> History:
    """Train a model: for every batch forward, loss, backward, update.

    Args:
        model: called as `model(x)`; in training mode while it is trained, in its own mode afterwards.
        loss: called as `loss(prediction, target)`, returns a single number to make small.
        optimizer: holds the model's parameters. A schedule that has `report` is told the loss of every epoch, that on
            the validation data if there are any.
        data: batches (x, y), such as `tg.data.batches(x, y, 32)`; gone through once an epoch.
        epochs: how many times to go through the data.
        validation: batches to measure on after every epoch, never trained on.
        metrics: name → function of (predictions, targets) as plain arrays, over all samples of an epoch.
        callbacks: functions of a `Run`, called after every epoch; or `Callback`s, such as `EarlyStopping`.
        progress: show how far it is: a bar in a terminal, otherwise a line now and then.
        history: that of an earlier part of this run, to go on with.

    Returns:
        The history. After Ctrl-C too: the step in hand is finished, and what there is is returned; a second Ctrl-C
        interrupts at once.

    Raises:
        Diverged: the loss or a gradient is NaN or infinite.
        ValueError: there are no batches, or something that is no batches.

    Example:
        >>> import numpy as np, tinygrad_edu as tg
        >>> x = np.linspace(-1, 1, 32).reshape(-1, 1)
        >>> model = tg.nn.Linear(1, 1, rng=0)
        >>> optimizer = tg.optim.SGD(model.parameters(), lr=0.5)
        >>> batches = tg.data.batches(x, 3 * x + 1, 8, rng=0)
        >>> history = tg.fit(model, tg.nn.mse_loss, optimizer, batches, epochs=30, progress=False)
        >>> history.stopped, history["loss"][-1] < 1e-6
        ('finished', True)
    """
    _check(data, "data")
    _check(validation, "validation")
    history = History() if history is None else history
    run = Run(model, optimizer, history)
    modes = [(module, module.training) for _, module in model.named_modules()]
    with _interruptible() as interrupted, reporter(progress, epochs, data) as report:
        try:
            for _ in range(epochs):
                _epoch(run, loss, data, validation, metrics or {}, report, interrupted)
                for callback in callbacks:
                    callback(run)
                if run.stop or interrupted.is_set():
                    break
            history.stopped = "interrupted" if interrupted.is_set() else run.stop or "finished"
        finally:
            for callback in callbacks:
                if isinstance(callback, Callback):
                    callback.training_ended(run)
            for module, mode in modes:
                module.training = mode
    return history


def _epoch(
    run: Run,
    loss: Loss,
    data: Iterable[tuple[Any, Any]],
    validation: Iterable[tuple[Any, Any]] | None,
    metrics: Metrics,
    report: Reporter,
    interrupted: threading.Event,
) -> None:
    """Once through the data, and one entry in the history."""
    start, first = time.perf_counter(), len(run.history.steps.get("loss", ()))
    run.model.train()
    seen = _Seen(metrics)
    for x, y in data:
        value, prediction = _step(run, loss, x, y)
        seen.add(value, prediction, y)
        report.step(value)
        if interrupted.is_set():
            break
    if not seen.samples:
        raise ValueError("fit: the data gave no batches. A generator gives its batches only once; use tg.data.batches.")
    numbers = seen.results()
    if validation is not None:
        numbers |= {f"val_{name}": value for name, value in evaluate(run.model, loss, validation, metrics).items()}
    norms = run.history.steps["grad_norm"][first:]
    run.history.record(
        "epochs",
        **numbers,
        lr=run.history.steps["lr"][-1],
        grad_norm=sum(norms) / len(norms),
        seconds=time.perf_counter() - start,
    )
    for group in run.optimizer.param_groups:
        if hasattr(group["lr"], "report"):
            group["lr"].report(numbers.get("val_loss", numbers["loss"]))
    report.epoch(run.history)


def _step(run: Run, loss: Loss, x: Any, y: Any) -> tuple[float, Any]:
    """The loss before the step, and the predictions that it was made of."""
    start = time.perf_counter()
    run.optimizer.zero_grad()
    prediction = run.model(x)
    error = loss(prediction, y)
    value = error.item()
    if not math.isfinite(value):
        raise _diverged(run, f"the loss became {value}", error, error)
    error.backward()
    norm = math.hypot(*(float(np.linalg.norm(p.grad)) for p in run.optimizer.params if p.grad is not None))
    if not math.isfinite(norm):
        error = loss(run.model(x), y)  # backward has freed the graph that could tell
        bad = next(p for p in run.optimizer.params if p.grad is not None and not np.all(np.isfinite(p.grad)))
        raise _diverged(run, "a gradient is no longer finite", bad, error)
    run.optimizer.step()
    run.history.record("steps", loss=value, lr=run.optimizer.lr, grad_norm=norm, seconds=time.perf_counter() - start)
    return value, prediction.data if isinstance(prediction, Tensor) else prediction


def evaluate(
    model: Module, loss: Loss, data: Iterable[tuple[Any, Any]], metrics: Metrics | None = None
) -> dict[str, float]:
    """The mean loss over all samples and the metrics, with the model in eval mode and nothing recorded.

    Args:
        model: called as `model(x)`.
        loss: called as `loss(prediction, target)`; the mean over a batch.
        data: batches (x, y).
        metrics: name → function of (predictions, targets) as plain arrays.

    Raises:
        ValueError: the data give no batches.

    Example:
        >>> import numpy as np, tinygrad_edu as tg
        >>> batches = tg.data.batches(np.ones((3, 1)), np.ones((3, 1)), 2, shuffle=False)
        >>> tg.train.evaluate(tg.nn.Sequential(), tg.nn.mse_loss, batches)
        {'loss': 0.0}
    """
    _check(data, "data")
    modes = [(module, module.training) for _, module in model.named_modules()]
    model.eval()
    seen = _Seen(metrics or {})
    try:
        with no_grad():
            for x, y in data:
                prediction = model(x)
                value = loss(prediction, y)
                seen.add(float(value), prediction.data if isinstance(prediction, Tensor) else prediction, y)
    finally:
        for module, mode in modes:
            module.training = mode
    if not seen.samples:
        raise ValueError("evaluate: the data gave no batches")
    return seen.results()


class _Seen:
    """Losses, predictions and targets of the batches so far."""

    def __init__(self, metrics: Metrics) -> None:
        self.metrics = metrics
        self.samples, self.total = 0, 0.0
        self.pairs: list[tuple[Any, Any]] = []

    def add(self, loss: float, prediction: Any, target: Any) -> None:
        self.samples += len(target)
        self.total += loss * len(target)
        if self.metrics:
            self.pairs.append((prediction, target.data if isinstance(target, Tensor) else target))

    def results(self) -> dict[str, float]:
        """The mean loss, a sample counting as a sample also in a smaller last batch; metrics over all of them."""
        measured = {}
        if self.metrics:
            predictions, targets = (np.concatenate(part) for part in zip(*self.pairs))
            measured = {name: float(metric(predictions, targets)) for name, metric in self.metrics.items()}
        return {"loss": self.total / self.samples, **measured}


def _diverged(run: Run, what: str, suspect: Tensor, error: Tensor) -> Diverged:
    """Name the step, the learning rate and the first operation that is to blame."""
    step = len(run.history.steps.get("loss", ())) + 1
    names = {"model": run.model}
    leaf = suspect if suspect is not error else next(iter(run.optimizer.params))
    return Diverged(
        f"fit stopped at step {step} (epoch {len(run.history) + 1}), learning rate {run.optimizer.lr:.6g}: {what}. "
        "The weights are those before this step. Most often the learning rate is too large: try a tenth of it, or "
        f"tg.optim.clip_grad_norm.\n{explain(leaf, error, names=names)}",
        run.history,
    )


def _check(data: Any, role: str) -> None:
    if isinstance(data, tuple) and len(data) == 2 and all(hasattr(part, "shape") for part in data):
        raise ValueError(
            f"fit: {role} is a pair of arrays, not batches. Write {role}=tg.data.batches(x, y, batch_size=32)."
        )


@contextlib.contextmanager
def _interruptible() -> Iterator[threading.Event]:
    """An event that the first Ctrl-C sets; the second interrupts as usual."""
    event = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield event
        return
    before = signal.getsignal(signal.SIGINT)

    def first(number: int, frame: Any) -> None:
        event.set()
        signal.signal(signal.SIGINT, before)

    signal.signal(signal.SIGINT, first)
    try:
        yield event
    finally:
        signal.signal(signal.SIGINT, before)

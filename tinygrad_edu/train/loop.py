"""fit: forward, loss, backward, update, until the epochs are over."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

import numpy as np

from tinygrad_edu.nn.module import Module
from tinygrad_edu.optim.clipping import clip_grad_norm, norm_factors
from tinygrad_edu.optim.optimizer import Optimizer
from tinygrad_edu.recording import no_grad
from tinygrad_edu.train.callbacks import Callback, Run
from tinygrad_edu.train.checks import Loss, Metrics, check_data, check_fit, check_measuring, pairs, single
from tinygrad_edu.train.contexts import interruptible, modes_kept, told
from tinygrad_edu.train.divergence import Diverged, Surroundings, diverged
from tinygrad_edu.train.history import History
from tinygrad_edu.train.metrics import Seen
from tinygrad_edu.train.progress import Reporter, reporter

__all__ = ["evaluate", "fit"]


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
    clip_norm: float | None = None,
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
        callbacks: functions of a `Run`, called after every epoch; or `Callback`s, such as `EarlyStopping`. Whatever
            the order given, those with a state (`state_dict`) come first, so that a function that saves a checkpoint
            saves what they know of this epoch.
        progress: show how far it is: a bar in a terminal, otherwise a line now and then.
        history: that of an earlier part of this run, to go on with.
        clip_norm: make the gradients of a step together at most so long; see `tg.optim.clip_grad_norm`.

    Returns:
        The history. After Ctrl-C too: the step in hand is finished, and what there is is returned; a second Ctrl-C
        interrupts at once. The epoch that was cut short is none: no number of it, no callback, though its steps have
        moved the weights and are in `history.steps`. To go on as if nothing had happened, load the checkpoint of the
        last whole epoch, which has a history of its own.

    Raises:
        Diverged: the loss or a gradient is NaN or infinite.
        TypeError, ValueError: an argument, a batch or what the loss returned is not as described here.
        RuntimeError: the loss depends on no parameter of the optimizer.

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
    check_fit(optimizer, loss, epochs, callbacks, history, clip_norm)
    check_measuring("fit", model, loss, metrics)
    check_data("fit", data, "data", epochs)
    measured, validate = ["loss", *(metrics or ())], None
    if validation is not None:
        check_data("fit", validation, "validation", epochs)
        validate = partial(evaluate, model, loss, validation, metrics)
        measured += [f"val_{name}" for name in measured]
    history = History() if history is None else history
    history.stopped = ""
    run = Run(model, optimizer, history, (*measured, "lr", "grad_norm", "seconds"))
    callbacks = sorted(callbacks, key=lambda callback: not hasattr(callback, "state_dict"))
    hooks = [callback for callback in callbacks if isinstance(callback, Callback)]
    step = partial(_step, run, loss, clip_norm, hooks, Surroundings(model))
    try:
        with (
            interruptible(run),
            reporter(progress, epochs, data, history) as report,
            modes_kept(model),
            told(hooks, run),
        ):
            for _ in range(epochs):
                if run.stop or not _epoch(run, step, data, validate, Seen("fit", metrics), report):
                    break
                for callback in callbacks:
                    callback(run)
            history.stopped = run.stop or "finished"
    except Diverged as error:  # by now callbacks have put back what they put back
        error.args = (f"{error}\nThe weights are {run.weights}.",)
        raise
    return history


def _epoch(
    run: Run,
    step: Callable[[Any, Any], tuple[float, Any]],
    data: Iterable[tuple[Any, Any]],
    validate: Callable[[], dict[str, float]] | None,
    seen: Seen,
    report: Reporter,
) -> bool:
    """Once through the data, and one entry in the history; or False where it was cut short."""
    start, first = time.perf_counter(), len(run.history.steps.get("loss", ()))
    run.model.train()
    for x, y in pairs("fit", data):
        if run.stop:
            return False
        value, prediction = step(x, y)
        seen.add(value, prediction, y)
        report.step(value)
    numbers = seen.results()
    if validate is not None:
        numbers |= {f"val_{name}": value for name, value in validate().items()}
    norms = run.history.steps["grad_norm"][first:]
    run.history.record(
        "epochs",
        **numbers,
        lr=run.history.steps["lr"][-1],
        grad_norm=sum(norms) / len(norms),
        seconds=time.perf_counter() - start,
    )
    for schedule in {id(group["lr"]): group["lr"] for group in run.optimizer.param_groups}.values():
        if hasattr(schedule, "report"):
            schedule.report(numbers.get("val_loss", numbers["loss"]))
    report.epoch(run.history)
    return True


def _step(
    run: Run,
    loss: Loss,
    clip_norm: float | None,
    hooks: Sequence[Callback],
    surroundings: Surroundings,
    x: Any,
    y: Any,
) -> tuple[float, Any]:
    """Forward, loss, backward, update. Returns the loss before the update, and the predictions it was made of."""
    start = time.perf_counter()
    surroundings.remember()
    run.optimizer.zero_grad()
    prediction = run.model(x)
    error = single("fit", loss(prediction, y))
    value = error.item()
    if not math.isfinite(value):
        surroundings.restore()
        raise diverged(run, f"the loss became {value}", error, error)
    error.backward()
    having = [parameter for parameter in run.optimizer.params if parameter.grad is not None]
    if not having:
        raise RuntimeError("fit: the loss depends on no parameter of the optimizer. Make it with model.parameters().")
    scale, rest = norm_factors([parameter.grad for parameter in having])
    if not math.isfinite(scale):
        bad = next(parameter for parameter in having if not np.all(np.isfinite(parameter.grad)))
        surroundings.restore()
        with np.errstate(all="ignore"):  # once more, with the same random numbers: backward has freed the graph
            error = loss(run.model(x), y)
        surroundings.restore()
        raise diverged(run, "a gradient is no longer finite", bad, error)
    if clip_norm is not None:
        clip_grad_norm(having, clip_norm)
    for callback in hooks:
        callback.before_step(run)
    run.optimizer.step()
    run.history.record(
        "steps", loss=value, lr=run.optimizer.lr, grad_norm=scale * rest, seconds=time.perf_counter() - start
    )
    return value, prediction


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
        TypeError, ValueError: an argument, a batch or what the loss returned is not as described here; no batches.

    Example:
        >>> import numpy as np, tinygrad_edu as tg
        >>> batches = tg.data.batches(np.ones((3, 1)), np.ones((3, 1)), 2, shuffle=False)
        >>> tg.train.evaluate(tg.nn.Sequential(), tg.nn.mse_loss, batches)
        {'loss': 0.0}
    """
    check_measuring("evaluate", model, loss, metrics)
    check_data("evaluate", data, "data")
    seen = Seen("evaluate", metrics)
    with modes_kept(model), no_grad():
        model.eval()
        for x, y in pairs("evaluate", data):
            prediction = model(x)
            seen.add(float(single("evaluate", loss(prediction, y))), prediction, y)
    return seen.results()

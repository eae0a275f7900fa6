"""What cannot work is refused before training starts, or at the batch where it shows, with the line that works."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from tinygrad_edu.nn.module import Module
from tinygrad_edu.optim.group import check
from tinygrad_edu.optim.optimizer import Optimizer
from tinygrad_edu.tensor import Tensor
from tinygrad_edu.train.history import History

__all__ = ["Loss", "Metrics", "check_data", "check_fit", "check_measuring", "pairs", "single"]

Loss = Callable[[Any, Any], Any]
Metrics = Mapping[str, Callable[[Any, Any], float]]
TAKEN = ("loss", "lr", "grad_norm", "seconds")


def check_fit(optimizer: Any, loss: Any, epochs: Any, callbacks: Any, history: Any, clip_norm: Any) -> None:
    """The arguments that `fit` alone has. TypeError or ValueError."""
    if isinstance(loss, Optimizer) or not isinstance(optimizer, Optimizer):
        raise TypeError(
            f"fit: the optimizer is {_kind(optimizer)} and the loss {_kind(loss)}. The order is fit(model, loss, "
            "optimizer, data, epochs), with an optimizer such as tg.optim.Adam(model.parameters(), lr=1e-3)."
        )
    if not isinstance(epochs, int | np.integer) or epochs < 0:
        raise ValueError(f"fit: epochs={epochs!r} is not a whole number from 0 on; write epochs=10.")
    if clip_norm is not None:
        check("clip_norm", clip_norm, 0, np.inf)
    if not isinstance(callbacks, list | tuple):
        raise TypeError(f"fit: callbacks is {_kind(callbacks)}, not a list; write callbacks=[...] around it.")
    for callback in callbacks:
        if isinstance(callback, type):
            raise TypeError(f"fit: the callback {callback.__name__} is a class; write {callback.__name__}(...).")
        if not callable(callback):
            raise TypeError(f"fit: the callback {callback!r:.60} is no function of a run, nor a tg.train.Callback.")
    if not isinstance(history, History | None):
        raise TypeError(
            f"fit: history is {_kind(history)}; give the one that an earlier fit returned, or leave it out."
        )


def check_measuring(function: str, model: Any, loss: Any, metrics: Any) -> None:
    """The arguments that `fit` and `evaluate` share. TypeError or ValueError."""
    if not isinstance(model, Module):
        raise TypeError(f"{function}: the model is {_kind(model)}, not a Module; tg.nn.Sequential(f) makes one of f.")
    if not callable(loss):
        raise TypeError(f"{function}: the loss is {_kind(loss)}, not a function; write tg.nn.mse_loss, say.")
    if not isinstance(metrics, Mapping | None):
        raise TypeError(
            f'{function}: metrics is {_kind(metrics)}, but they need names: metrics={{"accuracy": tg.train.accuracy}}.'
        )
    for name, metric in (metrics or {}).items():
        if not isinstance(name, str) or name in TAKEN or name.startswith("val_"):
            raise ValueError(
                f"{function}: a metric cannot be called {name!r}: {', '.join(TAKEN)} and what begins with val_ are "
                "recorded anyway. Give it another name."
            )
        if not callable(metric):
            raise TypeError(
                f"{function}: the metric {name!r} is {_kind(metric)}, not a function of (predictions, targets)."
            )


def check_data(function: str, data: Any, role: str, epochs: int = 1) -> None:
    """Batches can be gone through as often as there are epochs. ValueError."""
    pair = isinstance(data, tuple | list) and len(data) == 2 and all(hasattr(part, "shape") for part in data)
    if pair or hasattr(data, "shape"):
        what = "a pair of arrays" if pair else "an array"
        raise ValueError(
            f"{function}: {role} is {what}, not batches. Write {role}=tg.data.batches(x, y, batch_size=32)."
        )
    if not isinstance(data, Iterable):
        raise TypeError(f"{function}: {role} is {_kind(data)}, not batches; write {role}=tg.data.batches(x, y, 32).")
    if epochs > 1 and isinstance(data, Iterator) and type(data).__module__ in ("builtins", "itertools"):
        raise ValueError(
            f"{function}: {role} is {_kind(data)}, for {epochs} epochs. A generator gives its batches only once; write "
            f"{role}=tg.data.batches(x, y, 32), or {role}=list(...)."
        )


def pairs(function: str, batches: Iterable[Any]) -> Iterator[tuple[Any, Any]]:
    """Every batch, which is a pair (x, y) with at least one target. ValueError."""
    for batch in batches:
        if not isinstance(batch, tuple | list) or len(batch) != 2:
            size = f" of {len(batch)}" if hasattr(batch, "__len__") else ""
            raise ValueError(
                f"{function}: a batch is {_kind(batch)}{size}, not a pair (x, y). Write tg.data.batches(x, y, 32), or "
                "give pairs: [(x1, y1), (x2, y2)]."
            )
        x, y = batch
        whole = isinstance(y, list) or (hasattr(y, "shape") and y.shape)
        if not whole or not len(y):
            shape = f" of shape {np.shape(y)}" if hasattr(y, "shape") else ""
            raise ValueError(
                f"{function}: the targets of a batch are {_kind(y)}{shape}, but there must be one a sample, along the "
                "first axis. What is to repeat its input has that as targets: tg.data.batches(x, x, 32)."
            )
        yield x, y


def single(function: str, error: Any) -> Any:
    """What the loss returned, which is a single number. TypeError or ValueError."""
    if not isinstance(error, Tensor | np.ndarray | np.generic | int | float):
        raise TypeError(f"{function}: the loss is {_kind(error)}, not a number; does the function return it?")
    if isinstance(error, Tensor | np.ndarray) and error.size != 1:
        raise ValueError(
            f"{function}: the loss has shape {error.shape}, but it must be a single number: leave out "
            'reduction="none", or take np.mean(...) of it.'
        )
    if function == "fit" and (not isinstance(error, Tensor) or not error.requires_grad):
        raise TypeError(
            f"fit: the loss is {_kind(error)} that no longer knows what it was computed from, so there is nothing to "
            "learn from. Return a Tensor computed from the prediction, without .data, .item(), float() or no_grad()."
        )
    return error


def _kind(value: Any) -> str:
    name = "array" if isinstance(value, np.ndarray) else type(value).__name__
    return "None" if value is None else f"{'an' if name[0] in 'aeiouAEIO' else 'a'} {name}"

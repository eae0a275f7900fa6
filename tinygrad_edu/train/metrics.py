"""Metrics: what people ask of a model, as against what it is trained on; and how they are taken over all batches."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_edu.tensor import Tensor
from tinygrad_edu.train.checks import Metrics

__all__ = ["Seen", "accuracy"]


def accuracy(prediction: Any, target: Any, threshold: float | None = None) -> float:
    """The fraction of predictions that are right, from 0 to 1. A NaN is never right.

    Args:
        prediction: (…, classes) scores, of which the largest counts. Or, in the shape of the target and with one
            column at most, answers to a yes/no question, which need a threshold; or class numbers, as integers.
        target: (…) class numbers from 0 on; or (…, classes) probabilities, of which the largest counts (one-hot too);
            or (…) of 0 and 1.
        threshold: yes/no predictions above it mean yes: 0 for logits, 0.5 for probabilities.

    Raises:
        ValueError: shapes or values do not belong together, a threshold is missing, or there is nothing to count.

    Example:
        >>> import numpy as np, tinygrad_edu as tg
        >>> tg.train.accuracy(np.array([[0.1, 0.9], [0.8, 0.2]]), np.array([1, 1]))
        0.5
        >>> tg.train.accuracy(np.array([-2.0, 3.0]), np.array([0, 1]), threshold=0)
        1.0
    """
    prediction, target = np.asarray(prediction), np.asarray(target)
    if not target.size:
        raise ValueError("accuracy of no predictions at all is 0/0; give at least one")
    if target.shape not in (prediction.shape, prediction.shape[:-1]):
        raise ValueError(
            f"accuracy: {_shapes(prediction, target)} do not belong together. Targets are class numbers, of shape "
            f"{prediction.shape[:-1]}, or have the shape of the predictions."
        )
    scores = prediction.shape != target.shape or (target.ndim > 1 and target.shape[-1] > 1)
    wrong = np.isnan(prediction).any(axis=-1) if scores else np.isnan(prediction)
    chosen, wanted = (_largest if scores else _answers)(prediction, target, threshold)
    return float(np.mean((chosen == wanted) & ~wrong))


def _largest(prediction: Any, target: Any, threshold: float | None) -> tuple[Any, Any]:
    """The classes with the largest scores, and the right ones."""
    count = prediction.shape[-1]
    if count == 1:
        raise ValueError(
            f"accuracy, {_shapes(prediction, target)}: a single column has no largest. For a yes/no question write "
            "accuracy(p[..., 0], t, threshold=0) of logits, threshold=0.5 of probabilities."
        )
    if target.shape != prediction.shape:
        return np.argmax(prediction, axis=-1), _numbers(target, count)
    if np.any(target < 0) or not np.allclose(np.sum(target, axis=-1), 1, atol=1e-3):
        raise ValueError(
            f"accuracy, {_shapes(prediction, target)}: the rows of the targets are no probabilities of classes, which "
            "add up to 1. For several yes/no questions at once write accuracy(p.ravel(), t.ravel(), threshold=0)."
        )
    return np.argmax(prediction, axis=-1), np.argmax(target, axis=-1)


def _answers(prediction: Any, target: Any, threshold: float | None) -> tuple[Any, Any]:
    """The answers to a yes/no question, or class numbers, and the right ones."""
    if threshold is not None:
        return prediction > threshold, _numbers(target, 2)
    if prediction.dtype.kind not in "biu":
        raise ValueError(
            f"accuracy, {_shapes(prediction, target)}: are these logits or probabilities? Write "
            "accuracy(p, t, threshold=0) of logits, threshold=0.5 of probabilities; "
            "in metrics: lambda p, t: tg.train.accuracy(p, t, threshold=0)."
        )
    return prediction, target


def _shapes(prediction: Any, target: Any) -> str:
    return f"predictions of shape {prediction.shape} and targets of shape {target.shape}"


def _numbers(target: Any, count: int) -> Any:
    """The target, if it is of class numbers below `count`; ValueError otherwise."""
    if not np.all(np.isin(target, np.arange(count))):
        bad = target[~np.isin(target, np.arange(count))].flat[0]
        raise ValueError(
            f"accuracy: a target is {bad}, but the classes are 0 to {count - 1}. Number them so (t > 0 makes 0 and 1 "
            "of -1 and 1), and leave out what is not to count: p[t >= 0], t[t >= 0]."
        )
    return target


class Seen:
    """The losses, predictions and targets of the batches so far.

    Args:
        function: who measures, for the errors.
        metrics: name → function of (predictions, targets).
    """

    def __init__(self, function: str, metrics: Metrics | None) -> None:
        self.function, self.metrics = function, metrics or {}
        self.samples, self.total = 0, 0.0
        self.pairs: list[tuple[Any, Any]] = []

    def add(self, loss: float, prediction: Any, target: Any) -> None:
        """One batch more; its loss is the mean over its samples."""
        self.samples += len(target)
        self.total += loss * len(target)
        if self.metrics:  # otherwise nothing is kept
            self.pairs.append((self._array(prediction), self._array(target)))

    def results(self) -> dict[str, float]:
        """The mean loss, a sample counting as a sample also in a smaller last batch; metrics over all of them.

        Raises:
            ValueError: there were no batches; or batches of several shapes, and metrics, which need them in one.
            TypeError: a metric returned something else than a number.
        """
        if not self.samples:
            raise ValueError(
                f"{self.function}: the data gave no batches. A generator gives its batches only once; use "
                "tg.data.batches."
            )
        return {"loss": self.total / self.samples, **self._measured()}

    def _measured(self) -> dict[str, float]:
        if not self.metrics:
            return {}
        both = list(zip(*self.pairs))
        for arrays, what in zip(both, ("predictions", "targets")):
            if len(shapes := dict.fromkeys(array.shape[1:] for array in arrays)) > 1:
                raise ValueError(
                    f"{self.function}: metrics see all samples at once, but the {what} of a sample have shape "
                    f"{' and '.join(map(str, shapes))}. Pad them to one shape (np.pad), or leave metrics out."
                )
        predictions, targets = (np.concatenate(arrays) for arrays in both)
        found = {name: metric(predictions, targets) for name, metric in self.metrics.items()}
        for name, value in found.items():
            if np.ndim(value):
                raise TypeError(f"{self.function}: the metric {name!r} gave shape {np.shape(value)}, not one number.")
        return {name: float(value) for name, value in found.items()}

    def _array(self, value: Any) -> Any:
        if isinstance(value, tuple | dict):
            raise TypeError(
                f"{self.function}: the model returned a {type(value).__name__}, and metrics need one array. Let "
                "forward return that alone: out, _ = self.gru(x); return out."
            )
        return value.data if isinstance(value, Tensor) else np.asarray(value)

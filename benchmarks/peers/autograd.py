"""autograd, as its users write it: functions of NumPy code."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import autograd.numpy as anp
import numpy as np
from autograd import value_and_grad
from autograd.scipy.special import logsumexp

__all__ = ["additions", "classifier", "network", "recurrent", "tanhs"]

Step = Callable[[], Any]


def network(parameters: list[np.ndarray], x: np.ndarray, y: np.ndarray, lr: float) -> Step:
    """Linear layers with ReLU between them, the mean squared error, SGD."""
    return _sgd(lambda p: anp.mean((_layers(p, x) - y) ** 2), parameters, lr)


def recurrent(parameters: list[np.ndarray], x: np.ndarray, y: np.ndarray, lr: float) -> Step:
    """A loop over time, the mean squared error of every step's answer, SGD."""

    def loss(p: Any) -> Any:
        W, U, b, c = p
        products = anp.swapaxes(x, 0, 1) @ W + b
        h, outputs = anp.zeros((x.shape[0], U.shape[0])), []
        for t in range(x.shape[1]):
            h = anp.tanh(products[t] + h @ U + c)
            outputs.append(h)
        return anp.mean((anp.stack(outputs, axis=1) - y) ** 2)

    return _sgd(loss, parameters, lr)


def classifier(parameters: list[np.ndarray], x: np.ndarray, labels: np.ndarray, lr: float) -> Step:
    """Cross-entropy and Adam."""
    rows = np.arange(len(x))
    means = [np.zeros_like(w) for w in parameters]
    squares = [np.zeros_like(w) for w in parameters]
    t = 0

    def loss(p: Any) -> Any:
        logits = _layers(p, x)
        return anp.mean(logsumexp(logits, axis=1) - logits[rows, labels])

    slopes = value_and_grad(loss)

    def step() -> Any:
        nonlocal t
        t += 1
        value, gradients = slopes(parameters)
        root = (1 - 0.999**t) ** 0.5
        for w, g, m, v in zip(parameters, gradients, means, squares, strict=True):
            m *= 0.9
            m += 0.1 * g
            v *= 0.999
            v += 0.001 * (g * g)
            w -= (lr * root / (1 - 0.9**t)) * m / (np.sqrt(v) + 1e-8 * root)
        return value

    return step


def additions(x: np.ndarray, length: int) -> Step:
    """One after the other, then backward."""
    return _chain(x, length, lambda out: out + 0.01)


def tanhs(x: np.ndarray, length: int) -> Step:
    """One after the other, then backward."""
    return _chain(x, length, anp.tanh)


def _chain(x: np.ndarray, length: int, function: Callable[[Any], Any]) -> Step:
    def mean(out: Any) -> Any:
        for _ in range(length):
            out = function(out)
        return anp.mean(out)

    slope = value_and_grad(mean)

    def step() -> Any:
        value, gradient = slope(x)
        return value + gradient.sum()

    return step


def _layers(p: Any, x: Any) -> Any:
    for W, b in zip(p[:-2:2], p[1:-2:2], strict=True):
        x = anp.maximum(x @ W + b, 0)
    return x @ p[-2] + p[-1]


def _sgd(loss: Any, parameters: list[np.ndarray], lr: float) -> Step:
    slopes = value_and_grad(loss)

    def step() -> Any:
        value, gradients = slopes(parameters)
        for w, g in zip(parameters, gradients, strict=True):
            w -= lr * g
        return value

    return step

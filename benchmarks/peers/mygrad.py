"""MyGrad, as its users write it; without its guard against written memory, which takes time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mygrad as mg
import numpy as np
from mygrad.nnet.activations import relu

__all__ = ["additions", "network", "recurrent", "tanhs"]

Step = Callable[[], Any]

mg.turn_memory_guarding_off()


def network(parameters: list[np.ndarray], x: np.ndarray, y: np.ndarray, lr: float) -> Step:
    """Linear layers with ReLU between them, the mean squared error, SGD."""
    weights = [mg.tensor(w) for w in parameters]

    def loss() -> Any:
        out: Any = x
        for W, b in zip(weights[:-2:2], weights[1:-2:2], strict=True):
            out = relu(out @ W + b)
        return mg.mean((out @ weights[-2] + weights[-1] - y) ** 2)

    return _sgd(loss, weights, lr)


def recurrent(parameters: list[np.ndarray], x: np.ndarray, y: np.ndarray, lr: float) -> Step:
    """A loop over time, the mean squared error of every step's answer, SGD."""
    weights = W, U, b, c = [mg.tensor(w) for w in parameters]

    def loss() -> Any:
        products = np.swapaxes(x, 0, 1) @ W + b
        h, outputs = np.zeros((x.shape[0], U.shape[0])), []
        for t in range(x.shape[1]):
            h = mg.tanh(products[t] + h @ U + c)
            outputs.append(h)
        return mg.mean((mg.stack(outputs, axis=1) - y) ** 2)

    return _sgd(loss, weights, lr)


def additions(x: np.ndarray, length: int) -> Step:
    """One after the other, then backward."""
    return _chain(x, length, lambda out: out + 0.01)


def tanhs(x: np.ndarray, length: int) -> Step:
    """One after the other, then backward."""
    return _chain(x, length, mg.tanh)


def _chain(x: np.ndarray, length: int, function: Callable[[Any], Any]) -> Step:
    leaf = mg.tensor(x)

    def step() -> Any:
        out: Any = leaf
        for _ in range(length):
            out = function(out)
        mean = mg.mean(out)
        mean.backward()
        return mean.data + leaf.grad.sum()

    return step


def _sgd(loss_of: Callable[[], Any], weights: list[Any], lr: float) -> Step:
    def step() -> Any:
        loss = loss_of()
        loss.backward()
        for w in weights:
            w.data -= lr * w.grad
        return loss.data

    return step

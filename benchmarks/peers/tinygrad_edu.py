"""tinygrad_edu, as a user writes it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks import flip_step
from tinygrad_edu import Tensor, nn, optim

__all__ = ["additions", "classifier", "network", "recurrent", "tanhs"]

Step = Callable[[], Any]


def network(parameters: list[np.ndarray], x: np.ndarray, y: np.ndarray, lr: float) -> Step:
    """Linear layers with ReLU between them, the mean squared error, SGD."""
    return flip_step.eager(_layers(parameters), x, y, lr)


def recurrent(parameters: list[np.ndarray], x: np.ndarray, y: np.ndarray, lr: float) -> Step:
    """nn.RNN, the mean squared error of every step's answer, SGD."""
    net = nn.RNN(*parameters[0].shape)
    _set(net, parameters)
    optimizer = optim.SGD(net.parameters(), lr=lr)

    def step() -> Any:
        outputs, _ = net(x)
        loss = nn.mse_loss(outputs, y)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        return loss.data

    return step


def classifier(parameters: list[np.ndarray], x: np.ndarray, labels: np.ndarray, lr: float) -> Step:
    """Cross-entropy and Adam."""
    net = _layers(parameters)
    optimizer = optim.Adam(net.parameters(), lr=lr)

    def step() -> Any:
        loss = nn.cross_entropy(net(x), labels)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        return loss.data

    return step


def additions(x: np.ndarray, length: int) -> Step:
    """One after the other, then backward."""
    return _chain(x, length, lambda out: out + 0.01)


def tanhs(x: np.ndarray, length: int) -> Step:
    """One after the other, then backward."""
    return _chain(x, length, np.tanh)


def _chain(x: np.ndarray, length: int, function: Callable[[Any], Any]) -> Step:
    leaf = Tensor(x, requires_grad=True)

    def step() -> Any:
        leaf.grad = None
        out: Any = leaf
        for _ in range(length):
            out = function(out)
        mean = out.mean()
        mean.backward()
        return mean.data + leaf.grad.sum()

    return step


def _layers(parameters: list[np.ndarray]) -> nn.Sequential:
    layers: list[Any] = []
    for W in parameters[::2]:
        layers += [nn.Linear(*W.shape, rng=0), nn.ReLU()]
    net = nn.Sequential(*layers[:-1]).astype(parameters[0].dtype)
    _set(net, parameters)
    return net


def _set(net: nn.Module, parameters: list[np.ndarray]) -> None:
    for own, value in zip(net.parameters(), parameters, strict=True):
        own.data[...] = value

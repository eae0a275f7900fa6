"""PyTorch, eager, as its users write it; on as many threads as the others."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from benchmarks.contest import threads

__all__ = ["additions", "classifier", "network", "recurrent", "tanhs"]

Step = Callable[[], Any]

torch.set_num_threads(threads())


def network(parameters: list[np.ndarray], x: np.ndarray, y: np.ndarray, lr: float) -> Step:
    """Linear layers with ReLU between them, the mean squared error, SGD."""
    net = _layers(parameters)
    return _step(net, functional.mse_loss, torch.from_numpy(x), torch.from_numpy(y), torch.optim.SGD, lr)


def recurrent(parameters: list[np.ndarray], x: np.ndarray, y: np.ndarray, lr: float) -> Step:
    """nn.RNN, the mean squared error of every step's answer, SGD."""
    rnn = nn.RNN(*parameters[0].shape, batch_first=True, dtype=torch.float64)
    _set(rnn.parameters(), parameters)
    optimizer = torch.optim.SGD(rnn.parameters(), lr=lr)
    inputs, wanted = torch.from_numpy(x), torch.from_numpy(y)

    def step() -> Any:
        optimizer.zero_grad()
        loss = functional.mse_loss(rnn(inputs)[0], wanted)
        loss.backward()
        optimizer.step()
        return loss.detach()

    return step


def classifier(parameters: list[np.ndarray], x: np.ndarray, labels: np.ndarray, lr: float) -> Step:
    """Cross-entropy and Adam."""
    net = _layers(parameters)
    return _step(net, functional.cross_entropy, torch.from_numpy(x), torch.from_numpy(labels), torch.optim.Adam, lr)


def additions(x: np.ndarray, length: int) -> Step:
    """One after the other, then backward."""
    return _chain(x, length, lambda out: out + 0.01)


def tanhs(x: np.ndarray, length: int) -> Step:
    """One after the other, then backward."""
    return _chain(x, length, torch.tanh)


def _step(net: Any, loss_of: Any, x: Any, y: Any, optimizer_class: Any, lr: float) -> Step:
    optimizer = optimizer_class(net.parameters(), lr=lr)

    def step() -> Any:
        optimizer.zero_grad()
        loss = loss_of(net(x), y)
        loss.backward()
        optimizer.step()
        return loss.detach()

    return step


def _chain(x: np.ndarray, length: int, function: Callable[[Any], Any]) -> Step:
    leaf = torch.from_numpy(x).requires_grad_()

    def step() -> Any:
        leaf.grad = None
        out: Any = leaf
        for _ in range(length):
            out = function(out)
        mean = out.mean()
        mean.backward()
        return mean.detach() + leaf.grad.sum()

    return step


def _layers(parameters: list[np.ndarray]) -> nn.Sequential:
    dtype = torch.from_numpy(parameters[0]).dtype
    layers: list[Any] = []
    for W in parameters[::2]:
        layers += [nn.Linear(*W.shape, dtype=dtype), nn.ReLU()]
    net = nn.Sequential(*layers[:-1])
    _set(net.parameters(), parameters)
    return net


def _set(own: Iterable[Any], parameters: list[np.ndarray]) -> None:
    """PyTorch keeps weights transposed."""
    with torch.no_grad():
        for parameter, value in zip(own, parameters, strict=True):
            parameter.copy_(torch.from_numpy(value.T))

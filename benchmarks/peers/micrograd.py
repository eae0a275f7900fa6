"""micrograd, as its users write it: every number is an object of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from micrograd import nn

__all__ = ["network"]

Step = Callable[[], Any]


def network(parameters: list[np.ndarray], x: np.ndarray, y: np.ndarray, lr: float) -> Step:
    """Layers with ReLU between them, the mean squared error, SGD."""
    net = nn.MLP(len(parameters[0]), [len(b) for b in parameters[1::2]])
    for layer, W, b in zip(net.layers, parameters[::2], parameters[1::2], strict=True):
        for neuron, weights, bias in zip(layer.neurons, W.T.tolist(), b.tolist(), strict=True):
            neuron.b.data = bias
            for own, weight in zip(neuron.w, weights, strict=True):
                own.data = weight
    inputs, wanted = x.tolist(), y.tolist()

    def step() -> Any:
        squares = [
            (out - target) ** 2
            for example, targets in zip(inputs, wanted, strict=True)
            for out, target in zip(net(example), targets, strict=True)
        ]
        loss = sum(squares) * (1 / len(squares))
        net.zero_grad()
        loss.backward()
        for parameter in net.parameters():
            parameter.data -= lr * parameter.grad
        return loss.data

    return step

"""PyTorch with tensors alone, without modules and optimizer: for networks this small it is a third faster so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from benchmarks.contest import threads

__all__ = ["network"]

Step = Callable[[], Any]

torch.set_num_threads(threads())


def network(parameters: list[np.ndarray], x: np.ndarray, y: np.ndarray, lr: float) -> Step:
    """Layers with ReLU between them, the mean squared error, SGD."""
    weights = [torch.tensor(w, requires_grad=True) for w in parameters]
    inputs, wanted = torch.from_numpy(x), torch.from_numpy(y)

    def step() -> Any:
        out = inputs
        for W, b in zip(weights[:-2:2], weights[1:-2:2], strict=True):
            out = torch.relu(out @ W + b)
        loss = functional.mse_loss(out @ weights[-2] + weights[-1], wanted)
        loss.backward()
        with torch.no_grad():
            for w in weights:
                w -= lr * w.grad
                w.grad = None
        return loss.detach()

    return step

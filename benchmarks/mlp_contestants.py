"""The contestants of `mlp_step`, one a process: `python -m benchmarks.mlp_contestants NAME BATCH`.

Each line that comes in is a number of steps; each line that goes out is a turn as JSON. A turn begins from the same
weights and takes two steps that do not count. What a contestant imports, it imports itself.
"""

from __future__ import annotations

import itertools
import json
import resource
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = ["CONTESTANTS", "main"]

SIZES = (784, 512, 512, 10)
LR = 1e-4  # slow enough that a round ends long before the loss is 0, where numbers too small for float32 slow down all
Step = Callable[[], Any]


def problem(batch: int) -> tuple[list[np.ndarray], np.ndarray, np.ndarray]:
    """Weights and biases by turns, inputs and labels: the same for all."""
    rng = np.random.default_rng(0)
    parameters = []
    for inputs, outputs in itertools.pairwise(SIZES):
        bound = 1 / np.sqrt(inputs)
        parameters += [rng.uniform(-bound, bound, shape).astype(np.float32) for shape in ((inputs, outputs), outputs)]
    return parameters, rng.random((batch, SIZES[0]), np.float32), rng.integers(0, SIZES[-1], batch)


def by_hand(batch: int) -> Callable[[], Step]:
    """NumPy as a person writes it who has worked out the gradients and knows what is worth doing in place."""

    def build() -> Step:
        parameters, x, labels = problem(batch)
        means = [np.zeros_like(w) for w in parameters]
        squares = [np.zeros_like(w) for w in parameters]
        rows = np.arange(batch)
        t = 0

        def step() -> Any:
            nonlocal t
            t += 1
            W1, b1, W2, b2, W3, b3 = parameters
            h1 = np.maximum(x @ W1 + b1, 0)
            h2 = np.maximum(h1 @ W2 + b2, 0)
            z = h2 @ W3 + b3
            z -= z.max(axis=1, keepdims=True)
            p = np.exp(z)
            total = p.sum(axis=1, keepdims=True)
            loss = np.mean(np.log(total[:, 0]) - z[rows, labels])
            p /= total
            p[rows, labels] -= 1
            p /= batch
            g2 = p @ W3.T
            g2 *= h2 > 0
            g1 = g2 @ W2.T
            g1 *= h1 > 0
            gradients = (x.T @ g1, g1.sum(axis=0), h1.T @ g2, g2.sum(axis=0), h2.T @ p, p.sum(axis=0))
            root = (1 - 0.999**t) ** 0.5
            for w, g, m, v in zip(parameters, gradients, means, squares, strict=True):
                m *= 0.9
                m += 0.1 * g
                v *= 0.999
                v += 0.001 * (g * g)
                w -= (LR * root / (1 - 0.9**t)) * m / (np.sqrt(v) + 1e-8 * root)
            return loss

        return step

    return build


def tinygrad_edu(batch: int) -> Callable[[], Step]:
    """The step as a user of the library writes it."""
    from tinygrad_edu import nn, optim

    def build() -> Step:
        parameters, x, labels = problem(batch)
        layers = [nn.Linear(*sizes, rng=0) for sizes in itertools.pairwise(SIZES)]
        net = nn.Sequential(layers[0], nn.ReLU(), layers[1], nn.ReLU(), layers[2]).astype(np.float32)
        for own, value in zip(net.parameters(), parameters, strict=True):
            own.data = value
        optimizer = optim.Adam(net.parameters(), lr=LR)

        def step() -> Any:
            optimizer.zero_grad()
            loss = nn.cross_entropy(net(x), labels)
            loss.backward()
            optimizer.step()
            return loss.data

        return step

    return build


def torch(batch: int) -> Callable[[], Step]:
    """PyTorch, eager, on as many threads as the others."""
    import torch
    from torch import nn

    torch.set_num_threads(2)

    def build() -> Step:
        parameters, x, labels = (problem(batch)[0], *map(torch.from_numpy, problem(batch)[1:]))
        layers = [nn.Linear(*sizes) for sizes in itertools.pairwise(SIZES)]
        net = nn.Sequential(layers[0], nn.ReLU(), layers[1], nn.ReLU(), layers[2])
        with torch.no_grad():
            for own, value in zip(net.parameters(), parameters, strict=True):
                own.copy_(torch.from_numpy(value.T))
        optimizer = torch.optim.Adam(net.parameters(), lr=LR)

        def step() -> Any:
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(net(x), labels)
            loss.backward()
            optimizer.step()
            return loss.item()

        return step

    return build


CONTESTANTS = {"by_hand": by_hand, "tinygrad_edu": tinygrad_edu, "torch": torch}


def main(name: str, batch: int) -> None:
    """Take a turn for every line on standard input."""
    build = CONTESTANTS[name](batch)
    after_import = _peak()
    for line in sys.stdin:
        step = build()
        step(), step()
        start = time.perf_counter()
        for _ in range(int(line)):
            loss = step()
        seconds = time.perf_counter() - start
        turn = {"seconds": seconds / int(line), "loss": float(loss), "bytes": _peak() - after_import}
        del step
        print(json.dumps(turn), flush=True)


def _peak() -> int:
    """The most memory that this process has held, in bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))

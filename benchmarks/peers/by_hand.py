"""NumPy as a person writes it who has worked out the gradients on paper."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks import flip_step

__all__ = ["additions", "classifier", "network", "recurrent", "tanhs"]

Step = Callable[[], Any]


def network(parameters: list[np.ndarray], x: np.ndarray, y: np.ndarray, lr: float) -> Step:
    """Two layers are written out, as in the lesson; of more than two nobody writes every line."""
    if len(parameters) == 4:
        return flip_step.by_hand(parameters, x, y, lr)
    layers = list(zip(parameters[::2], parameters[1::2], strict=True))

    def step() -> Any:
        inputs, h = [], x
        for W, b in layers[:-1]:
            inputs.append(h)
            h = np.maximum(h @ W + b, 0)
        W, b = layers[-1]
        d = h @ W + b - y
        loss = np.mean(d * d)
        g = d * (2 / d.size)
        gW, gb, g = h.T @ g, g.sum(axis=0), g @ W.T
        W -= lr * gW
        b -= lr * gb
        for (W, b), before in zip(layers[-2::-1], inputs[::-1], strict=True):
            g *= h > 0
            gW, gb, g, h = before.T @ g, g.sum(axis=0), g @ W.T, before
            W -= lr * gW
            b -= lr * gb
        return loss

    return step


def recurrent(parameters: list[np.ndarray], x: np.ndarray, y: np.ndarray, lr: float) -> Step:
    """Backpropagation through time; the products of all steps at once wherever nothing has to wait."""
    W, U, b, c = parameters
    steps_first = np.ascontiguousarray(np.swapaxes(x, 0, 1))
    wanted = np.ascontiguousarray(np.swapaxes(y, 0, 1))
    time, batch, hidden = wanted.shape

    def step() -> Any:
        products = steps_first @ W + (b + c)
        h = np.zeros((time + 1, batch, hidden))
        for t in range(time):
            h[t + 1] = np.tanh(products[t] + h[t] @ U)
        d = h[1:] - wanted
        loss = np.mean(d * d)
        g = d * (2 / d.size)
        slopes = 1 - h[1:] ** 2
        back = np.zeros((batch, hidden))
        for t in reversed(range(time)):
            back += g[t]
            back *= slopes[t]
            g[t] = back
            back = back @ U.T
        flat = g.reshape(-1, hidden)
        gW = steps_first.reshape(-1, len(W)).T @ flat
        gU = h[:-1].reshape(-1, hidden).T @ flat
        gb = flat.sum(axis=0)
        W[...] -= lr * gW
        U[...] -= lr * gU
        b[...] -= lr * gb
        c[...] -= lr * gb
        return loss

    return step


def classifier(parameters: list[np.ndarray], x: np.ndarray, labels: np.ndarray, lr: float) -> Step:
    """A person who knows what is worth doing in place."""
    means = [np.zeros_like(w) for w in parameters]
    squares = [np.zeros_like(w) for w in parameters]
    batch = len(x)
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
            w -= (lr * root / (1 - 0.9**t)) * m / (np.sqrt(v) + 1e-8 * root)
        return loss

    return step


def additions(x: np.ndarray, length: int) -> Step:
    """The slope of x is 1/size, which a person knows; forward has to be computed all the same."""

    def step() -> Any:
        out = x + 0.01
        for _ in range(length - 1):
            out += 0.01
        g = np.full_like(x, 1 / x.size)
        return np.mean(out) + g.sum()

    return step


def tanhs(x: np.ndarray, length: int) -> Step:
    """Every result is needed on the way back."""

    def step() -> Any:
        kept, out = [], x
        for _ in range(length):
            out = np.tanh(out)
            kept.append(out)
        g = np.full_like(x, 1 / x.size)
        mean = np.mean(out)
        while kept:
            out = kept.pop()
            g *= 1 - out * out
        return mean + g.sum()

    return step

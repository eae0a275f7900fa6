"""JAX, the whole step under jit, its weights donated.

Dispatch is synchronous: on a processor, steps this small are up to a third faster so.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

__all__ = ["additions", "classifier", "network", "recurrent", "tanhs"]

Step = Callable[[], Any]

jax.config.update("jax_enable_x64", True)
jax.config.update("jax_platforms", "cpu")
jax.config.update("jax_cpu_enable_async_dispatch", False)


def network(parameters: list[np.ndarray], x: np.ndarray, y: np.ndarray, lr: float) -> Step:
    """Linear layers with ReLU between them, the mean squared error, SGD."""
    return _sgd(lambda p, x, y: jnp.mean((_layers(p, x) - y) ** 2), parameters, x, y, lr)


def recurrent(parameters: list[np.ndarray], x: np.ndarray, y: np.ndarray, lr: float) -> Step:
    """A scan over time, the mean squared error of every step's answer, SGD."""

    def loss(p: Any, x: Any, y: Any) -> Any:
        W, U, b, c = p

        def read(h: Any, product: Any) -> tuple[Any, Any]:
            h = jnp.tanh(product + h @ U + c)
            return h, h

        _, outputs = jax.lax.scan(read, jnp.zeros((x.shape[0], U.shape[0])), jnp.swapaxes(x, 0, 1) @ W + b)
        return jnp.mean((jnp.swapaxes(outputs, 0, 1) - y) ** 2)

    return _sgd(loss, parameters, x, y, lr)


def classifier(parameters: list[np.ndarray], x: np.ndarray, labels: np.ndarray, lr: float) -> Step:
    """Cross-entropy and Adam, which JAX leaves to others, so it is written out."""

    def loss(p: Any, x: Any, labels: Any) -> Any:
        logits = _layers(p, x)
        right = jnp.take_along_axis(logits, labels[:, None], 1)[:, 0]
        return jnp.mean(jax.nn.logsumexp(logits, axis=1) - right)

    def update(state: Any, x: Any, labels: Any) -> Any:
        p, means, squares, t = state
        value, gradients = jax.value_and_grad(loss)(p, x, labels)
        t = t + 1
        means = [0.9 * m + 0.1 * g for m, g in zip(means, gradients, strict=True)]
        squares = [0.999 * v + 0.001 * g * g for v, g in zip(squares, gradients, strict=True)]
        a, b = 1 - 0.9**t, 1 - 0.999**t
        p = [w - lr * (m / a) / (jnp.sqrt(v / b) + 1e-8) for w, m, v in zip(p, means, squares, strict=True)]
        return (p, means, squares, t), value

    p = [jnp.array(w) for w in parameters]
    means, squares = [jnp.zeros_like(w) for w in p], [jnp.zeros_like(w) for w in p]
    return _loop(update, (p, means, squares, jnp.float32(0)), x, labels)


def additions(x: np.ndarray, length: int) -> Step:
    """One after the other; the compiler may make one of them."""
    return _chain(x, length, lambda out: out + 0.01)


def tanhs(x: np.ndarray, length: int) -> Step:
    """One after the other."""
    return _chain(x, length, jnp.tanh)


def _chain(x: np.ndarray, length: int, function: Callable[[Any], Any]) -> Step:
    def mean(out: Any) -> Any:
        for _ in range(length):
            out = function(out)
        return jnp.mean(out)

    slope, leaf = jax.jit(jax.value_and_grad(mean)), jnp.array(x)

    def step() -> Any:
        value, gradient = slope(leaf)
        return value + gradient.sum()

    return step


def _layers(p: Any, x: Any) -> Any:
    for W, b in zip(p[:-2:2], p[1:-2:2], strict=True):
        x = jax.nn.relu(x @ W + b)
    return x @ p[-2] + p[-1]


def _sgd(loss: Any, parameters: list[np.ndarray], x: np.ndarray, y: np.ndarray, lr: float) -> Step:
    def update(p: Any, x: Any, y: Any) -> Any:
        value, gradients = jax.value_and_grad(loss)(p, x, y)
        return [w - lr * g for w, g in zip(p, gradients, strict=True)], value

    return _loop(update, [jnp.array(w) for w in parameters], x, y)


def _loop(update: Any, state: Any, x: np.ndarray, y: np.ndarray) -> Step:
    update, x_, y_ = jax.jit(update, donate_argnums=0), jnp.array(x), jnp.array(y)

    def step() -> Any:
        nonlocal state
        state, loss = update(state, x_, y_)
        return loss

    return step

"""Linear: every output is a weighted sum of all inputs, plus a bias."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygrad_edu.nn.module import Module
from tinygrad_edu.rules.linear_algebra import matmul_y
from tinygrad_edu.rules.table import derivative, primitive
from tinygrad_edu.tensor import Tensor

__all__ = ["Linear", "linear"]


@primitive
def linear(x: Any, weight: Any, bias: Any) -> Any:
    """X @ weight + bias.

    One row of the table instead of two (matmul, add), because it is most of what a small network does.

    Args:
        x: (…, in).
        weight: (in, out).
        bias: (out,).

    Returns:
        (…, out).

    Example:
        >>> import numpy as np
        >>> linear(np.array([1.0, 2.0]), np.eye(2), np.array([10.0, 20.0]))
        array([11., 22.])
    """
    return x @ weight + bias


derivative(
    linear,
    x=lambda g, weight: g @ weight.T,
    weight=lambda g, x, weight_shape: matmul_y(g, x, weight_shape),
    bias=lambda g: g,
)


class Linear(Module):
    """x @ weight + bias.

    `weight` has shape (in, out), so that the code reads like the lesson; PyTorch keeps the transpose. Both start
    uniform in ±1/√in, as PyTorch's do.

    Args:
        inputs: number of features in; x has shape (…, inputs).
        outputs: number of features out; the result has shape (…, outputs).
        bias: whether to add a bias.
        rng: a NumPy Generator or a seed; the same seed gives the same weights.

    Example:
        >>> import numpy as np, tinygrad_edu as tg
        >>> layer = tg.nn.Linear(4, 3, rng=0)
        >>> layer(np.ones((10, 4))).shape
        (10, 3)
    """

    def __init__(
        self, inputs: int, outputs: int, bias: bool = True, rng: np.random.Generator | int | None = None
    ) -> None:
        rng = np.random.default_rng(rng)
        bound = 1 / math.sqrt(max(inputs, 1))
        self.weight = Tensor(rng.uniform(-bound, bound, (inputs, outputs)), requires_grad=True)
        self.bias = Tensor(rng.uniform(-bound, bound, outputs), requires_grad=True) if bias else None

    def forward(self, x: Any) -> Any:
        """x: (…, in) → (…, out). ValueError if the last axis of x is not `in` long."""
        try:
            return x @ self.weight if self.bias is None else linear(x, self.weight, self.bias)
        except ValueError:
            inputs, outputs = self.weight.shape
            raise ValueError(
                f"Linear({inputs}, {outputs}) got x of shape {np.shape(x)}: its last axis must have length {inputs}. "
                f"Either reshape x, for example x.reshape(-1, {inputs}), or make the layer for it: "
                f"Linear({(1, *np.shape(x))[-1]}, {outputs})."
            ) from None

    def _describe(self) -> str:
        return f"{self.weight.shape[0]}, {self.weight.shape[1]}{'' if self.bias is not None else ', bias=False'}"

"""Linear: every output is a weighted sum of all inputs, plus a bias."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_edu.nn import init
from tinygrad_edu.nn.module import Module
from tinygrad_edu.rules.linear_algebra import matmul_y
from tinygrad_edu.rules.table import derivative, primitive
from tinygrad_edu.tensor import Tensor

__all__ = ["Linear", "linear"]


@primitive
def linear(x: Any, weight: Any, bias: Any) -> Any:
    """The weighted sums x @ weight + bias.

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
        in_features: number of features in; x has shape (…, in_features).
        out_features: number of features out; the result has shape (…, out_features).
        bias: whether to add a bias.
        rng: a NumPy Generator or a seed; the same seed gives the same weights.

    Example:
        >>> import numpy as np, tinygrad_edu as tg
        >>> layer = tg.nn.Linear(4, 3, rng=0)
        >>> layer(np.ones((10, 4))).shape
        (10, 3)
    """

    def __init__(
        self, in_features: int, out_features: int, bias: bool = True, *, rng: np.random.Generator | int | None = None
    ) -> None:
        rng = np.random.default_rng(rng)
        self.weight = Tensor(init.default((in_features, out_features), in_features, rng=rng), requires_grad=True)
        self.bias = Tensor(init.default((out_features,), in_features, rng=rng), requires_grad=True) if bias else None

    def forward(self, x: Any) -> Any:
        """x: (…, in) → (…, out). ValueError if the last axis of x is not `in` long, TypeError for a tuple."""
        try:
            return x @ self.weight if self.bias is None else linear(x, self.weight, self.bias)
        except (TypeError, ValueError) as error:
            raise self._misfit(x, error) from None

    def _misfit(self, x: Any, error: Exception) -> Exception:
        """What to say of an x that does not fit; of anything else the error itself."""
        inputs, outputs = self.weight.shape
        if isinstance(x, tuple):
            return TypeError(
                f"Linear({inputs}, {outputs}) got a tuple of {len(x)}. Recurrent layers return (outputs, state); "
                "take the outputs, in a Sequential with a function between them: lambda result: result[0]."
            )
        shape = np.shape(x)
        if isinstance(error, TypeError) or shape[-1:] == (inputs,):
            return error
        mend = f"A single number is one feature: make it Linear(1, {outputs}), and give it np.reshape(x, 1)."
        if shape:
            mend = f"Make the layer for it: Linear({shape[-1]}, {outputs})."
        if shape and inputs and np.size(x) % inputs == 0:
            mend += f" Or, if the features lie along several axes, reshape x: np.reshape(x, (-1, {inputs}))."
        return ValueError(
            f"Linear({inputs}, {outputs}) got x of shape {shape}: its last axis must have length {inputs}. {mend}"
        )

    def _describe(self) -> str:
        return f"{self.weight.shape[0]}, {self.weight.shape[1]}{'' if self.bias is not None else ', bias=False'}"

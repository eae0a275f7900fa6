"""Attention: every position of a sequence looks at the others; and the transformer's block."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygrad_edu.functions import gelu, softmax
from tinygrad_edu.nn.dropout import Dropout
from tinygrad_edu.nn.init import xavier_uniform
from tinygrad_edu.nn.linear import Linear, linear
from tinygrad_edu.nn.module import Module
from tinygrad_edu.nn.normalization import LayerNorm
from tinygrad_edu.tensor import Tensor

__all__ = ["MultiHeadAttention", "TransformerBlock", "attention"]


def attention(query: Any, key: Any, value: Any, causal: bool = False) -> Any:
    """softmax(query @ keyᵀ / √d) @ value: of the values a mean, weighted by how well each key answers the query.

    Vaswani et al., "Attention Is All You Need" (2017), equation 1.

    Args:
        query: (…, time, d).
        key: (…, time, d).
        value: (…, time, d).
        causal: position t sees only the positions up to t. Later ones get a weight, and a gradient, of exactly 0.

    Returns:
        (…, time, d).

    Example:
        >>> import numpy as np
        >>> from tinygrad_edu.nn.attention import attention
        >>> alike = np.zeros((3, 1))  # no key answers better than another, so the mean is a plain one
        >>> attention(alike, alike, np.array([[3.0], [5.0], [7.0]]), causal=True)
        array([[3.], [4.], [5.]])
    """
    scores = query * (1 / math.sqrt(query.shape[-1])) @ np.swapaxes(key, -1, -2)
    if causal:
        past = np.tri(*scores.shape[-2:], dtype=np.bool_)  # the diagonal is in it, so no row is empty
        scores = np.where(past, scores, -math.inf)
    return softmax(scores) @ value


class MultiHeadAttention(Module):
    """Self-attention with several heads: each looks at the sequence through a projection of its own.

    Parameters have the names of PyTorch's MultiheadAttention and, as everywhere here, the transposed shapes:
    `in_proj_weight` (embed_dim, 3·embed_dim) holds the projections to query, key and value side by side. The weights
    start as PyTorch's do.

    Args:
        embed_dim: number of features in and out.
        num_heads: must divide embed_dim.
        causal: position t sees only the positions up to t, as one needs for predicting the next.
        rng: a NumPy Generator or a seed; the same seed gives the same weights.

    Raises:
        ValueError: embed_dim is no multiple of num_heads.

    Example:
        >>> import numpy as np
        >>> from tinygrad_edu.nn.attention import MultiHeadAttention
        >>> MultiHeadAttention(8, 2, causal=True, rng=0)(np.ones((4, 10, 8))).shape
        (4, 10, 8)
    """

    def __init__(
        self, embed_dim: int, num_heads: int, *, causal: bool = False, rng: np.random.Generator | int | None = None
    ) -> None:
        if num_heads < 1 or embed_dim % num_heads:
            raise ValueError(
                f"MultiHeadAttention({embed_dim}, {num_heads}): every head gets embed_dim / num_heads features, so "
                "num_heads must divide embed_dim, for example MultiHeadAttention(64, 4)"
            )
        rng = np.random.default_rng(rng)
        self.num_heads = num_heads
        self.causal = causal
        self.in_proj_weight = Tensor(xavier_uniform((embed_dim, 3 * embed_dim), rng=rng), requires_grad=True)
        self.in_proj_bias = Tensor(np.zeros(3 * embed_dim), requires_grad=True)
        self.out_proj = Linear(embed_dim, embed_dim, rng=rng)
        self.out_proj.bias = Tensor(np.zeros(embed_dim), requires_grad=True)

    def forward(self, x: Any) -> Any:
        """x: (…, time, embed_dim) → the same shape. ValueError if x does not fit."""
        shape, embed_dim = np.shape(x), self.in_proj_weight.shape[0]
        if len(shape) < 2 or shape[-1] != embed_dim or not shape[-2]:
            raise ValueError(
                f"MultiHeadAttention({embed_dim}, {self.num_heads}) got x of shape {shape}; it takes "
                f"(…, time, {embed_dim}), with at least one step of time."
            )
        projected = linear(x, self.in_proj_weight, self.in_proj_bias)
        heads = (*shape[:-1], self.num_heads, embed_dim // self.num_heads)
        query, key, value = (
            np.swapaxes(np.reshape(part, heads), -2, -3) for part in np.split(projected, 3, axis=-1)
        )  # each (…, heads, time, features of a head)
        mixed = attention(query, key, value, self.causal)
        return self.out_proj(np.reshape(np.swapaxes(mixed, -2, -3), shape))

    def _describe(self) -> str:
        return f"{self.in_proj_weight.shape[0]}, {self.num_heads}{', causal=True' if self.causal else ''}"


class TransformerBlock(Module):
    """x + attention(norm(x)), then x + mlp(norm(x)): a transformer is a stack of these.

    The normalisation comes before each part ("pre-norm": Xiong et al., "On Layer Normalization in the Transformer
    Architecture", 2020), so that x itself passes through unhindered. The mlp is Linear, GELU in its fast tanh form,
    Linear. The parts are called as in PyTorch's TransformerEncoderLayer.

    Args:
        embed_dim: number of features in and out.
        num_heads: must divide embed_dim.
        hidden: width of the mlp; 4·embed_dim when left out.
        causal: position t sees only the positions up to t.
        dropout: probability with which an entry of either part's result is dropped in training.
        rng: a NumPy Generator or a seed; the same seed gives the same weights.

    Raises:
        ValueError: embed_dim is no multiple of num_heads, or dropout no probability.

    Example:
        >>> import numpy as np
        >>> from tinygrad_edu.nn.attention import TransformerBlock
        >>> TransformerBlock(8, 2, causal=True, rng=0)(np.ones((4, 10, 8))).shape
        (4, 10, 8)
    """

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        *,
        hidden: int | None = None,
        causal: bool = False,
        dropout: float = 0.0,
        rng: np.random.Generator | int | None = None,
    ) -> None:
        rng = np.random.default_rng(rng)
        hidden = 4 * embed_dim if hidden is None else hidden
        self.norm1 = LayerNorm(embed_dim)
        self.self_attn = MultiHeadAttention(embed_dim, num_heads, causal=causal, rng=rng)
        self.norm2 = LayerNorm(embed_dim)
        self.linear1 = Linear(embed_dim, hidden, rng=rng)
        self.linear2 = Linear(hidden, embed_dim, rng=rng)
        self.dropout = Dropout(dropout, rng=rng)

    def forward(self, x: Any) -> Any:
        """x: (…, time, embed_dim) → the same shape."""
        x = x + self.dropout(self.self_attn(self.norm1(x)))
        inner = gelu(self.linear1(self.norm2(x)), approximate="tanh")
        return x + self.dropout(self.linear2(inner))

"""Embedding: a vector to learn for every word."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_edu.nn import init
from tinygrad_edu.nn.module import Module
from tinygrad_edu.rules.checks import refuse
from tinygrad_edu.rules.reductions import as_array
from tinygrad_edu.tensor import Tensor

__all__ = ["Embedding"]


class Embedding(Module):
    """A table with a row for every index; it looks rows up, and the gradient adds up in the rows that were looked up.

    `weight` has shape (num_embeddings, embedding_dim) and starts normal with standard deviation 1, as PyTorch's does.

    Args:
        num_embeddings: how many indices there are, 0 to num_embeddings - 1.
        embedding_dim: the length of a row.
        rng: a NumPy Generator or a seed; the same seed gives the same weights.

    Example:
        >>> import numpy as np
        >>> from tinygrad_edu.nn.embedding import Embedding
        >>> Embedding(10, 4, rng=0)(np.array([[3, 1, 3]])).shape
        (1, 3, 4)
    """

    def __init__(
        self, num_embeddings: int, embedding_dim: int, *, rng: np.random.Generator | int | None = None
    ) -> None:
        self.weight = Tensor(init.normal((num_embeddings, embedding_dim), rng=rng), requires_grad=True)

    def forward(self, indices: Any) -> Any:
        """Whole numbers of any shape → (…, embedding_dim).

        Raises:
            TypeError: the indices are no whole numbers.
            IndexError: one is negative or too large.
        """
        places = indices.data if isinstance(indices, Tensor) else as_array(indices)
        number = self.weight.shape[0]
        if places.dtype.kind not in "iu":
            raise TypeError(
                f"Embedding takes whole numbers, not {places.dtype}. If they are whole, write "
                "indices.astype(int); if this is data to be weighted, use Linear."
            )
        wrong = (places < 0) | (places >= number)
        if not isinstance(wrong, np.ndarray | np.bool_):
            refuse(wrong)
        elif wrong.any():
            columns = self.weight.shape[1]
            larger = "" if places.min() < 0 else f" Or make it larger: Embedding({places.max() + 1}, {columns})."
            raise IndexError(
                f"Embedding({number}, {columns}) got the index {places[wrong][0]}, but its rows are 0 to {number - 1}. "
                f"Mend the indices: each must be at least 0 and less than num_embeddings.{larger}"
            )
        return self.weight[places]

    def _describe(self) -> str:
        return f"{self.weight.shape[0]}, {self.weight.shape[1]}"

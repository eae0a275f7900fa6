"""Functions that return several arrays, such as np.linalg.svd: their gradient is several arrays as well.

To the chain rule such a result is one thing. Each array that the caller gets is a part of it, and the blame that
arrives at a part is passed on as `Parts`, zero everywhere else.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from tinygrad_edu.rules.table import derivative, primitive

__all__ = ["Parts", "part"]


class Parts:
    """Gradients of several arrays, some of which nothing has arrived at. A rule indexes or unpacks it like a tuple."""

    shape = None  # of no single array, so that the engine has nothing to sum down or to cast
    dtype = None

    def __init__(self, given: dict[int, Any], shapes: tuple[tuple[int, ...], ...], dtype: Any) -> None:
        self.given = given
        self.shapes = shapes
        self.zeros_dtype = dtype

    def __getitem__(self, k: int) -> Any:
        return self.given[k] if k in self.given else np.zeros(self.shapes[k], self.zeros_dtype)

    def __len__(self) -> int:
        return len(self.shapes)

    def __iter__(self) -> Iterator[Any]:
        return (self[k] for k in range(len(self)))

    def __add__(self, other: Parts) -> Parts:
        total = dict(self.given)
        for k, g in other.given.items():
            total[k] = total[k] + g if k in total else g
        return Parts(total, self.shapes, np.result_type(self.zeros_dtype, other.zeros_dtype))


@primitive
def part(outputs: Any, k: int) -> Any:
    """Array number k of a result that is several arrays."""
    return outputs[k]


# In this order Tensor's _lift saves them, which makes the nodes of the parts itself.
derivative(part, outputs=lambda g, outputs_shape, k: Parts({k: g}, outputs_shape, g.dtype))

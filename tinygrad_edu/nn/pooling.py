"""Pooling: an image becomes smaller, and what is in a window becomes its largest entry or its mean."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygrad_edu.nn.module import Module
from tinygrad_edu.nn.windows import per_axis, windows
from tinygrad_edu.rules.reductions import as_array

__all__ = ["AvgPool2d", "MaxPool2d"]

Setting = int | tuple[int, int]


class _Pool2d(Module):
    """What both share: which windows are looked at."""

    def __init__(self, kernel_size: Setting, stride: Setting | None = None, padding: Setting = 0) -> None:
        self.kernel_size = per_axis("kernel_size", kernel_size, 2)
        self.stride = self.kernel_size if stride is None else per_axis("stride", stride, 2)
        self.padding = per_axis("padding", padding, 2, least=0)
        if any(2 * p > k for p, k in zip(self.padding, self.kernel_size)):
            raise ValueError(
                f"{self!r}: padding may be at most half of kernel_size, for otherwise a window would see nothing but "
                f"padding; here at most {tuple(k // 2 for k in self.kernel_size)}."
            )

    def windows(self, x: Any) -> Any:
        """x: (N, channels, height, width) → (entries of a window, N, channels, *stops)."""
        if np.ndim(x) != 4:
            raise ValueError(
                f"{self!r} got x of shape {np.shape(x)}; it must have 4 axes: examples, channels, height, width. "
                "One example alone is a batch of one: x[None]; channels are missing if there is one only: x[:, None]."
            )
        x = as_array(x)
        if any(self.padding):
            x = np.pad(x, [(0, 0), (0, 0), *((p, p) for p in self.padding)], constant_values=self._beyond(x.dtype))
        return windows(x, self.kernel_size, self.stride, (1, 1))

    def _beyond(self, dtype: Any) -> float:
        """What lies around x."""
        raise NotImplementedError

    def _describe(self) -> str:
        stride = f", stride={self.stride}" if self.stride != self.kernel_size else ""
        return f"{self.kernel_size}{stride}{f', padding={self.padding}' if any(self.padding) else ''}"


class MaxPool2d(_Pool2d):
    """The largest entry of every window.

    Entries of a window that are equally large share the gradient equally, as everywhere in this engine; PyTorch
    blames the first of them. What the last window does not reach is left out.

    Args:
        kernel_size: side of a window, or (height, width).
        stride: steps from one window to the next; as large as a window when left out.
        padding: how far windows reach beyond the edges, where there is nothing; at most half of kernel_size.

    Raises:
        ValueError: a setting is no whole number or out of range.

    Example:
        >>> import numpy as np, tinygrad_edu as tg
        >>> tg.nn.MaxPool2d(2)(np.arange(16.0).reshape(1, 1, 4, 4))
        array([[[[ 5.,  7.],
                 [13., 15.]]]])
    """

    def forward(self, x: Any) -> Any:
        """x: (N, channels, height, width) → (N, channels, *stops). ValueError if a window does not fit into x."""
        return np.max(self.windows(x), axis=0)

    def _beyond(self, dtype: Any) -> float:
        return -math.inf if dtype.kind == "f" else int(np.iinfo(dtype).min)  # never the largest


class AvgPool2d(_Pool2d):
    """The mean of every window; padding counts as zeros, as in PyTorch.

    Args:
        kernel_size: side of a window, or (height, width).
        stride: steps from one window to the next; as large as a window when left out.
        padding: zeros around the image; at most half of kernel_size.

    Raises:
        ValueError: a setting is no whole number or out of range.

    Example:
        >>> import numpy as np, tinygrad_edu as tg
        >>> tg.nn.AvgPool2d(2)(np.arange(16.0).reshape(1, 1, 4, 4))
        array([[[[ 2.5,  4.5],
                 [10.5, 12.5]]]])
    """

    def forward(self, x: Any) -> Any:
        """x: (N, channels, height, width) → (N, channels, *stops). ValueError if a window does not fit into x."""
        return np.mean(self.windows(x), axis=0)

    def _beyond(self, dtype: Any) -> float:
        return 0

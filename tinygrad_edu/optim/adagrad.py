"""Adagrad: the more a parameter has been pushed, the shorter its steps."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_edu.optim.optimizer import Optimizer

__all__ = ["Adagrad"]


class Adagrad(Optimizer):
    """Adagrad: Duchi, Hazan and Singer, "Adaptive Subgradient Methods for Online Learning" (2011), diagonal form.

    total ← total + g², then w ← w − η·g / (√total + ε). Weight decay λ adds λ·w to g first.

    Args:
        params: tensors with requires_grad=True, such as `model.parameters()`, or groups of them.
        lr: learning rate η, a number or a schedule.
        eps: ε, which keeps the division finite.
        weight_decay: λ, at least 0.

    Raises:
        ValueError: a setting out of range.

    Example:
        >>> import numpy as np, tinygrad_edu as tg
        >>> w = tg.Tensor([1.0, -3.0], requires_grad=True)
        >>> optimizer = tg.optim.Adagrad([w], lr=0.1)
        >>> np.sum(w**2).backward()
        >>> optimizer.step()
        >>> w.data.round(3)  # the first step is η in size, whatever the slope
        array([ 0.9, -2.9])
    """

    remembered = ("total",)

    def __init__(self, params: Any, lr: Any = 1e-2, *, eps: float = 1e-10, weight_decay: float = 0) -> None:
        super().__init__(params, lr=lr, eps=eps, weight_decay=weight_decay)

    def update(self, w: Any, g: Any, *, lr: Any, eps: float, weight_decay: float, total: Any, **_: Any) -> None:
        """One step; w, g and total have shape (n,)."""
        if weight_decay:
            g = g + weight_decay * w
        total += g * g
        w -= lr * (g / (np.sqrt(total) + eps))

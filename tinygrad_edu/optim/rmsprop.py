"""RMSprop: steps measured by how large the slopes have been of late."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from tinygrad_edu.optim.optimizer import Optimizer

__all__ = ["RMSprop"]


class RMSprop(Optimizer):
    """RMSprop: Tieleman and Hinton, "Neural Networks for Machine Learning" (Coursera, 2012), lecture 6.5.

    v ← α·v + (1 − α)·g², a running mean of the square, then w ← w − η·g / (√v + ε). Weight decay λ adds λ·w to g first.
    With momentum μ the step follows u ← μ·u + g / (√v + ε) instead, as PyTorch writes it.

    Args:
        params: tensors with requires_grad=True, such as `model.parameters()`, or groups of them.
        lr: learning rate η, a number or a schedule.
        alpha: α, at least 0 and less than 1.
        eps: ε, which keeps the division finite.
        weight_decay: λ, at least 0.
        momentum: μ, at least 0 and less than 1.

    Raises:
        ValueError: a setting out of range.

    Example:
        >>> import numpy as np, tinygrad_edu as tg
        >>> w = tg.Tensor([1.0, -3.0], requires_grad=True)
        >>> optimizer = tg.optim.RMSprop([w], lr=0.1, alpha=0.75)
        >>> np.sum(w**2).backward()
        >>> optimizer.step()
        >>> w.data.round(3)  # √v is half the slope in the first step
        array([ 0.8, -2.8])
    """

    below_one = ("alpha", "momentum")

    def __init__(
        self,
        params: Any,
        lr: Any = 1e-2,
        *,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum: float = 0,
    ) -> None:
        super().__init__(params, lr=lr, alpha=alpha, eps=eps, weight_decay=weight_decay, momentum=momentum)

    @classmethod
    def remembers(cls, settings: Mapping[str, Any]) -> tuple[str, ...]:
        """The running mean, and the velocity if there is momentum."""
        return ("v", "velocity") if settings["momentum"] else ("v",)

    def update(
        self,
        w: Any,
        g: Any,
        *,
        lr: Any,
        alpha: float,
        eps: float,
        weight_decay: float,
        momentum: float,
        v: Any,
        velocity: Any = None,
        **_: Any,
    ) -> None:
        """One step; w, g, v and velocity have shape (n,)."""
        if weight_decay:
            g = g + weight_decay * w
        v *= alpha
        v += (1 - alpha) * (g * g)
        scaled = g / (np.sqrt(v) + eps)
        if momentum:
            velocity *= momentum
            velocity += scaled
            scaled = velocity
        w -= lr * scaled

"""Adam: a step of its own size for every parameter."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from tinygrad_edu.optim.optimizer import Optimizer, check
from tinygrad_edu.tensor import Tensor

__all__ = ["Adam"]


class Adam(Optimizer):
    """Adam: Kingma and Ba, "Adam: A Method for Stochastic Optimization" (2015), algorithm 1.

    m ← β₁·m + (1 − β₁)·g and v ← β₂·v + (1 − β₂)·g² are running means of the gradient and its square; divided by
    1 − βᵗ they forget that they began at 0; then w ← w − η·m̂ / (√v̂ + ε). Weight decay λ adds λ·w to g first.

    Args:
        params: tensors with requires_grad=True, such as `model.parameters()`.
        lr: learning rate η.
        betas: (β₁, β₂), each at least 0 and less than 1.
        eps: ε, which keeps the division finite.
        weight_decay: λ, at least 0.

    Raises:
        ValueError: a setting out of range.

    Example:
        >>> import numpy as np, tinygrad_edu as tg
        >>> w = tg.Tensor([1.0, -3.0], requires_grad=True)
        >>> optimizer = tg.optim.Adam([w], lr=0.1)
        >>> np.sum(w**2).backward()
        >>> optimizer.step()
        >>> w.data.round(3)  # the first step is η in size, whatever the slope
        array([ 0.9, -2.9])
    """

    def __init__(
        self,
        params: Iterable[Tensor],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
    ) -> None:
        check("betas[0]", betas[0], 0, 1)
        check("betas[1]", betas[1], 0, 1)
        check("eps", eps, 0, np.inf)
        check("weight_decay", weight_decay, 0, np.inf)
        super().__init__(params, lr, m=0, v=0, beta1_t=np.array(1.0), beta2_t=np.array(1.0))
        self.betas = betas
        self.eps = eps
        self.weight_decay = weight_decay

    def update(self, w: Any, g: Any, lr: Any, m: Any, v: Any, beta1_t: Any, beta2_t: Any) -> None:  # type: ignore[override]
        """One step; w, g, m and v have shape (n,), the powers β₁ᵗ and β₂ᵗ none."""
        beta1, beta2 = self.betas
        if self.weight_decay:
            g += self.weight_decay * w
        beta1_t *= beta1
        beta2_t *= beta2
        m *= beta1
        m += (1 - beta1) * g
        v *= beta2
        v += (1 - beta2) * (g * g)
        # 1 - 0.999 needs float64's digits; the arrays it divides keep their own dtype
        m_scale, v_scale = (1 - beta1_t).astype(w.dtype), (1 - beta2_t).astype(w.dtype)
        w -= lr * (m / m_scale) / (np.sqrt(v / v_scale) + self.eps)

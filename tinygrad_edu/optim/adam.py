"""Adam: a step of its own size for every parameter. AdamW: the same, and weights that shrink by themselves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from tinygrad_edu.optim.group import check
from tinygrad_edu.optim.optimizer import Optimizer

__all__ = ["Adam", "AdamW"]


class Adam(Optimizer):
    """Adam: Kingma and Ba, "Adam: A Method for Stochastic Optimization" (2015), algorithm 1.

    m ← β₁·m + (1 − β₁)·g and v ← β₂·v + (1 − β₂)·g² are running means of the gradient and its square; divided by
    1 − βᵗ they forget that they began at 0; then w ← w − η·m̂ / (√v̂ + ε). Weight decay λ adds λ·w to g first.

    Args:
        params: tensors with requires_grad=True, such as `model.parameters()`, or groups of them.
        lr: learning rate η, a number or a schedule.
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

    remembered = ("m", "v")

    def __init__(
        self,
        params: Any,
        lr: Any = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        *,
        eps: float = 1e-8,
        weight_decay: float = 0,
    ) -> None:
        super().__init__(params, lr=lr, betas=betas, eps=eps, weight_decay=weight_decay)

    @classmethod
    def check(cls, settings: Mapping[str, Any]) -> None:
        """Refuse what is out of range, and betas that are not a pair."""
        rest = dict(settings)
        betas = rest.pop("betas")
        if np.shape(betas) != (2,):
            raise ValueError(f"betas={betas!r} is not a pair of numbers such as (0.9, 0.999)")
        for i, beta in enumerate(betas):
            check(f"betas[{i}]", beta, 0, 1)
        super().check(rest)

    def update(
        self,
        w: Any,
        g: Any,
        *,
        lr: Any,
        step: Any,
        betas: tuple[float, float],
        eps: float,
        weight_decay: float,
        m: Any,
        v: Any,
    ) -> None:
        """One step; w, g, m and v have shape (n,), lr and step none."""
        beta1, beta2 = betas
        if weight_decay:
            g = g + weight_decay * w
        m *= beta1
        m += (1 - beta1) * g
        v *= beta2
        v += (1 - beta2) * (g * g)
        # η·m̂ / (√v̂ + ε) with its numbers gathered, as the paper's section 2 does, to go through the arrays less often.
        # 1 - 0.999 needs float64's digits; the arrays keep their own dtype.
        root = np.sqrt(1 - beta2**step)
        size, floor = (lr * root / (1 - beta1**step)).astype(w.dtype), (eps * root).astype(w.dtype)
        w -= size * (m / (np.sqrt(v) + floor))


class AdamW(Adam):
    """AdamW: Loshchilov and Hutter, "Decoupled Weight Decay Regularization" (2019), algorithm 2.

    w ← w − η·λ·w, then Adam's step without weight decay: the weights shrink by the same share, however large their
    gradients are. Like PyTorch's, the share counts the learning rate in.

    Args:
        params: tensors with requires_grad=True, such as `model.parameters()`, or groups of them.
        lr: learning rate η, a number or a schedule.
        betas: (β₁, β₂), each at least 0 and less than 1.
        eps: ε, which keeps the division finite.
        weight_decay: λ, at least 0.

    Raises:
        ValueError: a setting out of range.

    Example:
        >>> import numpy as np, tinygrad_edu as tg
        >>> w = tg.Tensor([1.0, -3.0], requires_grad=True)
        >>> optimizer = tg.optim.AdamW([w], lr=0.1, weight_decay=0.5)
        >>> np.sum(w**2).backward()
        >>> optimizer.step()
        >>> w.data.round(3)  # 5 % nearer to 0, then Adam's step
        array([ 0.85, -2.75])
    """

    def __init__(
        self,
        params: Any,
        lr: Any = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        *,
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
    ) -> None:
        super().__init__(params, lr, betas, eps=eps, weight_decay=weight_decay)

    def update(self, w: Any, g: Any, *, lr: Any, weight_decay: float, **rest: Any) -> None:
        """One step; w, g, m and v have shape (n,), lr and step none."""
        w -= lr * weight_decay * w
        super().update(w, g, lr=lr, weight_decay=0, **rest)

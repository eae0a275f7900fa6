"""SGD: step against the gradient, with momentum if wanted."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from tinygrad_edu.optim.optimizer import Optimizer, check
from tinygrad_edu.tensor import Tensor

__all__ = ["SGD"]


class SGD(Optimizer):
    """Stochastic gradient descent: w ← w − η·g.

    With momentum μ the step follows v ← μ·v + g instead of g, and with Nesterov's variant g + μ·v. Weight decay λ adds
    λ·w to g first. These are the forms of Sutskever et al., "On the importance of initialization and momentum in
    deep learning" (2013), as PyTorch writes them.

    Args:
        params: tensors with requires_grad=True, such as `model.parameters()`.
        lr: learning rate η.
        momentum: μ, at least 0 and less than 1.
        nesterov: use Nesterov's variant; needs momentum.
        weight_decay: λ, at least 0.

    Raises:
        ValueError: a setting out of range, or nesterov without momentum.

    Example:
        >>> import numpy as np, tinygrad_edu as tg
        >>> w = tg.Tensor(1.0, requires_grad=True)
        >>> optimizer = tg.optim.SGD([w], lr=0.01)
        >>> (0.5 * (10 - w * 2) ** 2).backward()
        >>> optimizer.step()
        >>> print(w.data)
        1.16
    """

    def __init__(
        self,
        params: Iterable[Tensor],
        lr: float,
        momentum: float = 0,
        nesterov: bool = False,
        weight_decay: float = 0,
    ) -> None:
        check("momentum", momentum, 0, 1)
        check("weight_decay", weight_decay, 0, np.inf)
        if nesterov and not momentum:
            raise ValueError("nesterov=True needs a momentum, for example momentum=0.9")
        super().__init__(params, lr, **({"velocity": 0} if momentum else {}))
        self.momentum = momentum
        self.nesterov = nesterov
        self.weight_decay = weight_decay

    def update(self, w: Any, g: Any, lr: Any, velocity: Any = None) -> None:  # type: ignore[override]
        """One step; w, g and velocity have shape (n,)."""
        if self.weight_decay:
            g += self.weight_decay * w
        if self.momentum:
            velocity *= self.momentum
            velocity += g
            g = g + self.momentum * velocity if self.nesterov else velocity
        w -= lr * g

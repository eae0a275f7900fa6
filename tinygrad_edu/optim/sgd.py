"""SGD: step against the gradient, with momentum if wanted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tinygrad_edu.optim.optimizer import Optimizer

__all__ = ["SGD"]


class SGD(Optimizer):
    """Stochastic gradient descent: w ← w − η·g.

    With momentum μ the step follows v ← μ·v + g instead of g, and with Nesterov's variant g + μ·v. Weight decay λ adds
    λ·w to g first. These are the forms of Sutskever et al., "On the importance of initialization and momentum in
    deep learning" (2013), as PyTorch writes them.

    Args:
        params: tensors with requires_grad=True, such as `model.parameters()`, or groups of them.
        lr: learning rate η, a number or a schedule.
        momentum: μ, at least 0 and less than 1.
        nesterov: use Nesterov's variant; needs momentum.
        weight_decay: λ, at least 0.

    Raises:
        TypeError: nesterov is neither True nor False.
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

    below_one = ("momentum",)

    def __init__(
        self, params: Any, lr: Any = 1e-3, momentum: float = 0, *, nesterov: bool = False, weight_decay: float = 0
    ) -> None:
        super().__init__(params, lr=lr, momentum=momentum, nesterov=nesterov, weight_decay=weight_decay)

    @classmethod
    def remembers(cls, settings: Mapping[str, Any]) -> tuple[str, ...]:
        """The velocity, if there is momentum."""
        return ("velocity",) if settings["momentum"] else ()

    @classmethod
    def check(cls, settings: Mapping[str, Any]) -> None:
        """Refuse what is out of range, and nesterov without momentum."""
        rest = dict(settings)
        nesterov = rest.pop("nesterov")
        super().check(rest)
        if not isinstance(nesterov, bool):
            raise TypeError(f"nesterov={nesterov!r} is neither True nor False")
        if nesterov and not settings["momentum"]:
            raise ValueError("nesterov=True needs a momentum, for example momentum=0.9")

    def update(
        self,
        w: Any,
        g: Any,
        *,
        lr: Any,
        momentum: float,
        nesterov: bool,
        weight_decay: float,
        velocity: Any = None,
        **_: Any,
    ) -> None:
        """One step; w, g and velocity have shape (n,)."""
        if weight_decay:
            g = g + weight_decay * w
        if momentum:
            velocity *= momentum
            velocity += g
            g = g + momentum * velocity if nesterov else velocity
        w -= lr * g

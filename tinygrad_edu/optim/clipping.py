"""Clipping: gradients cut down before the step, so that one wild batch cannot throw the weights far away."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from tinygrad_edu.optim.group import check
from tinygrad_edu.tensor import Tensor

__all__ = ["clip_grad_norm", "clip_grad_value"]


def clip_grad_norm(parameters: Iterable[Tensor], max_norm: float) -> float:
    """Make all gradients together at most `max_norm` long; their direction stays.

    Pascanu, Mikolov and Bengio, "On the difficulty of training recurrent neural networks" (2013), algorithm 1. Call it
    between backward and step. Each `.grad` becomes a new array; parameters without a gradient are left out.

    Args:
        parameters: tensors, such as `model.parameters()`.
        max_norm: the longest that the vector of all gradients may be, as the root of the sum of squares.

    Returns:
        The norm before.

    Raises:
        ValueError: max_norm is out of range.
        RuntimeError: no parameter has a gradient, or a gradient is not finite, in which case no length is right.

    Example:
        >>> import numpy as np, tinygrad_edu as tg
        >>> w = tg.Tensor([0.0, 0.0], requires_grad=True)
        >>> np.sum(w * np.array([3.0, 4.0])).backward()
        >>> tg.optim.clip_grad_norm([w], max_norm=1.0)
        5.0
        >>> w.grad
        array([0.6, 0.8])
    """
    check("max_norm", max_norm, 0, np.inf)
    having = _having_gradients(parameters)
    tops = [float(np.max(np.abs(parameter.grad), initial=0)) for parameter in having]
    for parameter, top in zip(having, tops):
        if not math.isfinite(top):
            raise _not_finite(parameter, top)
    top = max(tops)
    if top == 0:
        return 0.0
    # Divided by the largest entry, no square overflows or vanishes.
    root = math.sqrt(sum(float(np.sum(np.square(np.abs(parameter.grad / top)))) for parameter in having))
    if top * root > max_norm:
        for parameter in having:
            parameter.grad = parameter.grad / top * (max_norm / root)
    return top * root


def clip_grad_value(parameters: Iterable[Tensor], clip_value: float) -> None:
    """Cut every entry of every gradient to between −clip_value and clip_value.

    Each `.grad` becomes a new array; parameters without a gradient are left out.

    Args:
        parameters: tensors, such as `model.parameters()`.
        clip_value: the largest size that an entry may have.

    Raises:
        ValueError: clip_value is out of range.
        RuntimeError: no parameter has a gradient, or a gradient holds NaN, which has no size.

    Example:
        >>> import numpy as np, tinygrad_edu as tg
        >>> w = tg.Tensor([0.0, 0.0], requires_grad=True)
        >>> np.sum(w * np.array([3.0, -0.5])).backward()
        >>> tg.optim.clip_grad_value([w], clip_value=1.0)
        >>> w.grad
        array([ 1. , -0.5])
    """
    check("clip_value", clip_value, 0, np.inf)
    having = _having_gradients(parameters)
    for parameter in having:
        if np.any(np.isnan(parameter.grad)):
            raise _not_finite(parameter, math.nan)
    for parameter in having:
        parameter.grad = np.clip(parameter.grad, -clip_value, clip_value)


def _having_gradients(parameters: Iterable[Tensor]) -> list[Tensor]:
    if isinstance(parameters, Tensor):
        raise TypeError("parameters is a single Tensor; put it in a list: [w].")
    having = [parameter for parameter in parameters if parameter.grad is not None]
    if not having:
        raise RuntimeError("no parameter has a gradient to clip. Call loss.backward() before, and clip before step().")
    for parameter in having:
        if isinstance(parameter.grad, Tensor):
            raise TypeError("a gradient made with create_graph=True would lose its graph by clipping; leave that out.")
    return having


def _not_finite(parameter: Tensor, value: Any) -> RuntimeError:
    return RuntimeError(
        f"the gradient of a parameter of shape {parameter.shape} holds {value}: clipping cannot mend it, and nothing "
        "was changed. print(tg.explain(parameter, loss)), after the forward pass, says which operation made it."
    )

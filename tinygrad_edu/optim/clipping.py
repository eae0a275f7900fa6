"""Clipping: gradients cut down before the step, so that one wild batch cannot throw the weights far away."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from tinygrad_edu.optim.group import check, listed
from tinygrad_edu.rules.checks import refuse
from tinygrad_edu.tensor import Tensor

__all__ = ["clip_grad_norm", "clip_grad_value", "norm_factors"]

SAFE = 1e-15  # from here to its inverse squares fit into float32, those that matter


def clip_grad_norm(parameters: Iterable[Tensor], max_norm: float) -> float:
    """Make all gradients together at most `max_norm` long; their direction stays.

    Pascanu, Mikolov and Bengio, "On the difficulty of training recurrent neural networks" (2013), algorithm 1. Call it
    between backward and step. Each `.grad` becomes a new array; parameters without a gradient are left out.

    Args:
        parameters: tensors, such as `model.parameters()`.
        max_norm: the longest that the vector of all gradients may be, as the root of the sum of squares; np.inf to
            measure it only.

    Returns:
        The norm before; in a step that is compiled, what stands for it, to be returned.

    Raises:
        TypeError: max_norm is no number, or a gradient has a graph.
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
    if max_norm != np.inf:
        check("max_norm", max_norm, 0, np.inf)
    max_norm = float(max_norm)  # as NumPy's float64 it would make float32 gradients wider
    having = _having_gradients(parameters)
    if not _is_known(having):
        return _clip_unseen(having, max_norm)  # type: ignore[no-any-return]
    scale, rest = norm_factors([parameter.grad for parameter in having])
    if not math.isfinite(scale):
        raise _not_finite(next(p for p in having if not np.all(np.isfinite(p.grad))), scale)
    if scale * rest > max_norm:
        for parameter in having:
            parameter.grad = parameter.grad / scale / rest * max_norm
    return scale * rest


def _is_known(having: Sequence[Tensor]) -> bool:
    """Whether gradients are numbers; in a step that is being compiled they only stand for such."""
    return all(isinstance(parameter.grad, np.ndarray) for parameter in having)


def _clip_unseen(having: Sequence[Tensor], max_norm: float) -> Any:
    """The same numbers, without a branch on them. Division by a power of two rounds nothing."""
    gradients = [parameter.grad for parameter in having]
    top = np.max(np.stack([np.max(np.abs(gradient), initial=0) for gradient in gradients]))
    refuse(~np.isfinite(top), "the gradient of a parameter is not finite: clipping cannot mend it", RuntimeError)
    scale = np.ldexp(1.0, np.frexp(top)[1] - 1)
    norms = [np.linalg.norm(gradient / scale.astype(gradient.dtype)) for gradient in gradients]
    rest = np.linalg.norm(np.stack([norm.astype(np.float64) for norm in norms]))
    with np.errstate(over="ignore"):
        norm = scale * rest
    factors = [np.where(norm > max_norm, factor, 1.0) for factor in (scale, rest, max_norm)]
    for parameter, gradient in zip(having, gradients):
        first, second, length = (factor.astype(gradient.dtype) for factor in factors)
        parameter.grad = gradient / first / second * length
    return norm


def norm_factors(gradients: Sequence[Any]) -> tuple[float, float]:
    """Two numbers whose product is the norm of all gradients together, for squares, and the product, may overflow.

    Args:
        gradients: arrays of any shapes, at least one.

    Returns:
        A scale, which is not finite only where a gradient is not, or 0 where all are; and the norm divided by it.
        Where squares would overflow or vanish, the scale is a power of two.

    Example:
        >>> import numpy as np
        >>> norm_factors([np.array([3.0]), np.array([4.0])])
        (5.0, 1.0)
        >>> norm_factors([np.array([3 * 2.0**700, 4 * 2.0**700])]) == (4 * 2.0**700, 1.25)
        True
    """
    with np.errstate(all="ignore"):
        norm = float(np.linalg.norm([float(np.linalg.norm(gradient)) for gradient in gradients]))
    if SAFE < norm < 1 / SAFE:
        return norm, 1.0
    top = float(np.max([np.max(np.abs(gradient), initial=0) for gradient in gradients]))
    if top == 0 or not math.isfinite(top):
        return top, 1.0
    scale = math.ldexp(1.0, math.frexp(top)[1] - 1)
    return scale, float(np.linalg.norm([float(np.linalg.norm(gradient / scale)) for gradient in gradients]))


def clip_grad_value(parameters: Iterable[Tensor], clip_value: float) -> None:
    """Cut every entry of every gradient to between −clip_value and clip_value.

    Each `.grad` becomes a new array; parameters without a gradient are left out.

    Args:
        parameters: tensors, such as `model.parameters()`.
        clip_value: the largest size that an entry may have.

    Raises:
        TypeError: clip_value is no number, or a gradient has a graph.
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
    clip_value = float(clip_value)
    having = _having_gradients(parameters)
    for parameter in having:
        is_nan = np.any(np.isnan(parameter.grad))
        if not _is_known(having):
            refuse(is_nan, "the gradient of a parameter holds NaN: clipping cannot mend it", RuntimeError)
        elif is_nan:
            raise _not_finite(parameter, math.nan)
    for parameter in having:
        parameter.grad = np.clip(parameter.grad, -clip_value, clip_value)


def _having_gradients(parameters: Iterable[Tensor]) -> list[Tensor]:
    each_once = {id(parameter): parameter for parameter in listed(parameters, "parameters")}.values()
    having = [parameter for parameter in each_once if parameter.grad is not None]
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

"""Losses for classes: how surprised a prediction is by what was true. The classes lie along the last axis.

What happens at the ends is decided by mathematics: a class that was given probability 0 and came true is an infinite
surprise with an infinite slope, one that did not come true is none, and nothing is NaN or clamped.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_edu.functions import log_softmax, relu, softmax, softplus
from tinygrad_edu.nn.losses import as_floats, paired, reduced
from tinygrad_edu.rules.checks import refuse
from tinygrad_edu.rules.reductions import as_array
from tinygrad_edu.rules.strong_zero import over, times
from tinygrad_edu.rules.table import derivative, primitive
from tinygrad_edu.tensor import Tensor

__all__ = [
    "bernoulli_cross_entropy",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "cross_entropy",
    "hinge",
    "kl_div",
    "nll_loss",
    "softmax_cross_entropy",
]

# log(0), and a slope at probability 0 or 1, are infinite by right, so NumPy need not warn of them.
_quietly = np.errstate(divide="ignore", invalid="ignore")


# ---- yes or no ---------------------------------------------------------------------------------------------------
def binary_cross_entropy(prediction: Any, target: Any, *, reduction: str = "mean") -> Any:
    """−target log(prediction) − (1 − target) log(1 − prediction): the surprise at a yes or a no.

    Where the network ends in a sigmoid, leave that out and take `binary_cross_entropy_with_logits`, which keeps every
    digit where a sigmoid rounds to 0 or 1.

    Args:
        prediction: probabilities of yes, any shape. 0 and 1 are allowed: the loss is inf, its slope ∓inf, where the
            opposite came true, and 0 where it did not.
        target: 1 for yes, 0 for no, or a probability; the same shape.
        reduction: "mean", "sum" or "none".

    Raises:
        ValueError: the shapes differ, an entry is not between 0 and 1, or the mean of no entries is asked for.

    Example:
        >>> import numpy as np, tinygrad_edu as tg
        >>> print(tg.nn.binary_cross_entropy(np.array([0.95, 0.05]), [1, 1], reduction="none").round(4))
        [0.0513 2.9957]
    """
    prediction, target = paired("binary_cross_entropy", prediction, target)
    values = _values(prediction)
    if wrong := _first(values, (values < 0) | (values > 1)):
        raise ValueError(
            f"binary_cross_entropy: the prediction holds {wrong}, but probabilities lie between 0 and 1. "
            "If these are logits, write binary_cross_entropy_with_logits(prediction, target)."
        )
    _check_chances("binary_cross_entropy", target)
    return reduced("binary_cross_entropy", bernoulli_cross_entropy(prediction, target), reduction)


@primitive
@_quietly
def bernoulli_cross_entropy(prediction: Any, target: Any) -> Any:
    """The surprise entry by entry; what has no chance and does not happen costs nothing."""
    return 0 - times(target, np.log(prediction)) - times(1 - target, np.log1p(-prediction))


@_quietly
def _chance_slope(g: Any, prediction: Any, target: Any) -> Any:
    no, yes = times(1 - target, g), times(target, g)
    return over(no, 1 - prediction) - over(yes, prediction)


@_quietly
def _truth_slope(g: Any, prediction: Any) -> Any:
    return times(g, np.log1p(-prediction) - np.log(prediction))


derivative(bernoulli_cross_entropy, prediction=_chance_slope, target=_truth_slope)


def binary_cross_entropy_with_logits(
    logits: Any, target: Any, *, reduction: str = "mean", pos_weight: Any = None
) -> Any:
    """`binary_cross_entropy(sigmoid(logits), target)`, exact for logits of any size.

    target × softplus(−logits) + (1 − target) × softplus(logits), in which nothing cancels.

    Args:
        logits: any shape; above 0 means that yes is more likely.
        target: 1 for yes, 0 for no, or a probability; the same shape.
        reduction: "mean", "sum" or "none".
        pos_weight: how many times as much a yes counts as a no: one number, or one for every entry of the last
            axis.

    Raises:
        ValueError: the shapes differ, a target is not between 0 and 1, or the mean of no entries is asked for.
        TypeError: a pos_weight that requires gradients.

    Example:
        >>> import numpy as np, tinygrad_edu as tg
        >>> tg.nn.binary_cross_entropy_with_logits(np.array([1000.0, 1000.0]), [1, 0], reduction="none")
        array([   0., 1000.])
    """
    name = "binary_cross_entropy_with_logits"
    logits, target = paired(name, logits, target)
    _check_chances(name, target)
    yes = target
    if pos_weight is not None:
        pos_weight = _fixed(name, "pos_weight", pos_weight, logits.dtype)
        if pos_weight.shape not in ((), target.shape[-1:]):
            raise ValueError(
                f"{name}: pos_weight of shape {pos_weight.shape} does not fit targets of {target.shape}: it is one "
                f"number, or one for every entry of the last axis, {target.shape[-1:]}."
            )
        yes = target * pos_weight
    return reduced(name, times(yes, softplus(-logits)) + times(1 - target, softplus(logits)), reduction)


def hinge(prediction: Any, target: Any, *, reduction: str = "mean") -> Any:
    """max(0, 1 − target × prediction): nothing to pay for what is right by a margin of 1; slope 0 at the kink.

    Args:
        prediction: any shape; its sign is the answer.
        target: +1 or −1; the same shape.
        reduction: "mean", "sum" or "none".

    Raises:
        ValueError: the shapes differ, a target is neither +1 nor −1, or the mean of no entries is asked for.

    Example:
        >>> import numpy as np, tinygrad_edu as tg
        >>> tg.nn.hinge(np.array([3.0, 0.5, -1.0]), [1, 1, 1], reduction="none")
        array([0. , 0.5, 2. ])
    """
    prediction, target = paired("hinge", prediction, target)
    values = _values(target)
    if wrong := _first(values, np.absolute(values) != 1):
        raise ValueError(
            f"hinge: the target holds {wrong}, but it must be +1 or -1. "
            "Of zeros and ones make them with 2 * target - 1."
        )
    return reduced("hinge", relu(1 - target * prediction), reduction)


# ---- one of several classes --------------------------------------------------------------------------------------
def cross_entropy(
    logits: Any,
    target: Any,
    *,
    weight: Any = None,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Any:
    """−log softmax(logits) of the class that was true; of several classes, weighted with their probabilities.

    Args:
        logits: (…, C): a number for each of C classes, the larger the likelier. Where C is another axis, move it:
            np.moveaxis(logits, 1, -1). PyTorch has it second; if the last axis is as long by chance, that cannot be
            told here, and the wrong axis would be trained.
        target: (…) whole numbers from 0 to C − 1, or (…, C) probabilities.
        weight: (C,): how much each class counts. The mean of losses of whole-numbered targets is then divided by the
            sum of the targets' weights; that of probabilities by their number, as PyTorch does.
        ignore_index: targets of this number do not count, neither in the loss nor in the mean.
        reduction: "mean", "sum" or "none".
        label_smoothing: from 0 to 1: the part of every target that is shared out equally among all classes.

    Raises:
        ValueError: shapes do not fit, a target is no class or no probability, or no target counts and the mean is
            asked for.
        TypeError: classes that are not whole numbers, or a weight that requires gradients.

    Example:
        >>> import numpy as np, tinygrad_edu as tg
        >>> logits = np.log([[0.95, 0.05], [0.05, 0.95]])
        >>> tg.nn.cross_entropy(logits, [0, 0], reduction="none").round(4)
        array([0.0513, 2.9957])
    """
    name = "cross_entropy"
    if not 0 <= label_smoothing <= 1:
        raise ValueError(f"{name}: label_smoothing={label_smoothing} is not between 0 and 1; try 0.1.")
    label_smoothing = float(label_smoothing)  # a NumPy number would make float32 arrays float64
    logits, target = as_floats(name, logits), as_array(target)
    weight = _class_weights(name, weight, logits)
    if target.shape == logits.shape != ():
        logits, target = paired(name, logits, target)
        _check_chances(name, target, add_up=True)
        share, count = target, float(np.prod(target.shape[:-1]))
    else:
        share, count = _one_hot(name, logits, target, weight, ignore_index)
    if label_smoothing:
        spread = np.sum(share, axis=-1, keepdims=True) * (label_smoothing / logits.shape[-1])
        share = share * (1 - label_smoothing) + spread
    if weight is not None:
        share = share * weight
    return _averaged(name, softmax_cross_entropy(logits, share), count, reduction)


def nll_loss(
    log_probabilities: Any, target: Any, *, weight: Any = None, ignore_index: int = -100, reduction: str = "mean"
) -> Any:
    """Negative log-likelihood: minus the logarithm that the true class was given.

    `nll_loss(tg.log_softmax(logits), target)` is `cross_entropy(logits, target)`.

    Args:
        log_probabilities: (…, C), the logarithms of probabilities; −inf is allowed.
        target: (…) whole numbers from 0 to C − 1.
        weight: (C,): how much each class counts; the mean is divided by the sum of the targets' weights.
        ignore_index: targets of this number do not count, neither in the loss nor in the mean.
        reduction: "mean", "sum" or "none".

    Raises:
        ValueError: shapes do not fit, an entry is above 0 and so no logarithm of a probability, a target is no class,
            or no target counts and the mean is asked for.
        TypeError: classes that are not whole numbers, or a weight that requires gradients.

    Example:
        >>> import numpy as np, tinygrad_edu as tg
        >>> tg.nn.nll_loss(np.log([[0.5, 0.5], [1.0, 1e-9]]), [0, 0], reduction="sum").round(4)
        np.float64(0.6931)
    """
    log_probabilities = as_floats("nll_loss", log_probabilities)
    _check_logarithms("nll_loss", log_probabilities)
    weight = _class_weights("nll_loss", weight, log_probabilities)
    share, count = _one_hot("nll_loss", log_probabilities, as_array(target), weight, ignore_index)
    if weight is not None:
        share = share * weight
    losses = 0 - np.sum(times(share, log_probabilities), axis=-1)
    return _averaged("nll_loss", losses, count, reduction)


@_quietly
def kl_div(log_probabilities: Any, target: Any, *, reduction: str = "mean", log_target: bool = False) -> Any:
    """Kullback-Leibler divergence: target × (log target − log_probabilities), what it costs to believe the latter.

    Args:
        log_probabilities: (…, C), the logarithms of the probabilities that are believed; −inf is allowed.
        target: (…, C) the true probabilities.
        reduction: "batchmean" divides the sum by the length of the first axis, which is the divergence proper; "mean"
            divides by the number of all entries, as PyTorch's does; "sum" or "none".
        log_target: whether the target is given as logarithms too.

    Raises:
        ValueError: the shapes differ, an entry is above 0 and so no logarithm of a probability, a target is no
            probability, or the mean of no entries is asked for.

    Example:
        >>> import numpy as np, tinygrad_edu as tg
        >>> believed, true = np.log([[0.5, 0.5]]), np.array([[1.0, 0.0]])
        >>> tg.nn.kl_div(believed, true, reduction="batchmean").round(4)
        np.float64(0.6931)
    """
    log_probabilities, target = paired("kl_div", log_probabilities, target)
    _check_logarithms("kl_div", log_probabilities)
    chances = np.exp(target) if log_target else target
    _check_chances("kl_div", chances, add_up=True)
    losses = times(chances, (target if log_target else np.log(target)) - log_probabilities)
    if reduction == "batchmean":
        return _averaged("kl_div", losses, float(losses.shape[0] if losses.shape else 1), "mean")
    return reduced("kl_div", losses, reduction)


@primitive
def softmax_cross_entropy(logits: Any, target: Any) -> Any:
    """One row for every kind of target: (…, C) logits and (…, C) shares of the classes → (…) losses."""
    return 0 - np.sum(times(target, log_softmax(logits)), axis=-1)


derivative(
    softmax_cross_entropy,
    logits=lambda g, logits, target: times(
        np.expand_dims(g, -1), times(np.sum(target, axis=-1, keepdims=True), softmax(logits)) - target
    ),
    target=lambda g, logits: times(np.expand_dims(g, -1), -log_softmax(logits)),
)


# ---- targets -----------------------------------------------------------------------------------------------------
def _values(x: Any) -> Any:
    return x.data if isinstance(x, Tensor) else x


def _first(values: Any, wrong: Any) -> str:
    """The first wrong value and where it is; nothing if there is none, or if the values are lazy and not known yet."""
    if not isinstance(wrong, np.ndarray | np.bool_):
        refuse(wrong)
        return ""
    if not wrong.any():
        return ""
    place = tuple(np.argwhere(wrong)[0].tolist())
    return f"{values[place]:g}" + f" (at index {list(place)})" * bool(place)


def _check_chances(loss: str, target: Any, add_up: bool = False) -> None:
    """ValueError if a target is no probability, or (if they are to add up) those along the last axis do not give 1."""
    values = _values(target)
    if wrong := _first(values, ~((values >= 0) & (values <= 1))):
        raise ValueError(f"{loss}: the target holds {wrong}, but probabilities lie between 0 and 1.")
    total = np.sum(values, axis=-1) if add_up else 1
    if wrong := _first(total, abs(total - 1) > 1e-3):
        raise ValueError(
            f"{loss}: the target's probabilities along the last axis must add up to 1, but some add up to {wrong}. "
            "Divide by the sum: target / np.sum(target, axis=-1, keepdims=True)."
        )


def _check_logarithms(loss: str, values: Any) -> None:
    """ValueError if one is above 0 by more than rounding."""
    values = _values(values)
    if wrong := _first(values, values > 1e-3):
        raise ValueError(
            f"{loss}: log_probabilities hold {wrong}, but the logarithm of a probability is at most 0. Of logits make "
            "them with tg.log_softmax(logits), of probabilities with np.log(probabilities)."
        )


def _fixed(loss: str, name: str, weight: Any, dtype: Any) -> Any:
    """A weight as an array; TypeError if it is to be trained, for its gradient would be lost."""
    if isinstance(weight, Tensor) and weight.requires_grad:
        raise TypeError(
            f"{loss}: {name} is a Tensor that requires gradients, but no gradient flows to it. Give {name}.data; to "
            'train it, multiply it with the losses that reduction="none" gives.'
        )
    return np.asarray(_values(weight), dtype)


def _class_weights(loss: str, weight: Any, logits: Any) -> Any:
    """The weights of the classes, in the dtype of the logits; ValueError if they are not one a class, 0 or more."""
    if weight is None:
        return None
    weight = _fixed(loss, "weight", weight, logits.dtype)
    if weight.shape != logits.shape[-1:] or not (weight >= 0).all():
        raise ValueError(
            f"{loss}: weight must hold one number, 0 or more, for every class, so be of shape {logits.shape[-1:]}, but "
            f"it is {weight.tolist()}."
        )
    return weight


def _one_hot(loss: str, logits: Any, labels: Any, weight: Any, ignore_index: int) -> tuple[Any, Any]:
    """Whole-numbered targets as (…, C) zeros and ones, and how many of them count (their weights added up)."""
    labels = _values(labels)
    _check_labels(loss, logits, labels)
    classes = logits.shape[-1]
    counted = labels != ignore_index
    if wrong := _first(labels, counted & ((labels < 0) | (labels >= classes))):
        raise ValueError(
            f"{loss}: the target holds class {wrong}, but {classes} classes are numbered 0 to "
            f"{classes - 1}. If this number means 'does not count', say ignore_index=…."
        )
    share = (np.expand_dims(labels, -1) == np.arange(classes)) & np.expand_dims(counted, -1)
    count = np.count_nonzero(counted) if weight is None else np.sum(share * weight)
    return share.astype(logits.dtype), count


def _check_labels(loss: str, logits: Any, labels: Any) -> None:
    """Whether the shapes fit and the classes are whole numbers."""
    if labels.shape != logits.shape[:-1] or not logits.shape:
        hint = f"There must be one class for every row of logits: shape {logits.shape[:-1]}."
        if labels.shape == (*logits.shape[:-1], 1):
            hint = "Take the last axis off the target: target[..., 0]."
        elif logits.ndim > 2 and labels.shape == logits.shape[:1] + logits.shape[2:]:
            hint = "The classes must be the last axis, not the second: write np.moveaxis(logits, 1, -1)."
        raise ValueError(f"{loss}: logits have shape {logits.shape} and target {labels.shape}. {hint}")
    if labels.dtype.kind not in "iu" and labels.size:
        raise TypeError(
            f"{loss}: classes are whole numbers, but the target has dtype {labels.dtype} and holds "
            f"{labels.ravel()[0]}. If they mean classes write target.astype(int); probabilities need the shape of the "
            f"logits, {logits.shape}."
        )


def _averaged(loss: str, losses: Any, count: Any, reduction: str) -> Any:
    """As `reduced`, but the mean is the sum divided by what was counted."""
    if reduction != "mean":
        return reduced(loss, losses, reduction)
    if not isinstance(count, int | float | np.number):  # not known yet
        refuse(count == 0)
        return np.sum(losses) / np.multiply(count, 1.0).astype(losses.dtype)
    if not count:
        why = "the batch is empty" if not losses.size else "every target is ignored or has weight 0"
        raise ValueError(
            f'{loss}: {why}, and the mean of nothing is 0 / 0. Leave such batches out, or take reduction="sum".'
        )
    return np.sum(losses) / float(count)

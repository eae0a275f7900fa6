"""Metrics: what people ask of a model, as against what it is trained on."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["accuracy"]


def accuracy(prediction: Any, target: Any) -> float:
    """The fraction of predictions that are right, from 0 to 1.

    Args:
        prediction: (…, classes) scores, of which the largest counts; or (…) logits of a yes/no question, in the shape
            of the target, where above 0 means yes.
        target: (…) class numbers, or (…) of 0 and 1.

    Raises:
        ValueError: the shapes do not belong together, or there is nothing to count.

    Example:
        >>> import numpy as np, tinygrad_edu as tg
        >>> tg.train.accuracy(np.array([[0.1, 0.9], [0.8, 0.2]]), np.array([1, 1]))
        0.5
        >>> tg.train.accuracy(np.array([-2.0, 3.0]), np.array([0, 1]))
        1.0
    """
    prediction, target = np.asarray(prediction), np.asarray(target)
    if prediction.shape[:-1] == target.shape and prediction.ndim:
        chosen = np.argmax(prediction, axis=-1)
    elif prediction.shape == target.shape:
        chosen = prediction > 0
    else:
        raise ValueError(
            f"accuracy: predictions of shape {prediction.shape} and targets of shape {target.shape} do not belong "
            f"together. Targets are class numbers, of shape {prediction.shape[:-1]}, or 0 and 1 in the shape of the "
            "predictions."
        )
    if not target.size:
        raise ValueError("accuracy of no predictions at all is 0/0; give at least one")
    return float(np.mean(chosen == target))

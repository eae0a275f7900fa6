"""Splitting: what a model is tested on, it must never have been trained on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_edu.data.batches import same_length

__all__ = ["split"]


def split(
    x: Any,
    y: Any,
    fractions: Sequence[float] = (0.8, 0.2),
    stratify: bool = False,
    rng: np.random.Generator | int | None = None,
) -> list[tuple[Any, Any]]:
    """Deal the samples out at random: to training and test, or to training, validation and test.

    Args:
        x: inputs, samples along the first axis.
        y: targets, as many.
        fractions: how large a part each is of the whole; together 1.
        stratify: deal out every class of y by itself, so that its share in each part is right to within one sample.
        rng: a NumPy Generator or a seed; the same seed gives the same parts.

    Returns:
        A pair (x, y) for every fraction; every sample is in exactly one.

    Raises:
        TypeError: `stratify` is something else than True or False.
        ValueError: lengths differ, the fractions do not add up to 1, a part would be empty, or a class has fewer
            samples than there are parts.

    Example:
        >>> import numpy as np, tinygrad_edu as tg
        >>> x, y = tg.data.moons(100, rng=0)
        >>> train, validation, test = tg.data.split(x, y, (0.6, 0.2, 0.2), stratify=True, rng=0)
        >>> [np.bincount(labels).tolist() for _, labels in (train, validation, test)]
        [[30, 30], [10, 10], [10, 10]]
    """
    if not isinstance(stratify, bool):
        raise TypeError("split: write stratify=True; the classes are those of y.")
    x, y = same_length("split", x, y)
    shares = np.array(fractions, dtype=float)
    if shares.ndim != 1 or not (shares > 0).all() or abs(shares.sum() - 1) > 1e-9:
        raise ValueError(f"split: fractions={fractions} must be above 0 and add up to 1; try (0.8, 0.2).")
    order = np.random.default_rng(rng).permutation(len(x))
    groups = _by_class(np.asarray(y)[order], len(shares)) if stratify else [np.arange(len(x))]
    part = np.empty(len(x), int)
    for group, counts in zip(groups, _dealt([len(group) for group in groups], shares)):
        part[group] = np.repeat(np.arange(len(shares)), counts)
    chosen = [order[part == k] for k in range(len(shares))]
    if empty := [share for share, places in zip(fractions, chosen) if not len(places)]:
        raise ValueError(f"split: a fraction of {empty[0]} of {len(x)} samples is none. Take a larger one.")
    return [(x[places], y[places]) for places in chosen]


def _by_class(labels: NDArray[Any], parts: int) -> list[NDArray[Any]]:
    """Where the samples of each class are."""
    if labels.ndim != 1:
        raise ValueError(
            f"split: stratify=True needs one class a sample, shape ({len(labels)},), but y has shape {labels.shape}. "
            "Of one-hot rows make classes with np.argmax(y, axis=1)."
        )
    classes, numbers = np.unique(labels, return_inverse=True)
    groups = [np.flatnonzero(numbers == k) for k in range(len(classes))]
    for name, group in zip(classes.tolist(), groups):
        if len(group) < parts:
            raise ValueError(
                f"split: class {name!r} has only {len(group)} of {len(labels)} samples, too few for {parts} parts. "
                "Leave the class out, find more samples of it, or take stratify=False."
            )
    return groups


def _dealt(sizes: list[int], shares: NDArray[np.float64]) -> list[NDArray[np.intp]]:
    """How many of each group go to each part.

    Every group is rounded down first; what is left over goes to the parts that are owed most by all groups so far. So
    no number is wrong by more than one, and many small groups do not all round the same way.
    """
    owed = np.zeros(len(shares))
    dealt = []
    for size in sizes:
        counts = np.floor(size * shares).astype(int)
        owed += size * shares - counts
        most = np.argsort(-owed, kind="stable")[: size - counts.sum()]
        counts[most] += 1
        owed[most] -= 1
        dealt.append(counts)
    return dealt

"""Where gradients end: added to what the leaves have, all of them or none."""

from __future__ import annotations

import threading
import warnings
from typing import Any

import numpy as np

from tinygrad_edu.backward import Leaf

__all__ = ["AccumulationWarning", "accumulate"]

_lock = threading.Lock()


class AccumulationWarning(UserWarning):
    """Gradients were added to gradients along which an optimizer has already taken its step."""


def accumulate(collected: dict[Any, Any], seed: Any) -> None:
    """Add to every leaf's `.grad` what a backward pass has found for it.

    Args:
        collected: leaf → gradient, as `backward` returns it.
        seed: what the pass began with; it belongs to the caller, so no leaf may keep it.
    """
    with _lock:  # another thread may be adding to the same leaves
        for leaf, total in _arrived(collected, seed):  # only now: an exception leaves every .grad as it was
            leaf.grad = total


def _arrived(collected: dict[Any, Any], seed: Any) -> list[tuple[Leaf, Any]]:
    """Each leaf's new `.grad`: what it had plus what has come, in memory of its own."""
    if any(leaf.used and leaf.grad is not None for leaf in collected):
        _warn_of_old_gradients()
    arrived = []
    taken = {id(seed)}
    for leaf, g in collected.items():
        if leaf.grad is not None:
            g = leaf.grad + g
        if isinstance(g, np.ndarray):
            if g.base is not None or id(g) in taken:  # a view, or an array that another leaf was given too
                g = g.copy()
            taken.add(id(g))
        elif isinstance(g, np.generic):
            g = np.asarray(g)
        arrived.append((leaf, g))
    return arrived


def _warn_of_old_gradients() -> None:
    warnings.warn(
        "backward() adds to gradients along which an optimizer has already taken its step; probably "
        "optimizer.zero_grad() is missing before it. If old and new gradients are meant to add up, say so with "
        "warnings.simplefilter('ignore', tg.AccumulationWarning).",
        AccumulationWarning,
        stacklevel=5,
    )

"""tinygrad_edu's steps, compiled to NumPy source."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tinygrad_edu as tg
from benchmarks.peers import tinygrad_edu

__all__ = ["classifier", "network", "recurrent"]

Step = Callable[[], Any]

if not callable(getattr(tg, "compile", None)):
    raise ImportError("tinygrad_edu has no tg.compile yet")


def network(*given: Any, **options: Any) -> Step:
    """The eager step, compiled."""
    return tg.compile(tinygrad_edu.network(*given), **options)


def recurrent(*given: Any, **options: Any) -> Step:
    """The eager step, compiled."""
    return tg.compile(tinygrad_edu.recurrent(*given), **options)


def classifier(*given: Any, **options: Any) -> Step:
    """The eager step, compiled."""
    return tg.compile(tinygrad_edu.classifier(*given), **options)

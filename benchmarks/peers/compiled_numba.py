"""tinygrad_edu's steps, compiled to NumPy source and that by numba to machine code."""

from __future__ import annotations

import copy
import importlib.util
import sys
from collections.abc import Callable
from typing import Any

from benchmarks.peers import compiled

__all__ = ["classifier", "network", "recurrent"]

Step = Callable[[], Any]

if importlib.util.find_spec("numba") is None:
    raise ImportError("No module named 'numba'")


def network(*given: Any) -> Step:
    """The eager step, compiled."""
    return _by_numba(compiled.network, given)


def recurrent(*given: Any) -> Step:
    """The eager step, compiled."""
    return _by_numba(compiled.recurrent, given)


def classifier(*given: Any) -> Step:
    """The eager step, compiled."""
    return _by_numba(compiled.classifier, given)


def _by_numba(build: Callable[..., Step], given: Any) -> Step:
    """Nobody is to be measured under numba's name without it: a first step, on copies, has to have imported it."""
    build(*copy.deepcopy(given), backend="numba")()
    if "numba" not in sys.modules:
        raise ImportError("backend='numba' ran without numba")
    return build(*given, backend="numba")

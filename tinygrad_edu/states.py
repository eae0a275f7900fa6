"""States: saved arrays under their names, compared with what they are to be written into."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

__all__ = ["differences", "listed"]


def differences(own: Mapping[str, Any], given: Mapping[str, Any]) -> tuple[list[str], list[str], list[str]]:
    """What keeps a state from being loaded.

    Args:
        own: name → array that is to be written over.
        given: name → array to write.

    Returns:
        The missing names, the unexpected names, and of what has the wrong shape or type one text each.

    Example:
        >>> import numpy as np
        >>> differences({"a": np.zeros(2), "b": np.zeros(1)}, {"a": np.ones(3), "c": np.ones(1)})
        (['b'], ['c'], ['a: (3,) float64 for (2,) float64'])
    """
    wrong = [
        f"{name}: {given[name].shape} {given[name].dtype} for {array.shape} {array.dtype}"
        for name, array in own.items()
        if name in given
        and (given[name].shape != array.shape or not np.can_cast(given[name].dtype, array.dtype, "same_kind"))
    ]
    return [name for name in own if name not in given], [name for name in given if name not in own], wrong


def listed(missing: list[str], unexpected: list[str], wrong: list[str]) -> str:
    """The differences as the lines of a message, each with a line break before it.

    Example:
        >>> print("It does not fit." + listed(["weight"], [], []))
        It does not fit.
          missing: weight
    """
    named = {"missing": missing, "unexpected": unexpected, "wrongly shaped or typed": wrong}
    return "".join(f"\n  {what}: {', '.join(names)}" for what, names in named.items() if names)

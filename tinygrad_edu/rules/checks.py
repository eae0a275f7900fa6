"""A check of values that waits until there are values: arrays may be lazy, or only stand for those of a later run."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_edu.rules.table import primitive

__all__ = ["REFUSAL", "refuse"]

REFUSAL = "a target, an index or a probability is out of its range; the step uncompiled says which one, and the mend"


@primitive
def refuse(wrong: Any, message: str = REFUSAL, kind: type[Exception] = ValueError) -> None:
    """Raise if anything is wrong. What stands for an array takes the check over, and makes it when it can.

    Args:
        wrong: bools.
        message: what has happened.
        kind: of exception.

    Example:
        >>> import numpy as np
        >>> from tinygrad_edu.rules.checks import refuse
        >>> refuse(np.array([False, False]))
    """
    if isinstance(wrong, np.ndarray | np.bool_ | bool) and np.any(wrong):
        raise kind(message)

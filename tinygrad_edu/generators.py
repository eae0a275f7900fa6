"""Random generators brought back to a saved state. NumPy believes every state; some would end the process."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

__all__ = ["load_generator"]

# The largest value of every number in a state. A place beyond the end of a buffer would be read, and that is a crash.
LARGEST = {
    "pos": 624,
    "buffer_pos": 4,
    "has_uint32": 1,
    "uinteger": 2**32 - 1,
    "state": 2**128 - 1,
    "inc": 2**128 - 1,
}


def load_generator(rng: np.random.Generator, state: Any) -> None:
    """Bring a generator to where it was when `rng.bit_generator.state` was saved.

    Args:
        rng: a NumPy Generator.
        state: of a generator of the same kind.

    Raises:
        ValueError: it is of another kind, or no generator was ever in this state; nothing was changed.

    Example:
        >>> import numpy as np
        >>> rng, other = np.random.default_rng(0), np.random.default_rng(1)
        >>> load_generator(other, rng.bit_generator.state)
        >>> other.random() == rng.random()
        True
    """
    own = rng.bit_generator.state
    saved, kind = state.get("bit_generator") if isinstance(state, Mapping) else None, own["bit_generator"]
    if saved != kind:
        raise ValueError(f"The saved random generator is a {saved}, this one a {kind}: make it as the saved one was.")
    state = _like(own, state, "state")
    inner = state["state"]
    # In these states a generator stands still, and a drawing that waits for another number would never end.
    if kind == "MT19937" and not inner["key"][1:].any():
        raise ValueError("The state of the random generator is damaged: it would draw nothing but zeros.")
    if kind.startswith("PCG64") and inner["inc"] % 2 == 0:
        raise ValueError("The state of the random generator is damaged: its inc, which is odd, is even.")
    rng.bit_generator.state = state


def _like(own: Any, given: Any, name: str) -> Any:
    """What is given, as a state such as the generator's own: the same names, shapes and dtypes, numbers in range."""
    if isinstance(own, dict) and isinstance(given, Mapping) and given.keys() == own.keys():
        return {key: _like(value, given[key], key) for key, value in own.items()}
    if isinstance(own, np.ndarray):
        if isinstance(given, np.ndarray) and (given.shape, given.dtype) == (own.shape, own.dtype):
            return given
    elif isinstance(own, int):
        if isinstance(given, int | np.integer) and 0 <= given <= LARGEST.get(name, given):
            return int(given)
    elif isinstance(own, str) and given == own:
        return own
    raise ValueError(f"The state of the random generator is damaged: its {name} cannot be {given!r:.60}.")

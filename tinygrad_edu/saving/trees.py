"""State as arrays and JSON: whatever a part of a training run remembers, written down so that it comes back the same.

JSON alone would turn tuples into lists and arrays into nothing, so everything but plain numbers, strings and lists
becomes a dict of one entry that says what it was: {"tuple": [...]}, {"dict": {...}}, {"array": its name},
{"scalar": [dtype, number]}. Lists of floats, such as losses, are kept as arrays too: {"floats": its name}.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["decode", "encode"]

NUMBERS = {np.dtype(code).name for code in "?bhilqBHILQefd"}  # the dtypes of scalars


def encode(value: Any, name: str, arrays: dict[str, NDArray[Any]]) -> Any:
    """The JSON form of a state; its arrays are put into `arrays`.

    Args:
        value: None, numbers, strings, arrays, and lists, tuples and dicts (with strings as keys) of them.
        name: the path of the value, "" for the root; arrays are named after where they are.
        arrays: name → array; filled.

    Raises:
        TypeError: something else is in it; the message says where.

    Example:
        >>> import numpy as np
        >>> arrays = {}
        >>> encode({"step": 3, "m": np.zeros(2)}, "optimizer", arrays)
        {'dict': {'step': 3, 'm': {'array': 'optimizer.m'}}}
        >>> arrays
        {'optimizer.m': array([0., 0.])}
    """
    if value is None or type(value) in (bool, int, float, str):
        return value
    if isinstance(value, np.ndarray | np.generic) and value.dtype.kind in "biuf" and value.dtype.itemsize <= 8:
        if isinstance(value, np.generic):
            return {"scalar": [value.dtype.name, value.item()]}
        while not name or name in arrays or name == "__metadata__":  # the dots in {"a.b": …} and {"a": {"b": …}}
            name += "_"
        arrays[name] = np.asarray(value, dtype=value.dtype.newbyteorder("="), order="C")
        return {"array": name}
    inside = f"{name}." if name else ""
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return {"dict": {str(key): encode(child, f"{inside}{key}", arrays) for key, child in value.items()}}
    if type(value) is list and value and all(type(number) is float for number in value):
        return {"floats": encode(np.array(value), name, arrays)["array"]}
    if type(value) in (list, tuple):
        children = [encode(child, f"{inside}{i}", arrays) for i, child in enumerate(value)]
        return children if type(value) is list else {"tuple": children}
    kind = f"an array of dtype {value.dtype}" if isinstance(value, np.ndarray) else f"of type {type(value).__name__}"
    raise TypeError(
        f"{name or 'this'} is {kind}, which cannot be saved. What can: arrays of bool, int and float up to 64 bits, "
        "numbers, strings, None, and lists, tuples and dicts (with strings as keys) of them. "
        "Of a Tensor, save its .data; of a random generator, its .bit_generator.state."
    )


def decode(form: Any, arrays: dict[str, NDArray[Any]]) -> Any:
    """The state that `encode` was given.

    Args:
        form: the JSON form.
        arrays: name → array; those that stand in the state are taken out, so that none is in it twice: a small file
            that names one array a million times would fill the memory.

    Raises:
        ValueError, KeyError, TypeError: nothing that `encode` has written.

    Example:
        >>> decode({"dict": {"betas": {"tuple": [0.9, 0.999]}}}, {})
        {'betas': (0.9, 0.999)}
    """
    if isinstance(form, list):
        return [decode(child, arrays) for child in form]
    if not isinstance(form, dict):
        return form
    ((what, content),) = form.items()
    match what:
        case "dict":
            return {key: decode(child, arrays) for key, child in content.items()}
        case "tuple":
            return tuple(decode(child, arrays) for child in content)
        case "array":
            return arrays.pop(content).copy()  # the library may hand out memory that is not to be written to
        case "floats":
            return arrays.pop(content).tolist()
        case "scalar":
            dtype, number = content
            if dtype in NUMBERS and isinstance(number, int | float):
                return np.array(number, dtype=dtype)[()]
    raise ValueError(f"no such value is ever written: {form!r:.80}")

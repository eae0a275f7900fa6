"""Numbers, dtypes and arrays as source."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from tinygrad_edu.compile.program import Value
from tinygrad_edu.compile.symbol import owner_of

__all__ = [
    "array_text",
    "bare",
    "described",
    "dtype_option",
    "dtype_text",
    "literal",
    "offset",
    "plain_number",
    "state_line",
]

LONG = 4000  # entries of an array that are still written as a list of numbers


def bare(text: str) -> str:
    """Without brackets around the whole, where a comma separates anyway."""
    if not (text.startswith("(") and text.endswith(")")) or text == "()":
        return text
    depth = 0
    for i, letter in enumerate(text):
        depth += (letter == "(") - (letter == ")")
        if depth == 0 and i < len(text) - 1:
            return text
    inside = text[1:-1]
    try:
        is_tuple = isinstance(eval(text, {"__builtins__": {}}), tuple)
    except Exception:
        is_tuple = _has_comma(inside)
    return text if is_tuple else inside


def _has_comma(text: str) -> bool:
    depth = 0
    for letter in text:
        depth += (letter in "([{") - (letter in ")]}")
        if letter == "," and depth == 0:
            return True
    return False


def literal(thing: Any) -> str:
    """A Python value, a dtype or a NumPy number as source."""
    if isinstance(thing, np.dtype):
        return dtype_text(thing)
    if isinstance(thing, type):
        return dtype_text(np.dtype(thing)) if issubclass(thing, np.generic) else thing.__name__
    if isinstance(thing, np.generic):
        return f"{dtype_text(thing.dtype)}({plain_number(thing)})"
    if isinstance(thing, float | complex):
        return plain_number(thing)
    return "..." if thing is ... else repr(thing)


def plain_number(number: Any) -> str:
    """A number as source."""
    text = repr(number.item() if hasattr(number, "item") else number)
    return re.sub(r"\b(inf|nan)\b", r"np.\1", text)


def dtype_text(dtype: Any) -> str:
    """A dtype as source."""
    return f"np.{dtype.name if dtype.name != 'bool' else 'bool_'}"


def dtype_option(dtype: Any) -> str:
    """A dtype as a last argument, left out where it is NumPy's own choice."""
    return "" if dtype == np.float64 else f", {dtype_text(dtype)}"


def described(array: Any) -> str:
    """A name for an array that is always the same."""
    return "places" if array.dtype.kind in "iu" else "mask" if array.dtype == np.bool_ else "constant"


def array_text(array: Any) -> str:
    """An array as source: by rule where it has one, as a list of numbers if it is short, otherwise packed."""
    if array.size and (array == array.flat[0]).all():
        return f"np.full({array.shape}, {plain_number(array.flat[0])}, {dtype_text(array.dtype)})"
    if array.ndim == 1 and array.dtype.kind in "iu" and (array == np.arange(array.size)).all():
        return f"np.arange({array.size}{'' if array.dtype == np.int64 else f', dtype={dtype_text(array.dtype)}'})"
    if array.size <= LONG:
        numbers = re.sub(r"(?<![.])(inf|nan)", r"np.\1", repr(array.tolist()))
        return f"np.array({numbers}, {dtype_text(array.dtype)}).reshape({array.shape})"
    import base64

    data = base64.b85encode(np.ascontiguousarray(array).tobytes()).decode()
    return (
        f"np.frombuffer(__import__('base64').b85decode({data!r}), {dtype_text(array.dtype)})"
        f".reshape({array.shape}).copy()"
    )


def state_line(name: str, value: Value, roots: dict[int, str], with_numbers: bool, unused: Any) -> str:
    """The lines that make an array of the state, or a view of the vector in `roots` that it lies in."""
    live = value.bound
    if isinstance(live, np.random.Generator):
        if not with_numbers:
            return f"{name} = np.random.default_rng()"
        kind = type(live.bit_generator).__name__
        state = repr(live.bit_generator.state)
        return f"{name} = np.random.Generator(np.random.{kind}())\n{name}.bit_generator.state = {state}"
    owner = owner_of(live)
    made = ""
    if live is owner or owner.ndim > 1 or not live.flags.c_contiguous:
        return f"{name} = {array_text(live) if with_numbers else _zeros(live)}"
    if id(owner) not in roots:
        roots[id(owner)] = unused("weights")
        made = f"{roots[id(owner)]} = {array_text(owner) if with_numbers else _zeros(owner)}\n"
    start = offset(live, owner)
    shape = "" if live.ndim == 1 else f".reshape({', '.join(map(str, live.shape)) or '()'})"
    return f"{made}{name} = {roots[id(owner)]}[{start}:{start + live.size}]{shape}"


def _zeros(array: Any) -> str:
    return f"np.zeros({array.shape}{dtype_option(array.dtype)})"


def offset(view: Any, owner: Any) -> int:
    """Where in its owner a view begins, in entries."""
    return int(view.__array_interface__["data"][0] - owner.__array_interface__["data"][0]) // int(owner.itemsize)

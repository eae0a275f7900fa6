"""What a trace writes down: calls of NumPy in a straight line, the values they make and the memory these lie in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

__all__ = ["Call", "CompileError", "Memory", "Program", "Value", "fill", "leaves"]


class CompileError(RuntimeError):
    """A step cannot be compiled as it is written; the message names the line and the mend."""


class Memory:
    """A stretch of memory. Values that are views of one another share it; a number has none of its own.

    `kind` says where it comes from: "state" (the model's, the optimizer's), "argument", "constant", or "fresh", made
    by the step itself.
    """

    __slots__ = ("kind", "owner")

    def __init__(self, kind: str, owner: Any) -> None:
        self.kind = kind
        self.owner = owner  # the array that holds it while tracing


class Value:
    """One array or number of the program. `sample` is what it was while tracing: its shape and dtype are exact.

    `bound` is the live object of a state or constant; `scalar` says that NumPy gives a number here, not an array.
    """

    __slots__ = ("bound", "memory", "name", "sample")

    def __init__(self, sample: Any, memory: Memory | None, name: str = "", bound: Any = None) -> None:
        self.sample = sample
        self.memory = memory
        self.name = name
        self.bound = bound

    @property
    def scalar(self) -> bool:
        return not isinstance(self.sample, np.ndarray)

    @property
    def kind(self) -> str:
        return self.memory.kind if self.memory else "fresh"

    def alike(self, other: Value) -> bool:
        """Whether an array can take the other one's place: the same shape, dtype and layout."""
        a, b = self.sample, other.sample
        return (
            isinstance(a, np.ndarray)
            and isinstance(b, np.ndarray)
            and (a.shape, a.dtype, a.strides) == (b.shape, b.dtype, b.strides)
        )


@dataclass(eq=False, slots=True)
class Call:
    """results = function(*args, **kwargs), or a write into `target`."""

    function: Any
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    results: tuple[Value, ...]
    target: Value | None = None  # what is written to, if it is not what is made
    several: bool = False  # whether the function returns a tuple or list of results
    section: str = "forward"
    note: str = ""
    quiet: tuple[tuple[str, str], ...] = ()  # np.errstate around it
    line: str = ""  # of the user's code

    def values(self) -> Iterator[Value]:
        """The values it reads; of one that it writes to as well, since a write may be partial."""
        yield from leaves((self.args, tuple(self.kwargs.values())))
        if self.target is not None:
            yield self.target

    def replace(self, swap: Callable[[Value], Any]) -> None:
        """Put other values, or constants, in the place of those it reads."""
        self.args = fill(self.args, swap)
        self.kwargs = {name: fill(value, swap) for name, value in self.kwargs.items()}
        if self.target is not None:
            self.target = swap(self.target)

    @property
    def has_effect(self) -> bool:
        """Whether it does more than make its results: it writes, or stops the step."""
        return self.target is not None or not self.results


@dataclass(eq=False)
class Program:
    """A traced step.

    `calls` in order; `arguments`, `states` and `constants` the values that come from outside; `outputs` the values
    that leave it, in fresh memory; `setup` the calls made once, before the first step: hoisted views.
    """

    calls: list[Call]
    arguments: list[Value]
    states: list[Value]
    outputs: list[Value]
    setup: list[Call] = field(default_factory=list)
    buffers: list[Value] = field(default_factory=list)
    homes: dict[Memory | None, Value] = field(default_factory=dict)
    stages: list[tuple[str, int]] = field(default_factory=list)

    def escaping(self) -> set[Memory | None]:
        """Memory that outlives the step because a result lies in it."""
        return {value.memory for value in self.outputs}

    def forget(self) -> None:
        """Let go of the arrays that were only there to learn shapes from."""
        values = {*self.arguments, *self.states, *self.outputs, *self.buffers}
        for call in (*self.calls, *self.setup):
            values.update(call.values(), call.results)
        for value in values:
            value.sample = None
            if value.memory is not None:
                value.memory.owner = None


def leaves(tree: Any) -> Iterator[Value]:
    """The values in nested tuples, lists, dicts and slices."""
    if isinstance(tree, Value):
        yield tree
    elif isinstance(tree, tuple | list):
        for item in tree:
            yield from leaves(item)
    elif isinstance(tree, slice):
        yield from leaves((tree.start, tree.stop, tree.step))


def fill(tree: Any, swap: Callable[[Any], Any]) -> Any:
    """The same tree with `swap(value)` in the place of every value."""
    if isinstance(tree, Value):
        return swap(tree)
    if isinstance(tree, tuple | list):
        items = [fill(item, swap) for item in tree]
        return type(tree)(*items) if hasattr(tree, "_fields") else type(tree)(items)
    if isinstance(tree, slice):
        return slice(*(fill(part, swap) for part in (tree.start, tree.stop, tree.step)))
    return tree

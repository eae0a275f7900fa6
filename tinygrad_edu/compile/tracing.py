"""Tracing: run a step once on symbols that stand in the places of its arrays, and take down the program.

It is run twice, and both times the same must be written down: so a random number that no generator of the scene gave,
the time, or a counter of Python's is found out instead of being frozen.
"""

from __future__ import annotations

import threading
import types
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from tinygrad_edu.backward import Leaf
from tinygrad_edu.compile.program import Call, CompileError, Program, Value
from tinygrad_edu.compile.scene import MISSING, Holder, Scene, attributes
from tinygrad_edu.compile.symbol import Symbol, Tape, TracedGenerator, check_plain, owner_of, traced_generator
from tinygrad_edu.optim.group import Group
from tinygrad_edu.pytree import flatten
from tinygrad_edu.recording import no_grad
from tinygrad_edu.tensor import Tensor, _make

__all__ = ["Trace", "Unsettled", "is_array", "trace", "tracing"]


class _Tracing(threading.local):
    on = False


tracing = _Tracing()


class Unsettled(Exception):
    """The step rearranged its own state while it was traced, as an optimizer does at its first step."""


class Trace:
    """A program, and how it meets Python: the leaves whose gradients it leaves behind, and what it returns."""

    def __init__(self, program: Program, tape: Tape) -> None:
        self.program = program
        self.tape: Tape | None = tape  # until the second trace has been compared
        self.given: list[tuple[Leaf, Value]] = []
        self.gradients: list[tuple[Leaf, Value | None, bool]] = []
        self.results: list[tuple[str, Any]] = []  # ("fresh tensor" | "tensor" | "array" | "plain", what)
        self.rebuild: Callable[[list[Any]], Any] = list
        self.warnings: list[Any] = []


def trace(function: Callable[..., Any], scene: Scene, args: list[Any], rebuild: Any, kind: str) -> Trace:
    """The trace of `function(*args)`, written down twice the same."""
    first = _traced(function, scene, args, rebuild, kind)
    second = _traced(function, scene, args, rebuild, kind)
    _compare(first, second)
    first.tape = None
    return first


def _traced(function: Callable[..., Any], scene: Scene, args: list[Any], rebuild: Any, kind: str) -> Trace:
    tape = Tape()
    standing = _states(tape, scene)
    tape.standing = {key: symbol for key, symbol in standing.items() if isinstance(symbol, Symbol)}
    arguments = [_argument(tape, arg, i, standing) for i, arg in enumerate(args)]
    program = Program(
        tape.calls,
        [_value(symbol) for symbol, arg in zip(arguments, args) if is_array(arg)],
        [_value(symbol) for symbol in standing.values()],
        [],
    )
    result = Trace(program, tape)

    def stand_in(thing: Any) -> Any:
        return standing.get(id(thing), thing)

    before = [(leaf.grad, leaf.used) for leaf in scene.leaves]
    gradients = [_gradient(tape, grad) for grad, _ in before]
    result.given = [(leaf, g.value) for leaf, g in zip(scene.leaves, gradients) if g is not None]
    program.arguments += [value for _, value in result.given]
    scene.put(stand_in)
    for leaf, g in zip(scene.leaves, gradients):
        leaf.grad = g
    tracing.on = True
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            given, keywords = rebuild(arguments)
            if kind == "inference":
                with no_grad():
                    out = function(*given, **keywords)
            else:
                out = function(*given, **keywords)
        if [*map(id, flatten((given, keywords))[0])] != [*map(id, arguments)]:
            raise CompileError(
                "The step changes a list or dict that is among its arguments; a compiled step would not do that again. "
                "Return what you want to keep, and keep it outside the step."
            )
        result.warnings = [w for w in caught if not issubclass(w.category, RuntimeWarning)]
        _refuse_changes(scene, stand_in)
        result.gradients = [
            (leaf, _left(leaf), leaf.used)
            for leaf, g, (_, used) in zip(scene.leaves, gradients, before)
            if leaf.grad is not g or leaf.used != used
        ]
        if tape.refusal:
            raise tape.refusal
    except Exception as error:
        if tape.refusal and error is not tape.refusal and not isinstance(error, CompileError):
            raise tape.refusal from None
        for holder, key, _ in scene.changes(stand_in):
            if isinstance(holder.owner, Group):
                raise CompileError(
                    f"The step sets what an optimizer is to do ({holder.name(key)}); a compiled step would not do that "
                    "again. Set it between the steps, or for a learning rate that changes give the optimizer a "
                    "schedule: lr=tg.optim.schedules.exponential(0.1, 0.99)."
                ) from None
            if scene.is_engines(holder.owner):
                raise Unsettled(holder.name(key)) from None
        raise
    finally:
        tracing.on = False
        scene.restore()
        for leaf, (grad, used) in zip(scene.leaves, before):
            leaf.grad, leaf.used = grad, used
    _results(result, tape, out, scene, kind)
    program.outputs = [value for _, value in result.results if isinstance(value, Value)]
    program.outputs += [g for _, g, _ in result.gradients if g is not None]
    return result


def is_array(arg: Any) -> bool:
    """Whether an argument is data, not a setting."""
    return isinstance(arg, np.ndarray | np.generic | Tensor)


def _value(symbol: Any) -> Value:
    symbol = symbol._data if isinstance(symbol, Tensor) else symbol
    value: Value = symbol.value
    return value


def _states(tape: Tape, scene: Scene) -> dict[int, Any]:
    """A symbol for every array of the scene, views of copies of the memory that these are views of."""
    copies: dict[int, Any] = {}
    standing: dict[int, Any] = {}
    for path, array in scene.arrays.values():
        owner = owner_of(array)
        if id(owner) not in copies:
            copies[id(owner)] = owner.copy(order="K")
        copy = copies[id(owner)]
        if array is not owner:
            offset = array.__array_interface__["data"][0] - owner.__array_interface__["data"][0]
            flat = copy.reshape(-1, order="A") if copy.ndim else copy.reshape(1)
            copy = np.ndarray(array.shape, array.dtype, flat, offset, array.strides)
        standing[id(array)] = tape.known(copy, "state", path, array)
    for path, generator in scene.generators.values():
        standing[id(generator)] = traced_generator(tape, generator, path)
    return standing


def _argument(tape: Tape, arg: Any, i: int, standing: dict[int, Any]) -> Any:
    if isinstance(arg, Tensor):
        if arg.requires_grad:
            raise CompileError(
                "A compiled step got a Tensor with requires_grad=True as an argument. Arguments are data: keep "
                "parameters in the model, and pass arrays."
            )
        return _make(tape.known(_twin(arg.data), "argument"), None)
    if isinstance(arg, np.random.Generator):
        return standing[id(arg)]
    if isinstance(arg, np.ndarray):
        check_plain(arg)
        return tape.known(_twin(arg), "argument")
    if is_array(arg):
        return tape.known(arg, "argument")
    return arg


def _twin(array: Any) -> Any:
    """A copy with the same strides: of others BLAS would add up in another order."""
    if array.flags.c_contiguous or array.flags.f_contiguous or array.dtype.hasobject:
        return array.copy(order="K")
    low, high = np.lib.array_utils.byte_bounds(array)
    start = array.__array_interface__["data"][0] - low
    twin = np.ndarray(array.shape, array.dtype, np.empty(high - low, np.uint8), start, array.strides)
    twin[...] = array
    return twin


def _gradient(tape: Tape, grad: Any) -> Any:
    """What stands for a gradient that is there before the step: data, as an argument is."""
    if isinstance(grad, Tensor):
        raise CompileError(
            "A parameter's .grad holds a Tensor, from backward(create_graph=True). Call optimizer.zero_grad() before "
            "the compiled step."
        )
    return None if grad is None else tape.known(grad.copy(), "argument")


def _left(leaf: Leaf) -> Value | None:
    """The gradient that a step leaves behind."""
    grad = leaf.grad._data if isinstance(leaf.grad, Tensor) else leaf.grad
    return grad.value if isinstance(grad, Symbol) else None


def _refuse_changes(scene: Scene, stand_in: Any) -> None:
    for holder, key, now in scene.changes(stand_in):
        _refuse_change(holder, key, now)


def _refuse_change(holder: Holder, key: Any, now: Any) -> None:
    name = holder.name(key)
    if isinstance(now, Symbol | Tensor) and key in holder.before and holder.kind != "list":
        mend = f"Write into the array that is there: {name}[...] = ..."
    else:
        mend = "Return what you want to keep, and keep it outside the step; or count in an array: count[...] += 1"
    what = "takes away" if now is MISSING else "changes"
    raise CompileError(
        f"The step {what} {name}, which is Python's own and not an array: the compiled step is NumPy calls alone and "
        f"would not do that again. {mend}."
    )


def _results(result: Trace, tape: Tape, out: Any, scene: Scene, kind: str) -> None:
    flat, result.rebuild = flatten(out)
    for leaf in flat:
        if isinstance(leaf, Tensor) and isinstance(leaf._data, Symbol):
            if kind == "step" and leaf.node is not None and leaf.node.row is not None and leaf.node.edges is not None:
                raise CompileError(
                    "The step returns a Tensor that nothing has gone backward from, so its graph would be lost. Call "
                    'backward() inside the step; for a forward pass alone write tg.compile(f, kind="inference"); for '
                    "the numbers alone return t.detach()."
                )
            value = leaf._data.value
            result.results.append(("fresh tensor" if value.kind == "fresh" else "tensor", value))
        elif isinstance(leaf, Symbol | np.ndarray):  # one that is always the same is the caller's to change, so a copy
            leaf = leaf if isinstance(leaf, Symbol) else tape.record(np.copy, (leaf,), {})
            result.results.append(("array", leaf.value))
        elif isinstance(leaf, TracedGenerator):
            result.results.append(("plain", leaf.value.bound))
        else:
            held = any(isinstance(getattr(inner, "_data", inner), Symbol) for inner in flatten([*attributes(leaf)])[0])
            if held or (isinstance(leaf, types.FunctionType | Iterator) and not scene.knows(leaf)):
                raise CompileError(
                    f"The step returns a {type(leaf).__name__}, in which traced values are held or hidden; it can "
                    "return arrays, Tensors, and tuples, lists and dicts of them. Make the rest outside, of those."
                )
            result.results.append(("plain", leaf))


def _compare(first: Trace, second: Trace) -> None:
    """Refuse a step that does something else the second time, or that uses arrays which come from nowhere."""
    a, b = first.program.calls, second.program.calls
    for one, other in zip(a, b):
        if not _alike(one, other):
            raise CompileError(
                f"{one.line}\nRun twice on the same data, the step did not do the same. Something in it is neither "
                "argument nor state: a random number, the time, a counter. Draw random numbers from a Generator that "
                "the step refers to (rng = np.random.default_rng(0)), and pass what changes as an argument."
            )
    if len(a) != len(b):
        raise CompileError(
            "Run twice on the same data, the step did not do the same number of operations. Something in it is neither "
            "argument nor state: a random number, the time, a counter. Pass it as an argument."
        )
    persistent = {id(owner_of(array)) for array in second.tape.foreign} if second.tape else set()
    for call in a:
        for value in call.values():
            if value.kind == "constant" and id(owner_of(value.bound)) in persistent:
                raise CompileError(
                    f"{call.line}\nAn array of shape {value.sample.shape} is used here that is neither an argument nor "
                    "found in what the step refers to; if it changed, the compiled step would not notice. Pass it as "
                    "an argument, or name its owner: tg.compile(step, state=[...])."
                )


def _alike(one: Call, other: Call) -> bool:
    return one.function == other.function and _alike_tree((one.args, one.kwargs), (other.args, other.kwargs))


def _alike_tree(a: Any, b: Any) -> bool:
    if isinstance(a, Value):
        if not isinstance(b, Value) or a.kind != b.kind:
            return False
        if isinstance(a.sample, np.random.Generator) or a.kind != "constant":
            return True
        return bool(a.sample.shape == b.sample.shape and a.sample.tobytes() == b.sample.tobytes())
    if isinstance(a, tuple | list):
        return type(a) is type(b) and len(a) == len(b) and all(map(_alike_tree, a, b))
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(_alike_tree(a[key], b[key]) for key in a)
    if isinstance(a, slice):
        return isinstance(b, slice) and _alike_tree((a.start, a.stop, a.step), (b.start, b.stop, b.step))
    return bool(type(a) is type(b) and (a is b or repr(a) == repr(b)))

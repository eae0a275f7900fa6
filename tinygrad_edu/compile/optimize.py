"""The optimisations: each a small function from a program to a shorter one.

None of them reorders arithmetic, so results stay the same to the last bit. A write is a barrier: what was read from
memory before it is not what is read after it.
"""

from __future__ import annotations

import operator
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from tinygrad_edu.compile.methods import Attribute, Draw, Method
from tinygrad_edu.compile.program import Call, Memory, Program, Value
from tinygrad_edu.rules.checks import refuse

__all__ = ["ELEMENTWISE", "PASSES", "is_view", "optimized", "ufunc_of", "written"]

# What an operator computes between arrays. (Powers are NumPy's own choice: x**2 is x·x, x**0.5 a root.)
ELEMENTWISE: dict[Any, Any] = {
    operator.add: np.add,
    operator.sub: np.subtract,
    operator.mul: np.multiply,
    operator.truediv: np.divide,
    operator.floordiv: np.floor_divide,
    operator.mod: np.remainder,
    operator.neg: np.negative,
    operator.abs: np.absolute,
    operator.gt: np.greater,
    operator.ge: np.greater_equal,
    operator.lt: np.less,
    operator.le: np.less_equal,
    operator.eq: np.equal,
    operator.ne: np.not_equal,
    operator.and_: np.bitwise_and,
    operator.or_: np.bitwise_or,
    operator.xor: np.bitwise_xor,
    operator.invert: np.invert,
}
VIEWS = {operator.getitem, np.reshape, np.ravel, np.transpose, np.swapaxes, np.expand_dims, np.squeeze, np.moveaxis}
VIEWS |= {np.broadcast_to}


def ufunc_of(call: Call) -> Any:
    """The elementwise ufunc that a call is, or None."""
    function = ELEMENTWISE.get(call.function, call.function)
    if function is operator.pow:
        function = {2: np.square, 0.5: np.sqrt}.get(_number(call.args[1]))
    elementwise = isinstance(function, np.ufunc) and function.signature is None and function.nout == 1
    return function if elementwise else None


def optimized(program: Program) -> Program:
    """Make all passes, and keep count of the calls after each."""
    program.stages.append(("traced", len(program.calls)))
    for name, one in PASSES.items():
        one(program)
        program.stages.append((name, len(program.calls)))
    return program


# ---- what is known of memory -----------------------------------------------------------------------------------------
def written(program: Program) -> set[Memory | None]:
    """Memory that some call writes to, or may: an argument can be a view of anything outside."""
    found = {call.target.memory for call in program.calls if call.target is not None}
    kinds = {memory.kind for memory in found if memory is not None}
    outside = [*program.arguments, *(program.states if "argument" in kinds else [])]
    return found | {value.memory for value in outside} if kinds & {"argument", "state"} else found


def _substitute(program: Program, swaps: dict[Value, Any]) -> None:
    """Use other values, or constants, in the place of some."""

    def swap(value: Value) -> Any:
        while isinstance(value, Value) and value in swaps:
            value = swaps[value]
        return value

    for call in program.calls:
        call.replace(swap)


def _may_stand_for(program: Program, old: Value, new: Any) -> bool:
    """Whether `new` may be used for `old`: nobody writes to either, and `old` does not leave the step."""
    changing = written(program)
    if old in program.outputs or (not old.scalar and old.memory in changing | program.escaping()):
        return False
    return not isinstance(new, Value) or new.scalar or new.memory not in changing


# ---- the passes ------------------------------------------------------------------------------------------------------
def dead_code(program: Program) -> None:
    """Leave out what nothing depends on."""
    needed: set[Value] = set(program.outputs)
    memories: set[Memory | None] = {value.memory for value in program.outputs} - {None}
    kept = []
    for call in reversed(program.calls):
        lasting = call.target is not None and call.target.kind in ("state", "argument")
        read_later = call.target is not None and call.target.memory in memories
        if (
            lasting
            or read_later
            or call.function is refuse
            or isinstance(call.function, Draw)
            or needed.intersection(call.results)
        ):
            kept.append(call)
            needed.update(call.values())
            memories.update({value.memory for value in call.values()} - {None})
    program.calls[:] = reversed(kept)


def constants(program: Program) -> None:
    """Make at once what is the same at every step."""
    fixed = written(program) | program.escaping()
    known: set[Value] = set()
    kept = []
    swaps: dict[Value, Any] = {}
    for call in program.calls:
        inputs = [value for value in call.values() if value not in known and value.kind != "constant"]
        by_shape = call.function in (np.ones_like, np.zeros_like)
        is_fixed = any(value.memory in fixed and not value.scalar for value in (*call.values(), *call.results))
        if (inputs and not by_shape) or call.has_effect or call.several or (is_fixed and not by_shape):
            kept.append(call)
            continue
        (result,) = call.results
        if result in program.outputs or (not result.scalar and result.memory in fixed):
            kept.append(call)
        elif result.scalar:
            swaps[result] = result.sample
            known.add(result)
        else:
            swaps[result] = Value(result.sample, Memory("constant", result.sample), bound=result.sample)
            known.add(result)
    program.calls[:] = kept
    _substitute(program, swaps)


def common_subexpressions(program: Program) -> None:
    """Compute once what is written twice, as long as no write came between."""
    fixed = written(program) | program.escaping()
    version: Counter[Any] = Counter()
    seen: dict[Any, tuple[Value, ...]] = {}
    swaps: dict[Value, Any] = {}
    kept = []
    for call in program.calls:
        call.replace(lambda value: swaps.get(value, value))
        if call.target is not None:
            version[call.target.memory] += 1
            if call.target.kind == "argument":  # which may be a view of anything outside
                version["state"] += 1
            if call.target.kind in ("state", "argument"):
                version["argument"] += 1
        mergeable = not call.has_effect and not isinstance(call.function, Draw)
        mergeable &= not any(value.memory in fixed and not value.scalar and not is_view(call) for value in call.results)
        mergeable &= not any(value in program.outputs for value in call.results)
        key = (call.function, _key(call.args, version), _key(tuple(call.kwargs.items()), version), call.quiet)
        if mergeable and key in seen:
            swaps.update(zip(call.results, seen[key]))
        else:
            if mergeable:
                seen[key] = call.results
            kept.append(call)
    program.calls[:] = kept


def _key(tree: Any, version: Counter[Any]) -> Any:
    if isinstance(tree, Value):
        if tree.kind == "constant":
            return ("constant", tree.sample.shape, tree.sample.dtype, tree.sample.tobytes())
        return (id(tree), 0) if tree.scalar else (id(tree), version[tree.memory], version[tree.kind])
    if isinstance(tree, tuple | list):
        return (type(tree), *(_key(item, version) for item in tree))
    if isinstance(tree, slice):
        return ("slice", _key((tree.start, tree.stop, tree.step), version))
    return (type(tree), tree) if _is_hashable(tree) else id(tree)


def _is_hashable(thing: Any) -> bool:
    try:
        hash(thing)
    except TypeError:
        return False
    return True


def algebra(program: Program) -> None:
    """x·1, x/1, x**1, x − 0 and changes to the shape or dtype that is there are x; a mean is a sum and a division.

    x + 0 is x for whole numbers only: of floats it makes -0.0 to 0.0.
    """
    program.calls[:] = [simple for call in program.calls for simple in _simpler(call)]
    swaps: dict[Value, Any] = {}
    for call in program.calls:
        same = _nothing_done(call)
        if same is not None and _may_stand_for(program, call.results[0], same):
            swaps[call.results[0]] = same
    program.calls[:] = [call for call in program.calls if not (call.results and call.results[0] in swaps)]
    _substitute(program, swaps)
    _unbroadcast(program)


def _nothing_done(call: Call) -> Value | None:
    """The argument that a call returns unchanged."""
    if call.has_effect or not call.args or len(call.results) != 1:
        return None
    out, x, *rest = call.results[0], *call.args
    y = rest[0] if rest else None
    function = ELEMENTWISE.get(call.function, call.function)
    if call.kwargs:
        return None
    conditions = [
        function in (np.multiply, np.divide, operator.pow, np.power) and _is_all(y, 1),
        function is np.subtract and _is_all(y, 0) and not np.any(np.signbit(_plain(y))),
        function is np.add and _is_all(y, 0) and out.sample.dtype.kind in "iu",
        function in (np.reshape, np.ravel, np.positive, np.broadcast_to),
        isinstance(function, Method) and function.name in ("reshape", "ravel", "astype", "copy"),
    ]
    found = x if any(conditions) else y if function is np.multiply and _is_all(x, 1) else None
    if not isinstance(found, Value):
        return None
    same = np.shape(found.sample) == np.shape(out.sample) and _dtype(found) == _dtype(out)
    return found if same and found.scalar == out.scalar and (out.scalar or found.alike(out)) else None


def _is_all(value: Any, number: int) -> bool:
    plain = _plain(value)
    return isinstance(plain, int | float | np.generic | np.ndarray) and bool(np.all(np.equal(plain, number)))


def _plain(value: Any) -> Any:
    return value.sample if isinstance(value, Value) and value.kind == "constant" else value


def _number(value: Any) -> Any:
    return value if type(value) in (int, float) else None  # np.float64(2) has a say in the result's precision


def _dtype(value: Value) -> Any:
    return getattr(value.sample, "dtype", type(value.sample))


def _simpler(call: Call) -> Iterator[Call]:
    """np.mean as what it is, a sum divided by how many there are; np.split as slices."""
    if call.function in (np.split, np.array_split) and isinstance(call.args[0], Value):
        yield from _slices(call, call.args[0])
        return
    is_mean = call.function is np.mean or (isinstance(call.function, Method) and call.function.name == "mean")
    x = call.args[0] if call.args else None
    if not is_mean or not isinstance(x, Value) or _dtype(x) not in (np.float64, np.float32) or len(call.args) > 2:
        yield call
        return
    options = dict(zip(("axis",), call.args[1:])) | call.kwargs
    if options.keys() - {"axis", "keepdims"}:
        yield call
        return
    (out,) = call.results
    number = np.size(x.sample) // max(np.size(out.sample), 1)
    total = Value(np.add.reduce(x.sample, **({"axis": None} | options)), None)
    if not total.scalar:
        total.memory = Memory("fresh", total.sample)
    yield Call(np.sum, (x,), options, (total,), section=call.section, note=call.note, quiet=call.quiet)
    yield Call(operator.truediv, (total, number), {}, (out,), section=call.section, note=call.note, quiet=call.quiet)


def _slices(call: Call, x: Value) -> Iterator[Call]:
    axis = call.args[2] if len(call.args) > 2 else call.kwargs.get("axis", 0)
    axis %= x.sample.ndim
    lengths = [piece.sample.shape[axis] for piece in call.results]
    if sum(lengths) != x.sample.shape[axis]:  # bounds that do not ascend
        yield call
        return
    stop = 0
    for piece, length in zip(call.results, lengths):
        start, stop = stop, stop + length
        index = (*(slice(None),) * axis, slice(start, stop))
        yield Call(operator.getitem, (x, index), {}, (piece,), section=call.section, note=call.note)


def _unbroadcast(program: Program) -> None:
    """An elementwise operation broadcasts by itself: give it the number, not the number many times over."""
    source = {}
    for call in program.calls:
        if call.function is np.broadcast_to and isinstance(call.args[0], Value) and call.args[0].memory is None:
            source[call.results[0]] = call.args[0]
    for call in program.calls:
        if ufunc_of(call) is None or not source.keys() & set(call.values()):
            continue
        args = tuple(source.get(arg, arg) if isinstance(arg, Value) else arg for arg in call.args)
        shapes = [np.shape(arg.sample) if isinstance(arg, Value) else np.shape(arg) for arg in args]
        if call.results and np.broadcast_shapes(*shapes) == np.shape(call.results[0].sample):
            call.args = args


def is_view(call: Call) -> bool:
    """Whether the result is another look at the first argument's memory."""
    if len(call.results) != 1 or call.has_effect or not call.args or not isinstance(call.args[0], Value):
        return False
    source, out = call.args[0], call.results[0]
    looks = call.function in VIEWS or isinstance(call.function, Attribute | Method)
    return looks and not out.scalar and out.memory is source.memory and out.memory is not None


def hoisted_views(program: Program) -> None:
    """Make views of the model's and the optimizer's arrays, and of constants, once and before the first step."""
    fixed = set(program.states)
    kept = []
    for call in program.calls:
        stays = all(value in fixed or value.kind == "constant" for value in call.values())
        if stays and is_view(call) and call.results[0] not in program.outputs:
            program.setup.append(call)
            fixed.add(call.results[0])
        else:
            kept.append(call)
    program.calls[:] = kept


PASSES: dict[str, Callable[[Program], None]] = {
    "dead code": dead_code,
    "constants": constants,
    "algebra": algebra,
    "common subexpressions": common_subexpressions,
    "views hoisted": hoisted_views,
    "dead code again": dead_code,
}

"""Memory made once: gradients go straight into one vector, and results into buffers that are used again and again."""

from __future__ import annotations

import operator
from collections import defaultdict
from typing import Any

import numpy as np

from tinygrad_edu.compile.methods import Method
from tinygrad_edu.compile.operands import even_operands
from tinygrad_edu.compile.optimize import is_view, ufunc_of, written
from tinygrad_edu.compile.program import Call, Memory, Program, Value

__all__ = ["REDUCTIONS", "allocated", "gradient_slices", "reduction_of"]

REDUCTIONS: dict[Any, Any] = {
    np.sum: np.add.reduce,
    np.max: np.maximum.reduce,
    np.min: np.minimum.reduce,
    np.amax: np.maximum.reduce,
    np.amin: np.minimum.reduce,
    np.prod: np.multiply.reduce,
    np.add.reduce: np.add.reduce,
    np.maximum.reduce: np.maximum.reduce,
}
METHODS = {"sum": np.add.reduce, "max": np.maximum.reduce, "min": np.minimum.reduce, "prod": np.multiply.reduce}


def reduction_of(call: Call) -> Any:
    """The reduction that a call is, or None."""
    function = call.function
    if isinstance(function, Method):
        return METHODS.get(function.name)
    return REDUCTIONS.get(function) if function.__hash__ else None


def takes_out(call: Call) -> bool:
    """Whether the call can put its result into an array that is there."""
    if call.has_effect or len(call.results) != 1 or call.results[0].scalar or call.several:
        return False
    out = call.results[0].sample
    if not out.flags.c_contiguous or not out.size or out.dtype.hasobject or call.kwargs.keys() - {"axis", "keepdims"}:
        return False
    if call.function in (np.matmul, operator.matmul, np.concatenate, np.stack):
        return True
    if isinstance(call.function, Method) and call.function.name in ("astype", "copy"):
        return len(call.args) <= 2
    if reduction_of(call) is not None:
        return len(call.args) <= 2
    ufunc = ufunc_of(call)
    return ufunc is not None and not call.kwargs and np.shape(out) != ()


def gradient_slices(program: Program) -> None:
    """Where arrays are made only to be joined, make each in its place of the whole."""
    changing = written(program)
    makers = {call.results[0].memory: call for call in program.calls if takes_out(call) and not is_view(call)}
    for call in list(program.calls):
        if call.function is not np.concatenate or call.kwargs or call.results[0].memory in changing:
            continue
        whole, parts = call.results[0], call.args[0]
        if not takes_out(call) or whole.memory in program.escaping() or whole.sample.ndim != 1:
            continue
        start, late = 0, []
        homes: set[Any] = set()
        for part in parts:
            stop = start + part.sample.size
            maker = makers.get(part.memory)
            home = maker.results[0] if maker else part
            place = Value(whole.sample[start:stop], whole.memory)
            fits = home.sample.size == part.sample.size and part.sample.flags.c_contiguous
            fits &= home.sample.dtype == whole.sample.dtype  # or it would be computed in another precision
            has_place = changing | homes | program.escaping() | program.homes.keys()  # one that is a join itself, too
            if maker and fits and part.memory not in has_place:
                homes.add(part.memory)
                program.setup.append(Call(operator.getitem, (whole, slice(start, stop)), {}, (place,)))
                program.setup.append(Call(Method("reshape"), (place, home.sample.shape), {}, (home,)))
                _move(program, part.memory, whole.memory)
            else:
                program.setup.append(Call(operator.getitem, (whole, slice(start, stop)), {}, (place,)))
                late.append(Call(np.copyto, (place, part), {}, (), place, section=call.section, note=call.note))
            start = stop
        at = program.calls.index(call)
        program.calls[at : at + 1] = late
        program.buffers.append(whole)
        program.homes[whole.memory] = whole
    _drop_unused(program)


def _move(program: Program, old: Memory | None, new: Memory | None) -> None:
    """All values of one memory lie in another from now on."""
    for call in (*program.calls, *program.setup):
        for value in (*call.values(), *call.results):
            if value.memory is old:
                value.memory = new


def _drop_unused(program: Program) -> None:
    read = set(program.outputs).union(*(call.values() for call in program.calls))
    program.calls[:] = [call for call in program.calls if not is_view(call) or call.results[0] in read]


def allocated(program: Program) -> None:
    """Give every result that can take one a buffer; one whose content nobody needs any more is used again."""
    even_operands(program)
    program.stages.append(("operands evened", len(program.calls)))
    gradient_slices(program)
    program.stages.append(("gradients in place", len(program.calls)))
    taken = {value.memory for value in program.buffers} | program.escaping()
    last = _last_uses(program)
    free: dict[Any, list[Value]] = defaultdict(list)
    home = program.homes
    fixed = {value for call in program.setup for value in call.results} | {*program.buffers, *program.states}
    kept: list[Call] = []
    for i, call in enumerate(program.calls):
        if takes_out(call) and call.results[0].memory not in taken and not is_view(call):
            out = call.results[0]
            place = _place_of_input(call, i, last, home)
            if place is None:
                key = (out.sample.shape, out.sample.dtype)
                if free[key]:
                    place = free[key].pop()
                else:
                    place = out
                    program.buffers.append(out)
            home[out.memory] = place
            fixed.add(out)
        looks = is_view(call) and all(v.kind == "constant" for v in call.values() if v is not call.args[0])
        if looks and call.args[0] in fixed:
            fixed.add(call.results[0])
            program.setup.append(call)
        else:
            kept.append(call)
        for memory in {value.memory for value in (*call.values(), *call.results)}:
            if memory in home and last.get(memory) == i and memory not in taken:
                place = home[memory]
                if not any(last.get(m, -1) > i for m, h in home.items() if h is place and m is not memory):
                    free[place.sample.shape, place.sample.dtype].append(place)
    program.calls[:] = kept
    program.stages.append(("views of buffers hoisted", len(program.calls)))


def _place_of_input(
    call: Call, i: int, last: dict[Memory | None, int], home: dict[Memory | None, Value]
) -> Value | None:
    """The buffer of an input that is read here for the last time: the result may take its place, entry by entry."""
    if ufunc_of(call) is None:
        return None
    out = call.results[0]
    for value in call.values():
        others = [other for other in call.values() if other.memory is value.memory and other is not value]
        dies = last.get(value.memory) == i and value.memory in home and not others
        if dies and value.alike(out) and home[value.memory].alike(out):
            return home[value.memory]
    return None


def _last_uses(program: Program) -> dict[Memory | None, int]:
    last: dict[Memory | None, int] = {}
    for i, call in enumerate(program.calls):
        for value in (*call.values(), *call.results):
            last[value.memory] = i
    last.pop(None, None)
    return last

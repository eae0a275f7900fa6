"""Operands of one shape and dtype, so that a ufunc can go straight through their memory.

Where it must repeat a bias for every row, or turn the truth values of a mask into numbers, it first works out how. On
small arrays that takes three times as long as the arithmetic, so a copy beforehand pays; on large ones it does not.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from tinygrad_edu.compile.methods import Method
from tinygrad_edu.compile.optimize import ufunc_of
from tinygrad_edu.compile.program import Call, Memory, Program, Value, fill

__all__ = ["even_operands"]

SMALL = 4096  # entries of the result; beyond, the copy's own time counts
ARITHMETIC = (np.add, np.subtract, np.multiply, np.divide)


def even_operands(program: Program) -> None:
    """Bring the operands of small elementwise calls to the shape, and masks to the dtype, of the result."""
    calls: list[Call] = []
    for call in program.calls:
        if not call.has_effect and ufunc_of(call) in ARITHMETIC and 1 < np.size(call.results[0].sample) <= SMALL:
            evened = {value: even for value in call.values() if (even := _even(value, call)) is not None}
            if len(evened) == 1:  # a row times a column would take two copies, which is no gain
                calls += evened.values()
                call.args = fill(call.args, partial(_swapped, evened))
        calls.append(call)
    program.calls[:] = calls


def _swapped(evened: dict[Value, Call], value: Value) -> Value:
    return evened[value].results[0] if value in evened else value


def _even(value: Value, call: Call) -> Call | None:
    """The call that makes of an operand one like the result; None where that is not needed, or would not help."""
    x, out = value.sample, call.results[0].sample
    is_mask = x.dtype == np.bool_ and out.dtype.kind == "f"
    if value.scalar or x.ndim == 0 or (x.dtype != out.dtype and not is_mask) or not out.flags.c_contiguous:
        return None
    if x.dtype == out.dtype and x.size == out.size:
        if x.ndim == out.ndim:
            return None
        same = Value(x.reshape(out.shape), value.memory, "row")
        return Call(Method("reshape"), (value, out.shape), {}, (same,), section=call.section, note=call.note)
    array = np.empty_like(out)
    even = Value(array, Memory("fresh", array), "scratch")
    return Call(Method("copy"), (value,), {}, (even,), section=call.section, note=call.note)

"""The same program for numba, which makes machine code of it (extra `numba`).

numba takes arrays that a function refers to for constants, so here the state comes in as arguments, and the views and
buffers are made inside, where they cost next to nothing. It adds up in an order of its own: results agree to rounding.
"""

from __future__ import annotations

import operator
import warnings
from typing import Any

import numpy as np

from tinygrad_edu.compile.buffers import reduction_of
from tinygrad_edu.compile.literals import dtype_text, offset, plain_number
from tinygrad_edu.compile.methods import Method
from tinygrad_edu.compile.optimize import ufunc_of
from tinygrad_edu.compile.program import Call, Value
from tinygrad_edu.compile.source import Source
from tinygrad_edu.compile.symbol import owner_of
from tinygrad_edu.extras import need
from tinygrad_edu.rules.table import name_of

__all__ = ["NumbaSource"]

FOLDS = {np.add.reduce: "np.sum", np.multiply.reduce: "np.prod"}


class NumbaSource(Source):
    """Prints what numba understands: no `out=` by name, no ufunc methods, no np.errstate."""

    def make(self) -> Any:
        """The compiled function, with the live state handed over at each call.

        Raises:
            ImportError: numba is not installed.
        """
        numba = need("numba", "numba", 'tg.compile(backend="numba")')
        roots, views = self._roots()
        given = [self.names[value] for value in self.program.arguments]
        lines = [f"def {self.name}({', '.join([*given, *roots])}):"]
        lines += [f"    {line}" for line in (*views, *self.setup)]
        lines += [line for line in self.body if "np.errstate" not in line]
        lines = _dedented(lines)
        namespace: dict[str, Any] = {"np": np, **{name: self.bound[name] for name in self.constants}}
        aliases = [f"{name} = {full}" for name, full in self.aliases.items()]
        self.function = "\n".join(lines)
        exec(compile("\n".join([*aliases, self.function]), f"<compiled {self.name}>", "exec"), namespace)
        return _Machine(numba, namespace[self.name], tuple(roots.values()), self.fallback)

    fallback: Source | None = None

    def _roots(self) -> tuple[dict[str, Any], list[str]]:
        """The arrays to hand over by name, and the lines that make views of them."""
        roots: dict[str, Any] = {}
        views: list[str] = []
        for name, value in self.state:
            live = value.bound
            owner = owner_of(live) if isinstance(live, np.ndarray) else live
            if owner is live or owner.ndim > 1 or not live.flags.c_contiguous:
                roots[name] = live
                continue
            root = next((n for n, thing in roots.items() if thing is owner), None)
            if root is None:
                root = self._unused("weights")
                roots[root] = owner
            start = offset(live, owner)
            shape = "" if live.ndim == 1 else f".reshape({live.shape})"
            views.append(f"{name} = {root}[{start}:{start + live.size}]{shape}")
        return roots, views

    def _number(self, number: Any, dtype: Any) -> str:
        return plain_number(number) if dtype == np.float64 else f"{dtype_text(np.dtype(dtype))}({plain_number(number)})"

    def _text(self, thing: Any) -> str:
        is_number = isinstance(thing, Value) and thing.kind == "state" and np.shape(thing.sample) == ()
        if is_number and isinstance(thing.sample, np.ndarray):
            return f"{self._ref(thing)}[()]"
        return super()._text(thing)

    def _into(self, call: Call, out: str) -> str:
        if (ufunc := ufunc_of(call)) is not None:
            return f"{self._alias(name_of(ufunc))}({self._operands(call.args[: ufunc.nin])}, {out})"
        fold, x = FOLDS.get(reduction_of(call)), call.args[0]
        if fold:
            axis = call.args[1] if len(call.args) > 1 else call.kwargs.get("axis")
            axis = 0 if axis is None else axis
            if isinstance(axis, tuple) and len(axis) == 1:
                axis = axis[0]
            if isinstance(axis, int):
                axis %= x.sample.ndim
            return f"{out}[...] = {fold}({self._text(x)}, {axis!r}).reshape({call.results[0].sample.shape})"
        return super()._into(call, out)

    def _dot(self, left: str, right: str, out: str) -> str:
        return f"np.dot({left}, {right}, {out})"

    def _write(self, call: Call) -> str:
        ufunc = call.function
        if isinstance(ufunc, np.ufunc) and call.kwargs.get("out") is call.target and len(call.kwargs) == 1:
            return f"{self._alias(name_of(ufunc))}({self._operands(call.args)}, {self._ref(call.target)})"
        if call.function is operator.setitem and call.target is not None:
            place = f"{self._ref(call.target)}[{self._index(call.args[1])}]"
            return f"{place} = {self._text(call.args[2])}"
        return super()._write(call)

    def _expression(self, call: Call) -> str:
        if reduction_of(call) in FOLDS and call.results[0].scalar:
            return f"{FOLDS[reduction_of(call)]}({self._text(call.args[0])})"
        is_cast = isinstance(call.function, Method) and call.function.name == "astype"
        if is_cast and call.results[0].scalar:
            return f"{dtype_text(np.dtype(call.args[1]))}({self._text(call.args[0])})"
        if call.function is operator.getitem and call.args[1] == () and np.shape(call.args[0].sample) == ():
            return self._text(call.args[0])
        return super()._expression(call)


class _Machine:
    """The function in machine code; as NumPy, if numba cannot."""

    def __init__(self, numba: Any, function: Any, state: tuple[Any, ...], fallback: Source | None) -> None:
        self.errors, self.state, self.fallback = numba.errors, state, fallback
        self.fast = numba.njit(function)
        self.slow: Any = None
        self.is_tried = False

    def __call__(self, *arrays: Any) -> Any:
        if self.is_tried:
            return self.slow(*arrays) if self.slow else self.fast(*arrays, *self.state)
        self.is_tried = True
        try:  # numba compiles before anything is computed, so a failure has changed nothing
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", self.errors.NumbaWarning)
                return self.fast(*arrays, *self.state)
        except self.errors.NumbaError as error:
            if self.fallback is None:
                raise
            reason = next((line for line in str(error).splitlines() if line.strip()), "")
            warnings.warn(f"numba cannot compile this step, so it runs as NumPy: {reason}", stacklevel=2)
            self.slow = self.fallback.make()
            return self.slow(*arrays)


def _dedented(lines: list[str]) -> list[str]:
    """What stood inside a `with` stands outside, now that this is gone."""
    return [f"    {line.strip()}" if line.startswith("        ") else line for line in lines]

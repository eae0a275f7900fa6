"""The same program for numba, which makes machine code of it (extra `numba`).

numba takes arrays that a function refers to for constants, so here the state comes in as arguments, and the views and
buffers are made inside, where they cost next to nothing. It adds up in an order of its own: results agree to rounding.
"""

from __future__ import annotations

import operator
import threading
import warnings
from typing import Any

import numpy as np

from tinygrad_edu.compile.buffers import reduction_of
from tinygrad_edu.compile.literals import dtype_text, offset, plain_number
from tinygrad_edu.compile.methods import Method
from tinygrad_edu.compile.optimize import ufunc_of
from tinygrad_edu.compile.program import Call, Value
from tinygrad_edu.compile.source import Source
from tinygrad_edu.compile.statements import default_axis
from tinygrad_edu.compile.symbol import owner_of
from tinygrad_edu.extras import need
from tinygrad_edu.rules.table import name_of

__all__ = ["NumbaSource"]

FOLDS = {np.add.reduce: "np.sum", np.multiply.reduce: "np.prod"}
WHOLE = {np.maximum.reduce: "np.max", np.minimum.reduce: "np.min"}  # these know no axis at all


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
        return _Machine(numba, namespace[self.name], self, tuple(roots.values()))

    fallback: Source  # the same as NumPy
    only_tensors = False  # whether all that it returns becomes Tensors

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
        if (fold := self._fold(call)) is not None:
            return f"{out}[...] = {fold}"
        return super()._into(call, out)

    def _fold(self, call: Call) -> str | None:
        """A sum or product along one axis or all; numba knows no other, and no keepdims."""
        name = (FOLDS | WHOLE).get(reduction_of(call))
        if name is None or not call.results or len(call.args) > 2 or call.kwargs.keys() - {"axis", "keepdims"}:
            return None
        x, shape, scalar = call.args[0], np.shape(call.results[0].sample), call.results[0].scalar
        if not isinstance(x, Value) or np.ndim(x.sample) == 0 or (name in WHOLE.values() and not scalar):
            return None
        axis = call.args[1] if len(call.args) > 1 else call.kwargs.get("axis", default_axis(call))
        if isinstance(axis, tuple) and len(axis) == 1:
            axis = axis[0]
        if axis is None or x.sample.ndim == 1:
            return f"{name}({self._text(x)})" if scalar else None
        return f"{name}({self._text(x)}, {axis % x.sample.ndim}).reshape({shape})" if isinstance(axis, int) else None

    def _dot(self, left: str, right: str, out: str) -> str:
        return f"np.dot({left}, {right}, {out})"

    def _write(self, call: Call) -> str:
        ufunc = call.function
        if isinstance(ufunc, np.ufunc) and call.kwargs.get("out") is call.target and len(call.kwargs) == 1:
            return f"{self._alias(name_of(ufunc))}({self._operands(call.args)}, {self._ref(call.target)})"
        if call.function is operator.setitem and call.target is not None:
            place = f"{self._ref(call.target)}[{self._index(call.args[1])}]"
            return f"{place} = {self._text(call.args[2])}"
        if ufunc is np.copyto and len(call.args) == 2 and not call.kwargs:
            return f"{self._ref(call.target)}[...] = {self._text(call.args[1])}"
        return super()._write(call)

    def _expression(self, call: Call) -> str:
        if (fold := self._fold(call)) is not None:
            return fold
        is_cast = isinstance(call.function, Method) and call.function.name == "astype"
        if is_cast and call.results[0].scalar:
            return f"{dtype_text(np.dtype(call.args[1]))}({self._text(call.args[0])})"
        if call.function is operator.getitem and call.args[1] == () and np.shape(call.args[0].sample) == ():
            return self._text(call.args[0])
        return super()._expression(call)


class _Machine:
    """The function in machine code; as NumPy, if numba cannot."""

    def __init__(self, numba: Any, function: Any, source: NumbaSource, state: tuple[Any, ...]) -> None:
        self.state, self.fallback = state, source.fallback
        self.fast = numba.njit(function, error_model="numpy")  # x / 0 is inf, and no error
        self.slow: Any = None
        self.lock = threading.Lock()
        self.is_tried = False
        # numba returns Python's numbers, and whole numbers as int64; a Tensor is made of Python's float as well.
        kinds = [(value.scalar, value.sample.dtype) for value in source.program.outputs]
        usual = (True, np.float64) if source.only_tensors else None
        is_right = (kind == usual or (not kind[0] and kind[1].kind not in "iu") for kind in kinds)
        self.kinds = None if all(is_right) else kinds

    def __call__(self, *arrays: Any) -> Any:
        if not self.is_tried:
            self._try(arrays)
        if self.slow:
            with self.lock:  # that one has buffers
                return self.slow(*arrays)
        out = self.fast(*arrays, *self.state)
        if self.kinds is None:
            return out
        if len(self.kinds) == 1:
            return _as(out, *self.kinds[0])
        return tuple(_as(item, *kind) for item, kind in zip(out, self.kinds))

    def _try(self, arrays: Any) -> None:
        """Compile for arguments like these, or else take NumPy; nothing is computed yet."""
        self.is_tried = True
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                self.fast.compile(tuple(map(self.fast.typeof_pyval, (*arrays, *self.state))))
        except Exception as error:  # numba has many: TypingError, NotImplementedError for float16 ...
            text = f"numba cannot compile this step, so it runs as NumPy: {_reason(error)}"
            self.slow = self.fallback.make()
            warnings.warn(text, stacklevel=2)


def _as(out: Any, scalar: bool, dtype: Any) -> Any:
    return dtype.type(out) if scalar else out.astype(dtype, copy=False)


def _reason(error: Exception) -> str:
    """The line of numba's long message that says it, and the call that it is about."""
    lines = [line.strip() for line in str(error).splitlines()]
    says = next((line for line in lines if line and not line.startswith(("Failed", "- Res", "During"))), "")
    about = next((line.removeprefix(">>>") for line in lines if line.startswith(">>>")), "")
    return f"{says}{about}" if says.endswith(":") else says or type(error).__name__


def _dedented(lines: list[str]) -> list[str]:
    """What stood inside a `with` stands outside, now that this is gone."""
    return [f"    {line.strip()}" if line.startswith("        ") else line for line in lines]

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
from tinygrad_edu.compile.program import Call, Value, leaves
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

    def machine_code(self, examples: list[Any], otherwise: Source) -> Any:
        """The step compiled for arguments like `examples`; if numba cannot, a warning, and the step as NumPy.

        Raises:
            ImportError: numba is not installed.
        """
        numba = need("numba", "numba", 'tg.compile(backend="numba")')
        roots, views = self._roots()
        given = [self.names[value] for value in self.program.arguments]
        lines = [f"def {self.name}({', '.join([*given, *roots])}):"]
        lines += [f"    {line}" for line in (*views, *self.setup)]
        lines += [line for line in self.body if "np.errstate" not in line]
        aliases = [f"{name} = {full}" for name, full in self.aliases.items()]
        namespace: dict[str, Any] = {"np": np, **{name: self.bound[name] for name in self.constants}}
        exec(compile("\n".join([*aliases, *_dedented(lines)]), f"<compiled {self.name}>", "exec"), namespace)
        fast = numba.njit(namespace[self.name], error_model="numpy")  # x / 0 is inf, and no error
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                _refuse_mixtures(self.program.calls)
                fast.compile(tuple(map(fast.typeof_pyval, (*examples, *roots.values()))))
        except Exception as error:  # numba has many: TypingError, NotImplementedError for float16 ...
            warnings.warn(f"numba cannot compile this step, so it runs as NumPy: {_reason(error)}", stacklevel=5)
            return otherwise.make()
        namespace = roots | {"np": np, "__fast__": fast}
        exec(self._handing_over(given, list(roots)), namespace)
        return namespace[self.name]

    def _handing_over(self, given: list[str], roots: list[str]) -> str:
        """The function around the machine code: it adds the state, and gives results NumPy's dtypes again."""
        outputs = [self._unused("out") for _ in self.program.outputs]
        returned = ", ".join(map(_as_numpy, outputs, self.program.outputs)) or "None"
        got = f"{', '.join(outputs) or '_'} = __fast__({', '.join([*given, *roots])})"
        return f"def {self.name}({', '.join(given)}):\n    {got}\n    return {returned}"

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
            made, target = f"{self._alias(name_of(ufunc))}({self._operands(call.args)}", self._ref(call.target)
            return f"{target}[...] = {made})" if _may_overlap(call) else f"{made}, {target})"
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


def _refuse_mixtures(calls: list[Call]) -> None:
    """float32 beside whole numbers is float64 for NumPy, and float32 for numba."""
    for call in calls:
        args = [getattr(arg, "sample", arg) for arg in (*call.values(), *call.args)]
        dtypes = {np.dtype(arg.dtype) for arg in args if isinstance(arg, np.ndarray | np.generic)}
        made = [value.sample.dtype for value in call.results if isinstance(value.sample, np.ndarray | np.generic)]
        is_mixed = np.dtype(np.float32) in dtypes and any(dtype.kind in "iu" for dtype in dtypes)
        if is_mixed and np.dtype(np.float64) in made and np.dtype(np.float64) not in dtypes:
            raise NotImplementedError(f"float32 beside whole numbers, which NumPy makes float64 ({call.line})")


def _may_overlap(call: Call) -> bool:
    """Whether a write may run into what it still has to read: NumPy sees to that, numba does not."""
    place = call.target
    others = [value for value in leaves(call.args) if value is not place and not value.scalar]
    return place is not None and any(
        value.memory is place.memory or "argument" in (value.kind, place.kind) for value in others
    )


def _as_numpy(name: str, value: Value) -> str:
    """With NumPy's dtype: from machine code come Python's numbers, int64 and some float64 for float32."""
    dtype = value.sample.dtype
    if value.scalar:
        return f"{dtype_text(dtype)}({name})"
    return f"{name}.astype({dtype_text(dtype)}, copy=False)" if dtype.kind in "iu" or dtype == np.float32 else name


def _reason(error: Exception) -> str:
    """The line of numba's long message that says it, and the call that it is about."""
    lines = [line.strip() for line in str(error).splitlines()]
    says = next((line for line in lines if line and not line.startswith(("Failed", "- Res", "During"))), "")
    about = next((line.removeprefix(">>>") for line in lines if line.startswith(">>>")), "")
    return f"{says}{about}" if says.endswith(":") else says or type(error).__name__


def _dedented(lines: list[str]) -> list[str]:
    """What stood inside a `with` stands outside, now that this is gone."""
    return [f"    {line.strip()}" if line.startswith("        ") else line for line in lines]

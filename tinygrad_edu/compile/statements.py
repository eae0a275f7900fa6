"""One call of a program as a line of NumPy source, and the names that it uses."""

from __future__ import annotations

import builtins
import inspect
import keyword
import operator
import re
from collections import Counter
from typing import Any

import numpy as np

from tinygrad_edu.compile.buffers import reduction_of, takes_out
from tinygrad_edu.compile.literals import bare, described, literal
from tinygrad_edu.compile.methods import Attribute, Method
from tinygrad_edu.compile.optimize import is_view, ufunc_of
from tinygrad_edu.compile.program import Call, Program, Value, leaves
from tinygrad_edu.functions import _erfc
from tinygrad_edu.rules.checks import refuse
from tinygrad_edu.rules.table import name_of

__all__ = ["INFIX", "SHORT", "Statements", "default_axis", "read"]

INFIX = {
    operator.add: "+",
    operator.sub: "-",
    operator.mul: "*",
    operator.truediv: "/",
    operator.floordiv: "//",
    operator.mod: "%",
    operator.pow: "**",
    operator.matmul: "@",
    operator.and_: "&",
    operator.or_: "|",
    operator.xor: "^",
    operator.lshift: "<<",
    operator.rshift: ">>",
    operator.lt: "<",
    operator.le: "<=",
    operator.gt: ">",
    operator.ge: ">=",
    operator.eq: "==",
    operator.ne: "!=",
}
PREFIX = {operator.neg: "-", operator.pos: "+", operator.invert: "~"}
WORDS = {0: "zero", 1: "one", 2: "two", 0.5: "half"}
RESERVED = {"np", "step", "total", "largest", "smallest", *keyword.kwlist, *dir(builtins)}
FOREIGN: dict[Any, str] = {_erfc: "np.frompyfunc(__import__('math').erfc, 1, 1)"}
SHORT = {"np.add.reduce": "total", "np.maximum.reduce": "largest", "np.minimum.reduce": "smallest"}


class Statements:
    """Names the values of a program, and writes one call after the other."""

    def __init__(self, program: Program, name: str) -> None:
        self.program = program
        self.name = name
        self.names: dict[Value, str] = {}
        self.taken: Counter[str] = Counter([*RESERVED, name])
        self.aliases: dict[str, str] = {}
        self.numbers: dict[tuple[Any, str], str] = {}
        self.bound: dict[str, Any] = {}  # what the function needs that the text does not make
        self.constants: dict[str, Any] = {}
        self.foreign: dict[str, Any] = {}  # functions that are not NumPy's
        self.inlined: dict[Value, str] = {}

    # ---- names -----------------------------------------------------------------------------------------------------
    def _unused(self, wish: str) -> str:
        wish = re.sub(r"\W+", "_", wish).strip("_") or "t"
        wish = f"t{wish}" if wish[0].isdigit() else wish
        self.taken[wish] += 1
        if self.taken[wish] == 1:
            return wish
        return self._unused(f"{wish}_{self.taken[wish]}")

    def _ref(self, value: Any) -> str:
        if value in self.inlined:
            return self.inlined[value]
        if value not in self.names and value.kind == "constant":
            self.names[value] = self._constant(value.sample)
        if value not in self.names:
            value = self.program.homes[value.memory]
        return self.names[value]

    def _constant(self, array: Any) -> str:
        for name, other in self.constants.items():
            if other.shape == array.shape and other.dtype == array.dtype and other.tobytes() == array.tobytes():
                return name
        name = self._unused(described(array))
        self.constants[name] = self.bound[name] = array
        return name

    def _number(self, number: Any, dtype: Any) -> str:
        """A number as an array without axes: a ufunc takes it several times as fast as Python's own."""
        key = (repr(number), str(dtype))
        if key not in self.numbers:
            name = self._unused(WORDS.get(number, "number_" + re.sub(r"\W", "_", f"{number:g}")))
            self.numbers[key] = name
            self.bound[name] = np.array(number, dtype)
        return self.numbers[key]

    def _alias(self, dotted: str) -> str:
        for name, full in self.aliases.items():
            if full == dotted:
                return name
        name = SHORT.get(dotted, dotted.removeprefix("np.").partition("(")[0].replace(".", "_"))
        while name == self.name or name in self.names.values() or name in self.aliases:
            name += "_"
        self.aliases[name] = dotted
        return name

    # ---- calls -----------------------------------------------------------------------------------------------------
    def _statement(self, call: Call) -> str:
        if call.target is not None:
            return self._write(call)
        if call.function is refuse:
            given = inspect.signature(refuse).bind(*call.args)
            given.apply_defaults()
            wrong, message, kind = given.args
            return f"if np.any({bare(self._text(wrong))}): raise {kind.__name__}({message!r})"
        if takes_out(call) and not is_view(call) and call.results[0].memory in self.program.homes:
            return self._into(call, self._ref(call.results[0]))
        names = ", ".join(self.names[value] for value in call.results)
        return f"{names} = {self._expression(call)}"

    def _write(self, call: Call) -> str:
        target = self._ref(call.target)
        if call.function is operator.setitem:
            place, text = f"{target}[{self._index(call.args[1])}]", bare(self._text(call.args[2]))
            if text.startswith(f"{place} + "):
                return f"{place} += {text.removeprefix(f'{place} + ')}"
            return f"{place} = {text}"
        if call.kwargs.get("out") is call.target and len(call.kwargs) == 1:
            ufunc = call.function if isinstance(call.function, np.ufunc) else None
            if ufunc is not None and ufunc.signature is None:
                return f"{self._alias(name_of(ufunc))}({self._operands(call.args)}, {_out(ufunc)}{target})"
        return self._expression(call)

    def _operands(self, args: Any) -> str:
        arrays = [arg.sample.dtype for arg in args if isinstance(arg, Value) and not arg.scalar]
        plain = arrays[0] if arrays and all(d == arrays[0] for d in arrays) and arrays[0].kind == "f" else None
        texts = []
        for arg in args:
            if plain is not None and type(arg) in (int, float):
                texts.append(self._number(arg, plain))
            elif isinstance(arg, np.generic):
                texts.append(self._number(arg, arg.dtype))
            else:
                texts.append(bare(self._text(arg)))
        return ", ".join(texts)

    def _into(self, call: Call, out: str) -> str:
        """The call with its result put into a buffer."""
        if (ufunc := ufunc_of(call)) is not None:
            args = call.args[: ufunc.nin]
            return f"{self._alias(name_of(ufunc))}({self._operands(args)}, {_out(ufunc)}{out})"
        if call.function in (np.matmul, operator.matmul):
            return self._product(call, out)
        if isinstance(call.function, Method) and call.function.name in ("astype", "copy"):
            return f"{out}[...] = {self._text(call.args[0])}"
        if (reduction := reduction_of(call)) is not None:
            axis = call.args[1] if len(call.args) > 1 else call.kwargs.get("axis", default_axis(call))
            keepdims = ", True" if call.kwargs.get("keepdims") else ""
            name = self._alias(f"{name_of(reduction.__self__)}.reduce")
            return f"{name}({self._text(call.args[0])}, {axis!r}, None, {out}{keepdims})"
        options = "".join(f", {name}={self._text(value)}" for name, value in call.kwargs.items())
        return f"{self._function(call.function)}({self._list(call.args)}{options}, out={out})"

    def _product(self, call: Call, out: str) -> str:
        """A matrix product into a buffer."""
        left, right = map(self._text, call.args)
        if _is_dot(*(arg.sample for arg in call.args)):
            return self._dot(left, right, out)
        return f"{self._alias('np.matmul')}({left}, {right}, {out})"

    def _dot(self, left: str, right: str, out: str) -> str:
        return f"{left}.dot({right}, {out})"  # gets going in two thirds of the time of np.dot, a third of np.matmul's

    def _expression(self, call: Call) -> str:
        function, args = call.function, call.args
        if function in INFIX and len(args) == 2:
            return f"{self._text(args[0])} {INFIX[function]} {self._text(args[1])}"
        if function in PREFIX:
            return f"{PREFIX[function]}{self._text(args[0])}"
        if function is operator.abs:
            return f"abs({bare(self._text(args[0]))})"
        if function is operator.getitem:
            return f"{self._text(args[0])}[{self._index(args[1])}]"
        if isinstance(function, Attribute):
            return f"{self._text(args[0])}.{function.name}"
        reduction = reduction_of(call)
        if reduction is not None and len(args) <= 2 and not call.kwargs.keys() - {"axis", "keepdims"}:
            axis = args[1] if len(args) > 1 else call.kwargs.get("axis", default_axis(call))
            keepdims = ", None, None, True" if call.kwargs.get("keepdims") else ""
            name = self._alias(f"{name_of(reduction.__self__)}.reduce")
            return f"{name}({self._text(args[0])}, {axis!r}{keepdims})"
        options = "".join(f", {name}={bare(self._text(value))}" for name, value in call.kwargs.items())
        if isinstance(function, Method) and function.name == "reshape":
            shape = args[1] if len(args) == 2 and isinstance(args[1], tuple) else args[1:]
            return f"{self._text(args[0])}.reshape({self._list(shape) or '()'}{options})"
        if isinstance(function, Method):
            rest = f"{self._list(args[1:])}{options}".removeprefix(", ")
            return f"{self._text(args[0])}.{function.name}({rest})"
        return f"{self._function(function)}({f'{self._list(args)}{options}'.removeprefix(', ')})"

    def _function(self, function: Any) -> str:
        owner = getattr(function, "__self__", None)
        if isinstance(owner, np.ufunc):
            return f"{name_of(owner)}.{function.__name__}"
        if function in FOREIGN:
            return self._alias(FOREIGN[function])
        dotted = name_of(function)
        if _found(dotted) is function:
            return self._alias(dotted)
        name = next((n for n, thing in self.foreign.items() if thing is function), None)
        if name is None:
            name = self._unused(dotted)
            self.foreign[name] = self.bound[name] = function
        return name

    def _list(self, args: Any) -> str:
        return ", ".join(bare(self._text(arg)) for arg in args)

    def _index(self, index: Any) -> str:
        if isinstance(index, tuple):
            return ", ".join(self._index(part) for part in index) + "," * (len(index) == 1) if index else "()"
        if isinstance(index, slice):
            parts = [("" if part is None else self._text(part)) for part in (index.start, index.stop)]
            step = "" if index.step is None else f":{self._text(index.step)}"
            return ":".join(parts) + step
        return "..." if index is ... else bare(self._text(index))

    def _text(self, thing: Any) -> str:
        if isinstance(thing, Value):
            return self._ref(thing)
        if isinstance(thing, tuple):
            inside = ", ".join(self._text(item) for item in thing)
            return f"({inside}{',' if len(thing) == 1 else ''})"
        if isinstance(thing, list):
            return f"[{', '.join(bare(self._text(item)) for item in thing)}]"
        if isinstance(thing, slice):
            return f"slice({', '.join(self._text(part) for part in (thing.start, thing.stop, thing.step))})"
        return literal(thing)


def read(call: Call) -> list[Value]:
    """The values that a call reads, once for each time."""
    return [*leaves((call.args, tuple(call.kwargs.values())))]


def _out(ufunc: Any) -> str:
    """By position is quicker, but NumPy does not like it of these two, which look like Python's max and min."""
    return "out=" if ufunc in (np.maximum, np.minimum) else ""


def _found(dotted: str) -> Any:
    """What a name such as np.linalg.norm stands for."""
    thing: Any = np
    for word in dotted.split(".")[1:]:
        thing = getattr(thing, word, None)
    return thing


def default_axis(call: Call) -> Any:
    """The axis of a reduction that names none: a ufunc's own takes the first, np.sum all."""
    return 0 if getattr(call.function, "__name__", "") == "reduce" else None


def _is_dot(a: Any, b: Any) -> bool:
    """Whether np.dot, which is quicker, adds up in the same order as np.matmul; of strided rows it does not."""
    contiguous = all(x.flags.c_contiguous or x.flags.f_contiguous for x in (a, b))
    return bool(a.ndim == b.ndim == 2 and a.dtype == b.dtype and contiguous and min(*a.shape, *b.shape) > 0)

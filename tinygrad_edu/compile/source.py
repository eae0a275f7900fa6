"""The program as NumPy source: what a person would have written by hand, and exactly what runs."""

from __future__ import annotations

import builtins
import keyword
import operator
import re
from collections import Counter
from typing import Any

import numpy as np

from tinygrad_edu.compile.buffers import reduction_of, takes_out
from tinygrad_edu.compile.optimize import is_view, ufunc_of
from tinygrad_edu.compile.program import Call, Program, Value, leaves
from tinygrad_edu.compile.symbol import Attribute, Draw, Method, owner_of
from tinygrad_edu.functions import _erfc
from tinygrad_edu.rules.checks import REFUSAL, refuse
from tinygrad_edu.rules.table import name_of

__all__ = ["Source", "dtype_text", "offset", "plain_number"]

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
NICER = {"step": "age", "_data": "array"}
RESERVED = {"np", "step", "total", "largest", "smallest", *keyword.kwlist, *dir(builtins)}
FOREIGN: dict[Any, str] = {_erfc: "np.frompyfunc(__import__('math').erfc, 1, 1)"}
SHORT = {"np.add.reduce": "total", "np.maximum.reduce": "largest", "np.minimum.reduce": "smallest"}
LONG = 4000  # entries of an array that are still written as a list of numbers


class Source:
    """Prints a program. `function` is the step alone; `text()` all of it, which runs after `import numpy as np`.

    Args:
        program: an optimised program.
        arguments: the names of its arguments.
        returned: the names or values that the step returns, in order.
        nicknames: state → a better name than that of the place where it was found, such as a parameter's.
    """

    def __init__(self, program: Program, arguments: list[str], nicknames: dict[int, str], name: str = "step") -> None:
        self.program = program
        self.name = name
        self.names: dict[Value, str] = {}
        self.taken: Counter[str] = Counter(RESERVED)
        self.aliases: dict[str, str] = {}
        self.numbers: dict[tuple[Any, str], str] = {}
        self.bound: dict[str, Any] = {}  # what the function needs that the text does not make
        self.constants: dict[str, Any] = {}
        self.foreign: dict[str, Any] = {}  # functions that are not NumPy's
        self.inlined: dict[Value, str] = {}
        self.roots: dict[int, str] = {}
        for value, argument in zip(program.arguments, arguments):
            self.names[value] = self._unused(argument)
        self.state = self._states(nicknames)
        self._name_outside(nicknames)
        self.taken.update(_functions(program))
        self._name_results()
        self.uses = Counter(value for call in program.calls for value in _read(call))
        self.uses.update(program.outputs)
        self.setup = [self._setup_line(value) for value in program.buffers]
        self.setup += self._views(program.setup)
        self.body = self._body()
        outputs = ", ".join(self._ref(value) for value in program.outputs)
        self.body.append(f"    return {outputs}" if outputs else "    return None")
        self.function = "\n".join([f"def {name}({', '.join(self.names[v] for v in program.arguments)}):", *self.body])

    # ---- names -----------------------------------------------------------------------------------------------------
    def _unused(self, wish: str) -> str:
        wish = re.sub(r"\W+", "_", wish).strip("_") or "t"
        wish = f"t{wish}" if wish[0].isdigit() else wish
        self.taken[wish] += 1
        if self.taken[wish] == 1:
            return wish
        return self._unused(f"{wish}_{self.taken[wish]}")

    def _name_outside(self, nicknames: dict[int, str]) -> None:
        """Names for what leaves the step, and for gradients: that of the parameter in the same place of the vector."""
        outputs = self.program.outputs
        if len(outputs) == 1 and outputs[0].scalar:
            outputs[0].name = outputs[0].name or "loss"
        places = {}
        for _, value in self.state:
            owner = owner_of(value.bound) if isinstance(value.bound, np.ndarray) else None
            if owner is not None and id(value.bound) in nicknames and owner is not value.bound:
                places[owner.size, offset(value.bound, owner), value.bound.size] = nicknames[id(value.bound)]
        for whole in self.program.buffers:
            parts = [c for c in self.program.setup if c.args[0] is whole and isinstance(c.args[-1], slice)]
            for part in parts:
                piece = part.results[0]
                name = places.get((whole.sample.size, part.args[1].start, piece.sample.size))
                whole.name = "gradient" if parts else whole.name
                for call in self.program.setup:
                    if name and call.args[0] is piece:
                        call.results[0].name = f"grad_{name}"

    def _name_results(self) -> None:
        homes = self.program.homes
        for call in (*self.program.calls, *self.program.setup):
            for value in call.results:
                if value in self.names:
                    continue
                home = homes.get(value.memory) if takes_out(call) and not is_view(call) else None
                if home is not None and home is not value and value not in self._set_up():
                    continue  # it lies in another one's buffer and goes by that name
                self.names[value] = self._unused(value.name or _wish(call))

    def _set_up(self) -> set[Value]:
        return {value for call in self.program.setup for value in call.results}

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
        name = self._unused(_described(array))
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
        while name in self.names.values() or name in self.aliases:
            name += "_"
        self.aliases[name] = dotted
        return name

    # ---- state -----------------------------------------------------------------------------------------------------
    def _states(self, nicknames: dict[int, str]) -> list[tuple[str, Value]]:
        used: set[Value] = set(self.program.outputs)
        for call in (*self.program.calls, *self.program.setup):
            used.update(call.values())
        found = []
        for value in self.program.states:
            if value in used:
                value.name = nicknames.get(id(value.bound)) or _last_word(value.name)
                self.names[value] = self._unused(value.name)
                self.bound[self.names[value]] = value.bound
                found.append((self.names[value], value))
        return found

    # ---- statements ------------------------------------------------------------------------------------------------
    def _body(self) -> list[str]:
        lines: list[str] = []
        section = ""
        quiet: Any = ()
        for i, call in enumerate(self.program.calls):
            if call.section != section:
                section, quiet = call.section, ()
                lines.append(f"    # {section}")
            if self._inlines(i, call):
                code = self._expression(call)
                self.inlined[call.results[0]] = f"({code})" if call.function in INFIX else code
                continue
            if call.quiet != quiet:
                quiet = call.quiet
                if quiet:
                    lines.append(f"    with np.errstate({', '.join(f'{k}={v!r}' for k, v in quiet)}):")
            code = self._statement(call)
            indent = "        " if quiet else "    "
            comment = self._comment(call)
            lines.append(f"{indent + code:<64}  # {comment}" if comment else indent + code)
        return lines

    def _views(self, calls: list[Call]) -> list[str]:
        """The views that are made once; one that only another one needs is written inside that."""
        read = Counter(value for call in (*calls, *self.program.calls) for value in call.values())
        read.update(call.results[0] for call in self.program.calls if call.results)
        lines = []
        for i, call in enumerate(calls):
            later = calls[i + 1] if i + 1 < len(calls) else None
            if read[call.results[0]] == 1 and later and later.args[0] is call.results[0]:
                self.inlined[call.results[0]] = self._expression(call)
            else:
                lines.append(self._statement(call))
        return lines

    def _comment(self, call: Call) -> str:
        shapes = [str(np.shape(value.sample)) for value in call.results if not value.scalar]
        return "  ".join([*shapes, call.note] if call.note else shapes)

    def _inlines(self, i: int, call: Call) -> bool:
        """Whether it is a number that the very next statement uses, once."""
        if len(call.results) != 1 or not call.results[0].scalar or call.has_effect or call.several or call.quiet:
            return False
        if isinstance(call.function, Draw) or call.results[0] in self.program.outputs:
            return False
        if self.uses[call.results[0]] != 1 or i + 1 == len(self.program.calls):
            return False
        later = self.program.calls[i + 1]
        return (
            call.results[0] in set(_read(later)) and later.section == call.section and len(self._expression(call)) < 60
        )

    def _setup_line(self, value: Value) -> str:
        dtype = "" if value.sample.dtype == np.float64 else f", {dtype_text(value.sample.dtype)}"
        if value not in self.names:
            self.names[value] = self._unused(value.name or "buffer")
        shape = value.sample.shape if len(value.sample.shape) != 1 else value.sample.shape[0]
        return f"{self.names[value]} = np.empty({shape}{dtype})"

    def _statement(self, call: Call) -> str:
        if call.target is not None:
            return self._write(call)
        if call.function is refuse:
            return f"if np.any({self._text(call.args[0])}): raise ValueError({REFUSAL!r})"
        if takes_out(call) and not is_view(call) and call.results[0].memory in self.program.homes:
            return self._into(call, self._ref(call.results[0]))
        names = ", ".join(self.names[value] for value in call.results)
        return f"{names} = {self._expression(call)}"

    def _write(self, call: Call) -> str:
        target = self._ref(call.target)
        if call.function is operator.setitem:
            place, text = f"{target}[{self._index(call.args[1])}]", _bare(self._text(call.args[2]))
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
                texts.append(_bare(self._text(arg)))
        return ", ".join(texts)

    def _into(self, call: Call, out: str) -> str:
        """The call with its result put into a buffer."""
        if (ufunc := ufunc_of(call)) is not None:
            args = call.args[: ufunc.nin]
            return f"{self._alias(name_of(ufunc))}({self._operands(args)}, {_out(ufunc)}{out})"
        if call.function in (np.matmul, operator.matmul):
            a, b = (arg.sample for arg in call.args)
            name = self._alias("np.dot" if a.ndim == b.ndim == 2 and min(*a.shape, *b.shape) > 0 else "np.matmul")
            return f"{name}({self._text(call.args[0])}, {self._text(call.args[1])}, {out})"
        if isinstance(call.function, Method) and call.function.name in ("astype", "copy"):
            return f"{self._alias('np.copyto')}({out}, {self._text(call.args[0])}, 'unsafe')"
        if (reduction := reduction_of(call)) is not None:
            axis = call.args[1] if len(call.args) > 1 else call.kwargs.get("axis", _default_axis(call))
            keepdims = ", True" if call.kwargs.get("keepdims") else ""
            name = self._alias(f"{name_of(reduction.__self__)}.reduce")
            return f"{name}({self._text(call.args[0])}, {axis!r}, None, {out}{keepdims})"
        options = "".join(f", {name}={self._text(value)}" for name, value in call.kwargs.items())
        return f"{self._function(call.function)}({self._list(call.args)}{options}, out={out})"

    def _expression(self, call: Call) -> str:
        function, args = call.function, call.args
        if function in INFIX and len(args) == 2:
            return f"{self._text(args[0])} {INFIX[function]} {self._text(args[1])}"
        if function in PREFIX:
            return f"{PREFIX[function]}{self._text(args[0])}"
        if function is operator.abs:
            return f"abs({_bare(self._text(args[0]))})"
        if function is operator.getitem:
            return f"{self._text(args[0])}[{self._index(args[1])}]"
        if isinstance(function, Attribute):
            return f"{self._text(args[0])}.{function.name}"
        reduction = reduction_of(call)
        if reduction is not None and len(args) <= 2 and not call.kwargs.keys() - {"axis", "keepdims"}:
            axis = args[1] if len(args) > 1 else call.kwargs.get("axis", _default_axis(call))
            keepdims = ", None, None, True" if call.kwargs.get("keepdims") else ""
            name = self._alias(f"{name_of(reduction.__self__)}.reduce")
            return f"{name}({self._text(args[0])}, {axis!r}{keepdims})"
        options = "".join(f", {name}={_bare(self._text(value))}" for name, value in call.kwargs.items())
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
        return ", ".join(_bare(self._text(arg)) for arg in args)

    def _index(self, index: Any) -> str:
        if isinstance(index, tuple):
            return ", ".join(self._index(part) for part in index) + "," * (len(index) == 1) if index else "()"
        if isinstance(index, slice):
            parts = [("" if part is None else self._text(part)) for part in (index.start, index.stop)]
            step = "" if index.step is None else f":{self._text(index.step)}"
            return ":".join(parts) + step
        return "..." if index is ... else _bare(self._text(index))

    def _text(self, thing: Any) -> str:
        if isinstance(thing, Value):
            return self._ref(thing)
        if isinstance(thing, tuple):
            inside = ", ".join(self._text(item) for item in thing)
            return f"({inside}{',' if len(thing) == 1 else ''})"
        if isinstance(thing, list):
            return f"[{', '.join(_bare(self._text(item)) for item in thing)}]"
        if isinstance(thing, slice):
            return f"slice({', '.join(self._text(part) for part in (thing.start, thing.stop, thing.step))})"
        return _literal(thing)

    # ---- the whole text --------------------------------------------------------------------------------------------
    def parts(self, with_numbers: bool) -> list[str]:
        """The text in paragraphs: functions, state, constants and buffers."""
        state: list[str] = []
        roots: dict[int, str] = {}
        for name, value in self.state:
            state.append(_state_line(name, value, roots, with_numbers, self._unused))
        constants = [f"{name} = {_array_text(array)}" for name, array in self.constants.items()]
        constants += [
            f"{name} = np.array({plain_number(self.bound[name])}{_dtype_option(self.bound[name].dtype)})"
            for name in self.numbers.values()
        ]
        aliases = [f"{name} = {full}" for name, full in self.aliases.items()]
        aliases += [f"{name} = ...  # your own: {function!r}" for name, function in self.foreign.items()]
        paragraphs = {
            "functions": aliases,
            "state, changed in place": state,
            "constants": constants,
            "buffers, and views that stay": self.setup,
        }
        return ["\n".join([f"# {title}", *lines]) for title, lines in paragraphs.items() if lines]

    def text(self, with_numbers: bool = False) -> str:
        """The step as a file."""
        return "\n\n".join(["import numpy as np", *self.parts(with_numbers)]) + "\n\n\n" + self.function + "\n"

    def make(self) -> Any:
        """The function, bound to the live arrays of model and optimizer."""
        lines = [f"{name} = {full}" for name, full in self.aliases.items()] + self.setup
        namespace: dict[str, Any] = {"np": np, **self.bound}
        code = "\n".join([*lines, self.function])
        exec(compile(code, f"<compiled {self.name}>", "exec"), namespace)
        return namespace[self.name]


# ---- small texts -----------------------------------------------------------------------------------------------------
def _read(call: Call) -> list[Value]:
    return [*leaves((call.args, tuple(call.kwargs.values())))]


def _bare(text: str) -> str:
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


def _wish(call: Call) -> str:
    if call.function is operator.getitem and call.args[0].kind == "state":
        return f"{call.args[0].name}_part"
    word = re.sub(r"\W+", "_", call.note).strip("_")
    if call.section == "backward" and call.note:
        return f"g_{word}"
    return word or getattr(call.function, "name", None) or getattr(call.function, "__name__", "t").strip("_")


def _last_word(path: str) -> str:
    words = [word for word in re.findall(r"[A-Za-z_]\w*", path) if word not in ("_data", "told", "runs", "layers")]
    return NICER.get(words[-1], words[-1]) if words else "state"


def _literal(thing: Any) -> str:
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


def _dtype_option(dtype: Any) -> str:
    return "" if dtype == np.float64 else f", {dtype_text(dtype)}"


def _described(array: Any) -> str:
    return "places" if array.dtype.kind in "iu" else "mask" if array.dtype == np.bool_ else "constant"


def _array_text(array: Any) -> str:
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


def _state_line(name: str, value: Value, roots: dict[int, str], with_numbers: bool, unused: Any) -> str:
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
        return f"{name} = {_array_text(live) if with_numbers else _zeros(live)}"
    if id(owner) not in roots:
        roots[id(owner)] = unused("weights")
        made = f"{roots[id(owner)]} = {_array_text(owner) if with_numbers else _zeros(owner)}\n"
    start = offset(live, owner)
    shape = "" if live.ndim == 1 else f".reshape({', '.join(map(str, live.shape)) or '()'})"
    return f"{made}{name} = {roots[id(owner)]}[{start}:{start + live.size}]{shape}"


def _zeros(array: Any) -> str:
    return f"np.zeros({array.shape}{_dtype_option(array.dtype)})"


def _out(ufunc: Any) -> str:
    """By position is quicker, but NumPy does not like it of these two, which look like Python's max and min."""
    return "out=" if ufunc in (np.maximum, np.minimum) else ""


def _found(dotted: str) -> Any:
    """What a name such as np.linalg.norm stands for."""
    thing: Any = np
    for word in dotted.split(".")[1:]:
        thing = getattr(thing, word, None)
    return thing


def offset(view: Any, owner: Any) -> int:
    """Where in its owner a view begins, in entries."""
    return int(view.__array_interface__["data"][0] - owner.__array_interface__["data"][0]) // int(owner.itemsize)


def _functions(program: Program) -> list[str]:
    """Words that no result may take, because functions may be called so."""
    names = [getattr(ufunc_of(call) or call.function, "__name__", "") for call in program.calls]
    return [*names, "dot", "copyto", *SHORT.values()]


def _default_axis(call: Call) -> Any:
    return 0 if getattr(call.function, "__name__", "") == "reduce" else None

"""Symbol: an array that obeys NumPy's protocols by writing down what is done to it.

Beside every symbol stands a sample, a copy of the real numbers, on which each call is made as well: so shapes, dtypes
and views are NumPy's own, and nothing has to be guessed.
"""

from __future__ import annotations

import inspect
import operator
import sys
from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np

from tinygrad_edu.compile.methods import Attribute, Draw, Method, named
from tinygrad_edu.compile.program import Call, CompileError, Memory, Value
from tinygrad_edu.compile.where import is_users, where
from tinygrad_edu.rules.checks import refuse
from tinygrad_edu.rules.table import name_of
from tinygrad_edu.tensor import Tensor

__all__ = ["Symbol", "Tape", "TracedGenerator", "check_plain", "owner_of", "traced_generator"]

# These ask about shapes and dtypes, which a program is made for.
ABOUT = {np.shape, np.ndim, np.size, np.result_type, np.iscomplexobj, np.isrealobj, np.can_cast, np.may_share_memory}
# The shape of their result depends on values.
RAGGED = {np.nonzero, np.flatnonzero, np.argwhere, np.unique, np.compress, np.extract, np.trim_zeros}
WRITERS = {np.copyto, np.put, np.place, np.putmask, np.fill_diagonal, np.put_along_axis}
METHODS = {
    *("all", "any", "argmax", "argmin", "argsort", "astype", "clip", "conj", "conjugate", "copy", "cumprod", "cumsum"),
    *("diagonal", "dot", "flatten", "max", "mean", "min", "prod", "ravel", "repeat", "reshape", "round", "std", "sum"),
    *("squeeze", "swapaxes", "take", "trace", "transpose", "var", "view"),
}


class Tape:
    """The list of calls that a trace writes, and what is known of the memory that they use."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.memories: dict[int, Memory] = {}
        self.foreign: list[Any] = []  # plain arrays met on the way, in order
        self.bases: dict[int, Symbol] = {}
        self.standing: dict[int, Symbol] = {}  # id of a state's array → its symbol, for one met by another way
        self.ambient: dict[str, Any] = {**np.geterr()}
        self.notes: list[str] = []  # primitives that are being written down
        self.refusal: CompileError | None = None  # the first, in case the step catches it and goes on

    def known(self, sample: Any, kind: str, name: str = "", bound: Any = None) -> Symbol:
        """A symbol for what comes from outside."""
        memory = None
        if isinstance(sample, np.ndarray):
            owner = owner_of(sample)
            memory = self.memories.setdefault(id(owner), Memory(kind, owner))
        elif isinstance(sample, np.random.Generator):
            memory = Memory(kind, sample)
        return Symbol(self, Value(sample, memory, name, bound))

    def record(self, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any], target: Any = None) -> Any:
        """Make the call on the samples and write it down."""
        place = where()
        target = self.standing.get(id(target), target)
        args = tuple(self.standing.get(id(arg), arg) for arg in args)
        kwargs = {name: self.standing.get(id(value), value) for name, value in kwargs.items()}
        if target is not None and not isinstance(target, Symbol):
            self.refuse(
                f"{place.text}\nThis writes a traced value into an array that the step was not seen to refer to, so a "
                "compiled step would never write to it again. If the step makes the array, make it like a traced one, "
                "np.zeros_like(x), or of its parts, np.stack([...]). Otherwise keep it in the model, or name its "
                "owner: tg.compile(step, state=[...])."
            )
        plain_args, plain_kwargs = _sampled(args), {name: _sampled(value) for name, value in kwargs.items()}
        out = function(*plain_args, **plain_kwargs)
        call = Call(
            function,
            self._valued(args),
            {name: self._valued(value) for name, value in kwargs.items()},
            (),
            target.value if target is not None else None,
            section=place.section,
            note=self.notes[-1] if self.notes else place.note,
            quiet=tuple((kind, str(how)) for kind, how in np.geterr().items() if how != self.ambient[kind]),
            line=place.text,
        )
        self.calls.append(call)
        if target is not None and (out is None or out is target.value.sample):
            return target
        if function is refuse:
            return None
        if isinstance(out, tuple | list):
            call.several = True
            symbols = [Symbol(self, Value(item, self._memory(item))) for item in out]
            call.results = tuple(symbol.value for symbol in symbols)
            return type(out)(*symbols) if hasattr(out, "_fields") else type(out)(symbols)
        result = Symbol(self, Value(out, self._memory(out)))
        call.results = (result.value,)
        return result

    def refuse(self, message: str) -> NoReturn:
        """Stop tracing, for good: a step that catches the error has taken a way that its data did not choose."""
        self.refusal = self.refusal or CompileError(message)
        raise CompileError(message)

    def _memory(self, out: Any) -> Memory | None:
        if not isinstance(out, np.ndarray):
            return None
        owner = owner_of(out)
        return self.memories.setdefault(id(owner), Memory("fresh", owner))

    def _valued(self, tree: Any) -> Any:
        """The tree with values for symbols; plain arrays in it are noted."""
        if isinstance(tree, Symbol):
            check_plain(tree.value.bound)
            return tree.value
        if isinstance(tree, TracedGenerator):
            return tree.value
        if isinstance(tree, np.ndarray):
            check_plain(tree)
            owner = owner_of(tree)
            memory = self.memories.setdefault(id(owner), Memory("constant", owner))
            self.foreign.append(tree)
            return Value(tree, memory, bound=tree)
        if isinstance(tree, tuple | list):
            items = [self._valued(item) for item in tree]
            return type(tree)(*items) if hasattr(tree, "_fields") else type(tree)(items)
        if isinstance(tree, slice):
            return slice(*map(self._valued, _bounds(tree)))
        return tree


def owner_of(array: Any) -> Any:
    """The array whose memory a view, or a view of a view, looks at."""
    base = array.base
    while base is not None:
        if isinstance(base, np.ndarray):
            array = base
        base = getattr(base, "base", None)  # as_strided puts something of its own in between
    return array


def check_plain(array: Any) -> None:
    """Refuse matrices, masked arrays and the like."""
    if isinstance(array, np.ndarray) and type(array) not in (np.ndarray, np.memmap):
        raise CompileError(
            f"A compiled step computes with plain arrays, and here is a {type(array).__name__}, which has arithmetic "
            "of its own. Pass np.asarray(x), or np.ma.filled(x, 0) of a masked array."
        )


def _sampled(tree: Any) -> Any:
    if isinstance(tree, Symbol):
        return tree.value.sample
    if isinstance(tree, tuple | list):
        items = [_sampled(item) for item in tree]
        return type(tree)(*items) if hasattr(tree, "_fields") else type(tree)(items)
    if isinstance(tree, slice):
        return slice(*map(_sampled, _bounds(tree)))
    return tree


def _binary(function: Any, swapped: bool = False) -> Callable[..., Any]:
    def method(self: Symbol, other: Any) -> Any:
        if not _computes(other):
            return NotImplemented
        return self.tape.record(function, (other, self) if swapped else (self, other), {})

    return method


def _in_place(function: Any, ufunc: Any) -> Callable[..., Any]:
    def method(self: Symbol, other: Any) -> Any:
        if self.value.scalar:  # a number is not written to: the name gets a new one
            return self.tape.record(function, (self, other), {})
        return self.tape.record(ufunc, (self, other), {"out": self}, target=self)

    return method


def _computes(other: Any) -> bool:
    return isinstance(other, Symbol | np.ndarray | np.generic | int | float | complex | list | tuple)


class Symbol:
    """Stands for an array or a number whose value is known only when the compiled step runs."""

    __slots__ = ("tape", "value")

    __array_priority__ = 1000.0

    def __init__(self, tape: Tape, value: Value) -> None:
        self.tape = tape
        self.value = value

    # ---- what is known: shape and dtype ----------------------------------------------------------------------------
    @property
    def shape(self) -> tuple[int, ...]:
        return np.shape(self.value.sample)

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.value.sample.dtype if hasattr(self.value.sample, "dtype") else np.asarray(self.value.sample).dtype

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        return int(np.size(self.value.sample))

    @property
    def base(self) -> Any:
        """The symbol of the array that this one is a view of, if that comes from outside."""
        memory = self.value.memory
        if memory is None or memory.owner is self.value.sample:
            return None
        return self.tape.bases.setdefault(id(memory), Symbol(self.tape, Value(memory.owner, memory)))

    @property
    def itemsize(self) -> int:
        return self.dtype.itemsize

    @property
    def nbytes(self) -> int:
        return self.size * self.itemsize

    def __len__(self) -> int:
        return len(self.value.sample)

    # ---- NumPy's protocols -----------------------------------------------------------------------------------------
    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if not all(_computes(value) or value is None for value in inputs):
            return NotImplemented
        out = kwargs.pop("out", None)
        target = out[0] if isinstance(out, tuple) and len(out) == 1 else out
        if target is not None:
            kwargs["out"] = target
        function = ufunc if method == "__call__" else getattr(ufunc, method)
        if method == "at":
            target = inputs[0]
        if isinstance(target, tuple):
            self._refuse(f"np.{ufunc.__name__}(out=...) with several arrays", "Leave out= away")
        return self.tape.record(function, inputs, kwargs, target)

    def __array_function__(self, function: Any, types: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if function in ABOUT:
            return function(*_sampled(args), **{name: _sampled(value) for name, value in kwargs.items()})
        if function in RAGGED or (function is np.where and len(args) + len(kwargs) == 1):
            self._refuse(
                f"{name_of(function)} gives a shape that depends on values,", "Choose with np.where(mask, a, b)"
            )
        if not all(issubclass(kind, Symbol | np.ndarray) for kind in types):
            return NotImplemented
        target = kwargs.get("out")
        if function in WRITERS:
            target = args[0]
        return self.tape.record(function, args, kwargs, target)

    def __primitive__(self, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """A function made of NumPy is written down as what it does; a Tensor among its arguments goes first."""
        for arg in (*args, *kwargs.values()):
            for item in arg if isinstance(arg, list) else (arg,):
                if isinstance(item, Tensor):
                    return item.__primitive__(function, args, kwargs)
        if function is refuse:
            return self.tape.record(refuse, args, kwargs)
        self.tape.notes.append(where().note or function.__name__)
        try:
            return function.__wrapped__(*args, **kwargs)
        finally:
            self.tape.notes.pop()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        self._refuse(
            "A traced value is asked for its numbers (np.array, np.asarray, printing, or a library that needs them),",
            "Use it as it is (np.copy(x) is a copy), or return it, and look at it after the step",
        )

    def __getattr__(self, name: str) -> Any:
        if name in METHODS:
            method = named(Method, name)
            return lambda *args, **kwargs: self.tape.record(method, (self, *args), kwargs, kwargs.get("out"))
        if name in ("T", "mT", "real", "imag"):
            return self.tape.record(named(Attribute, name), (self,), {})
        if name in ("fill", "sort", "partition"):
            return lambda *args, **kwargs: self.tape.record(named(Method, name), (self, *args), kwargs, self)
        if name in ("tolist", "tobytes", "tofile", "data", "flat", "ctypes"):
            self._refuse(f".{name} asks a traced value for its numbers,", "Return it, and ask after the step")
        raise AttributeError(name)

    def item(self, *args: Any) -> NoReturn:
        self._refuse(".item() asks a traced value for its number,", "Return the value, and call .item() on what comes")

    # ---- entries ---------------------------------------------------------------------------------------------------
    def __getitem__(self, index: Any) -> Any:
        parts = index if isinstance(index, tuple) else (index,)
        if any(_is_mask(part) for part in parts):
            self._refuse(
                "Taking entries by a mask gives a shape that depends on values,", "Choose with np.where(mask, a, b)"
            )
        if any(isinstance(bound, Symbol) for part in parts if isinstance(part, slice) for bound in _bounds(part)):
            self._refuse(
                "A slice up to a traced number has a length that depends on its value,",
                "Pass the number as an argument, as Python's own (an int)",
            )
        return self.tape.record(operator.getitem, (self, index), {})

    def __setitem__(self, index: Any, value: Any) -> None:
        self.tape.record(operator.setitem, (self, index, value), {}, target=self)

    def __iter__(self) -> Any:
        if not self.shape:
            raise TypeError("iteration over a 0-d array")
        return (self[i] for i in range(len(self)))

    # ---- values are not known --------------------------------------------------------------------------------------
    def _refuse(self, what: str, mend: str) -> NoReturn:
        self.tape.refuse(
            f"{where().text}\n{what} which is not known while the step is being compiled: the generated code runs for "
            f"every batch. {mend}; or leave this step uncompiled."
        )

    def __bool__(self) -> bool:
        self._refuse(
            "A traced value decides what happens next (if, while, and, or, max of two),",
            "Choose with np.where(condition, a, b)",
        )

    def __float__(self) -> float:
        self._refuse("float() asks a traced value for its number,", "Return the value, and call float() on what comes")

    def __int__(self) -> int:
        self._refuse("int() asks a traced value for its number,", "Return the value, and call int() on what comes")

    __index__ = __int__

    def __complex__(self) -> complex:
        self._refuse("complex() asks a traced value for its number,", "Return the value")

    def __str__(self) -> str:
        self._refuse("A traced value is printed or put into a text,", "Return it, and print it after the step")

    def __format__(self, spec: str) -> str:
        return str(self)

    def __repr__(self) -> str:
        if is_users(sys._getframe(1).f_code.co_filename):
            return str(self)
        return f"<Symbol {self.shape} {self.dtype}>"

    __hash__ = object.__hash__

    def __copy__(self) -> Any:
        return self.copy()

    def __deepcopy__(self, memo: Any) -> Any:
        return self.copy()

    def __round__(self, digits: int | None = None) -> Any:
        return int(self) if digits is None else self.round(digits)

    def __neg__(self) -> Any:
        return self.tape.record(operator.neg, (self,), {})

    def __pos__(self) -> Any:
        return self.tape.record(operator.pos, (self,), {})

    def __abs__(self) -> Any:
        return self.tape.record(operator.abs, (self,), {})

    def __invert__(self) -> Any:
        return self.tape.record(operator.invert, (self,), {})


OPERATORS = {
    "add": (operator.add, np.add),
    "sub": (operator.sub, np.subtract),
    "mul": (operator.mul, np.multiply),
    "truediv": (operator.truediv, np.divide),
    "floordiv": (operator.floordiv, np.floor_divide),
    "mod": (operator.mod, np.remainder),
    "divmod": (np.divmod, None),
    "pow": (operator.pow, np.power),
    "matmul": (operator.matmul, np.matmul),
    "and": (operator.and_, np.bitwise_and),
    "or": (operator.or_, np.bitwise_or),
    "xor": (operator.xor, np.bitwise_xor),
    "lshift": (operator.lshift, np.left_shift),
    "rshift": (operator.rshift, np.right_shift),
}
for _name, (_function, _ufunc) in OPERATORS.items():
    setattr(Symbol, f"__{_name}__", _binary(_function))
    setattr(Symbol, f"__r{_name}__", _binary(_function, swapped=True))
    if _ufunc:
        setattr(Symbol, f"__i{_name}__", _in_place(_function, _ufunc))
for _name in ("lt", "le", "gt", "ge", "eq", "ne"):
    setattr(Symbol, f"__{_name}__", _binary(getattr(operator, _name)))


def _bounds(part: slice) -> tuple[Any, Any, Any]:
    return part.start, part.stop, part.step


def _is_mask(part: Any) -> bool:
    return isinstance(part, Symbol) and part.dtype == np.bool_ and part.ndim > 0


class TracedGenerator(np.random.Generator):
    """A random generator whose draws are written down: each call of the compiled step draws anew."""

    tape: Tape
    value: Value

    def spawn(self, n_children: int = 1) -> NoReturn:
        Symbol(self.tape, self.value)._refuse(
            ".bit_generator, or .spawn(), asks for what random numbers are made from,",
            "Make a Generator of it before the step, and refer to that one",
        )

    bit_generator = property(spawn)


def traced_generator(tape: Tape, generator: np.random.Generator, name: str) -> TracedGenerator:
    """One that draws, while tracing, what the real one will draw, and leaves that as it is."""
    bits = type(generator.bit_generator)()
    bits.state = generator.bit_generator.state
    twin = TracedGenerator(bits)
    plain = np.random.Generator(bits)
    twin.tape = tape
    twin.value = tape.known(plain, "state", name, generator).value
    return twin


def _drawing(name: str) -> Callable[..., Any]:
    def method(self: TracedGenerator, *args: Any, **kwargs: Any) -> Any:
        target = args[0] if name == "shuffle" else kwargs.get("out")
        return self.tape.record(named(Draw, name), (Symbol(self.tape, self.value), *args), kwargs, target)

    return method


for _name, _member in inspect.getmembers(np.random.Generator):
    if not _name.startswith("_") and callable(_member) and _name not in ("spawn",):
        setattr(TracedGenerator, _name, _drawing(_name))

"""The scene of a step: everything that a function refers to, found by walking from its closure, globals and self.

The walk finds the arrays, tensors and random generators that a step can read or change, and the Python values (numbers,
settings, modes) that a trace takes for granted. While a step is traced, symbols stand in the places of the arrays.
"""

from __future__ import annotations

import dis
import functools
import sys
import types
import weakref
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from tinygrad_edu.backward import Leaf
from tinygrad_edu.nn.module import Module
from tinygrad_edu.optim.group import Group
from tinygrad_edu.optim.optimizer import Optimizer
from tinygrad_edu.tensor import Tensor
from tinygrad_edu.vector import Run

__all__ = ["MISSING", "PLAIN", "Holder", "Scene", "attributes", "exact"]

LIBRARIES = frozenset(sys.stdlib_module_names) | {"numpy", "tinygrad_edu", "__future__"}
PLAIN = (int, float, complex, str, bytes, type(None), np.dtype, np.generic, type(Ellipsis), slice, range)
MISSING = object()


class Holder:
    """Something with named places: the attributes of an object, the entries of a dict or list, a closure's cell."""

    def __init__(self, owner: Any, path: str, kind: str, keys: Any = None) -> None:
        self.owner = owner
        self.path = path
        self.kind = kind
        self.keys = keys  # only these; None for all there are
        self.before = self.now()

    def now(self) -> dict[Any, Any]:
        """What is in the places."""
        owner, kind = self.owner, self.kind
        if kind in ("list", "set"):
            return dict(enumerate(owner))
        if kind == "class":
            return {name: member for name, member in vars(owner).items() if name[:2] != "__" or name == "__call__"}
        if kind == "cell":
            try:
                return {0: owner.cell_contents}
            except ValueError:  # the variable has no value yet
                return {}
        found = owner if kind == "dict" else vars(owner) if kind == "object" else None
        if found is None:
            return {key: getattr(owner, key, MISSING) for key in self.keys}
        return {key: found[key] for key in (found if self.keys is None else self.keys) if key in found}

    def put(self, items: dict[Any, Any]) -> None:
        """Put these things in the places, and nothing else."""
        owner, kind = self.owner, self.kind
        if kind == "set":
            if owner != set(items.values()):
                owner.clear()
                owner.update(items.values())
        elif kind == "class":
            for key in self.now().keys() - items.keys():
                delattr(owner, key)
            for key, value in items.items():
                if vars(owner).get(key, MISSING) is not value:
                    setattr(owner, key, value)
        elif kind == "list":
            if [*map(id, owner)] != [*map(id, items.values())]:
                owner.clear()
                owner.extend(items.values())
        elif kind == "cell":
            if items:
                owner.cell_contents = items[0]
        elif kind == "slots":
            for key, value in items.items():
                if value is not getattr(owner, key, MISSING):
                    object.__setattr__(owner, key, value)
        else:
            places = owner if kind == "dict" else vars(owner)
            if self.keys is None:
                for key in [key for key in places if key not in items]:
                    del places[key]
            for key, value in items.items():
                if places.get(key, MISSING) is not value:
                    places[key] = value

    def usual(self, key: Any) -> Any:
        """What is found where there is nothing: of an object what its class has, such as Module.training."""
        return getattr(type(self.owner), key, MISSING) if self.kind == "object" else MISSING

    def name(self, key: Any) -> str:
        """How a place is called in a message."""
        if self.kind == "cell":
            return self.path
        if self.kind in ("list", "set", "dict") and not (self.kind == "dict" and self.keys is not None):
            return f"{self.path}[{key!r}]"
        return f"{self.path}.{key}" if self.path else str(key)


class Scene:
    """What a function refers to.

    Args:
        roots: (name, thing) to begin with: the function, and the state that the user names.
    """

    def __init__(self, roots: list[tuple[str, Any]]) -> None:
        self.holders: list[Holder] = []
        self.arrays: dict[int, tuple[str, Any]] = {}
        self.tensors: dict[int, tuple[str, Tensor]] = {}
        self.generators: dict[int, tuple[str, np.random.Generator]] = {}
        self.leaves: list[Leaf] = []
        self.modules: list[Module] = []
        self.plain: list[tuple[str, Any]] = []
        self._seen: dict[int, Any] = {}
        self._ahead = deque(roots)
        while self._ahead:
            self._visit(*self._ahead.popleft())

    # ---- walking -----------------------------------------------------------------------------------------------
    def _visit(self, path: str, value: Any) -> None:
        if isinstance(value, PLAIN):
            self.plain.append((path, value))
            return
        if id(value) in self._seen:
            return
        self._seen[id(value)] = value
        if isinstance(value, np.ndarray):
            self.arrays[id(value)] = (path, value)
        elif isinstance(value, np.random.Generator):
            self.generators[id(value)] = (path, value)
        elif isinstance(value, Tensor):
            self.tensors[id(value)] = (path, value)
            self._hold(value, path, "slots", ("_data", "node"))
        elif isinstance(value, Leaf):
            self.leaves.append(value)
        elif isinstance(value, list | deque):
            self._hold(value, path, "list")
        elif isinstance(value, dict):
            self._hold(value, path, "dict")
        elif isinstance(value, set):
            self._hold(value, path, "set")
        elif isinstance(value, tuple | frozenset):
            for i, item in enumerate(value):
                self._ahead.append((f"{path}[{i}]", item))
        else:
            self._visit_thing(path, value)

    def _visit_thing(self, path: str, value: Any) -> None:
        if isinstance(value, type):
            self._visit_class(value)
        elif isinstance(value, types.FunctionType):
            self._visit_function(path, value)
        elif isinstance(value, classmethod | staticmethod):
            self._ahead.append((path, value.__func__))
        elif isinstance(value, property):
            self._ahead.append((path, value.fget))
        elif isinstance(value, functools.cached_property):
            self._ahead.append((path, value.func))
        elif isinstance(value, weakref.ref):
            self._ahead.append((path, value()))
        elif isinstance(value, types.MethodType):
            self._ahead += [(path.rpartition(".")[0], value.__self__), (path, value.__func__)]
        elif isinstance(value, functools.partial):
            self._ahead += [(path, value.func), (path, value.args), (path, value.keywords)]
        elif isinstance(value, Run):
            self._hold(value, path, "slots", Run.__slots__)
        elif hasattr(type(value), "__refers_to__"):  # another compiled step: what it does is what its function does
            self._ahead += value.__refers_to__()
        elif not _is_foreign(value):
            if isinstance(value, Module):
                value.parameters()  # moves them into one vector, if nobody has yet; better now than half-way
                self.modules.append(value)
                self.plain.append((f"{path}.training", value.training))
            if slots := _slots(value):
                self._hold(value, path, "slots", slots)
            if hasattr(value, "__dict__"):
                self._hold(value, path, "object")
            if wrapped := getattr(value, "__wrapped__", None):
                self._ahead.append((path, wrapped))
            self._ahead.append((path, type(value)))

    def _visit_class(self, kind: type) -> None:
        for own in kind.__mro__:
            if not _is_library(own.__module__) and (own is kind or id(own) not in self._seen):
                self._seen[id(own)] = own
                self._hold(own, own.__name__, "class")

    def _visit_function(self, path: str, function: Any) -> None:
        names = function.__code__.co_freevars
        for name, cell in zip(names, function.__closure__ or ()):
            self._hold(cell, name, "cell")
        for name, default in (function.__kwdefaults__ or {}).items():
            self._ahead.append((name, default))
        defaults = function.__defaults__ or ()
        code = function.__code__
        self._ahead += zip(code.co_varnames[code.co_argcount - len(defaults) :], defaults)
        if vars(function):
            self._hold(function, path, "object")
        if wrapped := getattr(function, "__wrapped__", None):
            self._ahead.append((path, wrapped))
        if not _is_library(function.__module__) or code.co_filename.startswith("<"):
            used, attributes, imported = _loaded(code)
            self._visit_names(function.__globals__, used, attributes)
            for name in sorted(imported & sys.modules.keys()):
                if not _is_library(name):
                    self._visit_names(vars(sys.modules[name]), attributes, attributes)

    def _visit_names(self, names: dict[str, Any], globals_used: set[str], attributes: set[str]) -> None:
        found = {name for name in globals_used if name in names and not name.startswith("__")}
        modules = {name for name in found if isinstance(names[name], types.ModuleType)}
        if found - modules:
            self._hold(names, "", "dict", sorted(found - modules))
        for name in sorted(modules):
            module = names[name]
            if not _is_library(module.__name__):
                self._visit_names(vars(module), attributes, attributes)

    def _hold(self, owner: Any, path: str, kind: str, keys: Any = None) -> None:
        holder = Holder(owner, path, kind, keys)
        self.holders.append(holder)
        for key, value in holder.before.items():
            self._ahead.append((holder.name(key), value))

    # ---- standing in ---------------------------------------------------------------------------------------------
    def put(self, stand_in: Callable[[Any], Any]) -> None:
        """Put `stand_in(thing)` in the place of every array and generator."""
        for holder in self.holders:
            holder.put({key: _deep(value, stand_in) for key, value in holder.before.items()})

    def restore(self) -> None:
        """Put everything back as it was found."""
        for holder in self.holders:
            holder.put(holder.before)

    def changes(self, stand_in: Callable[[Any], Any]) -> Iterator[tuple[Holder, Any, Any]]:
        """(holder, key, what is there now) of every place where something else is than was put there."""
        for holder in self.holders:
            now = holder.now()
            for key in {**holder.before, **now}:
                put = _deep(holder.before[key], stand_in) if key in holder.before else holder.usual(key)
                if not _same(now.get(key, MISSING), put):
                    yield holder, key, now.get(key, MISSING)

    # ---- what is taken for granted ---------------------------------------------------------------------------------
    def signature(self) -> tuple[Any, ...]:
        """Equal for two scenes if a program traced in one is right in the other."""
        return (
            # A learning rate that is a number is read from an array, as the step itself does.
            tuple((path, *exact(v)) for path, v in self.plain if not path.endswith("._everything['lr']")),
            tuple((path, id(value), value.shape, value.strides, value.dtype) for path, value in self.arrays.values()),
            tuple((path, id(value)) for path, value in (*self.tensors.values(), *self.generators.values())),
            tuple((leaf.grad is None, leaf.used) for leaf in self.leaves),
            tuple(id(thing) for thing in self._seen.values() if callable(thing)),
        )

    def watched(self) -> Iterator[Holder]:
        """What to look at before each step. A place that differs asks for a closer look.

        Of optimizers only what can change alone; their settings are for the caller to look at, group by group.
        """
        quiet = self._settings()
        for holder in self.holders:
            owner = holder.owner
            if holder.kind == "object" and isinstance(owner, Optimizer):
                continue
            if isinstance(owner, Group):
                continue
            if any(owner is inner for inner in quiet):
                continue
            yield holder

    def _settings(self) -> list[Any]:
        """Containers inside optimizers that change only together with others that are watched."""
        inner: list[Any] = []
        for thing in self._seen.values():
            if isinstance(thing, Optimizer):
                inner += [thing.params, thing._settings]
            elif isinstance(thing, Group):
                inner += [thing._everything]
            elif isinstance(thing, Run):
                inner += [thing.parameters, thing.told]
        return inner

    def groups(self) -> list[Group]:
        """The parameter groups of all optimizers."""
        return [thing for thing in self._seen.values() if isinstance(thing, Group)]

    def knows(self, thing: Any) -> bool:
        """Whether it was found, so that it was there before the step."""
        return id(thing) in self._seen

    def is_engines(self, owner: Any) -> bool:
        """Whether it is an optimizer or a container inside one."""
        lists = [group.runs for group in self.groups()]
        own = isinstance(owner, Optimizer | Group | Run)
        return own or any(owner is inner for inner in (*self._settings(), *lists))


def _deep(value: Any, stand_in: Callable[[Any], Any]) -> Any:
    """The stand-in; tuples that hold arrays are made anew."""
    if isinstance(value, np.ndarray | np.random.Generator):
        return stand_in(value)
    if isinstance(value, tuple):
        items = [_deep(item, stand_in) for item in value]
        if any(item is not own for item, own in zip(items, value)):
            return type(value)(*items) if hasattr(value, "_fields") else type(value)(items)
    return value


def _same(a: Any, b: Any) -> bool:
    if a is b:
        return True
    if isinstance(a, tuple) and isinstance(b, tuple) and len(a) == len(b):
        return all(map(_same, a, b))
    return type(a) is type(b) and isinstance(a, PLAIN) and bool(a == b)


def exact(value: Any) -> tuple[Any, Any]:
    """What tells a plain value from others as arithmetic does: 0.0 from -0.0 and from 0, but not NaN from NaN."""
    return type(value), repr(value) if isinstance(value, float | complex | np.generic) else value


def _is_library(module: Any) -> bool:
    """Whether a module is nobody's own code: what it does depends on its arguments, and is not to be walked through."""
    name = str(module or "builtins")
    file = getattr(sys.modules.get(name), "__file__", None) or ""
    return name.partition(".")[0] in LIBRARIES or "site-packages" in file or "dist-packages" in file


def attributes(value: Any) -> Iterator[Any]:
    """What an object holds in its attributes."""
    yield from getattr(value, "__dict__", {}).values()
    yield from (getattr(value, name, None) for name in _slots(value))


def _slots(value: Any) -> list[str]:
    """The names of an object's slots, as attributes."""
    found = []
    for kind in type(value).__mro__:
        names = vars(kind).get("__slots__", ())
        for name in [names] if isinstance(names, str) else names:
            if not name.endswith("__"):
                found.append(f"_{kind.__name__.lstrip('_')}{name}" if name.startswith("__") else name)
    return found


def _is_foreign(value: Any) -> bool:
    """Modules, and objects of NumPy's and Python's own that keep no arrays of the step's."""
    if isinstance(value, types.SimpleNamespace):
        return False
    top = type(value).__module__.partition(".")[0]
    return isinstance(value, types.ModuleType) or top == "numpy" or top in sys.stdlib_module_names


def _loaded(code: types.CodeType) -> tuple[set[str], set[str], set[str]]:
    """The globals that code uses, functions inside it too; the attributes that it asks for; what it imports."""
    loaded, attributes, imported = set(), set(), set()
    for instruction in dis.get_instructions(code):
        if instruction.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
            loaded.add(instruction.argval)
        elif instruction.opname in ("LOAD_ATTR", "LOAD_METHOD", "IMPORT_FROM"):
            attributes.add(instruction.argval)
        elif instruction.opname == "IMPORT_NAME":
            imported.add(instruction.argval)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            inner, asked, brought = _loaded(constant)
            loaded |= inner
            attributes |= asked
            imported |= brought
    return loaded, attributes, imported

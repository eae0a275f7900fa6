"""tg.compile: a training step becomes NumPy source, and that is what runs from then on."""

from __future__ import annotations

import contextlib
import functools
import inspect
import re
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, overload

import numpy as np

from tinygrad_edu.backward import Leaf
from tinygrad_edu.compile.buffers import allocated
from tinygrad_edu.compile.numba_backend import NumbaSource
from tinygrad_edu.compile.optimize import optimized
from tinygrad_edu.compile.program import CompileError
from tinygrad_edu.compile.scene import PLAIN, Holder, Scene, exact
from tinygrad_edu.compile.source import Source
from tinygrad_edu.compile.tracing import Trace, Unsettled, is_array, trace, tracing
from tinygrad_edu.pytree import flatten
from tinygrad_edu.recording import no_grad, recording
from tinygrad_edu.tensor import Tensor
from tinygrad_edu.vector import Run

__all__ = ["Compiled", "compile"]

KEPT = 16  # programs of one step, for its shapes and settings; the one that was not used for longest goes
MISS = object()


class Compiled:
    """A step that runs as generated NumPy code. Made by `compile`; call it as the function that it was made from.

    Its buffers belong to it, so call it from one thread at a time.
    """

    def __init__(self, function: Callable[..., Any], kind: str, state: Any, backend: str) -> None:
        functools.update_wrapper(self, function, updated=())
        self.function = function
        self.kind = kind
        self.backend = backend
        self._roots = [("", function), *((f"state[{i}]", thing) for i, thing in enumerate(state))]
        self._programs: list[_Ready] = []
        self._fast: Callable[..., Any] | None = None
        self._unsettled = 0

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self._fast is not None and not kwargs:
            result = self._fast(*args)
            if result is not MISS:
                return result
        return self._look(args, kwargs)

    def __get__(self, instance: Any, owner: Any) -> Any:
        """As a method: bound to the instance, once for each."""
        if instance is None:
            return self
        name = getattr(self.function, "__name__", "step")
        bound = Compiled(self.function.__get__(instance, owner), self.kind, (), self.backend)
        if hasattr(instance, "__dict__"):
            instance.__dict__[name] = bound
        return bound

    def __refers_to__(self) -> list[tuple[str, Any]]:
        return self._roots

    # ---- what a reader wants to see ------------------------------------------------------------------------------
    @property
    def source(self) -> str:
        """The program that ran last, as NumPy source that runs alone.

        Raises:
            RuntimeError: the step has not run yet.
        """
        return self._latest().source.text()

    @property
    def stats(self) -> dict[str, Any]:
        """Of the program that ran last: `calls`, how many are left after each optimisation; `buffers`; `bytes`."""
        return {**self._latest().stats, "programs": len(self._programs)}

    @property
    def generated(self) -> Callable[..., Any]:
        """The function that ran last, bare: it takes arrays, returns arrays, and does not look whether it is right."""
        call: Callable[..., Any] = self._latest().call
        return call

    def save(self, path: str | Path) -> None:
        """Write a file that trains on without tinygrad_edu: the source, with the numbers as they are now."""
        Path(path).write_text(self._latest().source.text(with_numbers=True), encoding="utf-8")

    def _latest(self) -> _Ready:
        if not self._programs:
            raise RuntimeError("this step has not run yet: call it once, with data of the right shape")
        return self._programs[0]

    # ---- finding the right program -------------------------------------------------------------------------------
    def _look(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """One of the other programs, or the same after a closer look, or a new one."""
        if tracing.on:  # inside another compiled step: it becomes a part of that one
            with no_grad() if self.kind == "inference" else contextlib.nullcontext():
                return self.function(*args, **kwargs)
        if not kwargs:
            for ready in self._programs[1:]:
                result = ready.fast(*args)
                if result is not MISS:
                    self._first(ready)
                    return result
        flat, rebuild = flatten((args, kwargs))
        things = [(f"argument {i}", a) for i, a in enumerate(flat) if not is_array(a) and not isinstance(a, PLAIN)]
        scene = Scene([*self._roots, *things])
        key = (_kinds(flat), _shape(rebuild(["*"] * len(flat))), recording.on, scene.signature())
        for ready in self._programs:
            if ready.key == key:
                ready.watch(scene, flat, bool(kwargs) or len(flat) != len(args))
                self._first(ready)
                return ready.run(flat)
        try:
            traced = trace(self.function, scene, flat, rebuild, self.kind)
        except Unsettled as change:
            self._unsettled += 1
            if self._unsettled > 3:
                raise CompileError(f"The step changes {change} at every call; a compiled step could not.") from None
            return self.function(*args, **kwargs)
        self._unsettled = 0
        ready = _Ready(self, traced, scene, flat, key, _names(self.function, args, kwargs))
        ready.watch(scene, flat, bool(kwargs) or len(flat) != len(args))
        self._programs = [ready, *self._programs[: KEPT - 1]]
        self._first(ready)
        return ready.run(flat)

    def _first(self, ready: _Ready) -> None:
        self._programs.remove(ready)
        self._programs.insert(0, ready)
        self._fast = ready.fast


class _Ready:
    """A program made into a function, with the look at the scene that must come before each call."""

    def __init__(
        self, owner: Compiled, traced: Trace, scene: Scene, flat: list[Any], key: Any, names: list[str]
    ) -> None:
        self.key = key
        self.traced = traced
        program = optimized(traced.program)
        read = {value for call in program.calls for value in call.values()} | set(program.outputs)
        given = {id(value): leaf for leaf, value in traced.given}
        program.arguments = [v for v in program.arguments if id(v) not in given or v in read]
        self.given = [given[id(v)] for v in program.arguments if id(v) in given]
        allocated(program)
        arrays = [name for name, arg in zip(names, flat) if is_array(arg)]
        arrays += [f"old_gradient_{i}" for i in range(len(self.given))]
        texts = (program, arrays, _nicknames(scene), _plain_name(owner.function))
        self.source = Source(*texts)
        if owner.backend == "numba":
            machine = NumbaSource(*texts)
            machine.fallback = self.source
            self.call = machine.make()
        else:
            self.call = self.source.make()
        self.registry: dict[Any, Any] = {}
        self.stats = {
            "calls": dict(program.stages),
            "buffers": len(program.buffers),
            "bytes": sum(value.sample.nbytes for value in program.buffers),
        }
        place = {value: i for i, value in enumerate(program.outputs)}
        self.results = [(kind, place[what] if kind != "plain" else what) for kind, what in traced.results]
        self.left = [(leaf, None if g is None else place[g], used) for leaf, g, used in traced.gradients]
        self.is_single = len(program.outputs) == 1
        self.is_one = len(self.results) == 1 and self.results[0][0] != "plain" and not self.left
        self.is_one &= self.is_single and not self.traced.warnings and not self.given
        self.is_one = self.is_one and traced.rebuild(["*"]) == "*"
        self.fast: Callable[..., Any] = lambda *args: MISS
        program.forget()

    def run(self, flat: list[Any]) -> Any:
        """One step."""
        arrays = [arg._data if isinstance(arg, Tensor) else arg for arg in flat if is_array(arg)]
        out = self.call(*arrays, *(leaf.grad for leaf in self.given))
        out = (out,) if self.is_single else out
        for warning in self.traced.warnings:
            warnings.warn_explicit(
                warning.message, warning.category, warning.filename, warning.lineno, registry=self.registry
            )
        for leaf, i, used in self.left:
            leaf.grad, leaf.used = (None if i is None else np.asarray(out[i])), used
        return self.traced.rebuild([_result(kind, what, out) for kind, what in self.results])

    def watch(self, scene: Scene, flat: list[Any], nested: bool) -> None:
        """Make the function that looks whether everything is as it was, and then takes the step."""
        if nested:
            return
        look = _Look()
        for i, arg in enumerate(flat):
            look.argument(i, arg)
        look.check("recording.on is {}", recording.on, recording=recording)
        for group in scene.groups():
            look.check("{}.has_schedule is {}", group, group.has_schedule)
            for name, value in group.items():
                if name != "params" and (name != "lr" or group.has_schedule):  # a number is read from its array
                    look.check(f"{{}}._everything[{name!r}] is {{}}", group, value)
        for holder in scene.watched():
            look.holder(holder)
        for module in scene.modules:
            if "training" not in vars(module):
                look.check("{}.training is {}", module, module.training)
        for leaf in scene.leaves:
            look.check("{}.grad is None" if leaf.grad is None else "{}.grad is not None", leaf)
            if leaf.grad is not None:  # whether to warn that it is being added to
                look.check("{}.used is {}", leaf, leaf.used)
        self.fast = look.function(len(flat), self)


class _Look:
    """Writes the conditions under which a program is right, as one Python expression."""

    def __init__(self) -> None:
        self.conditions: list[str] = []
        self.names: dict[str, Any] = {"ndarray": np.ndarray, "Tensor": Tensor, "MISS": MISS}
        self.known: dict[int, str] = {}

    def name(self, thing: Any) -> str:
        if thing is None or thing is True or thing is False:
            return repr(thing)
        if id(thing) not in self.known:
            self.known[id(thing)] = name = f"k{len(self.known)}"
            self.names[name] = thing
        return self.known[id(thing)]

    def check(self, condition: str, *things: Any, **names: Any) -> None:
        self.names.update(names)
        text = condition.format(*map(self.name, things))
        if text not in self.conditions:
            self.conditions.append(text)

    def argument(self, i: int, arg: Any) -> None:
        x = f"x{i}"
        if isinstance(arg, np.ndarray):
            self.conditions += [f"type({x}) is {self.name(type(arg))}", f"{x}.shape == {arg.shape}"]
            self.conditions += [f"{x}.dtype is {self.name(arg.dtype)}", f"{x}.strides == {arg.strides}"]
        elif isinstance(arg, Tensor):
            self.conditions += [f"type({x}) is Tensor", f"{x}.node is None", f"{x}._data.shape == {arg.shape}"]
            self.conditions += [f"{x}._data.dtype is {self.name(arg.dtype)}"]
            self.conditions += [f"{x}._data.strides == {arg.data.strides}"]
        elif isinstance(arg, np.generic):
            self.conditions += [f"type({x}) is {self.name(type(arg))}"]
        elif isinstance(arg, float | complex) and (arg == 0 or arg != arg):  # 0.0 is not -0.0, but NaN is NaN
            self.conditions += [f"type({x}) is {self.name(type(arg))}", f"repr({x}) == {repr(arg)!r}"]
        elif isinstance(arg, PLAIN):
            self.conditions += [f"type({x}) is {self.name(type(arg))}", f"{x} == {self.name(arg)}"]
        else:
            self.conditions += [f"{x} is {self.name(arg)}"]

    def holder(self, holder: Holder) -> None:
        if holder.kind == "set":
            self.check("{} == {}", holder.owner, frozenset(holder.before.values()))
            return
        if holder.kind not in ("cell", "slots") and holder.keys is None:
            places = vars(holder.owner) if holder.kind in ("object", "class") else holder.owner
            self.check(f"len({{}}) == {len(places)}", places)
        for key, value in holder.before.items():
            self.place(holder, key, value)

    def place(self, holder: Holder, key: Any, value: Any) -> None:
        owner = holder.owner
        if holder.kind == "cell":
            self.check("{}.cell_contents is {}", owner, value)
        elif holder.kind == "slots":
            if (key == "node" and isinstance(value, Leaf)) or (key == "parameters" and isinstance(owner, Run)):
                return  # it never changes alone
            if key == "told" and isinstance(owner, Run):  # made anew when a setting changes, with the same arrays in it
                for name, array in value.items():
                    if isinstance(array, np.ndarray):
                        self.check(f"{{}}.told[{name!r}] is {{}}", owner, array)
                return
            self.check(f"{{}}.{key} is {{}}", owner, value)
        else:
            places = vars(owner) if holder.kind in ("object", "class") else owner
            self.check(
                f"{{}}[{key!r}] is {{}}" if isinstance(key, str | int) else "{}[{}] is {}",
                places,
                *([] if isinstance(key, str | int) else [key]),
                value,
            )

    def function(self, count: int, ready: _Ready) -> Callable[..., Any]:
        """fast(*args): the step's result, or MISS."""
        names = "".join(f"x{i}, " for i in range(count))
        self.names["run"] = ready.run
        given = "".join(f"x{i}=MISS, " for i in range(count))
        lines = [f"def fast({given}*more):"]
        lines += ["    try:"]
        lines += [f"        if more or not ({' and '.join(self.conditions) or 'True'}):", "            return MISS"]
        lines += ["    except (AttributeError, LookupError, ValueError):  # something is not there any more"]
        lines += ["        return MISS"]
        kinds = [line for line in self.conditions if line.endswith(") is Tensor")]
        if ready.is_one and not kinds:
            arrays = [f"x{i}" for i in range(count) if f"type(x{i}) is" in " ".join(self.conditions)]
            plain = {f"x{i}" for i in range(count) if f"x{i} == " in " ".join(self.conditions)}
            self.names |= {"call": ready.call, "new": object.__new__, "asarray": np.asarray}
            made = f"call({', '.join(x for x in arrays if x not in plain)})"
            lines += (
                [f"    return {made}"]
                if ready.results[0][0] == "array"
                else [
                    f"    out = asarray({made})",
                    "    out.setflags(False)",
                    "    tensor = new(Tensor)",
                    "    tensor._data = out",
                    "    tensor.node = None",
                    "    return tensor",
                ]
            )
        else:
            lines += [f"    return run(({names}))"]
        exec("\n".join(lines), self.names)
        fast: Callable[..., Any] = self.names["fast"]
        return fast


def _result(kind: str, what: Any, out: Any) -> Any:
    if kind == "plain":
        return what
    if kind == "array":
        return out[what]
    data = np.asarray(out[what])
    tensor: Tensor = object.__new__(Tensor)
    tensor._data, tensor.node = data, None
    if data.flags.owndata:
        data.setflags(write=False)
    return tensor


def _kinds(flat: list[Any]) -> tuple[Any, ...]:
    """What a program depends on of its arguments: shape and dtype of data, the value of everything else."""
    kinds: list[Any] = []
    for arg in flat:
        array = arg._data if isinstance(arg, Tensor) else arg
        if is_array(arg):
            layout = (array.shape, array.dtype, array.strides) if isinstance(array, np.ndarray) else array.dtype
            kinds.append((type(arg), layout, getattr(arg, "requires_grad", False)))
        else:
            kinds.append(exact(arg) if isinstance(arg, PLAIN) else (type(arg), id(arg)))
    return tuple(kinds)


def _shape(tree: Any) -> Any:
    """A tree of arguments that can be compared."""
    if isinstance(tree, dict):
        return ("dict", *((key, _shape(value)) for key, value in tree.items()))
    return (type(tree), *map(_shape, tree)) if isinstance(tree, list | tuple) else tree


def _names(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[str]:
    """A name for every leaf of the arguments."""
    try:
        own = [p.name for p in inspect.signature(function).parameters.values() if p.kind is not p.VAR_POSITIONAL]
    except (TypeError, ValueError):
        own = []
    names = []
    for i, arg in enumerate((*args, *kwargs.values())):
        name = own[i] if i < len(own) else f"x{i}"
        name = list(kwargs)[i - len(args)] if i >= len(args) else name
        number = len(flatten(arg)[0])
        names += [name] if number == 1 else [f"{name}_{k}" for k in range(number)]
    return names


def _plain_name(function: Any) -> str:
    name = getattr(function, "__name__", "step")
    return name if re.fullmatch(r"[A-Za-z_]\w*", name) else "step"


def _nicknames(scene: Scene) -> dict[int, str]:
    """Array → the name that its module knows it by, a number at the end: `weight_0` for the parameter 0.weight."""
    names: dict[int, str] = {}
    for module in scene.modules:
        for name, array in [*((n, p._data) for n, p in module.named_parameters()), *module.named_buffers()]:
            words = name.split(".")
            numbers = [word for word in words if word.isdigit()]
            names.setdefault(id(array), "_".join([*(w for w in words if not w.isdigit()), *numbers]))
    return names


@overload
def compile(function: Callable[..., Any], *, kind: str = ..., state: Any = ..., backend: str = ...) -> Compiled: ...
@overload
def compile(
    function: None = None, *, kind: str = ..., state: Any = ..., backend: str = ...
) -> Callable[[Callable[..., Any]], Compiled]: ...
def compile(function: Any = None, *, kind: str = "step", state: Any = (), backend: str = "numpy") -> Any:
    """Turn a training step into NumPy source, and run that: forward, backward and update as one straight list of calls.

    The function is ordinary eager code; its arguments are the data. What it changes (model, optimizer, schedule,
    random generators) is found in what it refers to: its closure, globals and self. The first call with new shapes or
    dtypes, or after a setting has changed, traces the function; later calls run the generated one, and give eager's
    results. Read it in `.source`, count its calls in `.stats`, write it to a file with `.save(path)`.

    Args:
        function: the step. Left out, `compile` is a decorator with options.
        kind: "step" for code that goes backward itself; "inference" for a forward pass alone, without gradients.
        state: more objects whose arrays the step reads or writes, where the walk does not reach them.
        backend: "numpy", or "numba" for machine code (needs the extra numba).

    Returns:
        An object to call as the function.

    Raises:
        CompileError: when called, if the step branches on a traced value, asks for its number, or changes something of
            Python's; the message names the line and the mend. Nothing is changed then.
        ValueError: an unknown kind or backend.

    Example:
        >>> import numpy as np, tinygrad_edu as tg
        >>> net = tg.nn.Sequential(tg.nn.Linear(4, 3, rng=0), tg.nn.ReLU(), tg.nn.Linear(3, 4, rng=1))
        >>> optimizer = tg.optim.SGD(net.parameters(), lr=0.1)
        >>> @tg.compile
        ... def step(x, y):
        ...     loss = tg.nn.mse_loss(net(x), y)
        ...     loss.backward()
        ...     optimizer.step()
        ...     optimizer.zero_grad()
        ...     return loss
        >>> x, y = np.array([[1.0, 0.0, 1.0, 1.0]]), np.array([[1.0, 1.0, 0.0, 1.0]])
        >>> first = step(x, y).item()
        >>> for _ in range(100):
        ...     loss = step(x, y)
        >>> loss.item() < first / 100
        True
    """
    if kind not in ("step", "inference"):
        raise ValueError(f"compile(kind={kind!r}): it can be 'step' or 'inference'")
    if backend not in ("numpy", "numba"):
        raise ValueError(f"compile(backend={backend!r}): it can be 'numpy' or 'numba'")
    if function is None:
        return lambda f: compile(f, kind=kind, state=state, backend=backend)
    if not callable(function):
        raise TypeError(f"compile takes a function, not {type(function).__name__}")
    return Compiled(function, kind, state if isinstance(state, list | tuple) else [state], backend)

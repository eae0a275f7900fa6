"""tg.compile: a training step becomes NumPy source, and that is what runs from then on."""

from __future__ import annotations

import contextlib
import functools
import inspect
import threading
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, overload

import numpy as np

from tinygrad_edu.compile.look import MISS
from tinygrad_edu.compile.program import CompileError
from tinygrad_edu.compile.ready import Ready, data_of
from tinygrad_edu.compile.scene import PLAIN, Scene, exact
from tinygrad_edu.compile.tracing import Unsettled, is_array, trace, tracing
from tinygrad_edu.pytree import flatten
from tinygrad_edu.recording import no_grad, recording
from tinygrad_edu.tensor import Tensor

__all__ = ["Compiled", "compile"]

KEPT = 16  # programs of one step, for its shapes and settings; the one that was not used for longest goes


class Compiled:
    """A step that runs as generated NumPy code. Made by `compile`; call it as the function that it was made from.

    Several threads may call it. Its buffers are there once, so one computes at a time.
    """

    def __init__(self, function: Callable[..., Any], kind: str, state: Any, backend: str) -> None:
        functools.update_wrapper(self, function, updated=())
        self.function = function
        self.kind = kind
        self.backend = backend
        self._state = state
        self._roots = [("", function), *((f"state[{i}]", thing) for i, thing in enumerate(state))]
        self._name: Any = None  # as an attribute of its class
        self._bound: dict[Any, Compiled] = {}
        self._programs: list[Ready] = []
        self._fast: Callable[..., Any] | None = None
        self._unsettled = 0
        self._is_crowded = False
        self._lock = threading.RLock()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        fast = self._fast
        if fast is not None and not kwargs:
            result = fast(*args)
            if result is not MISS:
                return result
        with self._lock:
            return self._look(args, kwargs)

    def __set_name__(self, owner: Any, name: str) -> None:
        self._name = name

    def __get__(self, instance: Any, owner: Any) -> Any:
        """As a method: bound to the instance, or to the class, once for each."""
        if instance is None:
            return self
        places, name = getattr(instance, "__dict__", {}), self._name
        if isinstance(instance, type):  # a classmethod: a class is no place to write to
            places, name = self._bound, instance
        bound = places.get(name)
        if isinstance(bound, Compiled) and getattr(bound.function, "__func__", None) is self.function:
            return bound
        bound = Compiled(self.function.__get__(instance, owner), self.kind, self._state, self.backend)
        if name and name not in places:  # there is another one if this is super()'s
            places[name] = bound
        return bound

    def __reduce__(self) -> Any:
        """A copy traces anew: the programs are bound to the arrays of this one."""
        return Compiled, (self.function, self.kind, self._state, self.backend), {"_name": self._name}

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
        """Write a file that trains on without tinygrad_edu: the source, with the numbers as they are now.

        Raises:
            CompileError: the step calls functions that are not NumPy's own, which a file cannot hold.
        """
        if foreign := self._latest().source.foreign:
            raise CompileError(
                f"The step calls {', '.join(foreign)}, which NumPy does not have, so a file that needs NumPy alone "
                "cannot be written. Write what it does with NumPy's functions, or take step.source and put the "
                "functions into their places."
            )
        Path(path).write_text(self._latest().source.text(with_numbers=True), encoding="utf-8")

    def _latest(self) -> Ready:
        if not self._programs:
            raise RuntimeError("this step has not run yet: call it once, with data of the right shape")
        return self._programs[0]

    # ---- finding the right program -------------------------------------------------------------------------------
    def _look(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """One of the other programs, or the same after a closer look, or a new one."""
        if tracing.on:  # inside another compiled step: it becomes a part of that one
            return self._eagerly(args, kwargs)
        flat, rebuild = flatten((args, kwargs))
        shape = _shape((args, kwargs))
        for ready in self._programs:
            if ready.shape == shape:
                result = ready.fast(*flat)
                if result is not MISS:
                    self._first(ready)
                    return result
        things = [(f"argument {i}", a) for i, a in enumerate(flat) if not is_array(a) and not isinstance(a, PLAIN)]
        scene = Scene([*self._roots, *things])
        key = (_kinds(flat), recording.on, scene.signature())
        found = [ready for ready in self._programs if ready.shape == shape and ready.key == key]
        if not found:
            try:
                traced = trace(self.function, scene, flat, rebuild, self.kind)
            except Unsettled as change:
                self._unsettled += 1
                if self._unsettled > 3:
                    raise CompileError(f"The step changes {change} at every call; a compiled step could not.") from None
                return self._eagerly(args, kwargs)
            self._unsettled = 0
            names = _names(self.function, args, kwargs)
            found = [Ready(self.function, self.backend, traced, scene, flat, (shape, key), names)]
            self._keep(found[0])
        ready = found[0]
        ready.watch(scene, flat)
        self._first(ready)
        return ready.run(data_of(flat))

    def _keep(self, ready: Ready) -> None:
        self._programs.insert(0, ready)
        if len(self._programs) > KEPT:
            self._programs.pop()
            was_crowded, self._is_crowded = self._is_crowded, True
            if not was_crowded:
                warnings.warn(
                    f"{self.function!r:.80} has been compiled for more than {KEPT} kinds of arguments and settings. "
                    "Tracing takes longer than many steps, and only the latest are kept: give it batches of few "
                    "shapes, and numbers that change as arrays; or leave it uncompiled.",
                    stacklevel=4,
                )

    def _eagerly(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        with no_grad() if self.kind == "inference" else contextlib.nullcontext():
            return self.function(*args, **kwargs)

    def _first(self, ready: Ready) -> None:
        self._programs.remove(ready)
        self._programs.insert(0, ready)
        self._fast = ready.fast if ready.is_flat else None


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
    return (type(tree), *map(_shape, tree)) if isinstance(tree, list | tuple) else "*"


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

    What a step reads from outside Python's objects, such as files, the environment or the network, or finds in
    installed packages, is taken for constant: pass it as an argument.

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
    if any(test(function) for test in (inspect.isgeneratorfunction, inspect.iscoroutinefunction)):
        raise TypeError("compile takes a function that returns its result, not one with yield or async in it")
    return Compiled(function, kind, state if isinstance(state, list | tuple) else [state], backend)

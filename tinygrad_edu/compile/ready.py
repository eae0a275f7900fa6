"""A program that is ready to run, and what surrounds it: the check before, gradients and results after."""

from __future__ import annotations

import re
import threading
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_edu.compile.buffers import allocated
from tinygrad_edu.compile.look import MISS, Look
from tinygrad_edu.compile.numba_backend import NumbaSource
from tinygrad_edu.compile.optimize import optimized
from tinygrad_edu.compile.scene import Scene
from tinygrad_edu.compile.source import Source
from tinygrad_edu.compile.tracing import Trace, is_array
from tinygrad_edu.recording import recording
from tinygrad_edu.tensor import Tensor

__all__ = ["Ready", "data_of"]


# What comes after the look. Most steps return one tensor, and some one array: these take the short way.
RUN = "return run([{data}])"
ENDINGS = {
    "array": "return out",
    "fresh tensor": """\
out = asarray(out)
out.setflags(False)
tensor = new(Tensor)
tensor._data = out
tensor.node = None
return tensor""",
}
CALL = "out = call({data})\n"
CALL_IN_TURN = "with lock:\n    out = call({data})\n"


class Ready:
    """A program made into a function, with the look at the scene that must come before each call."""

    def __init__(
        self, function: Any, backend: str, traced: Trace, scene: Scene, flat: list[Any], key: Any, names: list[str]
    ) -> None:
        self.shape, self.key = key
        self.is_flat = self.shape == (tuple, (tuple, *"*" * len(flat)), ("dict",))
        self.traced = traced
        program = optimized(traced.program)
        read = {value for call in program.calls for value in call.values()} | set(program.outputs)
        given = {id(value): leaf for leaf, value in traced.given}
        program.arguments = [v for v in program.arguments if id(v) not in given or v in read]
        self.given = [given[id(v)] for v in program.arguments if id(v) in given]
        allocated(program)
        arrays = [name for name, arg in zip(names, flat) if is_array(arg)]
        arrays += [f"old_gradient_{i}" for i in range(len(self.given))]
        texts = (program, arrays, _nicknames(scene), _plain_name(function))
        self.source = Source(*texts)
        if backend == "numba":
            machine = NumbaSource(*texts)
            machine.fallback = self.source
            machine.only_tensors = all(kind != "array" for kind, _ in traced.results)
            self.call = machine.make()
        else:
            self.call = self.source.make()
        self.lock = threading.Lock()  # the buffers are there once; machine code makes its own
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
        more = self.left or self.given or traced.warnings
        is_one = self.is_single and len(self.results) == 1 and not more and traced.rebuild(["*"]) == "*"
        short = ENDINGS.get(self.results[0][0]) if is_one else None
        self.ending = (CALL if backend == "numba" else CALL_IN_TURN) + short if short else RUN
        self.fast: Callable[..., Any] = lambda *args: MISS
        program.forget()

    def run(self, data: list[Any]) -> Any:
        """One step."""
        for warning in self.traced.warnings:  # first, since one that is made an error must not leave half a step
            warnings.warn_explicit(
                warning.message, warning.category, warning.filename, warning.lineno, registry=self.registry
            )
        with self.lock:
            out = self.call(*data, *(leaf.grad for leaf in self.given))
        out = (out,) if self.is_single else out
        for leaf, i, used in self.left:
            leaf.grad, leaf.used = (None if i is None else np.asarray(out[i])), used
        return self.traced.rebuild([_result(kind, what, out) for kind, what in self.results])

    def watch(self, scene: Scene, flat: list[Any]) -> None:
        """Make the function that looks whether everything is as it was, and then takes the step."""
        look = Look(flat)
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
        own = {"run": self.run, "call": self.call, "lock": self.lock}
        self.fast = look.function(self.ending, **own, asarray=np.asarray, new=object.__new__, Tensor=Tensor)


def _result(kind: str, what: Any, out: Any) -> Any:
    if kind == "plain":
        return what
    if kind == "array":
        return out[what]
    data = np.asarray(out[what])
    tensor: Tensor = object.__new__(Tensor)
    tensor._data, tensor.node = data, None
    if kind == "fresh tensor":  # another one's memory is not to be locked
        data.setflags(write=False)
    return tensor


def data_of(flat: list[Any]) -> list[Any]:
    """The arrays among the arguments."""
    return [arg._data if isinstance(arg, Tensor) else arg for arg in flat if is_array(arg)]


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

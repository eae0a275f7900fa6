"""What every optimizer shares: which parameters it moves, with which settings, and how their gradients reach it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from tinygrad_edu.backward import Leaf
from tinygrad_edu.optim.group import Group, check, listed, plain
from tinygrad_edu.optim.state import load_state, state_of
from tinygrad_edu.tensor import Tensor
from tinygrad_edu.vector import BLOCK

__all__ = ["Optimizer"]


class Optimizer:
    """Base of the optimizers; a new one writes `update`, and names what it remembers of every entry.

    The parameters lie in one vector (see `vector.py`), so `update` sees one weight array and one gradient array,
    however many layers there are; of a large vector it sees block after block, each small enough for the processor's
    cache. Everything that changes from step to step is an array updated in place.

    Args:
        params: tensors with requires_grad=True, such as `model.parameters()`; or dicts, each with some of them under
            "params" and settings of its own beside it: `{"params": [...], "lr": 0.01}`.
        **settings: those of every group that does not give its own. "lr", the learning rate, is a number or a
            function of the step, an int: 0, 1, 2 … (see `schedules.py`).

    Raises:
        TypeError: something in `params` is not a real leaf tensor that requires gradients, or a setting not a number.
        ValueError: no parameters, one given twice, an unknown setting, or one out of range.
    """

    remembered: ClassVar[tuple[str, ...]] = ()  # arrays like the weights, 0 at first
    below_one: ClassVar[tuple[str, ...]] = ()  # settings that are at least 0 and less than 1; others are at least 0

    def __init__(self, params: Iterable[Tensor] | Iterable[Mapping[str, Any]], **settings: Any) -> None:
        given = listed(params, "params")
        if not given:
            raise ValueError("there are no parameters to optimize; pass model.parameters()")
        self.params: list[Tensor] = []
        self.param_groups: list[Group] = []
        self.steps = np.zeros((), np.int64)  # taken so far, which is what a schedule is asked with
        self._settings = settings
        for group in given if isinstance(given[0], Mapping) else [{"params": given}]:
            self.add_param_group(group)

    def add_param_group(self, group: Mapping[str, Any]) -> None:
        """Move more parameters from now on; `group` is as in the list that the optimizer is made of."""
        if not isinstance(group, Mapping) or "params" not in group:
            raise TypeError(f'a group is a dict such as {{"params": [...], "lr": 0.01}}, not {group!r:.60}')
        if unknown := [name for name in group if name not in ("params", *self._settings)]:
            name = type(self).__name__
            raise ValueError(f"{name} has no setting {unknown[0]!r}; there are {', '.join(self._settings)}")
        params = [group["params"]] if isinstance(group["params"], Tensor) else listed(group["params"], "params")
        for i, parameter in enumerate(params):
            if not isinstance(parameter, Tensor) or not isinstance(parameter.node, Leaf):
                raise TypeError(
                    f"params[{i}] is {type(parameter).__name__} {parameter!r:.60}, not a Tensor made with "
                    "requires_grad=True. Pass model.parameters()."
                )
            if parameter.dtype.kind == "c":
                raise TypeError(
                    f"params[{i}], of shape {parameter.shape}, is {parameter.dtype}: optimizers move real numbers. "
                    "Keep the real and the imaginary part as two parameters, and compute with re + 1j * im."
                )
        if not params:
            raise ValueError("there are no parameters to optimize in a group; leave it out")
        if len({id(parameter) for parameter in self.params + params}) < len(self.params) + len(params):
            raise ValueError("a parameter is in params more than once; it would be moved twice a step")
        everything = {
            "params": tuple(params),
            **{name: plain(group.get(name, own)) for name, own in self._settings.items()},
        }
        self.check(everything)
        self.param_groups.append(Group(type(self), everything, self.steps))
        self.params += params

    @property
    def lr(self) -> float:
        """The learning rate in use, of the first group if there are several; assign to change it from now on."""
        return float(self.param_groups[0].rate)

    @lr.setter
    def lr(self, value: Any) -> None:
        if len(self.param_groups) > 1:
            raise AttributeError('there are several groups; say which one: optimizer.param_groups[0]["lr"] = ...')
        self.param_groups[0]["lr"] = value

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        for group in self.param_groups:
            group.runs = [piece for run in group.runs for piece in run.rebind()]

    def zero_grad(self) -> None:
        """Forget the gradients of all parameters."""
        for parameter in self.params:
            leaf: Any = parameter.node
            leaf.grad, leaf.used = None, False

    def step(self) -> None:
        """Move every parameter that has a gradient; one that has none stays where it is.

        Raises:
            RuntimeError: no parameter has a gradient, or gradients are lazy, or the model has changed its dtype since
                the optimizer was made.
            TypeError, ValueError: the schedule gives what is no number, or a number that is no learning rate; then
                nothing has moved.
        """
        moving = []
        for group in self.param_groups:
            moving += group.moving()
        if not moving:
            raise RuntimeError("step() found no gradient on any parameter. Call loss.backward() before it.")
        for group in self.param_groups:
            if group.has_schedule:
                group.set_rate(group["lr"])
        self.steps[()] += 1  # on one entry, [()] is ten times as fast as the whole array
        for run in moving:
            gradient = run.gradient()
            run.told["step"][()] += 1
            if gradient.size <= BLOCK:
                self.update(run.vector, gradient, **run.told)
            else:
                for w, g, told in run.blocks(gradient):
                    self.update(w, g, **told)

    # ---- what a new optimizer writes -----------------------------------------------------------------------------
    def update(self, w: Any, g: Any, *args: Any, **told: Any) -> None:
        """Change w and the state in place, given the gradient g, which is not to be written to.

        w and g are (n,) arrays. By name come the settings of the group; the remembered (n,) arrays; and two 0-d
        arrays: `lr`, the learning rate, and `step`, how many times these weights have been moved, this time included.
        """
        raise NotImplementedError

    @classmethod
    def remembers(cls, settings: Mapping[str, Any]) -> tuple[str, ...]:
        """The names of the arrays that `update` needs with these settings."""
        return cls.remembered

    @classmethod
    def check(cls, settings: Mapping[str, Any]) -> None:
        """Refuse what is out of range. Of a schedule it is the rates that are checked, when they come."""
        for name, value in settings.items():
            if name != "params" and not (name == "lr" and callable(value)):
                check(name, value, 0, 1 if name in cls.below_one else np.inf)

    # ---- saving --------------------------------------------------------------------------------------------------
    def state_dict(self) -> dict[str, NDArray[Any]]:
        """Name → a copy of the array, of all that it takes to go on bit for bit.

        "steps"; "groups.0.lr" and so on for every setting of every group; "state.0.step", "state.0.m" and so on for
        every parameter, numbered through the groups. A schedule is code and not saved, but what a
        `ReduceOnPlateau` has seen is.

        Example:
            >>> import tinygrad_edu as tg
            >>> optimizer = tg.optim.SGD([tg.Tensor([1.0, 2.0], requires_grad=True)], lr=0.1, momentum=0.9)
            >>> list(optimizer.state_dict())
            ['steps', 'groups.0.lr', 'groups.0.momentum', 'groups.0.nesterov', 'groups.0.weight_decay',
             'state.0.step', 'state.0.velocity']
        """
        return state_of(self.param_groups, self.steps)

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a saved state, written into the arrays; after an error everything is as it was.

        Args:
            state: as from `state_dict()`, of an optimizer of the same kind with the same groups.

        Raises:
            ValueError: names are missing or unexpected, or shapes do not fit (the message lists all of them), or a
                setting is out of range.
        """
        load_state(self.param_groups, self.steps, state)

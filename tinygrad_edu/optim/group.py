"""A parameter group: some parameters and the settings they are moved with."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, MutableMapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_edu.rules.checks import refuse
from tinygrad_edu.tensor import Tensor
from tinygrad_edu.vector import Run, pack, runs

if TYPE_CHECKING:
    from tinygrad_edu.optim.optimizer import Optimizer

__all__ = ["Group", "check", "listed", "plain"]


class Group(MutableMapping[str, Any]):
    """A dict of settings, and "params", the parameters that they are for.

    An assigned setting is checked at once and counts from the next step on. Settings cannot be added or
    removed, nor the parameters exchanged: what is remembered about them would be another's.

    Example:
        >>> import tinygrad_edu as tg
        >>> w, b = tg.Tensor([1.0, 2.0], requires_grad=True), tg.Tensor(0.5, requires_grad=True)
        >>> optimizer = tg.optim.SGD([{"params": [w], "weight_decay": 0.1}, {"params": [b]}], lr=0.1)
        >>> optimizer.param_groups[0]["lr"] *= 0.5
        >>> optimizer.param_groups
        [Group(2 entries, lr=0.05, momentum=0, nesterov=False, weight_decay=0.1),
         Group(1 entries, lr=0.1, momentum=0, nesterov=False, weight_decay=0)]
    """

    def __init__(self, kind: type[Optimizer], everything: dict[str, Any], steps: NDArray[Any]) -> None:
        self.kind = kind
        self.steps = steps  # the optimizer's own array, which it counts up in place
        self.rate = np.zeros(())  # the learning rate in use
        self.runs = runs(pack(everything["params"]))
        for run in self.runs:
            run.told = {"lr": np.zeros((), run.vector.dtype), "step": np.zeros((), np.int64)}
        self.set_rate(everything["lr"])
        self.take(everything)

    # ---- a dict --------------------------------------------------------------------------------------------------
    def __getitem__(self, name: str) -> Any:
        return self._everything[name]

    def __setitem__(self, name: str, value: Any) -> None:
        if name not in self or name == "params":
            raise KeyError(
                f"{name!r} is no setting of {self.kind.__name__}; there are {', '.join(list(self)[1:])}. For other "
                "parameters use optimizer.add_param_group, or make a new optimizer."
            )
        everything = self._everything | {name: plain(value)}
        self.kind.check(everything)
        if name == "lr":
            self.set_rate(value)
        self.take(everything)

    def __delitem__(self, name: str) -> None:
        raise TypeError(f"the setting {name!r} cannot be removed: every step needs it")

    def __iter__(self) -> Iterator[str]:
        return iter(self._everything)

    def __len__(self) -> int:
        return len(self._everything)

    def __repr__(self) -> str:
        size = sum(parameter.size for parameter in self["params"])
        return f"Group({', '.join([f'{size} entries', *(f'{n}={v!r}' for n, v in list(self.items())[1:])])})"

    # ---- what a step reads ---------------------------------------------------------------------------------------
    def take(self, everything: dict[str, Any]) -> None:
        """Put checked settings into force, and make room for what they need to remember."""
        self._everything = everything
        self.has_schedule = callable(everything["lr"])
        settings = {name: value for name, value in everything.items() if name not in ("params", "lr")}
        self.remembered = ("step", *self.kind.remembers(everything))
        for run in self.runs:
            own = {name: run.told[name] for name in ("lr", *self.remembered) if name in run.told}
            new = {name: np.zeros_like(run.vector) for name in self.remembered if name not in own}
            run.told = settings | own | new

    def set_rate(self, lr: Any) -> None:
        """Take the learning rate for the next step from `lr`, a number or a schedule."""
        known = isinstance(self.steps, np.ndarray)  # while a step is compiled, nothing that follows them has a value
        name, rate = "lr", lr
        if callable(lr):
            # Not the counter itself, which would change under the hands of a schedule that keeps it.
            step = int(self.steps) if known else self.steps
            name, rate = f"at step {step!r} the schedule's lr", lr(step)
        if known or not isinstance(rate, type(self.steps)):
            check(name, rate, 0, np.inf)
        else:
            refuse(~((rate >= 0) & (rate < np.inf)), "the schedule gives a learning rate that is out of range")
        self.rate[...] = rate
        for run in self.runs:
            run.told["lr"][...] = rate

    def moving(self) -> list[Run]:
        """The runs that have gradients. One that has some and lacks others is cut: they age apart from now on."""
        found = []
        for run in self.runs.copy():
            parameters: list[Any] = run.parameters
            missing = [parameter.node.grad is None for parameter in parameters]  # without a property's detour
            if True not in missing:
                found.append(run)
            elif False in missing:
                found += [piece for piece in self.split(run, _lacks) if not _lacks(piece.parameters[0])]
        return found

    def split(self, run: Run, kind: Any) -> list[Run]:
        """Put the pieces of a run in its place, cut where parameters of one kind meet those of another."""
        at = self.runs.index(run)
        self.runs[at : at + 1] = pieces = run.split(kind)
        return pieces


def _lacks(parameter: Any) -> bool:
    return parameter.grad is None


def plain(setting: Any) -> Any:
    """A NumPy number as Python's, for it would make float32 arrays float64; everything else as it is."""
    return setting.item() if isinstance(setting, np.generic | np.ndarray) and setting.ndim == 0 else setting


def check(name: str, value: Any, low: float, high: float) -> None:
    """Refuse a setting out of its range, which would quietly make training diverge."""
    number = plain(value)
    if isinstance(number, bool) or not isinstance(number, int | float):
        raise TypeError(f"{name}={value!r} is not a number")
    if not low <= number < high:
        raise ValueError(f"{name}={value} is out of range: it must be at least {low} and less than {high}")


def listed(parameters: Iterable[Any], name: str) -> list[Any]:
    """The parameters as a list; a tensor or a model in place of a list is refused with the line that works."""
    if isinstance(parameters, Tensor):
        raise TypeError(f"{name} is a single Tensor; put it in a list: [w].")
    if hasattr(parameters, "parameters"):
        raise TypeError(f"{name} is a {type(parameters).__name__}; pass model.parameters().")
    return list(parameters)

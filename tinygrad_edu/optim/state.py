"""What an optimizer saves, under which names, and how it takes it up again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_edu.optim.group import Group
from tinygrad_edu.states import differences, listed
from tinygrad_edu.tensor import Tensor

__all__ = ["load_state", "state_of"]


def state_of(groups: Sequence[Group], steps: NDArray[Any]) -> dict[str, NDArray[Any]]:
    """See `Optimizer.state_dict`."""
    state = {"steps": steps}
    for i, group in enumerate(groups):
        state |= {f"groups.{i}.{name}": value for name, value in _settings(group).items()}
        state |= {f"groups.{i}.schedule.{name}": value for name, value in _schedule(group).items()}
    for i, (_, own) in enumerate(_remembered(groups)):
        state |= {f"state.{i}.{name}": array for name, array in own.items()}
    return {name: np.array(value) for name, value in state.items()}


def load_state(groups: Sequence[Group], steps: NDArray[Any], state: Mapping[str, Any]) -> None:
    """See `Optimizer.load_state_dict`."""
    given = {name: np.asarray(value) for name, value in state.items()}
    settings = [_saved_settings(group, f"groups.{i}.", given) for i, group in enumerate(groups)]
    _compare(_expected(groups, settings, steps), given)
    for group, everything in zip(groups, settings):
        group.kind.check(everything)
    steps[...] = given["steps"]
    for i, (group, everything) in enumerate(zip(groups, settings)):
        group.take(everything)
        saved = {name: given[f"groups.{i}.schedule.{name}"] for name in _schedule(group)}
        if saved:
            group["lr"].load_state_dict(saved)
        group.rate[...] = given[f"groups.{i}.lr"]
    # Parameters that rested for a while have another age than their neighbours, and so become runs of their own.
    numbers = {id(parameter): i for i, (parameter, _) in enumerate(_remembered(groups))}
    for group in groups:
        for run in list(group.runs):
            for piece in group.split(run, lambda parameter: int(given[f"state.{numbers[id(parameter)]}.step"])):
                piece.told["lr"][...] = group.rate
    for i, (_, own) in enumerate(_remembered(groups)):
        for name, array in own.items():
            array[...] = given[f"state.{i}.{name}"]


def _settings(group: Group) -> dict[str, Any]:
    """The settings as they are saved: of a schedule the rate in use."""
    return {name: value for name, value in group.items() if name != "params"} | {"lr": group.rate}


def _schedule(group: Group) -> dict[str, Any]:
    """What the group's schedule remembers."""
    return group["lr"].state_dict() if hasattr(group["lr"], "state_dict") else {}


def _remembered(groups: Sequence[Group]) -> Iterator[tuple[Tensor, dict[str, NDArray[Any]]]]:
    """Every parameter and views of what is remembered about it, in its shape."""
    for group in groups:
        for run in group.runs:
            for parameter, place in zip(run.parameters, run.places()):
                arrays = {name: run.told[name] for name in group.remembered}
                yield parameter, {n: a[place].reshape(parameter.shape) if a.ndim else a for n, a in arrays.items()}


def _saved_settings(group: Group, prefix: str, given: Mapping[str, NDArray[Any]]) -> dict[str, Any]:
    """The group's settings with those that were saved in their place, as the kinds of values that they were."""
    everything = dict(group)
    for name, own in _settings(group).items():
        if prefix + name in given and not callable(everything[name]):
            value = given[prefix + name].tolist()
            kind = type(own) if isinstance(own, bool | tuple) else None
            everything[name] = kind(value) if kind and np.shape(value) == np.shape(own) else value
    return everything


def _expected(groups: Sequence[Group], settings: Sequence[dict[str, Any]], steps: NDArray[Any]) -> dict[str, Any]:
    """Name → an array like the one that must be in the state, once these settings are in force."""
    expected: dict[str, Any] = {"steps": steps}
    number = 0
    for i, (group, everything) in enumerate(zip(groups, settings)):
        own = _settings(group) | _prefixed("schedule.", _schedule(group))
        expected |= _prefixed(f"groups.{i}.", {name: np.asarray(value, float) for name, value in own.items()})
        names = group.kind.remembers(everything)
        for parameter in group["params"]:
            expected[f"state.{number}.step"] = steps
            expected |= {f"state.{number}.{name}": parameter.data for name in names}
            number += 1
    return expected


def _prefixed(prefix: str, values: Mapping[str, Any]) -> dict[str, Any]:
    return {prefix + name: value for name, value in values.items()}


def _compare(expected: Mapping[str, NDArray[Any]], given: Mapping[str, NDArray[Any]]) -> None:
    """Refuse a state that does not fit, with everything that is wrong with it."""
    missing, unexpected, wrong = differences(expected, given)
    if missing or unexpected or wrong:
        raise ValueError(
            f"This state does not fit the optimizer; nothing was loaded.{listed(missing, unexpected, wrong)}\n"
            "Make the optimizer as the saved one was made: the same kind, of the same parameters in the same groups, "
            "with the same kind of schedule."
        )

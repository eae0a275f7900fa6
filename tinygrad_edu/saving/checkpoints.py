"""A training run in a file: all that it takes to go on as if nothing had happened."""

from __future__ import annotations

import copy
import os
from typing import Any

import numpy as np

from tinygrad_edu.generators import load_generator
from tinygrad_edu.nn.module import Module
from tinygrad_edu.saving.files import read, write

__all__ = ["load_checkpoint", "save_checkpoint"]


def save_checkpoint(path: str | os.PathLike[str], /, *nameless: Any, **parts: Any) -> None:
    """Save the parts of a training run, so that the run goes on from there bit for bit.

    The file is in the safetensors format; the previous one is replaced in one step when the new one is whole.

    Args:
        path: the file, by custom with the ending .safetensors.
        *nameless: refused: every part needs a name, to find it by in the file.
        **parts: anything with `state_dict()` and `load_state_dict(state)` (models, optimizers, batches, a history …),
            or a NumPy Generator. With a model come the generators of its modules, such as those of dropout.
            Call the model `model`, and `tg.load(model, path)` can take it alone out of the file.

    Raises:
        ImportError: safetensors is not installed.
        OSError: the file cannot be written.
        TypeError: a part or something in its state cannot be saved.

    Example:
        >>> import numpy as np, tempfile, tinygrad_edu as tg
        >>> path = tempfile.mkdtemp() + "/run.safetensors"
        >>> rng = np.random.default_rng(0)
        >>> tg.save_checkpoint(path, model=tg.nn.Linear(2, 1), rng=rng)
        >>> number = rng.random()
        >>> tg.load_checkpoint(path, model=tg.nn.Linear(2, 1), rng=rng)
        >>> rng.random() == number
        True
    """
    _check("save_checkpoint", path, nameless, parts)
    write(path, "checkpoint", {name: _state(part) for name, part in parts.items()})


def load_checkpoint(path: str | os.PathLike[str], /, *nameless: Any, **parts: Any) -> None:
    """Bring the parts of a training run back to where they were saved: all of them or, after an error, none.

    Args:
        path: the file.
        *nameless: refused, as in `save_checkpoint`.
        **parts: the same names as in `save_checkpoint`, and parts that were made in the same way.

    Raises:
        FileNotFoundError: there is no such file.
        ImportError: safetensors is not installed.
        TypeError: something that is no part.
        ValueError: the file is damaged or not from `save_checkpoint`; the names are others; or a part refuses its
            state, with its reason.

    Example: see `save_checkpoint`.
    """
    _check("load_checkpoint", path, nameless, parts)
    states = read(path, "checkpoint").state
    if states.keys() != parts.keys():
        problems = {
            "in the file, but not given": states.keys() - parts.keys(),
            "given, but not in the file": parts.keys() - states.keys(),
        }
        listed = "".join(f"\n  {what}: {', '.join(sorted(names))}" for what, names in problems.items() if names)
        raise ValueError(
            f"{os.fspath(path)!r} holds other parts than were given; nothing was loaded.{listed}\n"
            f"Write: tg.load_checkpoint(path, {', '.join(f'{name}={name}' for name in states)}). "
            "For a model alone: tg.load(model, path)."
        )
    before = {name: copy.deepcopy(_state(part)) for name, part in parts.items()}
    touched: list[str] = []
    try:
        for name, part in parts.items():
            touched.append(name)
            _load(part, states[name])
    except BaseException as error:  # Ctrl-C too
        for name in touched:
            _load(parts[name], before[name])
        if not isinstance(error, Exception):
            raise
        raise ValueError(
            f"{os.fspath(path)!r}: the part {touched[-1]!r} cannot be loaded, so none was. "
            f"{type(error).__name__}: {error}"
        ) from error


def _state(part: Any) -> Any:
    if isinstance(part, np.random.Generator):
        return part.bit_generator.state
    if isinstance(part, Module):
        return part.state_dict() | {name: rng.bit_generator.state for name, rng in part.named_generators()}
    return part.state_dict()


def _load(part: Any, state: Any) -> None:
    if isinstance(part, np.random.Generator):
        load_generator(part, state)
    elif isinstance(part, Module):
        generators = dict(part.named_generators())
        if missing := generators.keys() - state.keys():
            raise ValueError(f"The saved model draws no random numbers at: {', '.join(sorted(missing))}.")
        part.load_state_dict({name: value for name, value in state.items() if name not in generators})
        for name, rng in generators.items():
            load_generator(rng, state[name])
    else:
        part.load_state_dict(state)


def _check(function: str, path: Any, nameless: tuple[Any, ...], parts: dict[str, Any]) -> None:
    if not isinstance(path, str | os.PathLike) or nameless or not parts:
        raise TypeError(
            f"write: tg.{function}(path, model=model, optimizer=optimizer, ...), the path first and every part by name"
        )
    for name, part in parts.items():
        savable = hasattr(part, "state_dict") and hasattr(part, "load_state_dict")
        if not savable and not isinstance(part, np.random.Generator):
            raise TypeError(
                f"the part {name!r} of type {type(part).__name__} cannot be saved: it has no state_dict() and "
                "load_state_dict(state), and is no NumPy Generator. Leave it out, or give it the two methods."
            )

"""A model in a file."""

from __future__ import annotations

import os
from typing import Any, TypeVar

import numpy as np

from tinygrad_edu.nn.module import Module
from tinygrad_edu.saving.files import read, write

__all__ = ["load", "load_metadata", "save"]

M = TypeVar("M", bound=Module)


def save(model: Module, path: str | os.PathLike[str], metadata: Any = None) -> None:
    """Save the parameters and buffers of a model, in the safetensors format.

    They stand in the file under their own names, so other programs can read it. The previous file is replaced in one
    step when the new one is whole. To go on training later, use `save_checkpoint`.

    Args:
        model: a Module.
        path: the file, by custom with the ending .safetensors.
        metadata: what else to remember, such as how to make the model: numbers, strings, None, arrays, and lists,
            tuples and dicts of them; see `load_metadata`.

    Raises:
        ImportError: safetensors is not installed.
        OSError: the file cannot be written.
        TypeError: something that cannot be saved, or the arguments are in the wrong order.

    Example:
        >>> import tempfile, tinygrad_edu as tg
        >>> path = tempfile.mkdtemp() + "/line.safetensors"
        >>> tg.save(tg.nn.Linear(1, 1, rng=0), path)
        >>> model = tg.load(tg.nn.Linear(1, 1, rng=1), path)
        >>> bool((model.weight.data == tg.nn.Linear(1, 1, rng=0).weight.data).all())
        True
    """
    _check("save", model, path)
    write(path, "model", model.state_dict(), metadata)


def load(model: M, path: str | os.PathLike[str] = "", part: str = "model") -> M:
    """Write what was saved into a model of the same sizes; after an error the model is as it was.

    The file is from `save`, or from `save_checkpoint`: then the parameters and buffers of one model are taken out of
    it, and all else stays there, random generators too.

    Args:
        model: a Module, made as the saved one was; its arrays keep their dtype.
        path: the file.
        part: of a checkpoint, the name under which the model was saved.

    Returns:
        The model.

    Raises:
        FileNotFoundError: there is no such file.
        ImportError: safetensors is not installed.
        TypeError: an argument is missing, or they are in the wrong order.
        ValueError: the file is damaged, not one of ours, or a checkpoint without this part; or names or shapes do not
            fit, and which.

    Example:
        >>> import tempfile, tinygrad_edu as tg
        >>> path = tempfile.mkdtemp() + "/run.safetensors"
        >>> model = tg.nn.Linear(1, 1, rng=0)
        >>> tg.save_checkpoint(path, model=model, optimizer=tg.optim.Adam(model.parameters()))
        >>> bool((tg.load(tg.nn.Linear(1, 1), path).weight.data == model.weight.data).all())
        True
    """
    _check("load", model, path)
    kind, state, _ = read(path, "model", "checkpoint")
    if kind == "checkpoint":
        state = _model_in(state, part, path)
    try:
        model.load_state_dict(state)
    except ValueError as error:
        raise ValueError(f"{os.fspath(path)!r}: {error}") from None
    return model


def load_metadata(path: str | os.PathLike[str]) -> Any:
    """The `metadata` that `save` was given; None if it was given none.

    Raises:
        FileNotFoundError: there is no such file.
        ImportError: safetensors is not installed.
        ValueError: the file is damaged or not from `save`.

    Example:
        >>> import tempfile, tinygrad_edu as tg
        >>> path = tempfile.mkdtemp() + "/line.safetensors"
        >>> tg.save(tg.nn.Linear(2, 1), path, metadata={"in_features": 2, "out_features": 1})
        >>> sizes = tg.load_metadata(path)
        >>> tg.load(tg.nn.Linear(**sizes), path)
        Linear(2, 1)
    """
    return read(path, "model").metadata


def _model_in(parts: dict[str, Any], name: str, path: str | os.PathLike[str]) -> dict[str, Any]:
    """The arrays of one part of a checkpoint."""
    if not isinstance(parts.get(name), dict):
        raise ValueError(
            f"{os.fspath(path)!r} is a checkpoint without a model called {name!r}. It holds: {', '.join(parts)}. "
            'Give the name of the model among them: tg.load(model, path, part="...").'
        )
    return {key: value for key, value in parts[name].items() if isinstance(value, np.ndarray)}


def _check(function: str, model: Any, path: Any) -> None:
    if isinstance(model, str | os.PathLike) and not path:
        raise TypeError(
            "tg.load needs a model to write into, made as the saved one was; a file holds its numbers, not its code. "
            f"Write: tg.load(model, {os.fspath(model)!r})."
        )
    if not isinstance(model, Module) or not isinstance(path, str | os.PathLike) or not path:
        swapped = "The arguments are swapped" if isinstance(path, Module) else "The model comes first, then the path"
        raise TypeError(
            f"tg.{function} got {type(model).__name__} and {type(path).__name__}. {swapped}: "
            f'tg.{function}(model, "model.safetensors").'
        )

"""A model in a file."""

from __future__ import annotations

import os
from typing import Any, TypeVar

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


def load(model: M, path: str | os.PathLike[str]) -> M:
    """Write what `save` saved into a model of the same sizes; after an error the model is as it was.

    Args:
        model: a Module, made as the saved one was; its arrays keep their dtype.
        path: the file.

    Returns:
        The model.

    Raises:
        FileNotFoundError: there is no such file.
        ImportError: safetensors is not installed.
        TypeError: the arguments are in the wrong order.
        ValueError: the file is damaged or not from `save`; or names or shapes do not fit, and which.

    Example: see `save`.
    """
    _check("load", model, path)
    state, _ = read(path, "model")
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
        >>> tg.save(tg.nn.Linear(2, 1), path, metadata={"inputs": 2, "outputs": 1})
        >>> sizes = tg.load_metadata(path)
        >>> tg.load(tg.nn.Linear(**sizes), path)
        Linear(2, 1)
    """
    return read(path, "model")[1]


def _check(function: str, model: Any, path: Any) -> None:
    if not isinstance(model, Module) or not isinstance(path, str | os.PathLike):
        swapped = "The arguments are swapped" if isinstance(path, Module) else "The model comes first, then the path"
        raise TypeError(
            f"tg.{function} got {type(model).__name__} and {type(path).__name__}. {swapped}: "
            f'tg.{function}(model, "model.safetensors").'
        )

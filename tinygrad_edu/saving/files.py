"""Files that are whole or are not there: safetensors, sealed with a checksum, put into place in one step.

A safetensors file is a header of JSON and the bytes of arrays; reading one executes nothing. In its metadata, under
`tinygrad_edu`, stand the kind of file, the JSON form of what was saved (see trees.py) and the checksum.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import stat
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tinygrad_edu.extras import need
from tinygrad_edu.saving.trees import decode, encode

__all__ = ["File", "read", "write"]

KEY = "tinygrad_edu"
OPENED_BY = {"model": "tg.load(model, path)", "checkpoint": "tg.load_checkpoint(path, model=model, ...)"}


class File(NamedTuple):
    """What `write` was given."""

    kind: str
    state: dict[str, Any]
    metadata: Any


def write(path: str | os.PathLike[str], kind: str, state: dict[str, Any], metadata: Any = None) -> None:
    """Save a state; a crash at any moment leaves the previous file or the new one.

    Args:
        path: the file; a symbolic link is followed, permissions of an existing file are kept.
        kind: "model" or "checkpoint"; `read` asks for it.
        state: arrays and JSON-able values, see `trees.encode`; an array at state["a"]["b"] is named "a.b" in the file.
        metadata: more of the same kind; arrays in it are named "metadata.…".

    Raises:
        ImportError: safetensors is not installed.
        OSError: the file cannot be written.
        TypeError: something that cannot be saved.
    """
    library = need("safetensors.numpy", "save", "Saving")
    arrays: dict[str, NDArray[Any]] = {}
    content = {"kind": kind, "state": encode(state, "", arrays), "metadata": encode(metadata, "metadata", arrays)}
    sealed = content | {"sha256": _checksum(content, arrays)}
    _replace(Path(path), library.save(arrays, {KEY: json.dumps(sealed)}))


def read(path: str | os.PathLike[str], *kinds: str) -> File:
    """What `write` has written, if it is of one of these kinds.

    Raises:
        FileNotFoundError: there is no such file.
        ImportError: safetensors is not installed.
        ValueError: the file is damaged, or of another kind, or something else has written it.
    """
    path = Path(path)
    arrays, seal = _open(path)
    try:
        content = json.loads(seal)
        checksum = content.pop("sha256")
        if checksum != _checksum(content, arrays):
            raise ValueError("the checksum does not fit")
        kind, opened_by = content["kind"], OPENED_BY[content["kind"]]
        state, metadata = decode(content["state"], arrays), decode(content["metadata"], arrays)
        if not isinstance(state, dict):
            raise ValueError(f"its state is a {type(state).__name__}")
    except Exception as error:  # a hostile file may raise anything, RecursionError included
        raise ValueError(
            f"{str(path)!r} is damaged ({type(error).__name__}: {error}): it is not what was saved. "
            "Use an older copy. Nothing was executed and nothing was loaded."
        ) from error
    if kind not in kinds:
        raise ValueError(f"{str(path)!r} holds a {kind}, not a {' or a '.join(kinds)}. Open it with {opened_by}.")
    return File(kind, state, metadata)


def _open(path: Path) -> tuple[dict[str, NDArray[Any]], str]:
    """All arrays of a file and what stands in its metadata under KEY, not yet compared with the checksum."""
    library = need("safetensors.numpy", "save", "Saving")
    if not path.is_file():
        raise FileNotFoundError(f"{str(path)!r} {'is not a file' if path.exists() else 'does not exist'}")
    blob = path.read_bytes()
    try:
        arrays = library.load(blob)
        header = json.loads(blob[8 : 8 + int.from_bytes(blob[:8], "little")])  # `load` has checked it
    except Exception as error:  # the library raises its own, NumPy's and Python's
        why = f"{type(error).__name__}: {error}" if blob else "it is empty"
        raise ValueError(
            f"{str(path)!r} cannot be read as a safetensors file ({why}). Either it is damaged or cut short: use an "
            "older copy. Or something else has written it, such as pickle: write it again with tg.save or "
            "tg.save_checkpoint. Nothing was executed and nothing was loaded."
        ) from error
    metadata = header.get("__metadata__") or {}
    if KEY not in metadata:
        raise ValueError(
            f"{str(path)!r} is a safetensors file, but neither tg.save nor tg.save_checkpoint has written it, or it is "
            "damaged: there is no checksum to trust it by. If you trust it: "
            "model.load_state_dict(safetensors.numpy.load_file(path)), or for PyTorch's names and layouts "
            "nn.from_torch_state_dict(model, safetensors.numpy.load_file(path))."
        )
    return arrays, metadata[KEY]


def _checksum(content: Any, arrays: dict[str, NDArray[Any]]) -> str:
    """SHA-256 of all that is in a file: what is said, and of every array the name, dtype, shape and bytes."""
    names = sorted(arrays)
    labels = [(name, arrays[name].dtype.name, arrays[name].shape) for name in names]
    checksum = hashlib.sha256(json.dumps([content, labels]).encode())
    for name in names:
        checksum.update(arrays[name].reshape(-1).view(np.uint8).data)
    return checksum.hexdigest()


def _replace(path: Path, blob: bytes) -> None:
    """Write to a temporary file beside it, down to the disk, and rename: the name never means half a file."""
    path = Path(os.path.realpath(path))  # a symbolic link stays one
    if not path.parent.is_dir():
        raise FileNotFoundError(f"there is no directory {str(path.parent)!r} to save in; make it with os.makedirs")
    exists = path.exists()
    if exists and not path.is_file():
        raise OSError(f"cannot save to {str(path)!r}: it is not an ordinary file; give the path of one")
    for place in (path.parent, path) if exists else (path.parent,):
        if not os.access(place, os.W_OK):
            raise PermissionError(f"cannot save to {str(path)!r}: {str(place)!r} may not be written to")
    temporary = path.with_name(f".{secrets.token_hex(8)}.tmp")
    try:
        with open(temporary, "xb") as file:
            if exists:
                temporary.chmod(stat.S_IMODE(path.stat().st_mode))
            file.write(blob)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:  # the disk is full
        reason = f"{error.strerror}. Nothing was saved; if there was a file of this name before, it is whole"
        raise OSError(error.errno, reason, str(path)) from error
    finally:
        temporary.unlink(missing_ok=True)  # after an error; a kill leaves it behind, which costs nothing but room
    if os.name == "posix":  # elsewhere a directory cannot be opened
        directory = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(directory)  # the new name reaches the disk too
        finally:
            os.close(directory)

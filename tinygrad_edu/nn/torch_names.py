"""To and from PyTorch: the same weights under PyTorch's names and in its layouts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from tinygrad_edu.nn.attention import MultiHeadAttention
from tinygrad_edu.nn.linear import Linear
from tinygrad_edu.nn.module import Module
from tinygrad_edu.nn.recurrent import Recurrent

__all__ = ["from_torch_state_dict", "to_torch_state_dict"]

M = TypeVar("M", bound=Module)

# What differs: the name here, the name there; and matrices, which are (in, out) here and (out, in) there. Everything
# else (convolutions, embeddings, normalisations, modules of your own) has the same names and layouts.
TRANSPOSED: dict[type[Module], dict[str, str]] = {
    Linear: {"weight": "weight"},
    MultiHeadAttention: {"in_proj_weight": "in_proj_weight"},
    Recurrent: {name: f"{name}_l0" for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")},
}


def to_torch_state_dict(model: Module) -> dict[str, NDArray[Any]]:
    """The state of a model as PyTorch's layers of the same kind have it.

    In PyTorch: `other.load_state_dict({name: torch.from_numpy(array) for name, array in state.items()})`.
    A layer that is used twice stands in it once; PyTorch lists it twice, so load with strict=False there.

    Args:
        model: a Module.

    Returns:
        Name → a copy of the array.

    Example:
        >>> import tinygrad_edu as tg
        >>> model = tg.nn.Sequential(tg.nn.Linear(4, 3), tg.nn.ReLU())
        >>> {name: array.shape for name, array in tg.nn.to_torch_state_dict(model).items()}
        {'0.weight': (3, 4), '0.bias': (3,)}
    """
    renamed, counters = _differences(model)
    state = {
        renamed.get(name, name): np.array(array.T, order="C") if name in renamed else array
        for name, array in model.state_dict().items()
    }
    return state | {name: np.array(0) for name in counters}


def from_torch_state_dict(model: M, state: Mapping[str, Any]) -> M:
    """Write a state with PyTorch's names and layouts into a model; after an error the model is as it was.

    Args:
        model: a Module, made with the sizes of PyTorch's.
        state: name → array or torch tensor, such as `other.state_dict()`.

    Returns:
        The model.

    Raises:
        ValueError: names or shapes do not fit; the message lists all of them.

    Example:
        >>> import numpy as np, tinygrad_edu as tg
        >>> layer = tg.nn.Linear(2, 1)
        >>> layer = tg.nn.from_torch_state_dict(layer, {"weight": np.array([[3.0, 5.0]]), "bias": np.array([1.0])})
        >>> print(layer.weight.data)
        [[3.]
         [5.]]
    """
    renamed, counters = _differences(model)
    own = {there: here for here, there in renamed.items()}
    converted = {
        own.get(name, name): np.asarray(array).T if name in own else array
        for name, array in state.items()
        if name in own or name not in renamed | dict.fromkeys(counters)
    }
    try:
        model.load_state_dict(converted)
    except ValueError as error:
        raise ValueError(f"With names and shapes as they are here, matrices (in, out): {error}") from None
    return model


def _differences(model: Module) -> tuple[dict[str, str], set[str]]:
    """Name here → name there, of what is transposed; and the counters of batches, which PyTorch alone keeps."""
    renamed, counters = {}, set()
    modules = dict(model.named_modules())
    for name in model._arrays():
        path, dot, last = name.rpartition(".")
        for kind, names in TRANSPOSED.items():
            if isinstance(modules.get(path), kind) and last in names:
                renamed[name] = path + dot + names[last]
        if last == "running_mean":
            counters.add(f"{path}{dot}num_batches_tracked")
    return renamed, counters
